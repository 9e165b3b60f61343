package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// The kinds of errors that this package defines. Compare with errors.Is.
var (
	// ErrConnectionClosed: the connection is closed for good. It matches net.ErrClosed.
	ErrConnectionClosed error = kind.New("troupe: connection closed", net.ErrClosed).In(kind.Closed)
	// ErrConnectionDraining: the connection is being drained and takes no new work.
	ErrConnectionDraining error = kind.New("troupe: connection draining").In(kind.Closed)
	// ErrConnectionReconnecting: the call needs a server and there is none at the moment.
	ErrConnectionReconnecting error = kind.New("troupe: connection reconnecting").In(kind.Connection, kind.Retry)
	// ErrDisconnected: the link to the server was lost while the call waited.
	ErrDisconnected error = kind.New("troupe: server is disconnected").In(kind.Connection, kind.Retry)
	// ErrUnexpectedEOF: the server ended the connection without giving a reason.
	ErrUnexpectedEOF error = kind.New("troupe: connection ended by the server", protocol.ErrStaleConnection, io.ErrUnexpectedEOF)
	// ErrNoServers: no server could be connected to.
	ErrNoServers error = kind.New("troupe: no servers available for connection").In(kind.Connection, kind.Retry)
	// ErrOutboundBufferLimit: too many bytes wait to be sent.
	ErrOutboundBufferLimit error = kind.New("troupe: outbound buffer limit exceeded").In(kind.Limit, kind.Retry)
	// ErrHeadersNotSupported: the server does not support headers.
	ErrHeadersNotSupported error = kind.New("troupe: headers not supported by the server").In(kind.Server)
	// ErrSlowConsumer: messages were dropped because the subscription's handler is too slow.
	ErrSlowConsumer error = kind.New("troupe: slow consumer, messages dropped").In(kind.Limit, kind.Retry)
	// ErrBadSubscription: the subscription is closed, or is not of the kind that the call
	// needs.
	ErrBadSubscription error = kind.New("troupe: invalid subscription").In(kind.Closed)
	// ErrTooManyBlocked: too many calls of a subscription's handler do not return.
	ErrTooManyBlocked error = kind.New("troupe: too many blocked calls of a handler", supervisor.ErrHandlerBlocked)
	// ErrMaxMessages: the subscription has delivered as many messages as it was asked for.
	ErrMaxMessages error = kind.New("troupe: maximum messages delivered").In(kind.Closed)
	// ErrNoResponders: nobody is subscribed to the subject of a request.
	ErrNoResponders error = kind.New("troupe: no responders available for request").In(kind.Unavailable, kind.Retry)
	// ErrFlushTimeout: the server did not confirm a flush in time.
	ErrFlushTimeout error = kind.New("troupe: flush timeout", protocol.ErrTimeout)
	// ErrDrainTimeout: a drain did not finish in time; the connection was closed anyway.
	ErrDrainTimeout error = kind.New("troupe: draining connection timed out", protocol.ErrTimeout).In(kind.Timeout, kind.MaybeSent)
	// ErrTooManyRequests: the maximum number of requests is waiting.
	ErrTooManyRequests error = kind.New("troupe: too many requests waiting").In(kind.Limit, kind.Retry)
	// ErrMailboxFull: the maximum number of messages is waiting for an actor.
	ErrMailboxFull error = kind.New("troupe: mailbox full").In(kind.Limit, kind.Retry)
	// ErrActorExists: another actor below the same supervisor has that name.
	ErrActorExists error = kind.New("troupe: actor exists").In(kind.Input)
	// ErrActorElsewhere: the actor belongs to another connection.
	ErrActorElsewhere error = kind.New("troupe: actor belongs to another connection").In(kind.Input)
	// ErrSystemStopped: the actor system that a connection was put into has been shut down.
	ErrSystemStopped error = kind.New("troupe: actor system stopped").In(kind.Closed)
	// ErrInvalidContext: the context is nil.
	ErrInvalidContext error = kind.New("troupe: invalid context").In(kind.Input)
	// ErrActorStopped: the actor has ended.
	ErrActorStopped error = kind.New("troupe: actor stopped").In(kind.Closed)
	// ErrForcedReconnect: the link was given up because the program asked for it.
	ErrForcedReconnect error = kind.New("troupe: reconnect forced", ErrDisconnected)
	// ErrWriteTimeout: the socket did not accept the data in time.
	ErrWriteTimeout error = kind.New("troupe: write timeout", protocol.ErrTimeout)
	// ErrNoConnection: a dialer returned neither a connection nor an error.
	ErrNoConnection error = kind.New("troupe: dialer returned no connection").In(kind.Handler)
	// ErrWebSocketUpgrade: what was dialed did not become a WebSocket.
	ErrWebSocketUpgrade error = kind.New("troupe: websocket upgrade failed").In(kind.Protocol)
	// ErrInternal: an actor of the library itself failed repeatedly.
	ErrInternal error = kind.New("troupe: internal failure").In(kind.Internal, kind.MaybeSent)
)

