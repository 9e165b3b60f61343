package api

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Errors with data, for errors.As.
type (
	// BadSubjectError says why a subject or queue name cannot be used.
	BadSubjectError = protocol.BadSubjectError
	// HeaderError says which header field cannot be sent, or which part of a header block
	// cannot be read.
	HeaderError = protocol.HeaderError
	// ProtocolError says what a server did wrong, and where. It is an ErrProtocol.
	ProtocolError = protocol.Error
	// JSONParseError says which JSON could not be read or written.
	JSONParseError = protocol.JSONParseError
	// BadSubscriptionError says which subscription has ended, and why.
	BadSubscriptionError = actors.BadSubscriptionError
	// ConnectionStateError says that a call needs a server while there is none: Op, State,
	// and the Cause of the loss.
	ConnectionStateError = actors.ConnectionStateError
	// ServerError is an error that a server reported: its Text, its Kind, what was refused (Op),
	// Subject, Queue and SID if the text names them, the client's Reaction, and whether the server
	// Closes the connection.
	ServerError = protocol.ServerError
	// PermissionError says what the server did not allow: Op (publish, reply, subscribe)
	// on Subject, Queue and SID of a subscription, and Raw, the server's text.
	PermissionError = actors.PermissionError
	// MaxPayloadError says which message was too large: Subject, Size and Limit in bytes.
	MaxPayloadError = actors.MaxPayloadError
	// OutboundBufferLimitError says how many bytes wait to be sent, and the limit.
	OutboundBufferLimitError = actors.OutboundBufferLimitError
	// SlowConsumerError reports a subscription that could not keep up: Subject, Queue,
	// Dropped, PendingMsgs and LimitMsgs.
	SlowConsumerError = actors.SlowConsumerError
	// StaleConnectionError says that a server has not answered for too long: URL, PingsOut
	// unanswered, Interval, LastPong.
	StaleConnectionError = actors.StaleConnectionError
	// NoServersError lists the Attempts that were made before giving up.
	NoServersError = actors.NoServersError
	// ServerAttempt is one failed attempt to connect to a server: URL, Err, and the time At.
	ServerAttempt = actors.ServerAttempt
	// ConnectionClosedError says why a connection is closed: Cause, nil if the program closed
	// it.
	ConnectionClosedError = actors.ConnectionClosedError
	// DialError is a failed attempt to reach a server: URL, the Phase that failed, and Err.
	DialError = actors.DialError
	// CallbackError says which callback set by an option failed, and why.
	CallbackError = actors.CallbackError
	// LinkError is the loss of a live connection: URL, Phase (read, write, parse, stale,
	// server), and Err.
	LinkError = actors.LinkError
	// TimeoutError is a wait that took too long: Op on Subject, the time allowed (After), the
	// time Elapsed, whether something may have been Sent, and Cause if a context ended it.
	TimeoutError = actors.TimeoutError
	// CanceledError is a wait that ended because the caller's context was cancelled.
	CanceledError = actors.CanceledError
	// RequestLostError is a request or flush whose link was lost while it waited.
	RequestLostError = actors.RequestLostError
	// DrainTimeoutError says what a drain left unfinished.
	DrainTimeoutError = actors.DrainTimeoutError
	// MailboxFullError says which actor had no room for a message.
	MailboxFullError = actors.MailboxFullError
	// ActorStoppedError says which actor has ended, and why.
	ActorStoppedError = actors.ActorStoppedError
	// PanicError is a recovered panic of a handler: Value, Stack, and Message, the subject.
	PanicError = supervisor.PanicError
	// GoexitError is a handler that ended its goroutine.
	GoexitError = supervisor.GoexitError
	// HandlerError is an error that a handler returned: Err, on Subject.
	HandlerError = supervisor.HandlerError
	// BlockedError is a handler that did not return in time: how long it has run (For), and
	// the Message that it handles.
	BlockedError = supervisor.BlockedError
	// TooManyBlockedError says that too many calls of a handler have not returned.
	TooManyBlockedError = actors.TooManyBlockedError
	// EscalatedError is the failure of an actor that was escalated to its parent.
	EscalatedError = supervisor.EscalatedError
	// IntensityError says that an actor failed more often than its policy allows: Path of the
	// actor, the Intensity allowed, and the Cause of the last failure.
	IntensityError = supervisor.IntensityError
	// HealthError lists the actors that are not well, and why.
	HealthError = supervisor.HealthError
	// RetryError is a call of Retry that failed for good: the number of Attempts, the time
	// Elapsed, Errs with the error of each attempt, and Cause, why there was no further one.
	RetryError = supervisor.RetryError
	// CircuitOpenError is a call that a breaker refused: the breaker's Name and State, RetryAfter,
	// the time until another call may be let through, and LastErr, the last failure, which
	// errors.Is does not find.
	CircuitOpenError = supervisor.CircuitOpenError
	// PolicyError says which field of a policy is invalid, and why.
	PolicyError = supervisor.PolicyError
)

