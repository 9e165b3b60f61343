package jetstream

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors of fast batches that this package raises.
var (
	// ErrFastBatchGap: messages of a FastPublisher were lost and are not stored. See
	// FastGapError. It is fatal for the batch.
	ErrFastBatchGap error = kind.New("troupe: fast batch gap detected", ErrJetStream).In(kind.Connection)
	// ErrFastBatchUnknown: the stream has forgotten a batch, and messages of it may have been
	// stored. See FastUnknownError. It is fatal for the batch.
	ErrFastBatchUnknown error = kind.New("troupe: fast batch forgotten by the server", ErrJetStream).In(kind.Connection, kind.MaybeSent)
)

// FastMsgError says which message of a FastPublisher the stream has refused, and why.
// With WithFastPublisherContinueOnGap the messages after it are stored anyway.
type FastMsgError struct {
	Seq uint64 // number of the message, as in FastPubAck
	Err error  // the server's refusal
}

// Error says which message and why.
func (e *FastMsgError) Error() string {
	return fmt.Sprintf("troupe: fast batch: message %d: %s", e.Seq, plain(e.Err))
}

// Unwrap returns the server's refusal.
func (e *FastMsgError) Unwrap() error { return e.Err }

// FastGapError says which messages of a FastPublisher were lost. They are not stored.
type FastGapError struct {
	First, Last uint64 // numbers of the messages, inclusive
}

// Error says which.
func (e *FastGapError) Error() string {
	return fmt.Sprintf("troupe: fast batch: messages %d to %d were lost", e.First, e.Last)
}

// Unwrap returns ErrFastBatchGap.
func (e *FastGapError) Unwrap() error { return ErrFastBatchGap }

// FastUnknownError says which messages of a FastPublisher may have been stored, or not: the
// link or the leader was lost, and the stream has forgotten the batch. They have no Msg-Id, or
// were sent before the duplicate window (see WithDuplicateWindow), so sending them again could
// have stored them twice. Messages after Last are not stored.
type FastUnknownError struct {
	First, Last uint64 // numbers of the messages, inclusive
	Cause       error  // why the publisher gave up; nil if only because of this
}

// Error says which.
func (e *FastUnknownError) Error() string {
	text := fmt.Sprintf("troupe: fast batch: messages %d to %d may have been stored", e.First, e.Last)
	if e.Cause != nil {
		text += ": " + plain(e.Cause)
	}
	return text
}

// Unwrap returns ErrFastBatchUnknown, and the cause if there is one.
func (e *FastUnknownError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrFastBatchUnknown}
	}
	return []error{ErrFastBatchUnknown, e.Cause}
}
