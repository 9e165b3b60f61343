package api

import (
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Kinds of errors that are born in the layers below, under nats.go's names.
// Compare with errors.Is: most errors carry data and only belong to a kind.
var (
	// ErrConnectionClosed: the connection is closed for good. It is a net.ErrClosed. It is
	// fatal for the connection.
	ErrConnectionClosed = actors.ErrConnectionClosed
	// ErrConnectionDraining: the connection is being drained and takes no new work. It is
	// fatal for the connection.
	ErrConnectionDraining = actors.ErrConnectionDraining
	// ErrDrainTimeout: a drain did not finish in time. It is an ErrTimeout. It is fatal for
	// the connection.
	ErrDrainTimeout = actors.ErrDrainTimeout
	// ErrConnectionReconnecting: the call needs a server and there is none at the moment.
	ErrConnectionReconnecting = actors.ErrConnectionReconnecting
	// ErrDisconnected: there is no server, or the link to it was lost while the call waited.
	ErrDisconnected = actors.ErrDisconnected
	// ErrUnexpectedEOF: the server ended the connection without a word.
	ErrUnexpectedEOF = actors.ErrUnexpectedEOF
	// ErrNoServers: no server could be connected to; see NoServersError for what was tried. It
	// is fatal for the connection.
	ErrNoServers = actors.ErrNoServers
	// ErrInvalidContext: the context is nil.
	ErrInvalidContext = actors.ErrInvalidContext
	// ErrMailboxFull: an actor has as many messages waiting as it may have. See MailboxFullError.
	ErrMailboxFull = actors.ErrMailboxFull
	// ErrActorStopped: the actor has ended. See ActorStoppedError. It is fatal for the actor.
	ErrActorStopped = actors.ErrActorStopped
	// ErrActorExists: another actor below the same one has that name.
	ErrActorExists = actors.ErrActorExists
	// ErrActorElsewhere: the actor belongs to another connection.
	ErrActorElsewhere = actors.ErrActorElsewhere
	// ErrSystemStopped: the actor system that the connection was put into has been shut down.
	// It is fatal for the connection.
	ErrSystemStopped = actors.ErrSystemStopped
	// ErrOutboundBufferLimit: too much waits to be sent while there is no server.
	ErrOutboundBufferLimit = actors.ErrOutboundBufferLimit
	// ErrHeadersNotSupported: the server does not take headers.
	ErrHeadersNotSupported = actors.ErrHeadersNotSupported
	// ErrSlowConsumer: messages were dropped because the subscription is too slow. It is fatal
	// for the dropped messages.
	ErrSlowConsumer = actors.ErrSlowConsumer
	// ErrBadSubscription: the subscription is nil, closed, or was not possible. It is fatal
	// for the subscription.
	ErrBadSubscription = actors.ErrBadSubscription
	// ErrChannelClosed: a channel of ChanSubscribe was closed by its receiver. It is
	// an ErrBadSubscription.
	ErrChannelClosed = actors.ErrChannelClosed
	// ErrTooManyBlocked: too many calls of a subscription's handler do not return.
	ErrTooManyBlocked = actors.ErrTooManyBlocked
	// ErrMaxMessages: the subscription has delivered as many messages as it was asked for. It
	// is fatal for the subscription.
	ErrMaxMessages = actors.ErrMaxMessages
	// ErrNoResponders: nobody is subscribed to the subject of a request.
	ErrNoResponders = actors.ErrNoResponders
	// ErrFlushTimeout: the server did not confirm a flush in time. It is an ErrTimeout.
	ErrFlushTimeout = actors.ErrFlushTimeout
	// ErrTooManyRequests: as many requests wait as a connection can hold.
	ErrTooManyRequests = actors.ErrTooManyRequests
	// ErrCallbackFailed: a callback among the options panicked, blocked, failed, or returned
	// what cannot be used; see CallbackError. It is fatal for the link.
	ErrCallbackFailed = actors.ErrCallbackFailed
	// ErrWriteTimeout: the socket did not take what was written in time. It is fatal for the
	// link.
	ErrWriteTimeout = actors.ErrWriteTimeout
	// ErrServerNotInPool: a ReconnectToServerHandler chose a server that is not in the pool.
	// It is fatal for the link.
	ErrServerNotInPool = actors.ErrServerNotInPool
	// ErrServerLeaving: the server is about to stop and takes nobody any more. It is fatal for
	// the link.
	ErrServerLeaving = actors.ErrServerLeaving
	// ErrForcedReconnect: the link was given up because ForceReconnect was called. It is fatal
	// for the link.
	ErrForcedReconnect = actors.ErrForcedReconnect
	// ErrNoConnection: a dialer among the options returned neither a connection nor an error.
	// It is fatal for the link.
	ErrNoConnection = actors.ErrNoConnection
	// ErrInternal: a part of the library failed again and again. Please report it. It is fatal
	// for the connection.
	ErrInternal = actors.ErrInternal

	// ErrTimeout: something did not happen in time. It is a context.DeadlineExceeded.
	ErrTimeout = protocol.ErrTimeout
	// ErrBadSubject: a subject cannot be used in its role.
	ErrBadSubject = protocol.ErrBadSubject
	// ErrBadQueueName: a queue group's name cannot be used. It is an ErrBadSubject.
	ErrBadQueueName = protocol.ErrBadQueueName
	// ErrMaxPayload: header and payload are larger than the server takes.
	ErrMaxPayload = protocol.ErrMaxPayload
	// ErrBadHeaderMsg: a header block cannot be decoded, or a field not encoded. It is fatal
	// for the message.
	ErrBadHeaderMsg = protocol.ErrBadHeaderMsg
	// ErrAuthorization: the server refused the credentials. It is fatal for the link.
	ErrAuthorization = protocol.ErrAuthorization
	// ErrAuthExpired: the user's credentials have expired. It is an ErrAuthorization.
	ErrAuthExpired = protocol.ErrAuthExpired
	// ErrAuthRevoked: the user's credentials were revoked. It is an ErrAuthorization.
	ErrAuthRevoked = protocol.ErrAuthRevoked
	// ErrAccountAuthExpired: the account's credentials have expired. It is an ErrAuthorization.
	ErrAccountAuthExpired = protocol.ErrAccountAuthExpired
	// ErrAuthTimeout: the server did not get our credentials in time.
	ErrAuthTimeout = protocol.ErrAuthTimeout
	// ErrPermissionViolation: publishing or subscribing there is not allowed.
	ErrPermissionViolation = protocol.ErrPermissionViolation
	// ErrStaleConnection: the server did not answer PINGs in time, or ended the connection. It
	// is fatal for the link.
	ErrStaleConnection = protocol.ErrStaleConnection
	// ErrNoInfoReceived: the server did not begin with INFO.
	ErrNoInfoReceived = protocol.ErrNoInfoReceived
	// ErrProtocol: a peer said what the protocol does not know. It is fatal for the link.
	ErrProtocol = protocol.ErrProtocol
	// ErrWrongPort: the address is one for servers, not for clients.
	ErrWrongPort = protocol.ErrWrongPort
	// ErrJSONParse: INFO or CONNECT carried no valid JSON.
	ErrJSONParse = protocol.ErrJSONParse
	// ErrNotNATS: the peer does not speak NATS at all.
	ErrNotNATS = protocol.ErrNotNATS
	// ErrUnknownOp: the server sent an operation that there is not.
	ErrUnknownOp = protocol.ErrUnknownOp
	// ErrBadArguments: an operation of the server had malformed arguments.
	ErrBadArguments = protocol.ErrBadArguments
	// ErrBadFrameEnd: a message of the server did not end where it had announced.
	ErrBadFrameEnd = protocol.ErrBadFrameEnd
	// ErrMaxControlLine: a line was longer than the receiver takes.
	ErrMaxControlLine = protocol.ErrMaxControlLine
	// ErrMaxHeader: the server announced a header block larger than we take.
	ErrMaxHeader = protocol.ErrMaxHeader
	// ErrMaxConnectionsExceeded: the server is full. It is fatal for the link.
	ErrMaxConnectionsExceeded = protocol.ErrMaxConnectionsExceeded
	// ErrMaxAccountConnectionsExceeded: the account is full. It is fatal for the link.
	ErrMaxAccountConnectionsExceeded = protocol.ErrMaxAccountConnectionsExceeded
	// ErrConnectionThrottled: the server limits the rate of new connections. It is an
	// ErrMaxConnectionsExceeded.
	ErrConnectionThrottled = protocol.ErrConnectionThrottled
	// ErrAccountRegistration: the server could not bind us to our account. It is fatal for the
	// link.
	ErrAccountRegistration = protocol.ErrAccountRegistration
	// ErrMaxSubscriptionsExceeded: the server takes no more subscriptions. It is fatal for the
	// subscription on this link.
	ErrMaxSubscriptionsExceeded = protocol.ErrMaxSubscriptionsExceeded
	// ErrServer: the server reported something that we do not know.
	ErrServer = protocol.ErrServer

	// ErrHandlerFailed is the parent of everything that a handler can do wrong. It is fatal
	// for the message that was handled.
	ErrHandlerFailed = supervisor.ErrHandlerFailed
	// ErrHandlerPanic: a handler panicked; see PanicError.
	ErrHandlerPanic = supervisor.ErrHandlerPanic
	// ErrHandlerExit: a handler ended its goroutine.
	ErrHandlerExit = supervisor.ErrHandlerExit
	// ErrHandlerBlocked: a handler did not return in time.
	ErrHandlerBlocked = supervisor.ErrHandlerBlocked
	// ErrActorFailed: an actor failed without a cause.
	ErrActorFailed = supervisor.ErrActorFailed
	// ErrActorPanic: the library's own code panicked. It is an ErrActorFailed.
	ErrActorPanic = supervisor.ErrActorPanic
	// ErrEscalated: a failure that came from an actor below; see EscalatedError.
	ErrEscalated = supervisor.ErrEscalated
	// ErrRestartLimit: a handler failed more often than its policy allows. It is fatal for the
	// handler, or what its policy says.
	ErrRestartLimit = supervisor.ErrRestartLimit
	// ErrUnhealthy: a part of the tree is not well; see HealthError.
	ErrUnhealthy = supervisor.ErrUnhealthy
	// ErrBadPolicy: a policy cannot be meant as written. See PolicyError.
	ErrBadPolicy = supervisor.ErrBadPolicy
	// ErrNotRetryable: another attempt does not cure the error; see RetryError.
	ErrNotRetryable = supervisor.ErrNotRetryable
	// ErrRetryUnsafe: the call may have had its effect, and is not declared idempotent.
	ErrRetryUnsafe = supervisor.ErrRetryUnsafe
	// ErrRetryLimit: the attempts of a call, or the time for them, are used up.
	ErrRetryLimit = supervisor.ErrRetryLimit
	// ErrRetryDeadline: the deadline comes before another attempt could begin. It is a
	// context.DeadlineExceeded.
	ErrRetryDeadline = supervisor.ErrRetryDeadline
	// ErrRetryBudgetExceeded: the connection's calls are tried again often enough; see the
	// option RetryBudget.
	ErrRetryBudgetExceeded = supervisor.ErrRetryBudgetExceeded
	// ErrCircuitOpen: the call was not made because others like it have failed; see
	// CircuitOpenError.
	ErrCircuitOpen = supervisor.ErrCircuitOpen
)

// Kinds of errors that are born in this package.
var (
	// ErrInvalidConnection: the connection is nil.
	ErrInvalidConnection error = kind.New("troupe: invalid connection").In(kind.Input)
	// ErrInvalidMsg: the message is nil.
	ErrInvalidMsg error = kind.New("troupe: invalid message or message nil").In(kind.Input)
	// ErrInvalidArg: an argument or option has a value that means nothing.
	ErrInvalidArg error = kind.New("troupe: invalid argument").In(kind.Input)
	// ErrNoDeadlineContext: the context has no deadline and the call needs one.
	ErrNoDeadlineContext error = kind.New("troupe: context requires a deadline").In(kind.Input)
	// ErrBadTimeout: a duration is negative, or zero where that means nothing.
	ErrBadTimeout error = kind.New("troupe: timeout invalid", ErrInvalidArg)
	// ErrInvalidCallback: a handler is nil.
	ErrInvalidCallback error = kind.New("troupe: invalid callback", ErrInvalidArg)
	// ErrInvalidURL: a server's address cannot be read.
	ErrInvalidURL error = kind.New("troupe: invalid server URL", ErrInvalidArg)
	// ErrMsgNotBound: the message did not come from a subscription.
	ErrMsgNotBound error = kind.New("troupe: message is not bound to subscription/connection").In(kind.Input)
	// ErrMsgNoReply: the message has no reply subject.
	ErrMsgNoReply error = kind.New("troupe: message does not have a reply").In(kind.Input)
	// ErrSyncSubRequired: the subscription has a handler and cannot be read from.
	ErrSyncSubRequired error = kind.New("troupe: illegal call on an async subscription").In(kind.Input)
	// ErrTypeSubscription: the call or option is not for this type of subscription.
	ErrTypeSubscription error = kind.New("troupe: invalid subscription type").In(kind.Input)
	// ErrChanArg: something is no channel that messages can be sent to.
	ErrChanArg error = kind.New("troupe: argument needs to be a channel type", ErrInvalidArg)
	// ErrNoEchoNotSupported: the server does not know NoEcho. It is fatal for the link.
	ErrNoEchoNotSupported error = kind.New("troupe: no echo option not supported by this server").In(kind.Server)
	// ErrClientIDNotSupported: the server does not number its clients.
	ErrClientIDNotSupported error = kind.New("troupe: client ID not supported by this server").In(kind.Server)
	// ErrClientIPNotSupported: the server does not tell its clients' addresses.
	ErrClientIPNotSupported error = kind.New("troupe: client IP not supported by this server").In(kind.Server)
	// ErrCloseTimeout: not everything had ended when the time for a close was up. It is fatal
	// for the connection.
	ErrCloseTimeout error = kind.New("troupe: close timed out", ErrTimeout).In(kind.Timeout, kind.MaybeSent)
)
