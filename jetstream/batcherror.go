package jetstream

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors of batches that this package raises.
var (
	// ErrBatchClosed: the batch has ended and takes no more messages. It is fatal for the batch.
	ErrBatchClosed error = kind.New("troupe: batch publisher closed", ErrJetStream).In(kind.Closed)
	// ErrNoBatchFailed: the batch is open or was committed, so there is nothing to resolve.
	ErrNoBatchFailed error = kind.New("troupe: batch has not failed", ErrJetStream).In(kind.Input)
	// ErrEmptyBatch: the batch has no messages. It is fatal for the batch.
	ErrEmptyBatch error = kind.New("troupe: no messages in batch", ErrJetStream).In(kind.Input)
	// ErrInvalidBatchAck: the answer to a batch is not its acknowledgement.
	ErrInvalidBatchAck error = kind.New("troupe: invalid batch acknowledgement", ErrInvalidJSAck).In(kind.Protocol, kind.MaybeSent)
	// ErrBatchAbandoned: the server has abandoned the batch and stored nothing of it.
	ErrBatchAbandoned error = kind.New("troupe: batch abandoned by the server", ErrAtomicPublish).In(kind.Limit, kind.Retry)
)

// BatchOutcome says what happened to a batch.
type BatchOutcome uint8

// The outcomes. A batch that was committed has no error.
const (
	// BatchOpen: the call did not get its turn; the batch is unchanged.
	BatchOpen BatchOutcome = iota
	// BatchRejected: nothing of the batch was stored, and nothing will be.
	BatchRejected
	// BatchUnknown: all of it was stored, or nothing. See BatchPublisher.Resolve.
	BatchUnknown
)

// String returns the outcome in lower case.
func (o BatchOutcome) String() string {
	switch o {
	case BatchOpen:
		return "open"
	case BatchRejected:
		return "rejected"
	default:
		return "unknown"
	}
}

// BatchError says how a batch that was not committed has ended.
type BatchError struct {
	BatchID string
	Stream  string // empty if not known
	Size    int    // messages in the batch
	Outcome BatchOutcome
	Err     error // what the server said, or why there was no answer
}

// Error says what happened to the batch and why.
func (e *BatchError) Error() string {
	outcome := e.Outcome.String()
	if e.Outcome == BatchUnknown {
		outcome = "outcome unknown"
	}
	return fmt.Sprintf("troupe: batch %s of %d messages: %s: %s", e.BatchID, e.Size, outcome, plain(e.Err))
}

// Unwrap returns the cause and ErrJetStream.
func (e *BatchError) Unwrap() []error { return []error{e.Err, ErrJetStream} }

// Category returns what the cause is about.
func (e *BatchError) Category() api.Category { return kind.CategoryOf(e.Err) }

// Retryable reports whether the same batch, with a new id, may be stored later.
func (e *BatchError) Retryable() bool { return kind.CanRetry(e.Err) }

// MaybeSent reports whether the batch may have been stored.
func (e *BatchError) MaybeSent() bool { return e.Outcome == BatchUnknown }

// lostBatchError is a refusal of a batch during which the link was lost.
type lostBatchError struct{ error }

// Unwrap returns the refusal and api.ErrDisconnected.
func (e *lostBatchError) Unwrap() []error { return []error{e.error, api.ErrDisconnected} }

// outcomeOf derives the outcome of the batch from the error of the last request.
func outcomeOf(err error) BatchOutcome {
	if errors.Is(err, api.ErrNoResponders) || !kind.MayHaveSent(err) {
		return BatchRejected
	}
	return BatchUnknown
}

// noStream turns the error of a publish without responders into ErrNoStreamResponse.
func noStream(err error) error {
	if errors.Is(err, api.ErrNoResponders) {
		return ErrNoStreamResponse
	}
	return err
}

// notFoundIsNil drops an ErrNotFound.
func notFoundIsNil(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
