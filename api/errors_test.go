package api_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/protocol"
)

// kindAnswers lists every exported kind. A new one must be added here, so that someone
// decides what a program should do about it.
var kindAnswers = map[string]errortest.Verdict{
	"ErrInvalidConnection":           errortest.Says(api.ErrInvalidConnection, api.CategoryInput, ""),
	"ErrInvalidContext":              errortest.Says(api.ErrInvalidContext, api.CategoryInput, ""),
	"ErrInvalidMsg":                  errortest.Says(api.ErrInvalidMsg, api.CategoryInput, ""),
	"ErrInvalidArg":                  errortest.Says(api.ErrInvalidArg, api.CategoryInput, ""),
	"ErrNoDeadlineContext":           errortest.Says(api.ErrNoDeadlineContext, api.CategoryInput, ""),
	"ErrBadTimeout":                  errortest.Says(api.ErrBadTimeout, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrInvalidCallback":             errortest.Says(api.ErrInvalidCallback, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrInvalidURL":                  errortest.Says(api.ErrInvalidURL, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrMixingWebsocketSchemes":      errortest.Says(api.ErrMixingWebsocketSchemes, api.CategoryInput, "", api.ErrInvalidURL, api.ErrInvalidArg),
	"ErrWebSocketHeadersAlreadySet":  errortest.Says(api.ErrWebSocketHeadersAlreadySet, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrChanArg":                     errortest.Says(api.ErrChanArg, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrUserInfoAlreadySet":          errortest.Says(api.ErrUserInfoAlreadySet, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrTokenAlreadySet":             errortest.Says(api.ErrTokenAlreadySet, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrNoUserCB":                    errortest.Says(api.ErrNoUserCB, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrUserButNoSigCB":              errortest.Says(api.ErrUserButNoSigCB, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrNkeyButNoSigCB":              errortest.Says(api.ErrNkeyButNoSigCB, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrNkeyAndUser":                 errortest.Says(api.ErrNkeyAndUser, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrMultipleTLSConfigs":          errortest.Says(api.ErrMultipleTLSConfigs, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrClientCertOrRootCAsRequired": errortest.Says(api.ErrClientCertOrRootCAsRequired, api.CategoryInput, "", api.ErrInvalidArg),
	"ErrMsgNotBound":                 errortest.Says(api.ErrMsgNotBound, api.CategoryInput, ""),
	"ErrMsgNoReply":                  errortest.Says(api.ErrMsgNoReply, api.CategoryInput, ""),
	"ErrSyncSubRequired":             errortest.Says(api.ErrSyncSubRequired, api.CategoryInput, ""),
	"ErrTypeSubscription":            errortest.Says(api.ErrTypeSubscription, api.CategoryInput, ""),
	"ErrBadSubject":                  errortest.Says(api.ErrBadSubject, api.CategoryInput, ""),
	"ErrBadQueueName":                errortest.Says(api.ErrBadQueueName, api.CategoryInput, "", api.ErrBadSubject),
	"ErrBadHeaderMsg":                errortest.Says(api.ErrBadHeaderMsg, api.CategoryInput, "", api.ErrProtocol),
	"ErrMaxPayload":                  errortest.Says(api.ErrMaxPayload, api.CategoryInput, ""),
	"ErrBadPolicy":                   errortest.Says(api.ErrBadPolicy, api.CategoryInput, ""),
	"ErrActorExists":                 errortest.Says(api.ErrActorExists, api.CategoryInput, ""),
	"ErrActorElsewhere":              errortest.Says(api.ErrActorElsewhere, api.CategoryInput, ""),

	"ErrConnectionClosed":   errortest.Says(api.ErrConnectionClosed, api.CategoryClosed, "", net.ErrClosed),
	"ErrConnectionDraining": errortest.Says(api.ErrConnectionDraining, api.CategoryClosed, ""),
	"ErrBadSubscription":    errortest.Says(api.ErrBadSubscription, api.CategoryClosed, ""),
	"ErrChannelClosed":      errortest.Says(api.ErrChannelClosed, api.CategoryClosed, "", api.ErrBadSubscription),
	"ErrMaxMessages":        errortest.Says(api.ErrMaxMessages, api.CategoryClosed, ""),
	"ErrActorStopped":       errortest.Says(api.ErrActorStopped, api.CategoryClosed, ""),
	"ErrSystemStopped":      errortest.Says(api.ErrSystemStopped, api.CategoryClosed, ""),

	"ErrConnectionReconnecting": errortest.Says(api.ErrConnectionReconnecting, api.CategoryConnection, "retry"),
	"ErrDisconnected":           errortest.Says(api.ErrDisconnected, api.CategoryConnection, "retry"),
	"ErrForcedReconnect":        errortest.Says(api.ErrForcedReconnect, api.CategoryConnection, "retry", api.ErrDisconnected),
	"ErrServerLeaving":          errortest.Says(api.ErrServerLeaving, api.CategoryConnection, "retry"),
	"ErrNoServers":              errortest.Says(api.ErrNoServers, api.CategoryConnection, "retry"),
	"ErrStaleConnection":        errortest.Says(api.ErrStaleConnection, api.CategoryConnection, "retry sent"),
	"ErrUnexpectedEOF":          errortest.Says(api.ErrUnexpectedEOF, api.CategoryConnection, "retry sent", api.ErrStaleConnection, io.ErrUnexpectedEOF),

	"ErrSecureConnWanted":   errortest.Says(api.ErrSecureConnWanted, api.CategoryTLS, ""),
	"ErrSecureConnRequired": errortest.Says(api.ErrSecureConnRequired, api.CategoryTLS, ""),
	"ErrSecureConnFailed":   errortest.Says(api.ErrSecureConnFailed, api.CategoryTLS, ""),
	"ErrConnectionNotTLS":   errortest.Says(api.ErrConnectionNotTLS, api.CategoryTLS, ""),

	"ErrAuthorization":          errortest.Says(api.ErrAuthorization, api.CategoryAuthorization, ""),
	"ErrAuthExpired":            errortest.Says(api.ErrAuthExpired, api.CategoryAuthorization, "", api.ErrAuthorization),
	"ErrAuthRevoked":            errortest.Says(api.ErrAuthRevoked, api.CategoryAuthorization, "", api.ErrAuthorization),
	"ErrAccountAuthExpired":     errortest.Says(api.ErrAccountAuthExpired, api.CategoryAuthorization, "", api.ErrAuthorization),
	"ErrAuthTimeout":            errortest.Says(api.ErrAuthTimeout, api.CategoryAuthorization, "retry", api.ErrAuthorization, api.ErrTimeout),
	"ErrAccountRegistration":    errortest.Says(api.ErrAccountRegistration, api.CategoryAuthorization, "retry"),
	"ErrInvalidUserCredentials": errortest.Says(api.ErrInvalidUserCredentials, api.CategoryAuthorization, ""),
	"ErrPermissionViolation":    errortest.Says(api.ErrPermissionViolation, api.CategoryPermission, ""),

	"ErrTimeout":      errortest.Says(api.ErrTimeout, api.CategoryTimeout, "retry sent", context.DeadlineExceeded),
	"ErrFlushTimeout": errortest.Says(api.ErrFlushTimeout, api.CategoryTimeout, "retry sent", api.ErrTimeout, context.DeadlineExceeded),
	"ErrWriteTimeout": errortest.Says(api.ErrWriteTimeout, api.CategoryTimeout, "retry sent", api.ErrTimeout),
	"ErrDrainTimeout": errortest.Says(api.ErrDrainTimeout, api.CategoryTimeout, "sent", api.ErrTimeout, context.DeadlineExceeded),
	"ErrCloseTimeout": errortest.Says(api.ErrCloseTimeout, api.CategoryTimeout, "sent", api.ErrTimeout),

	"ErrOutboundBufferLimit":           errortest.Says(api.ErrOutboundBufferLimit, api.CategoryLimit, "retry"),
	"ErrOutletFull":                    errortest.Says(api.ErrOutletFull, api.CategoryLimit, "retry", api.ErrOutboundBufferLimit),
	"ErrOutletDown":                    errortest.Says(api.ErrOutletDown, api.CategoryConnection, "retry", api.ErrDisconnected),
	"ErrSlowConsumer":                  errortest.Says(api.ErrSlowConsumer, api.CategoryLimit, "retry"),
	"ErrMailboxFull":                   errortest.Says(api.ErrMailboxFull, api.CategoryLimit, "retry"),
	"ErrTooManyRequests":               errortest.Says(api.ErrTooManyRequests, api.CategoryLimit, "retry"),
	"ErrMaxConnectionsExceeded":        errortest.Says(api.ErrMaxConnectionsExceeded, api.CategoryLimit, "retry"),
	"ErrMaxAccountConnectionsExceeded": errortest.Says(api.ErrMaxAccountConnectionsExceeded, api.CategoryLimit, "retry"),
	"ErrConnectionThrottled":           errortest.Says(api.ErrConnectionThrottled, api.CategoryLimit, "retry", api.ErrMaxConnectionsExceeded),
	"ErrMaxSubscriptionsExceeded":      errortest.Says(api.ErrMaxSubscriptionsExceeded, api.CategoryLimit, "retry"),

	"ErrNotRetryable":        errortest.Says(api.ErrNotRetryable, api.CategoryUnknown, ""),
	"ErrRetryUnsafe":         errortest.Says(api.ErrRetryUnsafe, api.CategoryUnknown, "sent"),
	"ErrRetryLimit":          errortest.Says(api.ErrRetryLimit, api.CategoryLimit, "retry"),
	"ErrRetryBudgetExceeded": errortest.Says(api.ErrRetryBudgetExceeded, api.CategoryLimit, "retry"),
	"ErrRetryDeadline":       errortest.Says(api.ErrRetryDeadline, api.CategoryTimeout, "retry", context.DeadlineExceeded),

	"ErrCircuitOpen":  errortest.Says(api.ErrCircuitOpen, api.CategoryUnavailable, "retry"),
	"ErrNoResponders": errortest.Says(api.ErrNoResponders, api.CategoryUnavailable, "retry"),
	"ErrUnhealthy":    errortest.Says(api.ErrUnhealthy, api.CategoryUnavailable, "retry"),

	"ErrServer":               errortest.Says(api.ErrServer, api.CategoryServer, "sent"),
	"ErrHeadersNotSupported":  errortest.Says(api.ErrHeadersNotSupported, api.CategoryServer, ""),
	"ErrNkeysNotSupported":    errortest.Says(api.ErrNkeysNotSupported, api.CategoryServer, ""),
	"ErrNoEchoNotSupported":   errortest.Says(api.ErrNoEchoNotSupported, api.CategoryServer, ""),
	"ErrClientIDNotSupported": errortest.Says(api.ErrClientIDNotSupported, api.CategoryServer, ""),
	"ErrClientIPNotSupported": errortest.Says(api.ErrClientIPNotSupported, api.CategoryServer, ""),

	"ErrProtocol":         errortest.Says(api.ErrProtocol, api.CategoryProtocol, "retry sent"),
	"ErrUnknownOp":        errortest.Says(api.ErrUnknownOp, api.CategoryProtocol, "retry sent", api.ErrProtocol),
	"ErrBadArguments":     errortest.Says(api.ErrBadArguments, api.CategoryProtocol, "retry sent", api.ErrProtocol),
	"ErrBadFrameEnd":      errortest.Says(api.ErrBadFrameEnd, api.CategoryProtocol, "retry sent", api.ErrProtocol),
	"ErrMaxControlLine":   errortest.Says(api.ErrMaxControlLine, api.CategoryProtocol, "retry sent", api.ErrProtocol),
	"ErrMaxHeader":        errortest.Says(api.ErrMaxHeader, api.CategoryProtocol, "retry sent", api.ErrProtocol),
	"ErrJSONParse":        errortest.Says(api.ErrJSONParse, api.CategoryProtocol, "retry", api.ErrProtocol),
	"ErrNoInfoReceived":   errortest.Says(api.ErrNoInfoReceived, api.CategoryProtocol, "retry", api.ErrProtocol),
	"ErrNotNATS":          errortest.Says(api.ErrNotNATS, api.CategoryProtocol, "", api.ErrProtocol),
	"ErrWrongPort":        errortest.Says(api.ErrWrongPort, api.CategoryProtocol, "", api.ErrProtocol),
	"ErrWebSocketUpgrade": errortest.Says(api.ErrWebSocketUpgrade, api.CategoryProtocol, ""),

	"ErrHandlerFailed":   errortest.Says(api.ErrHandlerFailed, api.CategoryHandler, ""),
	"ErrHandlerPanic":    errortest.Says(api.ErrHandlerPanic, api.CategoryHandler, "", api.ErrHandlerFailed),
	"ErrHandlerExit":     errortest.Says(api.ErrHandlerExit, api.CategoryHandler, "", api.ErrHandlerFailed),
	"ErrTooManyBlocked":  errortest.Says(api.ErrTooManyBlocked, api.CategoryHandler, "", api.ErrHandlerBlocked),
	"ErrHandlerBlocked":  errortest.Says(api.ErrHandlerBlocked, api.CategoryHandler, "", api.ErrHandlerFailed),
	"ErrRestartLimit":    errortest.Says(api.ErrRestartLimit, api.CategoryHandler, ""),
	"ErrEscalated":       errortest.Says(api.ErrEscalated, api.CategoryHandler, ""),
	"ErrCallbackFailed":  errortest.Says(api.ErrCallbackFailed, api.CategoryHandler, ""),
	"ErrServerNotInPool": errortest.Says(api.ErrServerNotInPool, api.CategoryHandler, ""),
	"ErrNoConnection":    errortest.Says(api.ErrNoConnection, api.CategoryHandler, ""),

	"ErrInternal":    errortest.Says(api.ErrInternal, api.CategoryInternal, "sent"),
	"ErrActorFailed": errortest.Says(api.ErrActorFailed, api.CategoryInternal, "sent"),
	"ErrActorPanic":  errortest.Says(api.ErrActorPanic, api.CategoryInternal, "sent", api.ErrActorFailed),
}

// said is what a server may say.
func said(text string) error { return protocol.ClassifyServerError([]byte(text)) }

// dataAnswers lists every exported error with data, in each of its roles.
var dataAnswers = map[string][]errortest.Verdict{
	"Error":                nil, // an interface
	"InvalidArgError":      {errortest.Says(&api.InvalidArgError{Kind: api.ErrChanArg, What: "BindSendChan", Reason: "got a string"}, api.CategoryInput, "", api.ErrChanArg, api.ErrInvalidArg)},
	"BadTimeoutError":      {errortest.Says(&api.BadTimeoutError{Op: "request", Value: -time.Second}, api.CategoryInput, "", api.ErrBadTimeout, api.ErrInvalidArg)},
	"InvalidCallbackError": {errortest.Says(&api.InvalidCallbackError{Where: "Subscribe"}, api.CategoryInput, "", api.ErrInvalidCallback, api.ErrBadSubscription)},
	"URLError": {
		errortest.Says(&api.URLError{Position: 2, Reason: "unknown scheme"}, api.CategoryInput, "", api.ErrInvalidURL),
		errortest.Says(&api.URLError{Kind: api.ErrMixingWebsocketSchemes, Position: 2, Reason: "ws after nats"}, api.CategoryInput, "", api.ErrMixingWebsocketSchemes, api.ErrInvalidURL),
	},
	"BadSubjectError": {
		errortest.Says(&api.BadSubjectError{Subject: "orders..new", Reason: protocol.ReasonEmptyToken, Pos: 7, Role: protocol.RolePublish}, api.CategoryInput, "", api.ErrBadSubject),
		errortest.Says(&api.BadSubjectError{Subject: "my workers", Reason: protocol.ReasonBlank, Pos: 2, Role: protocol.RoleQueue}, api.CategoryInput, "", api.ErrBadQueueName, api.ErrBadSubject),
	},
	"HeaderError": {errortest.Says(&api.HeaderError{Reason: "line end in a value", Key: "Trace", Pos: 3}, api.CategoryInput, "", api.ErrBadHeaderMsg, api.ErrProtocol)},
	"MaxPayloadError": {
		errortest.Says(&api.MaxPayloadError{Subject: "orders.new", Size: 1048900, Limit: 1048576}, api.CategoryInput, "", api.ErrMaxPayload),
		errortest.Says(&api.MaxPayloadError{ByServer: true, Err: said("Maximum Payload Violation")}, api.CategoryInput, "", api.ErrMaxPayload),
	},
	"CircuitOpenError": {errortest.Says(&api.CircuitOpenError{Name: "price", State: api.BreakerOpen, RetryAfter: 2 * time.Second, LastErr: api.ErrTimeout}, api.CategoryUnavailable, "retry", api.ErrCircuitOpen)},
	"RetryError": {
		errortest.Says(&api.RetryError{Name: "price", Attempts: 2, Elapsed: time.Second, Errs: []error{api.ErrTimeout, api.ErrNoResponders}, Cause: api.ErrRetryLimit}, api.CategoryUnavailable, "retry sent", api.ErrRetryLimit, api.ErrTimeout, api.ErrNoResponders),
		errortest.Says(&api.RetryError{Name: "price", Attempts: 1, Errs: []error{api.ErrBadSubject}, Cause: api.ErrNotRetryable}, api.CategoryInput, "", api.ErrNotRetryable, api.ErrBadSubject),
		errortest.Says(&api.RetryError{Cause: context.Canceled}, api.CategoryCanceled, "", context.Canceled),
	},
	"PolicyError":          {errortest.Says(&api.PolicyError{Field: "Backoff.Max", Reason: "is negative"}, api.CategoryInput, "", api.ErrBadPolicy)},
	"UserCredentialsError": {errortest.Says(&api.UserCredentialsError{Option: "UserCredentials", Source: "user.creds", Reason: "unreadable", Err: fs.ErrNotExist}, api.CategoryAuthorization, "", api.ErrInvalidUserCredentials, fs.ErrNotExist)},
	"ConnectionClosedError": {
		errortest.Says(&api.ConnectionClosedError{}, api.CategoryClosed, "", api.ErrConnectionClosed, net.ErrClosed),
		errortest.Says(&api.ConnectionClosedError{Cause: api.ErrUnexpectedEOF}, api.CategoryClosed, "", api.ErrConnectionClosed, api.ErrUnexpectedEOF),
		errortest.Says(&api.ConnectionClosedError{Sent: true}, api.CategoryClosed, "sent", api.ErrConnectionClosed),
	},
	"BadSubscriptionError": {
		errortest.Says(&api.BadSubscriptionError{Subject: "orders.*", SID: 3}, api.CategoryClosed, "", api.ErrBadSubscription),
		errortest.Says(&api.BadSubscriptionError{Subject: "orders.*", SID: 3, Cause: api.ErrSlowConsumer}, api.CategoryClosed, "", api.ErrBadSubscription, api.ErrSlowConsumer),
	},
	"ActorStoppedError":        {errortest.Says(&api.ActorStoppedError{Path: "conn-1/actors/stock", Cause: api.ErrTimeout}, api.CategoryClosed, "", api.ErrActorStopped, api.ErrTimeout)},
	"OutboundBufferLimitError": {errortest.Says(&api.OutboundBufferLimitError{Buffered: 8388600, Need: 120, Limit: 8388608}, api.CategoryLimit, "retry", api.ErrOutboundBufferLimit)},
	"SlowConsumerError":        {errortest.Says(&api.SlowConsumerError{Subject: "orders.*", SID: 3, Dropped: 7, PendingMsgs: 500, LimitMsgs: 500, LimitBytes: -1}, api.CategoryLimit, "retry", api.ErrSlowConsumer)},
	"MailboxFullError":         {errortest.Says(&api.MailboxFullError{Path: "conn-1/actors/stock", Limit: 1024}, api.CategoryLimit, "retry", api.ErrMailboxFull)},
	"NoRespondersError":        {errortest.Says(&api.NoRespondersError{Subject: "price"}, api.CategoryUnavailable, "retry", api.ErrNoResponders)},
	"HealthError":              {errortest.Says(&api.HealthError{Problems: []api.Problem{{Path: "conn-1/link", State: "waiting", Reason: "connection refused", Level: api.Down, For: 3 * time.Second}}}, api.CategoryUnavailable, "retry", api.ErrUnhealthy)},
	"TimeoutError": {
		errortest.Says(&api.TimeoutError{Op: "request", Subject: "price", After: 2 * time.Second}, api.CategoryTimeout, "retry", api.ErrTimeout, context.DeadlineExceeded),
		errortest.Says(&api.TimeoutError{Sent: true, Cause: context.DeadlineExceeded}, api.CategoryTimeout, "retry sent", api.ErrTimeout),
	},
	"CanceledError": {
		errortest.Says(&api.CanceledError{Op: "request", Subject: "price", Elapsed: time.Second, Cause: context.Canceled}, api.CategoryCanceled, "", context.Canceled),
		errortest.Says(&api.CanceledError{Sent: true, Cause: api.ErrTimeout}, api.CategoryCanceled, "sent", context.Canceled),
	},
	"FlushTimeoutError": {errortest.Says(&api.FlushTimeoutError{Op: "flush", After: 10 * time.Second, Buffered: 512}, api.CategoryTimeout, "retry sent", api.ErrFlushTimeout, api.ErrTimeout, context.DeadlineExceeded)},
	"DrainTimeoutError": {errortest.Says(&api.DrainTimeoutError{Report: api.Report{Unfinished: []string{"conn-1/subscriptions/orders"}, UnsentBytes: 120, Undelivered: 3}}, api.CategoryTimeout, "sent", api.ErrDrainTimeout, api.ErrTimeout)},
	"CloseTimeoutError": {errortest.Says(&api.CloseTimeoutError{Report: api.Report{Unfinished: []string{"conn-1/subscriptions/orders"}}}, api.CategoryTimeout, "sent", api.ErrCloseTimeout, api.ErrTimeout)},
	"ConnectionStateError": {
		errortest.Says(&api.ConnectionStateError{Op: "rtt", State: api.RECONNECTING, Cause: api.ErrAuthorization}, api.CategoryConnection, "retry", api.ErrConnectionReconnecting, api.ErrDisconnected, api.ErrAuthorization),
	},
	"RequestLostError": {errortest.Says(&api.RequestLostError{Op: "request", Cause: api.ErrUnexpectedEOF}, api.CategoryConnection, "retry sent", api.ErrDisconnected, api.ErrUnexpectedEOF)},
	"StaleConnectionError": {
		errortest.Says(&api.StaleConnectionError{URL: "nats://10.0.0.1:4222", PingsOut: 2, Interval: 2 * time.Minute}, api.CategoryConnection, "retry sent", api.ErrStaleConnection),
		errortest.Says(&api.StaleConnectionError{ByServer: true, Err: said("Stale Connection")}, api.CategoryConnection, "retry sent", api.ErrStaleConnection),
	},
	"DialError": {
		errortest.Says(&api.DialError{URL: "nats://10.0.0.1:4222", Phase: "dial", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, api.CategoryConnection, "retry", syscall.ECONNREFUSED),
		errortest.Says(&api.DialError{Err: &net.DNSError{}}, api.CategoryConnection, "retry"),
		errortest.Says(&api.DialError{Err: os.ErrDeadlineExceeded}, api.CategoryTimeout, "retry"),
		errortest.Says(&api.DialError{Err: api.ErrUnexpectedEOF}, api.CategoryConnection, "retry", io.ErrUnexpectedEOF),
		errortest.Says(&api.DialError{URL: "nats://10.0.0.1:4222", Phase: "connect", Err: said("Authorization Violation")}, api.CategoryAuthorization, "", api.ErrAuthorization),
		errortest.Says(&api.DialError{Err: errors.New("a dialer's own")}, api.CategoryUnknown, ""),
	},
	"LinkError": {
		errortest.Says(&api.LinkError{URL: "nats://10.0.0.1:4222", Phase: "read", Err: api.ErrUnexpectedEOF}, api.CategoryConnection, "retry sent", api.ErrUnexpectedEOF, io.ErrUnexpectedEOF),
		errortest.Says(&api.LinkError{Err: &net.OpError{Op: "write", Err: syscall.EPIPE}}, api.CategoryConnection, "retry sent", syscall.EPIPE),
		errortest.Says(&api.LinkError{URL: "nats://10.0.0.1:4222", Phase: "server", Err: said("User Authentication Expired")}, api.CategoryAuthorization, "sent", api.ErrAuthExpired),
	},
	"NoServersError": {
		errortest.Says(&api.NoServersError{Attempts: []api.ServerAttempt{{URL: "nats://10.0.0.1:4222", Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}}}, api.CategoryConnection, "retry", api.ErrNoServers, syscall.ECONNREFUSED),
		errortest.Says(&api.NoServersError{}, api.CategoryConnection, "retry", api.ErrNoServers),
		errortest.Says(&api.NoServersError{Attempts: []api.ServerAttempt{{Err: said("Authorization Violation")}}}, api.CategoryAuthorization, "", api.ErrNoServers, api.ErrAuthorization),
		errortest.Says(&api.NoServersError{Attempts: []api.ServerAttempt{{Err: said("Authorization Violation")}, {Err: io.EOF}}}, api.CategoryConnection, "retry", api.ErrNoServers, api.ErrAuthorization, io.EOF),
	},
	"TLSError": {
		errortest.Says(&api.TLSError{Kind: api.ErrSecureConnWanted, URL: "nats://10.0.0.1:4222", Stage: "offer"}, api.CategoryTLS, "", api.ErrSecureConnWanted),
		errortest.Says(&api.TLSError{Kind: api.ErrSecureConnFailed, URL: "nats://10.0.0.1:4222", Stage: "verify", Err: x509.UnknownAuthorityError{}}, api.CategoryTLS, "", api.ErrSecureConnFailed),
		errortest.Says(&api.TLSError{Kind: api.ErrSecureConnFailed, Stage: "handshake", Err: io.EOF}, api.CategoryTLS, "retry", api.ErrSecureConnFailed, io.EOF),
	},
	"AuthorizationError": {errortest.Says(&api.AuthorizationError{URL: "nats://10.0.0.1:4222", Reason: "User Authentication Revoked", During: "running", Err: said("User Authentication Revoked")}, api.CategoryAuthorization, "", api.ErrAuthRevoked)},
	"PermissionError":    nil, // cannot be made elsewhere; see TestErrorPermissionViolation
	"ServerError": {
		errortest.Says(said("Permissions Violation for Publish to \"a\""), api.CategoryPermission, "", api.ErrPermissionViolation),
		errortest.Says(said("never heard of"), api.CategoryServer, "sent", api.ErrServer),
	},
	"ProtocolError": {errortest.Says(&api.ProtocolError{Kind: api.ErrUnknownOp, Offset: 312, Snippet: "GARBAGE"}, api.CategoryProtocol, "retry sent", api.ErrUnknownOp, api.ErrProtocol)},
	"JSONParseError": {
		errortest.Says(&api.JSONParseError{What: "INFO", Snippet: "{bad", Err: io.ErrUnexpectedEOF}, api.CategoryProtocol, "retry", api.ErrJSONParse, api.ErrProtocol),
		errortest.Says(&api.JSONParseError{What: "CONNECT"}, api.CategoryInput, "", api.ErrJSONParse),
	},
	"WebSocketUpgradeError": {errortest.Says(&api.WebSocketUpgradeError{Status: 404, Reason: "404 Not Found"}, api.CategoryProtocol, "", api.ErrWebSocketUpgrade)},
	"WebSocketCloseError":   {errortest.Says(&api.WebSocketCloseError{Code: 1001, Reason: "bye"}, api.CategoryConnection, "retry sent", api.ErrUnexpectedEOF, io.EOF)},
	"CallbackError": {
		errortest.Says(&api.CallbackError{Option: "TokenHandler", Err: &api.PanicError{Value: "boom"}}, api.CategoryHandler, "", api.ErrCallbackFailed, api.ErrHandlerPanic),
		errortest.Says(&api.CallbackError{Err: &api.TimeoutError{}}, api.CategoryHandler, "retry", api.ErrCallbackFailed, api.ErrTimeout),
		errortest.Says(&api.CallbackError{Err: errors.New("the callback's own")}, api.CategoryHandler, "", api.ErrCallbackFailed),
	},
	"PanicError": {
		errortest.Says(&api.PanicError{Value: "boom", Message: "orders.new"}, api.CategoryHandler, "", api.ErrHandlerPanic),
		errortest.Says(&api.PanicError{Value: "boom", Internal: true}, api.CategoryInternal, "sent", api.ErrActorPanic),
	},
	"GoexitError":         {errortest.Says(&api.GoexitError{Message: "orders.new"}, api.CategoryHandler, "", api.ErrHandlerExit)},
	"HandlerError":        {errortest.Says(&api.HandlerError{Subject: "orders.new", Err: errors.New("no such item")}, api.CategoryHandler, "", api.ErrHandlerFailed), errortest.Says(&api.HandlerError{Err: api.ErrTimeout}, api.CategoryHandler, "", api.ErrHandlerFailed, api.ErrTimeout)},
	"TooManyBlockedError": {errortest.Says(&api.TooManyBlockedError{Subject: "orders.*", Calls: 8, Cause: &api.BlockedError{For: time.Minute}}, api.CategoryHandler, "", api.ErrTooManyBlocked, api.ErrHandlerBlocked)},
	"BlockedError":        {errortest.Says(&api.BlockedError{For: time.Minute, Message: "orders.new"}, api.CategoryHandler, "", api.ErrHandlerBlocked)},
	"EscalatedError":      {errortest.Says(&api.EscalatedError{Path: "conn-1/link", Cause: api.ErrTimeout}, api.CategoryHandler, "", api.ErrEscalated, api.ErrTimeout)},
	"IntensityError":      {errortest.Says(&api.IntensityError{Path: "conn-1/subscriptions/orders", Intensity: api.Intensity{Max: 3, Within: 10 * time.Second}, Cause: api.ErrTimeout}, api.CategoryHandler, "", api.ErrRestartLimit, api.ErrTimeout)},
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	errortest.List{Package: "api", Kinds: kindAnswers, All: api.Kinds, Data: dataAnswers}.Check(t)
}

// TestErrorsOfOthers are classified as far as possible.
func TestErrorsOfOthers(t *testing.T) {
	for name, a := range map[string]errortest.Verdict{
		"nothing":              errortest.Says(nil, api.CategoryNone, ""),
		"unknown":              errortest.Says(errors.New("a user's"), api.CategoryUnknown, "sent"),
		"cancelled":            errortest.Says(context.Canceled, api.CategoryCanceled, "sent"),
		"deadline":             errortest.Says(context.DeadlineExceeded, api.CategoryTimeout, "retry sent"),
		"deadline of a socket": errortest.Says(os.ErrDeadlineExceeded, api.CategoryTimeout, "retry sent"),
		"closed socket":        errortest.Says(net.ErrClosed, api.CategoryClosed, "sent"),
		"refused":              errortest.Says(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, api.CategoryConnection, "retry sent"),
		"end of a stream":      errortest.Says(io.EOF, api.CategoryConnection, "retry sent"),
		"no file":              errortest.Says(&fs.PathError{Op: "open", Err: syscall.ENOENT}, api.CategoryUnknown, "sent"),
		"joined":               errortest.Says(errors.Join(api.ErrNoResponders, api.ErrTimeout), api.CategoryUnavailable, "retry"),
		"one that answers":     errortest.Says(ownError{}, api.CategoryLimit, "retry"),
	} {
		t.Run(name, func(t *testing.T) {
			if a.Err != nil {
				a.Check(t)
			} else if api.CategoryOf(nil) != api.CategoryNone || api.Retryable(nil) || api.MaybeSent(nil) {
				t.Error("nothing is something")
			}
		})
	}
}

// ownError is an error of the program that answers the questions itself.
type ownError struct{}

func (ownError) Error() string          { return "mine" }
func (ownError) Category() api.Category { return api.CategoryLimit }
func (ownError) Retryable() bool        { return true }
func (ownError) MaybeSent() bool        { return false }

func TestCategoriesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for c := api.CategoryNone; c <= api.CategoryInternal; c++ {
		if name := c.String(); seen[name] || name != strings.ToLower(name) {
			t.Errorf("category %d is called %q", c, name)
		}
		seen[c.String()] = true
	}
	if api.Category(200).String() != "unknown" {
		t.Error("a number that is no category has a name")
	}
}

// TestErrorsOfTheLayersBelowHaveNames in this package: users need not import the others.
// TestUsersCanNameWhatTheyMeet in internal/house covers all other types.
func TestErrorsOfTheLayersBelowHaveNames(t *testing.T) {
	for _, below := range []string{"../protocol", "../supervisor", "../actors"} {
		kinds, data := errortest.Declared(t, below)
		for _, d := range append(kinds, data...) {
			_, kind := kindAnswers[d.Name]
			if _, ok := dataAnswers[d.Name]; !ok && !kind {
				t.Errorf("%s has %s, which users cannot name", below, d.Name)
			}
		}
	}
}
