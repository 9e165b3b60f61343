package jetstream

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors of the management of streams and consumers.
var (
	// ErrAmbiguousSubject: several streams take a subject. See AmbiguousSubjectError.
	ErrAmbiguousSubject JetStreamError = born("more than one stream takes the subject", ErrJetStream).In(kind.Input)
	// ErrIncomplete: a list is incomplete. See IncompleteError.
	ErrIncomplete JetStreamError = born("list is incomplete", ErrJetStream).In(kind.Unavailable, kind.Retry)
	// ErrInterrupted: a snapshot or a restore ended before it was complete. See InterruptedError.
	ErrInterrupted JetStreamError = born("interrupted", ErrJetStream).In(kind.Unavailable, kind.Retry)
	// ErrDigestMismatch: the bytes do not match the digest.
	ErrDigestMismatch JetStreamError = born("digest does not match", ErrJetStream).In(kind.Input)
	// ErrNotSystemAccount: the call needs the system account, and the connection is not in it.
	ErrNotSystemAccount JetStreamError = born("not in the system account", ErrJetStream).In(kind.Permission)

	errNoInfo    error = kind.New("it contains no info", ErrInvalidJetStreamResponse).In(kind.Protocol, kind.MaybeSent)
	errNoSuccess error = kind.New("it reports neither success nor an error", ErrInvalidJetStreamResponse).In(kind.Protocol, kind.MaybeSent)
	errStopped   error = kind.New("abandoned by its reader", ErrJetStream).In(kind.Canceled)
	errStuck     error = kind.New("the server returns the same page repeatedly", ErrInvalidJetStreamResponse).In(kind.Protocol)
)

// AmbiguousSubjectError says which streams take a subject. It is an
// ErrAmbiguousSubject.
type AmbiguousSubjectError struct {
	Subject string
	Streams []string // in order
}

// Error names the subject and the streams.
func (e *AmbiguousSubjectError) Error() string {
	return "troupe: more than one stream takes the subject " + strconv.Quote(e.Subject) + ": " + strings.Join(e.Streams, ", ")
}

// Unwrap returns ErrAmbiguousSubject.
func (e *AmbiguousSubjectError) Unwrap() error { return ErrAmbiguousSubject }

// SubjectNotFoundError says that no stream takes a subject. It is an ErrStreamNotFound.
type SubjectNotFoundError struct {
	Subject string
}

// Error names the subject.
func (e *SubjectNotFoundError) Error() string {
	return "troupe: no stream takes the subject " + strconv.Quote(e.Subject)
}

// Unwrap returns ErrStreamNotFound.
func (e *SubjectNotFoundError) Unwrap() error { return ErrStreamNotFound }

// IncompleteError says what is missing from a list. It is an ErrIncomplete and what Err is.
type IncompleteError struct {
	Op      string            // "list streams"
	Stream  string            // whose consumers they are; empty for streams
	Listed  int               // how many names were listed before
	Missing []string          // names for which no server sent details, in order
	Offline map[string]string // those of Missing that a server cannot run, and why
	Err     error             // why a page is missing; nil if all arrived
}

// Error says what was listed, and what is missing.
func (e *IncompleteError) Error() string {
	text := fmt.Sprintf("troupe: %s: incomplete after %d names", about(e.Op, e.Stream, ""), e.Listed)
	if len(e.Missing) > 0 {
		text += ", missing " + strings.Join(e.Missing, ", ")
	}
	if e.Err != nil {
		text += ": " + plain(e.Err)
	}
	return text
}

// Unwrap returns ErrIncomplete and the cause.
func (e *IncompleteError) Unwrap() []error { return []error{ErrIncomplete, e.Err} }

// NotSupportedError says which field a server ignored because it does not know it. It is an
// ErrNotSupported and what Err is.
type NotSupportedError struct {
	Op               string // "create stream"
	Stream, Consumer string // Consumer is empty for a stream
	Feature          string // the field of the config
	RolledBack       bool   // what the call had created has been removed again
	RollbackErr      error  // why it could not be removed; nil if it was, or if it had existed before
	Err              error  // the kind
}

// Error names the feature, and what remains on the server.
func (e *NotSupportedError) Error() string {
	text := "troupe: " + about(e.Op, e.Stream, e.Consumer) + ": the server does not support " + e.Feature
	switch {
	case e.RolledBack:
		return text + "; what was created has been removed again"
	case e.RollbackErr != nil:
		return text + "; what was created could not be removed: " + plain(e.RollbackErr)
	default:
		return text
	}
}

// Unwrap returns the kind and RollbackErr.
func (e *NotSupportedError) Unwrap() []error { return []error{e.Err, e.RollbackErr} }

// ConsumerTypeError says which consumer is not of the type that the call is for. It is an
// ErrNotPullConsumer or an ErrNotPushConsumer.
type ConsumerTypeError struct {
	Stream, Consumer string
	Err              error
}

// Error names the consumer.
func (e *ConsumerTypeError) Error() string {
	return "troupe: " + about("consumer", e.Stream, e.Consumer) + ": " + plain(e.Err)
}

// Unwrap returns the kind.
func (e *ConsumerTypeError) Unwrap() error { return e.Err }

// InterruptedError says why a snapshot or a restore ended before it was complete, and how far it
// got. Nothing of a restore remains on the server; the written part of a snapshot is useless. It
// is an ErrInterrupted and what Err is.
type InterruptedError struct {
	Op, Stream string
	Chunks     int    // that were written, or acknowledged by the server
	Bytes      int64  // in them
	Reason     string // "the link was lost", "408 No Flow Response"
	Err        error
}

// Error says how far it got, and why it ended.
func (e *InterruptedError) Error() string {
	return fmt.Sprintf("troupe: %s: interrupted after %d chunks, %d bytes: %s: %s",
		about(e.Op, e.Stream, ""), e.Chunks, e.Bytes, e.Reason, plain(e.Err))
}

// Unwrap returns ErrInterrupted and the cause.
func (e *InterruptedError) Unwrap() []error { return []error{ErrInterrupted, e.Err} }
