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
	// ErrIncomplete: a list has not everything. See IncompleteError.
	ErrIncomplete JetStreamError = born("list is incomplete", ErrJetStream).In(kind.Unavailable, kind.Retry)
	// ErrInterrupted: a snapshot or a restore ended before it was whole. See InterruptedError.
	ErrInterrupted JetStreamError = born("interrupted", ErrJetStream).In(kind.Unavailable, kind.Retry)
	// ErrDigestMismatch: the bytes are not those that the digest is of.
	ErrDigestMismatch JetStreamError = born("digest does not match", ErrJetStream).In(kind.Input)
	// ErrNotSystemAccount: the call is one of the system account, and the connection is not in it.
	ErrNotSystemAccount JetStreamError = born("not in the system account", ErrJetStream).In(kind.Permission)

	errNoInfo    error = kind.New("no info in it", ErrInvalidJetStreamResponse).In(kind.Protocol, kind.MaybeSent)
	errNoSuccess error = kind.New("it says neither success nor why not", ErrInvalidJetStreamResponse).In(kind.Protocol, kind.MaybeSent)
	errStopped   error = kind.New("left by its reader", ErrJetStream).In(kind.Canceled)
	errStuck     error = kind.New("the server gives the same page again and again", ErrInvalidJetStreamResponse).In(kind.Protocol)
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

// IncompleteError says what a list has not. It is an ErrIncomplete and what Err is.
type IncompleteError struct {
	Op      string            // "list streams"
	Stream  string            // whose consumers they are; empty for streams
	Listed  int               // how many came before
	Missing []string          // names of which no server told more, in order
	Offline map[string]string // those of them that a server cannot run, and why
	Err     error             // why a page is missing; nil if all came
}

// Error says what there is, and what there is not.
func (e *IncompleteError) Error() string {
	text := fmt.Sprintf("troupe: %s: incomplete after %d", about(e.Op, e.Stream, ""), e.Listed)
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

// NotSupportedError says what a server left out because it does not know it. It is an
// ErrNotSupported and what Err is.
type NotSupportedError struct {
	Op               string // "create stream"
	Stream, Consumer string // Consumer is empty for a stream
	Feature          string // the field of the config
	RolledBack       bool   // what the call had made is removed again
	RollbackErr      error  // why it could not be removed; nil if it was, or if it was there before
	Err              error  // the kind
}

// Error names the feature, and what is left.
func (e *NotSupportedError) Error() string {
	text := "troupe: " + about(e.Op, e.Stream, e.Consumer) + ": the server does not support " + e.Feature
	switch {
	case e.RolledBack:
		return text + "; it is removed again"
	case e.RollbackErr != nil:
		return text + "; it could not be removed: " + plain(e.RollbackErr)
	default:
		return text
	}
}

// Unwrap returns the kind, and why what was made is still there.
func (e *NotSupportedError) Unwrap() []error { return []error{e.Err, e.RollbackErr} }

// ConsumerTypeError says which consumer is none of the kind that the call is for. It is
// an ErrNotPullConsumer or an ErrNotPushConsumer.
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

// InterruptedError says how a snapshot or a restore ended before it was whole, and how
// far it was. Nothing of a restore is left on the server; what a snapshot has written so
// far is of no use. It is an ErrInterrupted and what Err is.
type InterruptedError struct {
	Op, Stream string
	Chunks     int    // that were written, or acknowledged by the server
	Bytes      int64  // in them
	Reason     string // "the link was lost", "408 No Flow Response"
	Err        error
}

// Error says how far it was, and why it ended.
func (e *InterruptedError) Error() string {
	return fmt.Sprintf("troupe: %s: interrupted after %d chunks of %d bytes: %s: %s",
		about(e.Op, e.Stream, ""), e.Chunks, e.Bytes, e.Reason, plain(e.Err))
}

// Unwrap returns ErrInterrupted and the cause.
func (e *InterruptedError) Unwrap() []error { return []error{ErrInterrupted, e.Err} }
