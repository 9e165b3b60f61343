package api

import (
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Kinds of errors, under nats.go's names where it has them. Compare with errors.Is: most
// errors carry data and only belong to a kind.
var (
	// ErrConnectionClosed: the connection is closed for good. It is a net.ErrClosed. It is
	// fatal for the connection.
	ErrConnectionClosed = actors.ErrConnectionClosed
	// ErrConnectionDraining: the connection is being drained and accepts no new work. It is
	// fatal for the connection.
	ErrConnectionDraining = actors.ErrConnectionDraining
	// ErrDrainTimeout: a drain did not finish in time. It is an ErrTimeout. It is fatal for
	// the connection.
	ErrDrainTimeout = actors.ErrDrainTimeout
	// ErrConnectionReconnecting: the call needs a server, and there is none at the moment.
	ErrConnectionReconnecting = actors.ErrConnectionReconnecting
	// ErrDisconnected: there is no server, or the link to it was lost while the call waited.
	ErrDisconnected = actors.ErrDisconnected
	// ErrUnexpectedEOF: the server closed the connection without giving a reason.
	ErrUnexpectedEOF = actors.ErrUnexpectedEOF
	// ErrNoServers: no server could be connected to; NoServersError lists the attempts. It
	// is fatal for the connection.
	ErrNoServers = actors.ErrNoServers
	// ErrInvalidContext: the context is nil.
	ErrInvalidContext = actors.ErrInvalidContext
	// ErrMailboxFull: the mailbox of an actor is full. See MailboxFullError.
	ErrMailboxFull = actors.ErrMailboxFull
	// ErrActorStopped: the actor has ended. See ActorStoppedError. It is fatal for the actor.
	ErrActorStopped = actors.ErrActorStopped
	// ErrActorExists: another actor with the same parent has that name.
	ErrActorExists = actors.ErrActorExists
	// ErrActorElsewhere: the actor belongs to another connection.
	ErrActorElsewhere = actors.ErrActorElsewhere
	// ErrSystemStopped: the actor system that the connection runs in has been shut down.
	// It is fatal for the connection.
	ErrSystemStopped = actors.ErrSystemStopped
	// ErrOutboundBufferLimit: too many bytes wait to be sent while there is no server.
	ErrOutboundBufferLimit = actors.ErrOutboundBufferLimit
	// ErrHeadersNotSupported: the server does not support headers.
	ErrHeadersNotSupported = actors.ErrHeadersNotSupported
	// ErrSlowConsumer: messages were dropped because the subscription is too slow. It is fatal
	// for the dropped messages.
	ErrSlowConsumer = actors.ErrSlowConsumer
	// ErrBadSubscription: the subscription is nil, has ended, or could not be made. It is
	// fatal for the subscription.
	ErrBadSubscription = actors.ErrBadSubscription
	// ErrChannelClosed: a channel of ChanSubscribe was closed by its receiver. It is
	// an ErrBadSubscription.
	ErrChannelClosed = actors.ErrChannelClosed
	// ErrTooManyBlocked: too many calls of a subscription's handler have not returned.
	ErrTooManyBlocked = actors.ErrTooManyBlocked
	// ErrMaxMessages: the subscription has delivered all messages that AutoUnsubscribe
	// asked for. It is fatal for the subscription.
	ErrMaxMessages = actors.ErrMaxMessages
	// ErrNoResponders: nobody is subscribed to the subject of a request.
	ErrNoResponders = actors.ErrNoResponders
	// ErrFlushTimeout: the server did not confirm a flush in time. It is an ErrTimeout.
	ErrFlushTimeout = actors.ErrFlushTimeout
	// ErrTooManyRequests: the connection has as many waiting requests as it can hold.
	ErrTooManyRequests = actors.ErrTooManyRequests
	// ErrCallbackFailed: a callback set by an option panicked, blocked, failed, or returned
	// something unusable; see CallbackError. It is fatal for the link.
	ErrCallbackFailed = actors.ErrCallbackFailed
	// ErrWriteTimeout: a write to the socket did not finish in time. It is fatal for the
	// link.
	ErrWriteTimeout = actors.ErrWriteTimeout
	// ErrServerNotInPool: a ReconnectToServerHandler chose a server that is not in the pool.
	// It is fatal for the link.
	ErrServerNotInPool = actors.ErrServerNotInPool
	// ErrServerLeaving: the server is about to stop and accepts no more clients. It is fatal
	// for the link.
	ErrServerLeaving = actors.ErrServerLeaving
	// ErrForcedReconnect: the link was given up because ForceReconnect was called. It is fatal
	// for the link.
	ErrForcedReconnect = actors.ErrForcedReconnect
	// ErrNoConnection: a dialer set by an option returned neither a connection nor an error.
	// It is fatal for the link.
	ErrNoConnection = actors.ErrNoConnection
	// ErrInternal: a part of the library failed repeatedly. Please report it. It is fatal for
	// the connection.
	ErrInternal = actors.ErrInternal

	// ErrTimeout: something did not happen in time. It is a context.DeadlineExceeded.
	ErrTimeout = protocol.ErrTimeout
	// ErrBadSubject: a subject is invalid, or not allowed in its role.
	ErrBadSubject = protocol.ErrBadSubject
	// ErrBadQueueName: the name of a queue group is invalid. It is an ErrBadSubject.
	ErrBadQueueName = protocol.ErrBadQueueName
	// ErrMaxPayload: header and payload are larger than the server accepts.
	ErrMaxPayload = protocol.ErrMaxPayload
	// ErrBadHeaderMsg: a header block cannot be decoded, or a field cannot be encoded. It is
	// fatal for the message.
	ErrBadHeaderMsg = protocol.ErrBadHeaderMsg
	// ErrAuthorization: the server refused the credentials. It is fatal for the link.
	ErrAuthorization = protocol.ErrAuthorization
	// ErrAuthExpired: the user's credentials have expired. It is an ErrAuthorization.
	ErrAuthExpired = protocol.ErrAuthExpired
	// ErrAuthRevoked: the user's credentials were revoked. It is an ErrAuthorization.
	ErrAuthRevoked = protocol.ErrAuthRevoked
	// ErrAccountAuthExpired: the account's credentials have expired. It is an ErrAuthorization.
	ErrAccountAuthExpired = protocol.ErrAccountAuthExpired
	// ErrAuthTimeout: the server did not receive the credentials in time.
	ErrAuthTimeout = protocol.ErrAuthTimeout
	// ErrPermissionViolation: publishing or subscribing to the subject is not allowed.
	ErrPermissionViolation = protocol.ErrPermissionViolation
	// ErrStaleConnection: the server did not answer PINGs in time, or closed the connection
	// because we did not. It is fatal for the link.
	ErrStaleConnection = protocol.ErrStaleConnection
	// ErrNoInfoReceived: the server did not begin with INFO.
	ErrNoInfoReceived = protocol.ErrNoInfoReceived
	// ErrProtocol: a peer violated the NATS protocol. It is fatal for the link.
	ErrProtocol = protocol.ErrProtocol
	// ErrWrongPort: the address is one for servers, not for clients.
	ErrWrongPort = protocol.ErrWrongPort
	// ErrJSONParse: the JSON of INFO or CONNECT is invalid.
	ErrJSONParse = protocol.ErrJSONParse
	// ErrNotNATS: the peer does not speak NATS at all.
	ErrNotNATS = protocol.ErrNotNATS
	// ErrUnknownOp: the server sent an operation that the protocol does not have.
	ErrUnknownOp = protocol.ErrUnknownOp
	// ErrBadArguments: an operation from the server has malformed arguments.
	ErrBadArguments = protocol.ErrBadArguments
	// ErrBadFrameEnd: a message from the server does not have the size that it announced.
	ErrBadFrameEnd = protocol.ErrBadFrameEnd
	// ErrMaxControlLine: a protocol line is longer than the receiver accepts.
	ErrMaxControlLine = protocol.ErrMaxControlLine
	// ErrMaxHeader: the server announced a header block larger than this client accepts.
	ErrMaxHeader = protocol.ErrMaxHeader
	// ErrMaxConnectionsExceeded: the server is full. It is fatal for the link.
	ErrMaxConnectionsExceeded = protocol.ErrMaxConnectionsExceeded
	// ErrMaxAccountConnectionsExceeded: the account is full. It is fatal for the link.
	ErrMaxAccountConnectionsExceeded = protocol.ErrMaxAccountConnectionsExceeded
	// ErrConnectionThrottled: the server limits the rate of new connections. It is an
	// ErrMaxConnectionsExceeded.
	ErrConnectionThrottled = protocol.ErrConnectionThrottled
	// ErrAccountRegistration: the server could not bind the client to its account. It is fatal
	// for the link.
	ErrAccountRegistration = protocol.ErrAccountRegistration
	// ErrMaxSubscriptionsExceeded: the server accepts no more subscriptions. It is fatal for the
	// subscription on this link.
	ErrMaxSubscriptionsExceeded = protocol.ErrMaxSubscriptionsExceeded
	// ErrServer: the server reported an error that this library does not know.
	ErrServer = protocol.ErrServer

	// ErrHandlerFailed: a handler failed in some way; it is the parent of the kinds that say
	// how. It is fatal for the message that was handled.
	ErrHandlerFailed = supervisor.ErrHandlerFailed
	// ErrHandlerPanic: a handler panicked; see PanicError.
	ErrHandlerPanic = supervisor.ErrHandlerPanic
	// ErrHandlerExit: a handler ended its goroutine.
	ErrHandlerExit = supervisor.ErrHandlerExit
	// ErrHandlerBlocked: a handler did not return in time.
	ErrHandlerBlocked = supervisor.ErrHandlerBlocked
	// ErrActorFailed: an actor failed without a known cause.
	ErrActorFailed = supervisor.ErrActorFailed
	// ErrActorPanic: the library's own code panicked. It is an ErrActorFailed.
	ErrActorPanic = supervisor.ErrActorPanic
	// ErrEscalated: an actor below this one failed and escalated; see EscalatedError.
	ErrEscalated = supervisor.ErrEscalated
	// ErrRestartLimit: a handler failed more often than its policy allows. It is fatal for the
	// handler, or for what its policy says.
	ErrRestartLimit = supervisor.ErrRestartLimit
	// ErrUnhealthy: a part of the tree is not well; see HealthError.
	ErrUnhealthy = supervisor.ErrUnhealthy
	// ErrBadPolicy: a policy is invalid. See PolicyError.
	ErrBadPolicy = supervisor.ErrBadPolicy
	// ErrNotRetryable: another attempt would not help; see RetryError.
	ErrNotRetryable = supervisor.ErrNotRetryable
	// ErrRetryUnsafe: the call may have had its effect, and its policy is not Idempotent.
	ErrRetryUnsafe = supervisor.ErrRetryUnsafe
	// ErrRetryLimit: the attempts of a call, or the time for them, are used up.
	ErrRetryLimit = supervisor.ErrRetryLimit
	// ErrRetryDeadline: the deadline would pass before another attempt could begin. It is a
	// context.DeadlineExceeded.
	ErrRetryDeadline = supervisor.ErrRetryDeadline
	// ErrRetryBudgetExceeded: the calls on the connection have used up their budget of retries;
	// see the option RetryBudget.
	ErrRetryBudgetExceeded = supervisor.ErrRetryBudgetExceeded
	// ErrCircuitOpen: a circuit breaker refused the call because earlier calls failed; see
	// CircuitOpenError.
	ErrCircuitOpen = supervisor.ErrCircuitOpen
)

// Kinds of errors about the arguments of calls, and a few others.
var (
	// ErrInvalidConnection: the connection is nil.
	ErrInvalidConnection error = kind.New("troupe: invalid connection").In(kind.Input)
	// ErrInvalidMsg: the message is nil.
	ErrInvalidMsg error = kind.New("troupe: invalid message or message nil").In(kind.Input)
	// ErrInvalidArg: an argument or option has an invalid value.
	ErrInvalidArg error = kind.New("troupe: invalid argument").In(kind.Input)
	// ErrNoDeadlineContext: the call needs a context with a deadline.
	ErrNoDeadlineContext error = kind.New("troupe: context requires a deadline").In(kind.Input)
	// ErrBadTimeout: a duration is negative, or zero where zero is not allowed.
	ErrBadTimeout error = kind.New("troupe: timeout invalid", ErrInvalidArg)
	// ErrInvalidCallback: a handler is nil.
	ErrInvalidCallback error = kind.New("troupe: invalid callback", ErrInvalidArg)
	// ErrInvalidURL: the address of a server is invalid.
	ErrInvalidURL error = kind.New("troupe: invalid server URL", ErrInvalidArg)
	// ErrMsgNotBound: the message did not come from a subscription.
	ErrMsgNotBound error = kind.New("troupe: message is not bound to subscription/connection").In(kind.Input)
	// ErrMsgNoReply: the message has no reply subject.
	ErrMsgNoReply error = kind.New("troupe: message does not have a reply").In(kind.Input)
	// ErrSyncSubRequired: the subscription has a handler or a channel, so NextMsg cannot read
	// from it.
	ErrSyncSubRequired error = kind.New("troupe: illegal call on an async subscription").In(kind.Input)
	// ErrTypeSubscription: the call or option does not apply to this type of subscription.
	ErrTypeSubscription error = kind.New("troupe: invalid subscription type").In(kind.Input)
	// ErrChanArg: an argument is not a channel that messages can be sent to.
	ErrChanArg error = kind.New("troupe: argument needs to be a channel type", ErrInvalidArg)
	// ErrNoEchoNotSupported: the server does not support NoEcho. It is fatal for the link.
	ErrNoEchoNotSupported error = kind.New("troupe: no echo option not supported by this server").In(kind.Server)
	// ErrClientIDNotSupported: the server does not give its clients numbers.
	ErrClientIDNotSupported error = kind.New("troupe: client ID not supported by this server").In(kind.Server)
	// ErrClientIPNotSupported: the server does not tell clients their addresses.
	ErrClientIPNotSupported error = kind.New("troupe: client IP not supported by this server").In(kind.Server)
	// ErrCloseTimeout: a close ran out of time before every actor had ended. It is fatal for
	// the connection.
	ErrCloseTimeout error = kind.New("troupe: close timed out", ErrTimeout).In(kind.Timeout, kind.MaybeSent)
)
