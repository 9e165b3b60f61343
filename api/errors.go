package api

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Kinds of errors that are born in the layers below, under nats.go's names.
// Compare with errors.Is: most errors carry data and only belong to a kind.
var (
	// ErrConnectionClosed: the connection is closed for good. It is a net.ErrClosed.
	ErrConnectionClosed = actors.ErrConnectionClosed
	// ErrConnectionDraining: the connection is being drained and takes no new work.
	ErrConnectionDraining = actors.ErrConnectionDraining
	// ErrDrainTimeout: a drain did not finish in time. It is an ErrTimeout.
	ErrDrainTimeout = actors.ErrDrainTimeout
	// ErrConnectionReconnecting: the call needs a server and there is none at the moment.
	ErrConnectionReconnecting = actors.ErrConnectionReconnecting
	// ErrDisconnected: there is no server, or the link to it was lost while the call waited.
	ErrDisconnected = actors.ErrDisconnected
	// ErrUnexpectedEOF: the server ended the connection without a word.
	ErrUnexpectedEOF = actors.ErrUnexpectedEOF
	// ErrNoServers: no server could be connected to; see NoServersError for what was tried.
	ErrNoServers = actors.ErrNoServers
	// ErrOutboundBufferLimit: too much waits to be sent while there is no server.
	ErrOutboundBufferLimit = actors.ErrOutboundBufferLimit
	// ErrReconnectBufExceeded is nats.go's name for ErrOutboundBufferLimit.
	ErrReconnectBufExceeded = actors.ErrOutboundBufferLimit
	// ErrHeadersNotSupported: the server does not take headers.
	ErrHeadersNotSupported = actors.ErrHeadersNotSupported
	// ErrSlowConsumer: messages were dropped because the subscription is too slow.
	ErrSlowConsumer = actors.ErrSlowConsumer
	// ErrBadSubscription: the subscription is nil, closed, or was not possible.
	ErrBadSubscription = actors.ErrBadSubscription
	// ErrMaxMessages: the subscription has delivered as many messages as it was asked for.
	ErrMaxMessages = actors.ErrMaxMessages
	// ErrNoResponders: nobody is subscribed to the subject of a request.
	ErrNoResponders = actors.ErrNoResponders
	// ErrFlushTimeout: the server did not confirm a flush in time. It is an ErrTimeout.
	ErrFlushTimeout = actors.ErrFlushTimeout
	// ErrTooManyRequests: as many requests wait as a connection can hold.
	ErrTooManyRequests = actors.ErrTooManyRequests
	// ErrSecureConnWanted: the server does not offer the TLS that was asked for.
	ErrSecureConnWanted = actors.ErrSecureConnWanted
	// ErrSecureConnFailed: the TLS handshake failed.
	ErrSecureConnFailed = actors.ErrSecureConnFailed
	// ErrTLS is nats.go's name for ErrSecureConnFailed.
	ErrTLS = actors.ErrSecureConnFailed
	// ErrWriteTimeout: the socket did not take what was written in time.
	ErrWriteTimeout = actors.ErrWriteTimeout
	// ErrForcedReconnect: the link was given up because ForceReconnect was called.
	ErrForcedReconnect = actors.ErrForcedReconnect

	// ErrTimeout: something did not happen in time. It is a context.DeadlineExceeded.
	ErrTimeout = protocol.ErrTimeout
	// ErrBadSubject: a subject cannot be used in its role.
	ErrBadSubject = protocol.ErrBadSubject
	// ErrBadQueueName: a queue group's name cannot be used. It is an ErrBadSubject.
	ErrBadQueueName = protocol.ErrBadQueueName
	// ErrMaxPayload: header and payload are larger than the server takes.
	ErrMaxPayload = protocol.ErrMaxPayload
	// ErrBadHeaderMsg: a header block cannot be decoded, or a field not encoded.
	ErrBadHeaderMsg = protocol.ErrBadHeaderMsg
	// ErrAuthorization: the server refused the credentials.
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
	// ErrStaleConnection: the server did not answer PINGs in time, or ended the connection.
	ErrStaleConnection = protocol.ErrStaleConnection
	// ErrNoInfoReceived: the server did not begin with INFO.
	ErrNoInfoReceived = protocol.ErrNoInfoReceived
	// ErrProtocol: a peer said what the protocol does not know.
	ErrProtocol = protocol.ErrProtocol
	// ErrWrongPort: the address is one for servers, not for clients.
	ErrWrongPort = protocol.ErrWrongPort
	// ErrJsonParse: INFO or CONNECT carried no valid JSON. The spelling is nats.go's.
	ErrJsonParse = protocol.ErrJSONParse
	// ErrSecureConnRequired: the server insists on TLS.
	ErrSecureConnRequired = protocol.ErrSecureConnRequired
	// ErrMaxConnectionsExceeded: the server is full.
	ErrMaxConnectionsExceeded = protocol.ErrMaxConnectionsExceeded
	// ErrMaxAccountConnectionsExceeded: the account is full.
	ErrMaxAccountConnectionsExceeded = protocol.ErrMaxAccountConnectionsExceeded
	// ErrMaxSubscriptionsExceeded: the server takes no more subscriptions.
	ErrMaxSubscriptionsExceeded = protocol.ErrMaxSubscriptionsExceeded
	// ErrServer: the server reported something that we do not know.
	ErrServer = protocol.ErrServer

	// ErrHandlerFailed is the parent of everything that a handler can do wrong.
	ErrHandlerFailed = supervisor.ErrHandlerFailed
	// ErrHandlerPanic: a handler panicked; see PanicError.
	ErrHandlerPanic = supervisor.ErrHandlerPanic
	// ErrHandlerExit: a handler ended its goroutine.
	ErrHandlerExit = supervisor.ErrHandlerExit
	// ErrRestartLimit: a handler failed more often than its policy allows.
	ErrRestartLimit = supervisor.ErrRestartLimit
	// ErrUnhealthy: a part of the tree is not well; see HealthError.
	ErrUnhealthy = supervisor.ErrUnhealthy
	// ErrBadPolicy: a policy cannot be meant as written. See PolicyError.
	ErrBadPolicy = supervisor.ErrBadPolicy
)

