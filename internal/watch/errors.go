package watch

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
)

// Kinds of errors of this package.
var (
	// ErrSlow: as many events waited as the watcher allows. See SlowError.
	ErrSlow error = kind.New("troupe: watcher too slow", jetstream.ErrJetStream).In(kind.Limit, kind.Retry)
	// ErrUndecoded: a message of a store cannot be decoded. See DecodeError.
	ErrUndecoded error = kind.New("troupe: message not understood", jetstream.ErrJetStream).In(kind.Protocol)
)

// SlowError says which watcher ended because its events were not taken.
type SlowError struct {
	Watcher string
	Waiting int // events that waited
}

// Error says how many events waited.
func (e *SlowError) Error() string {
	return fmt.Sprintf("%v: %d events of %s wait", ErrSlow, e.Waiting, e.Watcher)
}

// Unwrap returns ErrSlow.
func (e *SlowError) Unwrap() error { return ErrSlow }

// DecodeError says which message could not be decoded.
type DecodeError struct {
	Subject  string
	Revision uint64
	Err      error // the error of Config.Decode
}

// Error says which, and why.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("%v: %q, revision %d: %v", ErrUndecoded, e.Subject, e.Revision, e.Err)
}

// Unwrap returns ErrUndecoded and the cause.
func (e *DecodeError) Unwrap() []error { return []error{ErrUndecoded, e.Err} }

// GapError says that a stream was replaced, or has lost its newest messages, while it was read.
// It is a jetstream.ErrStreamRegressed; the same call may be tried again.
type GapError struct {
	Stream string
	Gap    jetstream.Gap
}

// Error says why.
func (e *GapError) Error() string {
	return fmt.Sprintf("troupe: stream %q changed while it was read: %v", e.Stream, e.Gap)
}

// Unwrap returns jetstream.ErrStreamRegressed.
func (e *GapError) Unwrap() error { return jetstream.ErrStreamRegressed }

// Category returns kind.Conflict.
func (e *GapError) Category() kind.Category { return kind.Conflict }

// Retryable reports true: the program has nothing to decide first.
func (e *GapError) Retryable() bool { return true }

// MaybeSent reports false: nothing was changed.
func (e *GapError) MaybeSent() bool { return false }
