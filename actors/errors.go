package actors

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// The kinds of errors that are born in this package. Compare with errors.Is.
var (
	// ErrConnectionClosed: the connection is closed for good. It is a net.ErrClosed.
	ErrConnectionClosed error = kind.New("troupe: connection closed", net.ErrClosed)
	// ErrConnectionDraining: the connection is being drained and takes no new work.
	ErrConnectionDraining error = kind.New("troupe: connection draining")
	// ErrConnectionReconnecting: the call needs a server and there is none at the moment.
	ErrConnectionReconnecting error = kind.New("troupe: connection reconnecting")
	// ErrDisconnected: the link to the server was lost while the call waited.
	ErrDisconnected error = kind.New("troupe: server is disconnected")
	// ErrUnexpectedEOF: the server ended the connection without a word.
	ErrUnexpectedEOF error = kind.New("troupe: connection ended by the server", protocol.ErrStaleConnection, io.ErrUnexpectedEOF)
	// ErrNoServers: no server could be connected to.
	ErrNoServers error = kind.New("troupe: no servers available for connection")
	// ErrOutboundBufferLimit: too much waits to be sent.
	ErrOutboundBufferLimit error = kind.New("troupe: outbound buffer limit exceeded")
	// ErrHeadersNotSupported: the server does not take headers.
	ErrHeadersNotSupported error = kind.New("troupe: headers not supported by the server")
	// ErrSlowConsumer: messages were dropped because the subscription's handler is too slow.
	ErrSlowConsumer error = kind.New("troupe: slow consumer, messages dropped")
	// ErrBadSubscription: the subscription is closed or not of the kind the call needs.
	ErrBadSubscription error = kind.New("troupe: invalid subscription")
	// ErrMaxMessages: the subscription has delivered as many messages as it was asked for.
	ErrMaxMessages error = kind.New("troupe: maximum messages delivered")
	// ErrNoResponders: nobody is subscribed to the subject of a request.
	ErrNoResponders error = kind.New("troupe: no responders available for request")
	// ErrFlushTimeout: the server did not confirm a flush in time.
	ErrFlushTimeout error = kind.New("troupe: flush timeout", protocol.ErrTimeout)
	// ErrDrainTimeout: a drain did not finish in time; the connection was closed all the same.
	ErrDrainTimeout error = kind.New("troupe: draining connection timed out", protocol.ErrTimeout)
	// ErrTooManyRequests: as many requests wait as there are tokens for.
	ErrTooManyRequests error = kind.New("troupe: too many requests waiting")
	// ErrMailboxFull: an actor has as many messages waiting as it may have.
	ErrMailboxFull error = kind.New("troupe: mailbox full")
	// ErrActorStopped: the actor has ended.
	ErrActorStopped error = kind.New("troupe: actor stopped")
	// ErrSecureConnWanted: the server does not offer the TLS that was asked for.
	ErrSecureConnWanted error = kind.New("troupe: secure connection not available")
	// ErrSecureConnFailed: the TLS handshake failed.
	ErrSecureConnFailed error = kind.New("troupe: secure connection failed")
	// ErrForcedReconnect: the link was given up because the user asked for it.
	ErrForcedReconnect error = kind.New("troupe: reconnect forced", ErrDisconnected)
	// ErrWriteTimeout: the socket did not take what was written in time.
	ErrWriteTimeout error = kind.New("troupe: write timeout", protocol.ErrTimeout)
	// ErrNoConnection: a dialer returned neither a connection nor an error.
	ErrNoConnection error = kind.New("troupe: dialer returned no connection")
	// ErrInternal: one of our own actors failed again and again.
	ErrInternal error = kind.New("troupe: internal failure")
)

// MaxPayloadError says which message was larger than the server takes.
type MaxPayloadError struct {
	Subject    string
	Size       int // header block and payload, bytes
	HeaderSize int // header block alone, bytes
	Limit      int // of the server, bytes
}

// Error describes the message and the limit.
func (e *MaxPayloadError) Error() string {
	return fmt.Sprintf("troupe: maximum payload exceeded: %d bytes for %q, the server takes %d", e.Size, e.Subject, e.Limit)
}

// Unwrap returns ErrMaxPayload.
func (e *MaxPayloadError) Unwrap() []error { return []error{protocol.ErrMaxPayload} }

// OutboundBufferLimitError says how much waits for a connection. Nothing of
// the refused message was kept.
type OutboundBufferLimitError struct {
	Buffered int // bytes that wait
	Need     int // bytes of the refused message
	Limit    int // bytes; negative when buffering is off
}

