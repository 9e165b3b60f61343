package jetstream

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// APIError is the answer of a server that refuses. errors.Is matches it with the kind of its
// ErrorCode, the class of its Code, and another *APIError with the same ErrorCode. How to handle
// it follows from its code.
type APIError struct {
	// Code is the class: 400, 404, 500, 503 and others, as in HTTP.
	Code int `json:"code"`
	// ErrorCode is the exact reason; 0 if the server sent none.
	ErrorCode ErrorCode `json:"err_code"`
	// Description is for people; it may differ between server versions.
	Description string `json:"description,omitempty"`

	// Op is the operation: "create stream". Empty in an acknowledgement that the program decoded
	// itself.
	Op string `json:"-"`
	// APISubject is where the request went.
	APISubject string `json:"-"`
	// Stream and Consumer that the call was for; empty if it was for none.
	Stream, Consumer string `json:"-"`
	// Seq is the stream sequence that the call was for; 0 for none.
	Seq uint64 `json:"-"`
}

// Error says what was tried, and what the server answered.
func (e *APIError) Error() string {
	if e == nil {
		return "troupe: no jetstream error"
	}
	text := "troupe: " + about(e.Op, e.Stream, e.Consumer)
	if e.Seq != 0 {
		text += " seq " + strconv.FormatUint(e.Seq, 10)
	}
	text += ": " + e.Description
	if e.Description == "" {
		text += plain(e.class())
	}
	return fmt.Sprintf("%s (%d, code %d)", text, e.Code, e.ErrorCode)
}

// about names an API call and its stream or consumer.
func about(op, stream, consumer string) string {
	if op == "" {
		op = "jetstream"
	}
	switch {
	case consumer != "":
		return fmt.Sprintf("%s %q on %q", op, consumer, stream)
	case stream != "":
		return fmt.Sprintf("%s %q", op, stream)
	default:
		return op
	}
}

// APIError returns the error itself.
func (e *APIError) APIError() *APIError { return e }

// Is reports whether the answer belongs to a kind, or has the code of another.
func (e *APIError) Is(target error) bool {
	if e == nil {
		return false
	}
	if other, ok := target.(*APIError); ok {
		return other != nil && e.ErrorCode == other.ErrorCode && (e.ErrorCode != 0 || e.Code == other.Code)
	}
	return errors.Is(e.kind(), target) || errors.Is(e.class(), target)
}

// Category returns what the answer is about.
func (e *APIError) Category() api.Category { return kind.CategoryOf(e.kind()) }

// Retryable reports whether the same request may succeed later.
func (e *APIError) Retryable() bool { return kind.CanRetry(e.kind()) }

// MaybeSent reports whether the request may have taken effect anyway.
func (e *APIError) MaybeSent() bool { return kind.MayHaveSent(e.kind()) }

// apiError returns a refusal in its most specific form.
func apiError(e *APIError) error {
	if e.ErrorCode == JSErrCodeStreamWrongLastSequence || e.ErrorCode == JSErrCodeStreamWrongLastSequenceConstant {
		return wrongLastSequence(e)
	}
	return e
}

// WrongLastSequenceError says what the last sequence of the stream or the subject really is:
// another client has published meanwhile. Read the current state, then decide.
type WrongLastSequenceError struct {
	Expected  uint64 // last sequence that the message expected; 0 if it was to be the first, or is not known
	Actual    uint64 // last sequence that the server has; 0 for no message. Valid if HasActual
	HasActual bool   // false from a replicated stream that is storing another message
	Err       *APIError
}

// wrongLastSequence reads the actual sequence from the answer.
func wrongLastSequence(e *APIError) *WrongLastSequenceError {
	wrong := &WrongLastSequenceError{Err: e}
	_, number, found := strings.Cut(e.Description, "wrong last sequence: ")
	if seq, err := strconv.ParseUint(number, 10, 64); found && err == nil {
		wrong.Actual, wrong.HasActual = seq, true
	}
	return wrong
}

