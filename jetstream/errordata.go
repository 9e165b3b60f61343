package jetstream

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
)

// APIError is the answer of a server that refuses. It is what errors.Is is asked
// for: the kind of its ErrorCode, the class of its Code, and another *APIError with
// the same ErrorCode. What to do about it is known by its code.
type APIError struct {
	// Code is the class: 400, 404, 500, 503 and others, as in HTTP.
	Code int `json:"code"`
	// ErrorCode says precisely why; 0 from a server that does not say.
	ErrorCode ErrorCode `json:"err_code"`
	// Description is for people; servers change it.
	Description string `json:"description,omitempty"`

	// Op is what was tried: "create stream". Empty in an acknowledgement that was read
	// by the program.
	Op string `json:"-"`
	// APISubject is where the request went.
	APISubject string `json:"-"`
	// Stream and Consumer are what it was about; empty where it is about none.
	Stream, Consumer string `json:"-"`
	// Seq is the stream's sequence that it was about; 0 for none.
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

// about says which call of the API is meant.
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
func (e *APIError) Category() kind.Category { return kind.CategoryOf(e.kind()) }

// Retryable reports whether the same request may succeed later.
func (e *APIError) Retryable() bool { return kind.CanRetry(e.kind()) }

// MaybeSent reports whether the request may have had its effect all the same.
func (e *APIError) MaybeSent() bool { return kind.MayHaveSent(e.kind()) }

// apiError returns a refusal with all that can be known of it.
func apiError(e *APIError) error {
	if e.ErrorCode == JSErrCodeStreamWrongLastSequence || e.ErrorCode == JSErrCodeStreamWrongLastSequenceConstant {
		return wrongLastSequence(e)
	}
	return e
}

// WrongLastSequenceError says where the stream, or the subject, really is: somebody
// else has published meanwhile. Read what there is now, then decide.
type WrongLastSequenceError struct {
	Expected  uint64 // that the message was to follow; 0 if it was to be the first, or is not known
	Actual    uint64 // that it would have followed; 0 for no message. Valid if HasActual
	HasActual bool   // false from a replicated stream with another message under way
	Err       *APIError
}

// wrongLastSequence reads where the stream is from the answer.
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

// PublishError says which message could not be published. What to do about it is
// what its cause says.
type PublishError struct {
	Subject  string
	MsgID    string // empty without
	Stream   string // the expected one; empty for any
	Attempts int    // how often it was sent; 0 if it never left
	Unknown  bool   // the stream may have it all the same
	Err      error
}

// Error says which message, and why.
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
	return text + ": " + plain(e.Err)
}

// Unwrap returns the cause and ErrJetStream, or the closer ErrPublishUnknown.
func (e *PublishError) Unwrap() []error {
	if e.Unknown {
		return []error{e.Err, ErrPublishUnknown}
	}
	return []error{e.Err, ErrJetStream}
}

// Category returns what the cause is about.
func (e *PublishError) Category() kind.Category { return kind.CategoryOf(e.Err) }

// Retryable reports whether publishing the message again may succeed.
func (e *PublishError) Retryable() bool { return kind.CanRetry(e.Err) }

// MaybeSent reports whether the stream may have the message all the same.
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

// FetchError says how a pull ended before it had what it asked for.
type FetchError struct {
	Stream, Consumer    string
	Requested, Received int    // Requested is 0 where messages come as long as they are consumed
	Status              int    // that the server ended it with; 0 if it did not
	Description         string // of the status
	// PendingMsgs and PendingBytes are what the server had still owed.
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

// ConsumerSequenceMismatchError says that messages which a server pushed were lost
// on the way. Consuming anew from StreamResumeSequence gets them, the first of them
// a second time.
type ConsumerSequenceMismatchError struct {
	Stream, Consumer     string
	StreamResumeSequence uint64 // in the stream, of the last message that came
	ConsumerSequence     uint64 // of the last message that came
	LastConsumerSequence uint64 // of the last message that the server sent
}

// Gap returns how many messages are missing; negative if the consumer was set back
// or made anew.
func (e *ConsumerSequenceMismatchError) Gap() int64 {
	return int64(e.LastConsumerSequence - e.ConsumerSequence)
}

// Error describes the gap.
func (e *ConsumerSequenceMismatchError) Error() string {
	return fmt.Sprintf("troupe: %s: sequence %d came last, the server sent %d: resume from stream sequence %d",
		about("consumer sequence mismatch of", e.Stream, e.Consumer), e.ConsumerSequence, e.LastConsumerSequence, e.StreamResumeSequence)
}

// Unwrap returns ErrConsumerSequenceMismatch.
func (e *ConsumerSequenceMismatchError) Unwrap() error { return ErrConsumerSequenceMismatch }

// StreamRegressedError says that a stream ends before what was delivered of it. Consuming
// goes on with the first message that was stored at Resume or later: nothing is delivered
// twice, and what is new is delivered, as long as the clock of the server was not set back.
type StreamRegressedError struct {
	Stream string
	Seen   uint64    // sequence of the last message that was delivered
	Last   uint64    // sequence of the last message that the stream has
	Resume time.Time // just after the last message that was delivered was stored
}

// Error describes what is missing.
func (e *StreamRegressedError) Error() string {
	return fmt.Sprintf("troupe: %s: it ends with sequence %d, after %d was delivered: going on with what was stored from %s on",
		about("stream regressed:", e.Stream, ""), e.Last, e.Seen, e.Resume.UTC().Format(time.RFC3339Nano))
}

// Unwrap returns ErrStreamRegressed.
func (e *StreamRegressedError) Unwrap() error { return ErrStreamRegressed }

// OptionError says which option, argument or field of a configuration cannot be
// used, and why. Nothing was sent.
type OptionError struct {
	Option string // "WithDefaultTimeout", "ConsumerConfig.AckWait"
	Reason string // "is not positive"
	Err    error  // the kind, where there is a closer one than ErrInvalidOption
}

// Error says which and why.
func (e *OptionError) Error() string {
	return "troupe: invalid jetstream option: " + e.Option + " " + e.Reason
}

// Unwrap returns ErrInvalidOption and the closer kind.
func (e *OptionError) Unwrap() []error { return []error{ErrInvalidOption, e.Err} }

// NameError says which name or subject that a call was given cannot be used, and why;
// ConfigError says it of a config. Nothing was sent.
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

// ResponseError says why an answer cannot be read. The request may have been done.
type ResponseError struct {
	Err error
}

// Error says why.
func (e *ResponseError) Error() string {
	return ErrInvalidJetStreamResponse.Error() + ": " + plain(e.Err)
}

// Unwrap returns ErrInvalidJetStreamResponse and the cause.
func (e *ResponseError) Unwrap() []error { return []error{ErrInvalidJetStreamResponse, e.Err} }

// APILevelError says that the server in use does not know a feature. Nothing was sent.
type APILevelError struct {
	Op      string // "create stream"
	Feature string // what needs the level
	Needed  int    // level of the JetStream API
	Have    int    // that of the server
}

// Error says which feature and which levels.
func (e *APILevelError) Error() string {
	return fmt.Sprintf("troupe: %s: %s needs level %d of the JetStream API, the server has %d", e.Op, e.Feature, e.Needed, e.Have)
}

// Unwrap returns ErrRequiredAPILevel.
func (e *APILevelError) Unwrap() error { return ErrRequiredAPILevel }

// plain returns the text of an error within that of another, once with the module's name.
func plain(err error) string {
	if err == nil {
		return "no cause"
	}
	return strings.TrimPrefix(err.Error(), "troupe: ")
}