// Kinds of errors that are born in this package.
var (
	// ErrInvalidConnection: the connection is nil.
	ErrInvalidConnection error = kind.New("troupe: invalid connection")
	// ErrInvalidMsg: the message is nil.
	ErrInvalidMsg error = kind.New("troupe: invalid message or message nil")
	// ErrInvalidArg: an argument or option has a value that means nothing.
	ErrInvalidArg error = kind.New("troupe: invalid argument")
	// ErrInvalidContext: the context is nil.
	ErrInvalidContext error = kind.New("troupe: invalid context")
	// ErrNoDeadlineContext: the context has no deadline and the call needs one.
	ErrNoDeadlineContext error = kind.New("troupe: context requires a deadline")
	// ErrBadTimeout: a duration is negative, or zero where that means nothing.
	ErrBadTimeout error = kind.New("troupe: timeout invalid", ErrInvalidArg)
	// ErrInvalidCallback: a handler is nil.
	ErrInvalidCallback error = kind.New("troupe: invalid callback", ErrInvalidArg)
	// ErrInvalidURL: a server's address cannot be read.
	ErrInvalidURL error = kind.New("troupe: invalid server URL", ErrInvalidArg)
	// ErrMsgNotBound: the message did not come from a subscription.
	ErrMsgNotBound error = kind.New("troupe: message is not bound to subscription/connection")
	// ErrMsgNoReply: the message has no reply subject.
	ErrMsgNoReply error = kind.New("troupe: message does not have a reply")
	// ErrSyncSubRequired: the subscription has a handler and cannot be read from.
	ErrSyncSubRequired error = kind.New("troupe: illegal call on an async subscription")
	// ErrTypeSubscription: the call or option is not for this type of subscription.
	ErrTypeSubscription error = kind.New("troupe: invalid subscription type")
	// ErrTokenAlreadySet: two tokens were given.
	ErrTokenAlreadySet error = kind.New("troupe: token and token handler both set", ErrInvalidArg)
	// ErrMultipleTLSConfigs: Secure was given more than one configuration.
	ErrMultipleTLSConfigs error = kind.New("troupe: multiple tls.Configs not allowed", ErrInvalidArg)
	// ErrNoEchoNotSupported: the server does not know NoEcho.
	ErrNoEchoNotSupported error = kind.New("troupe: no echo option not supported by this server")
	// ErrClientIDNotSupported: the server does not number its clients.
	ErrClientIDNotSupported error = kind.New("troupe: client ID not supported by this server")
	// ErrClientIPNotSupported: the server does not tell its clients' addresses.
	ErrClientIPNotSupported error = kind.New("troupe: client IP not supported by this server")
	// ErrCloseTimeout: not everything had ended when the time for a close was up.
	ErrCloseTimeout error = kind.New("troupe: close timed out", ErrTimeout)
)

// Errors with data, for errors.As.
type (
	// BadSubjectError says why a subject or queue name cannot be used.
	BadSubjectError = protocol.BadSubjectError
	// HeaderError says which header field cannot be sent, or what of a block not be read.
	HeaderError = protocol.HeaderError
	// ServerError is what a server reported.
	ServerError = protocol.ServerError
	// MaxPayloadError says which message was too large.
	MaxPayloadError = actors.MaxPayloadError
	// OutboundBufferLimitError says how much waits for a connection.
	OutboundBufferLimitError = actors.OutboundBufferLimitError
	// SlowConsumerError reports a subscription that could not keep up.
	SlowConsumerError = actors.SlowConsumerError
	// StaleConnectionError says that a server has not answered for too long.
	StaleConnectionError = actors.StaleConnectionError
	// NoServersError lists what was tried before giving up.
	NoServersError = actors.NoServersError
	// ServerAttempt is one try to connect to one server.
	ServerAttempt = actors.ServerAttempt
	// ConnectionClosedError says why a connection is closed.
	ConnectionClosedError = actors.ConnectionClosedError
	// DialError is a failed attempt to reach a server.
	DialError = actors.DialError
	// LinkError is the loss of a live connection.
	LinkError = actors.LinkError
	// TimeoutError is a wait that ended without what was waited for.
	TimeoutError = actors.TimeoutError
	// RequestLostError is a request whose link was lost while it waited.
	RequestLostError = actors.RequestLostError
	// DrainTimeoutError says what a drain had to leave unfinished.
	DrainTimeoutError = actors.DrainTimeoutError
	// PanicError is a recovered panic of a handler.
	PanicError = supervisor.PanicError
	// IntensityError is a failure that was one too many for its policy.
	IntensityError = supervisor.IntensityError
	// HealthError names what is not well, and why.
	HealthError = supervisor.HealthError
	// PolicyError names a field of a policy that cannot be meant as written.
	PolicyError = supervisor.PolicyError
)