// Error is that of the answer, with what was expected.
func (e *WrongLastSequenceError) Error() string {
	return fmt.Sprintf("%v, expected %d", e.Err, e.Expected)
}

// Unwrap returns the answer.
func (e *WrongLastSequenceError) Unwrap() error { return e.Err }

// PublishError says which message could not be published. Its cause determines how to handle it.
type PublishError struct {
	Subject  string
	MsgID    string // empty if it has none
	Stream   string // the expected one; empty for any
	Attempts int    // how often it was sent; 0 if never
	Unknown  bool   // the stream may have it anyway
	Err      error
}

// Error says which message, why, and whether the stream may have it.
func (e *PublishError) Error() string {
	text := fmt.Sprintf("troupe: publish to %q", e.Subject)
	if e.MsgID != "" {
		text += fmt.Sprintf(" with id %q", e.MsgID)
	}
	if e.Stream != "" {
		text += fmt.Sprintf(" in %q", e.Stream)
	}
	if e.Attempts > 1 {
		text += fmt.Sprintf(", %d times", e.Attempts)
	}
	if e.Unknown {
		text += ": outcome unknown"
	}
	return text + ": " + plain(e.Err)
}

// Unwrap returns the cause and ErrJetStream, or the more specific ErrPublishUnknown.
func (e *PublishError) Unwrap() []error {
	if e.Unknown {
		return []error{e.Err, ErrPublishUnknown}
	}
	return []error{e.Err, ErrJetStream}
}

// Category returns what the cause is about.
func (e *PublishError) Category() api.Category { return kind.CategoryOf(e.Err) }

// Retryable reports whether publishing the message again may succeed.
func (e *PublishError) Retryable() bool { return kind.CanRetry(e.Err) }

// MaybeSent reports whether the stream may have the message anyway.
func (e *PublishError) MaybeSent() bool { return e.Unknown }

// StalledError says how many published messages wait for their acknowledgement.
// The refused one was not sent.
type StalledError struct {
	Pending, Max int
	Waited       time.Duration
}

// Error describes the publisher.
func (e *StalledError) Error() string {
	return fmt.Sprintf("troupe: stalled with too many outstanding async published messages: %d of %d for %v", e.Pending, e.Max, e.Waited)
}

// Unwrap returns ErrTooManyStalledMsgs.
func (e *StalledError) Unwrap() error { return ErrTooManyStalledMsgs }

// FetchError says why a pull ended before it was complete.
type FetchError struct {
	Stream, Consumer    string
	Requested, Received int    // Requested is 0 for continuous consuming
	Status              int    // with which the server ended it; 0 if it did not
	Description         string // of the status
	// PendingMsgs and PendingBytes are the part of the request that was not delivered.
	PendingMsgs, PendingBytes int
	Err                       error // its kind
}

// Error describes the pull and its end.
func (e *FetchError) Error() string {
	text := "troupe: " + about("consume from", e.Stream, e.Consumer)
	if e.Requested > 0 {
		text = fmt.Sprintf("troupe: %s: %d of %d messages", about("fetch from", e.Stream, e.Consumer), e.Received, e.Requested)
	}
	text += ": " + plain(e.Err)
	if e.Status == 0 {
		return text
	}
	return fmt.Sprintf("%s (%d %s)", text, e.Status, e.Description)
}

// Unwrap returns the kind.
func (e *FetchError) Unwrap() error { return e.Err }

// ConsumerSequenceMismatchError says that pushed messages were lost in transit. Consuming again
// from StreamResumeSequence repeats the last message that arrived, and then delivers the lost
// ones.
type ConsumerSequenceMismatchError struct {
	Stream, Consumer     string
	StreamResumeSequence uint64 // in the stream, of the last message that arrived
	ConsumerSequence     uint64 // of the last message that arrived
	LastConsumerSequence uint64 // of the last message that the server sent
}

// Gap returns how many messages are missing; negative if the consumer was reset or created again.
func (e *ConsumerSequenceMismatchError) Gap() int64 {
	return int64(e.LastConsumerSequence - e.ConsumerSequence)
}