// MaxPayloadError reports a message that is larger than the server accepts. It was not
// sent, unless ByServer.
type MaxPayloadError struct {
	Subject    string // empty if ByServer
	Size       int    // header block and payload, bytes; 0 if ByServer
	HeaderSize int    // header block alone, bytes
	Limit      int    // of the server, bytes
	ByServer   bool   // the server reported it, without naming the message, and closed the connection
	Err        error  // its *protocol.ServerError; nil unless ByServer
}

// Error describes the message and the limit.
func (e *MaxPayloadError) Error() string {
	if e.ByServer {
		return fmt.Sprintf("%v: the limit is %d bytes", e.Err, e.Limit)
	}
	return fmt.Sprintf("troupe: maximum payload exceeded: %d bytes for %q, the server accepts %d", e.Size, e.Subject, e.Limit)
}

// Unwrap returns ErrMaxPayload and the server's error.
func (e *MaxPayloadError) Unwrap() []error { return []error{protocol.ErrMaxPayload, e.Err} }

// OutboundBufferLimitError reports a full outbound buffer. Nothing of the refused message
// was kept.
type OutboundBufferLimitError struct {
	Buffered int // bytes that wait
	Need     int // bytes of the refused message
	Limit    int // bytes; negative when buffering is off
}

// Error describes the buffer.
func (e *OutboundBufferLimitError) Error() string {
	return fmt.Sprintf("troupe: outbound buffer limit exceeded: %d bytes buffered, %d more needed, limit %d", e.Buffered, e.Need, e.Limit)
}

// Unwrap returns ErrOutboundBufferLimit.
func (e *OutboundBufferLimitError) Unwrap() []error { return []error{ErrOutboundBufferLimit} }

// BadSubscriptionError says which subscription has ended, and why.
type BadSubscriptionError struct {
	Subject string
	Queue   string // its queue group
	SID     uint64
	Cause   error // what ended it; nil if it ended on request or after its last message
}

// Error names the subscription and the cause.
func (e *BadSubscriptionError) Error() string {
	s := fmt.Sprintf("%v: the one on %q has ended", ErrBadSubscription, e.Subject)
	if e.Cause != nil {
		s += ": " + kind.Plain(e.Cause)
	}
	return s
}

// Unwrap returns ErrBadSubscription and the cause.
func (e *BadSubscriptionError) Unwrap() []error { return []error{ErrBadSubscription, e.Cause} }

// TooManyBlockedError says that a subscription was ended because another call of its
// handler blocked when the maximum number of calls had already been given up without
// returning.
type TooManyBlockedError struct {
	Subject string
	Calls   int   // calls that had been given up
	Cause   error // the last call
}

// Error counts the calls.
func (e *TooManyBlockedError) Error() string {
	s := fmt.Sprintf("%v: %d on %q do not return", ErrTooManyBlocked, e.Calls, e.Subject)
	if e.Cause != nil {
		s += ": " + kind.Plain(e.Cause)
	}
	return s
}

// Unwrap returns ErrTooManyBlocked and the last call.
func (e *TooManyBlockedError) Unwrap() []error { return []error{ErrTooManyBlocked, e.Cause} }

// SlowConsumerError reports a subscription that could not keep up.
type SlowConsumerError struct {
	Subject      string
	Queue        string
	SID          uint64
	PendingMsgs  int
	PendingBytes int64
	LimitMsgs    int
	LimitBytes   int
	Dropped      uint64 // messages lost on this subscription so far
	DroppedBytes uint64
	Budget       int // of the connection, bytes, if that was exhausted; 0 for a limit of the subscription itself
}

// Error describes the subscription and what it lost.
func (e *SlowConsumerError) Error() string {
	text := fmt.Sprintf("troupe: slow consumer on %q: %d messages dropped, %d pending (limit %d)", e.Subject, e.Dropped, e.PendingMsgs, e.LimitMsgs)
	if e.Budget > 0 {
		text += fmt.Sprintf(", no room in the connection's budget of %d bytes", e.Budget)
	}
	return text
}

// Unwrap returns ErrSlowConsumer.
func (e *SlowConsumerError) Unwrap() []error { return []error{ErrSlowConsumer} }

// MailboxFullError says which actor had no room for a message. The actor did not get it.
type MailboxFullError struct {
	Path  string // of the actor
	Limit int    // messages
	Cause error  // what ended the wait for room; nil without a wait
}