// InvalidArgError says which argument or option was refused. Nothing was sent.
type InvalidArgError struct {
	Kind   error  // ErrInvalidArg or a kind below it
	What   string // the argument or option
	Reason string // what is wrong with it
}

// Error names the argument and the reason.
func (e *InvalidArgError) Error() string {
	return fmt.Sprintf("%v: %s %s", e.Kind, e.What, e.Reason)
}

// Unwrap returns the kind.
func (e *InvalidArgError) Unwrap() []error { return []error{e.Kind} }

// BadTimeoutError says which duration was refused. Nothing was sent.
type BadTimeoutError struct {
	Op    string
	Value time.Duration
}

// Error names the operation and the value.
func (e *BadTimeoutError) Error() string {
	return fmt.Sprintf("%v: %s: %v", ErrBadTimeout, e.Op, e.Value)
}

// Unwrap returns ErrBadTimeout.
func (e *BadTimeoutError) Unwrap() []error { return []error{ErrBadTimeout} }

// InvalidCallbackError says where a handler was nil.
type InvalidCallbackError struct{ Where string }

// Error names the place.
func (e *InvalidCallbackError) Error() string {
	return fmt.Sprintf("%v: nil handler for %s", ErrInvalidCallback, e.Where)
}

// Unwrap returns ErrInvalidCallback and, as nats.go has it, ErrBadSubscription.
func (e *InvalidCallbackError) Unwrap() []error {
	return []error{ErrInvalidCallback, ErrBadSubscription}
}

// NoRespondersError says that nobody was subscribed to the subject of a request.
type NoRespondersError struct{ Subject string }

// Error names the subject.
func (e *NoRespondersError) Error() string {
	if e.Subject == "" {
		return ErrNoResponders.Error()
	}
	return fmt.Sprintf("%v: %q", ErrNoResponders, e.Subject)
}

// Unwrap returns ErrNoResponders.
func (e *NoRespondersError) Unwrap() []error { return []error{ErrNoResponders} }

// FlushTimeoutError says that the server did not confirm a flush in time. What
// was published may still arrive.
type FlushTimeoutError struct {
	Op       string // flush, or the call that flushes
	After    time.Duration
	Buffered int // bytes that wait to be written
}

// Error names the operation and the timeout.
func (e *FlushTimeoutError) Error() string {
	return fmt.Sprintf("%v: %s: no answer within %v, %d bytes wait", ErrFlushTimeout, e.Op, e.After, e.Buffered)
}

// Timeout reports true, as net.Error wants it.
func (e *FlushTimeoutError) Timeout() bool { return true }

// Unwrap returns ErrFlushTimeout.
func (e *FlushTimeoutError) Unwrap() []error { return []error{ErrFlushTimeout} }

// ConnectionStateError is a call that the connection's state does not allow.
type ConnectionStateError struct {
	Op    string
	State Status
}

// Error names the operation and the state.
func (e *ConnectionStateError) Error() string {
	return fmt.Sprintf("troupe: %s: connection is %v", e.Op, e.State)
}

// Unwrap returns ErrConnectionReconnecting and ErrDisconnected.
func (e *ConnectionStateError) Unwrap() []error {
	return []error{ErrConnectionReconnecting, ErrDisconnected}
}

// CloseTimeoutError says what had not ended when the time for a close was up.
// The connection is closed all the same; what is listed ends by itself.
type CloseTimeoutError struct {
	Report Report
	Cause  error // the context's error, nil when the default bound passed
}

// Error lists what did not end.
func (e *CloseTimeoutError) Error() string {
	return fmt.Sprintf("%v: %d unfinished %v", ErrCloseTimeout, len(e.Report.Unfinished), e.Report.Unfinished)
}

// Unwrap returns ErrCloseTimeout and the cause.
func (e *CloseTimeoutError) Unwrap() []error { return []error{ErrCloseTimeout, e.Cause} }

// badArg makes an InvalidArgError of the general kind.
func badArg(what, reason string) error {
	return &InvalidArgError{Kind: ErrInvalidArg, What: what, Reason: reason}
}
