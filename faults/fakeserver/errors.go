package fakeserver

import (
	"errors"
	"fmt"
	"strconv"
)

// Kinds of errors, for errors.Is.
var (
	// ErrClosed: the server was closed.
	ErrClosed = errors.New("fakeserver: server is closed")
	// ErrGone: the connection of a client has ended.
	ErrGone = errors.New("fakeserver: client is gone")
	// ErrQueueFull: more bytes wait to be written to a client than its queue takes.
	ErrQueueFull = errors.New("fakeserver: queue of a client is full")
	// ErrCut: the connection was ended by Client.Close or Client.Reset.
	ErrCut = errors.New("fakeserver: client was cut")
	// ErrRefused: the server did not let a client in, or refused what it asked for.
	ErrRefused = errors.New("fakeserver: client was refused")
)

// ClientError says why the connection of a client has ended. It matches [ErrGone] and
// its cause.
type ClientError struct {
	// Client is its number.
	Client int
	// Said is the text of the -ERR that the server sent, empty for none.
	Said string
	// Cause is an io.EOF if the client left, a *protocol.Error for bytes that are not a
	// frame, ErrQueueFull, ErrCut, ErrRefused, ErrClosed, or an error of the socket.
	Cause error
}

// Error names the client, the cause, and the -ERR that was sent.
func (e *ClientError) Error() string {
	text := ErrGone.Error() + ": number " + strconv.Itoa(e.Client) + ": " + e.Cause.Error()
	if e.Said != "" {
		text += " (said " + strconv.Quote(e.Said) + ")"
	}
	return text
}

// Unwrap returns ErrGone and the cause.
func (e *ClientError) Unwrap() []error { return []error{ErrGone, e.Cause} }

// QueueFullError says what did not fit into a client's queue. Nothing of it was queued.
// It matches [ErrQueueFull].
type QueueFullError struct {
	Client              int // its number
	Size, Queued, Limit int // bytes that did not fit, that wait, and that the queue takes
}

// Error names the client and the sizes.
func (e *QueueFullError) Error() string {
	return fmt.Sprintf("%v: number %d: %d bytes after %d, the limit is %d", ErrQueueFull, e.Client, e.Size, e.Queued, e.Limit)
}

// Unwrap returns ErrQueueFull.
func (e *QueueFullError) Unwrap() error { return ErrQueueFull }

// WaitError says what a call waited for when its context ended. It matches the cause of
// the context.
type WaitError struct {
	What      string // what the call waited for, in words
	Want, Got int    // how many it waited for, and how many there were
	Cause     error  // the context's
}

// Error names what did not happen.
func (e *WaitError) Error() string {
	return fmt.Sprintf("fakeserver: waited for %d %s, there were %d: %v", e.Want, e.What, e.Got, e.Cause)
}

// Unwrap returns the context's cause.
func (e *WaitError) Unwrap() error { return e.Cause }