// Error describes the buffer.
func (e *OutboundBufferLimitError) Error() string {
	return fmt.Sprintf("troupe: outbound buffer limit exceeded: %d bytes wait, %d more wanted, limit %d", e.Buffered, e.Need, e.Limit)
}

// Unwrap returns ErrOutboundBufferLimit.
func (e *OutboundBufferLimitError) Unwrap() []error { return []error{ErrOutboundBufferLimit} }

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
}

// Error describes the subscription and what it lost.
func (e *SlowConsumerError) Error() string {
	return fmt.Sprintf("troupe: slow consumer on %q: %d messages dropped, %d pending (limit %d)", e.Subject, e.Dropped, e.PendingMsgs, e.LimitMsgs)
}

// Unwrap returns ErrSlowConsumer.
func (e *SlowConsumerError) Unwrap() []error { return []error{ErrSlowConsumer} }

// ServerAttempt is one try to connect to one server.
type ServerAttempt struct {
	URL string // without credentials
	Err error
	At  time.Time
}

// NoServersError lists what was tried before giving up.
type NoServersError struct{ Attempts []ServerAttempt }

// Error names the last attempt.
func (e *NoServersError) Error() string {
	if len(e.Attempts) == 0 {
		return ErrNoServers.Error()
	}
	last := e.Attempts[len(e.Attempts)-1]
	return fmt.Sprintf("%s: %s: %v (%d attempts)", ErrNoServers.Error(), last.URL, last.Err, len(e.Attempts))
}

// Unwrap returns ErrNoServers and the cause of every attempt.
func (e *NoServersError) Unwrap() []error {
	all := []error{ErrNoServers}
	for _, a := range e.Attempts {
		all = append(all, a.Err)
	}
	return all
}

// ConnectionClosedError says why a connection is closed.
type ConnectionClosedError struct {
	Cause error // nil after Close or Drain
}

// Error names the cause.
func (e *ConnectionClosedError) Error() string {
	if e.Cause == nil {
		return ErrConnectionClosed.Error()
	}
	return ErrConnectionClosed.Error() + ": " + e.Cause.Error()
}

// Unwrap returns ErrConnectionClosed and the cause.
func (e *ConnectionClosedError) Unwrap() []error { return []error{ErrConnectionClosed, e.Cause} }

// DialError is a failed attempt to reach a server, with the phase that failed.
type DialError struct {
	URL   string // without credentials
	Phase string // dial, info, tls, connect
	Err   error
}

// Error names server, phase and cause.
func (e *DialError) Error() string {
	return fmt.Sprintf("troupe: %s %s: %v", e.Phase, e.URL, e.Err)
}

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

// LinkError is the loss of a live connection to a server.
type LinkError struct {
	URL   string // without credentials
	Phase string // read, write, parse, stale, server
	Err   error
}

// Error names server, phase and cause.
func (e *LinkError) Error() string {
	return fmt.Sprintf("troupe: connection to %s lost (%s): %v", e.URL, e.Phase, e.Err)
}

// Unwrap returns the cause.
func (e *LinkError) Unwrap() error { return e.Err }

// TimeoutError is a wait that ended without what was waited for.
type TimeoutError struct {
	Op    string
	After time.Duration
}

// Error names the operation and the timeout.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("troupe: %s: timeout after %v", e.Op, e.After)
}

// Timeout reports true, as net.Error wants it.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap returns ErrTimeout.
func (e *TimeoutError) Unwrap() []error { return []error{protocol.ErrTimeout} }

// RequestLostError is a request whose link was lost while it waited. The
// request may have been received and acted upon.
type RequestLostError struct{ Cause error }

// Error names the cause.
func (e *RequestLostError) Error() string {
	return "troupe: request lost with its connection: " + e.Cause.Error()
}

// Unwrap returns ErrDisconnected and the cause.
func (e *RequestLostError) Unwrap() []error { return []error{ErrDisconnected, e.Cause} }

// DrainTimeoutError says what a drain had to leave unfinished.
type DrainTimeoutError struct {
	Report Report
	Cause  error
}

// Error names what did not finish.
func (e *DrainTimeoutError) Error() string {
	return fmt.Sprintf("%v: %d unfinished %v", ErrDrainTimeout, len(e.Report.Unfinished), e.Report.Unfinished)
}

// Unwrap returns ErrDrainTimeout and the cause.
func (e *DrainTimeoutError) Unwrap() []error { return []error{ErrDrainTimeout, e.Cause} }