// Error names the actor and the limit.
func (e *MailboxFullError) Error() string {
	s := fmt.Sprintf("%v: %s has %d messages waiting", ErrMailboxFull, e.Path, e.Limit)
	if e.Cause != nil {
		s += ": " + kind.Plain(e.Cause)
	}
	return s
}

// Unwrap returns ErrMailboxFull and the cause.
func (e *MailboxFullError) Unwrap() []error { return []error{ErrMailboxFull, e.Cause} }

// ActorStoppedError says which actor has ended, and why.
type ActorStoppedError struct {
	Path  string // of the actor; empty for a zero ref
	Cause error  // the failure, or the end of the connection; nil for a stop on request
}

// Error names the actor and the cause.
func (e *ActorStoppedError) Error() string {
	s := ErrActorStopped.Error()
	if e.Path != "" {
		s += ": " + e.Path
	}
	if e.Cause != nil {
		s += ": " + kind.Plain(e.Cause)
	}
	return s
}

// Unwrap returns ErrActorStopped and the cause.
func (e *ActorStoppedError) Unwrap() []error { return []error{ErrActorStopped, e.Cause} }

// AsAsked reports whether err is the end of an actor on request.
func AsAsked(err error) bool {
	stopped, ok := errors.AsType[*ActorStoppedError](err)
	return ok && stopped.Cause == nil && stopped.Path != ""
}

// ServerAttempt is one try to connect to one server.
type ServerAttempt struct {
	URL string // without credentials
	Err error
	At  time.Time
}

// NoServersError lists the attempts made before giving up. Its category is that of all
// attempts if they agree.
type NoServersError struct{ Attempts []ServerAttempt }

// Error names the last attempt.
func (e *NoServersError) Error() string {
	if len(e.Attempts) == 0 {
		return ErrNoServers.Error()
	}
	last := e.Attempts[len(e.Attempts)-1]
	text := kind.Plain(last.Err)
	if failed, ok := errors.AsType[*DialError](last.Err); !ok || failed.URL != last.URL {
		text = last.URL + ": " + text
	}
	plural := "s"
	if len(e.Attempts) == 1 {
		plural = ""
	}
	return fmt.Sprintf("%v: %s (%d attempt%s)", ErrNoServers, text, len(e.Attempts), plural)
}

// Unwrap returns ErrNoServers and the cause of every attempt.
func (e *NoServersError) Unwrap() []error {
	all := []error{ErrNoServers}
	for _, a := range e.Attempts {
		all = append(all, a.Err)
	}
	return all
}

// Category returns the category that all attempts agree on, or else Connection.
func (e *NoServersError) Category() kind.Category {
	for i := range e.Attempts {
		if kind.CategoryOf(e.Attempts[i].Err) != kind.CategoryOf(e.Attempts[0].Err) {
			return kind.Connection
		}
	}
	if len(e.Attempts) == 0 {
		return kind.Connection
	}
	return kind.CategoryOf(e.Attempts[0].Err)
}

// Retryable reports whether one of the attempts may succeed later.
func (e *NoServersError) Retryable() bool {
	for _, a := range e.Attempts {
		if kind.CanRetry(a.Err) {
			return true
		}
	}
	return len(e.Attempts) == 0
}

// MaybeSent reports false: without a server nothing is sent.
func (e *NoServersError) MaybeSent() bool { return false }

// ConnectionClosedError says why a connection is closed.
type ConnectionClosedError struct {
	Cause error // nil after Close or Drain
	Sent  bool  // it was closed while the call waited, and the data of the call may have been sent
}

// MaybeSent returns Sent.
func (e *ConnectionClosedError) MaybeSent() bool { return e.Sent }

// Category is always Closed, whatever the cause.
func (e *ConnectionClosedError) Category() kind.Category { return kind.Closed }

// Retryable reports false: a new connection is needed.
func (e *ConnectionClosedError) Retryable() bool { return false }

// Error names the cause.
func (e *ConnectionClosedError) Error() string {
	if e.Cause == nil {
		return ErrConnectionClosed.Error()
	}
	return ErrConnectionClosed.Error() + ": " + kind.Plain(e.Cause)
}

// Unwrap returns ErrConnectionClosed and the cause.
func (e *ConnectionClosedError) Unwrap() []error { return []error{ErrConnectionClosed, e.Cause} }

// ConnectionStateError reports a call that needs a server while there is none. Nothing
// was sent.
type ConnectionStateError struct {
	Op    string
	State Status
	Cause error // of the loss or the last attempt; nil before the first
}

// Error names the operation, the state and the cause.
func (e *ConnectionStateError) Error() string {
	s := fmt.Sprintf("troupe: %s: connection is %v", e.Op, e.State)
	if e.Cause != nil {
		s += ": " + kind.Plain(e.Cause)
	}
	return s
}