// Error describes the gap.
func (e *ConsumerSequenceMismatchError) Error() string {
	return fmt.Sprintf("troupe: %s: received up to sequence %d, the server sent %d; resume from stream sequence %d",
		about("consumer sequence mismatch of", e.Stream, e.Consumer), e.ConsumerSequence, e.LastConsumerSequence, e.StreamResumeSequence)
}

// Unwrap returns ErrConsumerSequenceMismatch.
func (e *ConsumerSequenceMismatchError) Unwrap() error { return ErrConsumerSequenceMismatch }

// StreamRegressedError says that a stream ends before the last message that was delivered from
// it. Consuming continues with the first message stored at Resume or later: no message is
// delivered twice and every new one is delivered, unless the clock of the server was set back.
type StreamRegressedError struct {
	Stream string
	Seen   uint64    // sequence of the last message that was delivered
	Last   uint64    // sequence of the last message that the stream has
	Resume time.Time // just after the last message that was delivered was stored
}

// Error describes what is missing.
func (e *StreamRegressedError) Error() string {
	return fmt.Sprintf("troupe: %s regressed: it ends at sequence %d, but %d was delivered; continuing with messages stored from %s on",
		about("stream", e.Stream, ""), e.Last, e.Seen, e.Resume.UTC().Format(time.RFC3339Nano))
}

// Unwrap returns ErrStreamRegressed.
func (e *StreamRegressedError) Unwrap() error { return ErrStreamRegressed }

// OptionError says which option, argument or field of a configuration cannot be
// used, and why. Nothing was sent.
type OptionError struct {
	Option string // "WithDefaultTimeout", "ConsumerConfig.AckWait"
	Reason string // "is not positive"
	Err    error  // the kind, if there is a more specific one than ErrInvalidOption
}

// Error says which and why.
func (e *OptionError) Error() string {
	return "troupe: invalid jetstream option: " + e.Option + " " + e.Reason
}

// Unwrap returns ErrInvalidOption and the more specific kind.
func (e *OptionError) Unwrap() []error { return []error{ErrInvalidOption, e.Err} }

// NameError says which name or subject passed to a call cannot be used, and why; for a config see
// ConfigError. Nothing was sent.
type NameError struct {
	Name   string
	Reason string // "has a dot"
	Err    error  // ErrInvalidStreamName, ErrInvalidConsumerName, ErrStreamNameRequired, ErrInvalidSubject
}

// Error says which and why.
func (e *NameError) Error() string {
	return fmt.Sprintf("%v: %q %s", e.Err, e.Name, e.Reason)
}

// Unwrap returns the kind.
func (e *NameError) Unwrap() error { return e.Err }

// ResponseError says why an answer cannot be read. The request may have taken effect.
type ResponseError struct {
	Err error
}

// Error says why.
func (e *ResponseError) Error() string {
	return ErrInvalidJetStreamResponse.Error() + ": " + plain(e.Err)
}

// Unwrap returns ErrInvalidJetStreamResponse and the cause.
func (e *ResponseError) Unwrap() []error { return []error{ErrInvalidJetStreamResponse, e.Err} }

// APILevelError says that the connected server does not support a feature. Nothing was sent.
type APILevelError struct {
	Op      string // "create stream"
	Feature string // what needs the level
	Needed  int    // level of the JetStream API that the feature needs
	Have    int    // that of the server
}

// Error says which feature and which levels.
func (e *APILevelError) Error() string {
	return fmt.Sprintf("troupe: %s: %s needs level %d of the JetStream API, the server has %d", e.Op, e.Feature, e.Needed, e.Have)
}

// Unwrap returns ErrRequiredAPILevel.
func (e *APILevelError) Unwrap() error { return ErrRequiredAPILevel }

// plain returns the text of an error for use within that of another, without the module's name.
func plain(err error) string {
	if err == nil {
		return "no cause"
	}
	return strings.TrimPrefix(err.Error(), "troupe: ")
}
