package api

import "github.com/troupe-go/troupe/internal/kind"

// Kinds returns the kinds of this package's errors that belong to any of the given
// categories; without a category, all of them. The packages jetstream, kv, objectstore and
// micro have the same function for their kinds. The slice is owned by the caller.
//
//	for _, kind := range api.Kinds(api.CategoryConnection, api.CategoryTimeout) { ... }
//
// Use it to count errors by kind, or to list them. To classify the error of a call, use
// CategoryOf, which costs less.
func Kinds(about ...Category) []error {
	return kind.About(about, []error{
		ErrInvalidUserCredentials, ErrConnectionClosed, ErrConnectionDraining, ErrDrainTimeout,
		ErrConnectionReconnecting, ErrDisconnected, ErrUnexpectedEOF, ErrNoServers, ErrInvalidContext,
		ErrMailboxFull, ErrActorStopped, ErrActorExists, ErrActorElsewhere, ErrSystemStopped, ErrOutboundBufferLimit,
		ErrHeadersNotSupported, ErrSlowConsumer, ErrBadSubscription, ErrChannelClosed, ErrTooManyBlocked,
		ErrMaxMessages, ErrNoResponders, ErrFlushTimeout, ErrTooManyRequests, ErrCallbackFailed, ErrWriteTimeout,
		ErrServerNotInPool, ErrServerLeaving, ErrForcedReconnect, ErrNoConnection, ErrInternal, ErrTimeout,
		ErrBadSubject, ErrBadQueueName, ErrMaxPayload, ErrBadHeaderMsg, ErrAuthorization, ErrAuthExpired,
		ErrAuthRevoked, ErrAccountAuthExpired, ErrAuthTimeout, ErrPermissionViolation, ErrStaleConnection,
		ErrNoInfoReceived, ErrProtocol, ErrWrongPort, ErrJSONParse, ErrNotNATS, ErrUnknownOp, ErrBadArguments,
		ErrBadFrameEnd, ErrMaxControlLine, ErrMaxHeader, ErrMaxConnectionsExceeded, ErrMaxAccountConnectionsExceeded,
		ErrConnectionThrottled, ErrAccountRegistration, ErrMaxSubscriptionsExceeded, ErrServer, ErrHandlerFailed,
		ErrHandlerPanic, ErrHandlerExit, ErrHandlerBlocked, ErrActorFailed, ErrActorPanic, ErrEscalated,
		ErrRestartLimit, ErrUnhealthy, ErrBadPolicy, ErrNotRetryable, ErrRetryUnsafe, ErrRetryLimit,
		ErrRetryDeadline, ErrRetryBudgetExceeded, ErrCircuitOpen, ErrInvalidConnection, ErrInvalidMsg, ErrInvalidArg,
		ErrNoDeadlineContext, ErrBadTimeout, ErrInvalidCallback, ErrInvalidURL, ErrMsgNotBound, ErrMsgNoReply,
		ErrSyncSubRequired, ErrTypeSubscription, ErrChanArg, ErrNoEchoNotSupported, ErrClientIDNotSupported,
		ErrClientIPNotSupported, ErrCloseTimeout, ErrUserInfoAlreadySet, ErrTokenAlreadySet, ErrNoUserCB,
		ErrUserButNoSigCB, ErrNkeyButNoSigCB, ErrNkeyAndUser, ErrNkeysNotSupported, ErrSecureConnWanted,
		ErrSecureConnRequired, ErrSecureConnFailed, ErrConnectionNotTLS, ErrMultipleTLSConfigs,
		ErrClientCertOrRootCAsRequired, ErrWebSocketUpgrade, ErrWebSocketHeadersAlreadySet,
		ErrMixingWebsocketSchemes, ErrOutletDown, ErrOutletFull,
	})
}