// Unwrap returns ErrConnectionReconnecting, ErrDisconnected and the cause.
func (e *ConnectionStateError) Unwrap() []error {
	return []error{ErrConnectionReconnecting, ErrDisconnected, e.Cause}
}

// TimeoutError reports a wait that ended without result because its time was over.
type TimeoutError struct {
	Op      string
	Subject string        // what was waited on; empty when it has no subject
	After   time.Duration // the timeout, or the time until the context's deadline
	Elapsed time.Duration // how long the call waited
	Cause   error         // context.Cause of the caller's context; nil for the call's own timeout
	Sent    bool          // the data of the call may have been sent
}

// MaybeSent returns Sent.
func (e *TimeoutError) MaybeSent() bool { return e.Sent }

// Category is always Timeout, whatever the cause.
func (e *TimeoutError) Category() kind.Category { return kind.Timeout }

// Retryable reports true.
func (e *TimeoutError) Retryable() bool { return true }

// Error names the operation and the timeout.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("troupe: %s: timeout after %v", waitingFor(e.Op, e.Subject), e.After)
}

// Timeout reports true, as net.Error wants it.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap returns ErrTimeout, which is a context.DeadlineExceeded, and the cause.
func (e *TimeoutError) Unwrap() []error { return []error{protocol.ErrTimeout, e.Cause} }

// CanceledError reports a wait that the cancellation of the caller's context ended. It
// matches context.Canceled but not ErrTimeout.
type CanceledError struct {
	Op      string
	Subject string        // what was waited on; empty when it has no subject
	Elapsed time.Duration // how long the call waited
	Cause   error         // context.Cause of the context
	Sent    bool          // the data of the call may have been sent
}

// MaybeSent returns Sent.
func (e *CanceledError) MaybeSent() bool { return e.Sent }

// Category is always Canceled, whatever the cause.
func (e *CanceledError) Category() kind.Category { return kind.Canceled }

// Retryable reports false: the caller gave up.
func (e *CanceledError) Retryable() bool { return false }

// Error names the operation and the cause.
func (e *CanceledError) Error() string {
	return fmt.Sprintf("troupe: %s: given up after %v: %s", waitingFor(e.Op, e.Subject), e.Elapsed, kind.Plain(e.Cause))
}

// Unwrap returns context.Canceled and the cause.
func (e *CanceledError) Unwrap() []error { return []error{context.Canceled, e.Cause} }

func waitingFor(op, subject string) string {
	if subject == "" {
		return op
	}
	return op + " on " + strconv.Quote(subject)
}

// Interrupted returns the error of a wait that ctx has ended: a *TimeoutError
// when its deadline has passed, or else a *CanceledError.
func Interrupted(ctx context.Context, op, subject string, began time.Time) error {
	elapsed := time.Since(began)
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &CanceledError{Op: op, Subject: subject, Elapsed: elapsed, Cause: context.Cause(ctx)}
	}
	e := &TimeoutError{Op: op, Subject: subject, After: elapsed, Elapsed: elapsed, Cause: context.Cause(ctx)}
	if deadline, ok := ctx.Deadline(); ok {
		e.After = max(0, deadline.Sub(began))
	}
	return e
}

// sent records in an error of Interrupted that the data of the call may have been sent.
func sent(err error) error {
	switch e := err.(type) {
	case *TimeoutError:
		e.Sent = true
	case *CanceledError:
		e.Sent = true
	}
	return err
}

// RequestLostError reports a request, or a flush, whose link was lost while it waited.
// What it sent may have been received and processed.
type RequestLostError struct {
	Op    string // request or flush
	Cause error
}

// Error names the operation and the cause.
func (e *RequestLostError) Error() string {
	return fmt.Sprintf("troupe: %s lost with its connection: %s", e.Op, kind.Plain(e.Cause))
}

// Unwrap returns ErrDisconnected and the cause.
func (e *RequestLostError) Unwrap() []error { return []error{ErrDisconnected, e.Cause} }

// MaybeSent reports true.
func (e *RequestLostError) MaybeSent() bool { return true }

// Category is always Connection, whatever the cause.
func (e *RequestLostError) Category() kind.Category { return kind.Connection }

// Retryable reports true: there will be another link.
func (e *RequestLostError) Retryable() bool { return true }

// DrainTimeoutError says what a drain left unfinished.
type DrainTimeoutError struct {
	Report Report
	Cause  error
}

// Error names what did not finish.
func (e *DrainTimeoutError) Error() string {
	return ErrDrainTimeout.Error() + ": " + e.Report.String()
}

// Unwrap returns ErrDrainTimeout and the cause.
func (e *DrainTimeoutError) Unwrap() []error { return []error{ErrDrainTimeout, e.Cause} }