// InvalidArgError says which argument or option was refused. Nothing was sent.
type InvalidArgError struct {
	Kind   error  // ErrInvalidArg or a kind below it
	What   string // the argument or option
	Reason string // what is wrong with it
	Err    error  // the underlying error; nil if there is none
}

// Error names the argument and the reason.
func (e *InvalidArgError) Error() string {
	text := fmt.Sprintf("%v: %s %s", e.Kind, e.What, e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the kind and the cause.
func (e *InvalidArgError) Unwrap() []error { return []error{e.Kind, e.Err} }

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

// InvalidCallbackError says where a handler or a channel was nil.
type InvalidCallbackError struct {
	Where string
	Got   string // empty for "nil handler"
}

// Error names the place.
func (e *InvalidCallbackError) Error() string {
	got := e.Got
	if got == "" {
		got = "nil handler"
	}
	return fmt.Sprintf("%v: %s for %s", ErrInvalidCallback, got, e.Where)
}

// Unwrap returns ErrInvalidCallback and, for compatibility with nats.go, ErrBadSubscription.
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
	Op       string        // flush, or the call that flushes
	After    time.Duration // the timeout, or the time until the context's deadline
	Elapsed  time.Duration // how long the call waited
	Buffered int           // bytes that wait to be written
	Cause    error         // context.Cause of the caller's context; nil if the call's own timeout passed
}

// Error names the operation and the timeout.
func (e *FlushTimeoutError) Error() string {
	return fmt.Sprintf("%v: %s: no answer within %v, %d bytes wait", ErrFlushTimeout, e.Op, e.After, e.Buffered)
}

// Timeout returns true, as in net.Error.
func (e *FlushTimeoutError) Timeout() bool { return true }

// Unwrap returns ErrFlushTimeout and the cause.
func (e *FlushTimeoutError) Unwrap() []error { return []error{ErrFlushTimeout, e.Cause} }

// CloseTimeoutError says what had not ended when a close ran out of time. The
// connection is closed nevertheless; the listed actors end by themselves.
type CloseTimeoutError struct {
	Report Report
	Cause  error // the context's error; nil if the default limit passed
}

// Error lists what has not ended.
func (e *CloseTimeoutError) Error() string {
	return ErrCloseTimeout.Error() + ": " + e.Report.String()
}

// Unwrap returns ErrCloseTimeout and the cause.
func (e *CloseTimeoutError) Unwrap() []error { return []error{ErrCloseTimeout, e.Cause} }

// badArg returns an InvalidArgError of kind ErrInvalidArg.
func badArg(what, reason string) error {
	return &InvalidArgError{Kind: ErrInvalidArg, What: what, Reason: reason}
}

// badPolicy says which policy was refused by Validate.
func badPolicy(what string, err error) error {
	return &InvalidArgError{Kind: ErrInvalidArg, What: what, Reason: "is invalid", Err: err}
}
