package jetstream

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// batchrules.go - what servers accept in an atomic batch, as a pure machine. Each message is
// checked against all before it, as the server does at the commit; but here the program learns of
// a violation before the message is sent.

// Header fields of messages in an atomic batch, and the values of the last one.
const (
	batchSeqHeader    = "Nats-Batch-Sequence"
	batchCommitHeader = "Nats-Batch-Commit"
	commitWithMsg     = "1"
	commitWithoutMsg  = "eob"

	// DefaultBatchMessagesMax is how many messages a batch may have, unless the server is
	// configured otherwise.
	DefaultBatchMessagesMax = 1000

	// batchHeaderRoom is the room reserved in a header for the fields of the batch, and for those
	// that a server adds, bytes. The id has up to 64 bytes.
	batchHeaderRoom = 256
)

// BatchMsgError says which message a batch does not accept, and why. Nothing of the message was
// sent, and the batch is unchanged.
type BatchMsgError struct {
	Seq     int    // number that the message would have had in the batch, from 1
	Subject string // of the message
	Field   string // of the header; empty if the message as a whole is refused
	Reason  string // "was used before in this batch"
	Err     error  // the kind that a server's refusal would have had
}

// Error says which message and why.
func (e *BatchMsgError) Error() string {
	what := e.Field
	if what != "" {
		what += " "
	}
	return fmt.Sprintf("troupe: batch message %d to %q: %s%s", e.Seq, e.Subject, what, e.Reason)
}

// Unwrap returns the kind.
func (e *BatchMsgError) Unwrap() error { return e.Err }

// batchLimits are the limits of one batch, besides the rules for all batches.
type batchLimits struct {
	msgs       int   // in the batch
	payload    int64 // bytes of header and data that the server takes; 0 if not known
	stream     string
	knowsMsg   bool // the fields below are known
	msgSize    int32
	ttl        bool
	rollup     bool
	counter    bool
	scheduling bool
}

// batchRules checks the messages of one batch in turn.
type batchRules struct {
	limits   batchLimits
	count    int
	ids      map[string]bool   // ids of messages
	written  map[string]bool   // subjects, and whether the last message is a schedule
	expected map[string]uint64 // last sequence by subject
	counter  bool              // the first message has an increment, so all must
}

// rejection is what is wrong with a message.
type rejection struct {
	field, reason string
	err           error
}

// take notes a message as the next of the batch, unless it breaks a rule.
func (r *batchRules) take(m *api.Msg) error {
	for _, check := range []func(*api.Msg) *rejection{
		r.checkPlace, r.checkAlone, r.checkSize, r.checkCounter, r.checkFields, r.checkSequence, r.checkSubjectSequence,
		r.checkSchedule, r.checkScheduler, r.checkRollup,
	} {
		if no := check(m); no != nil {
			return &BatchMsgError{Seq: r.count + 1, Subject: m.Subject, Field: no.field, Reason: no.reason, Err: no.err}
		}
	}
	r.note(m)
	return nil
}

// note changes the state for a message that breaks no rule.
func (r *batchRules) note(m *api.Msg) {
	if r.written == nil {
		r.written, r.ids, r.expected = map[string]bool{}, map[string]bool{}, map[string]uint64{}
	}
	if id := field(m, MsgIDHeader); id != "" {
		r.ids[id] = true
	}
	if seq, ok := expectedSeq(m); ok {
		r.expected[expectedSubject(m)] = seq
	}
	if stream := field(m, ExpectedStreamHeader); stream != "" {
		r.limits.stream = stream
	}
	if r.count == 0 {
		r.counter = field(m, incrementHeader) != ""
	}
	r.written[m.Subject] = field(m, ScheduleHeader) != ""
	r.count++
}

// field returns the first value of a field, as servers see it.
func field(m *api.Msg, key string) string { return strings.TrimLeft(m.Header.Get(key), " \t") }

// checkPlace checks what would take the message out of the batch.
func (r *batchRules) checkPlace(m *api.Msg) *rejection {
	if err := protocol.CheckPublishSubject(m.Subject); err != nil {
		return &rejection{reason: err.Error(), err: err}
	}
	if m.Reply != "" {
		return &rejection{reason: "has a reply subject", err: ErrAsyncPublishReplySubjectSet}
	}
	for _, own := range []string{batchIDField, batchSeqHeader, batchCommitHeader} {
		if _, has := m.Header[own]; has {
			return &rejection{own, "is set by the batch", ErrAtomicPublishUnsupportedHeader}
		}
	}
	if r.count >= r.limits.msgs {
		return &rejection{reason: fmt.Sprintf("is beyond the %d that a batch may have", r.limits.msgs), err: ErrAtomicPublishTooLargeBatch}
	}
	return nil
}

// checkSize checks that the message fits into a frame and into the stream.
func (r *batchRules) checkSize(m *api.Msg) *rejection {
	header := protocol.HeaderSize(m.Header) + batchHeaderRoom
	size := header + len(m.Data)
	switch {
	case r.limits.payload > 0 && int64(size) > r.limits.payload:
		return &rejection{reason: fmt.Sprintf("has %d bytes, the server takes %d", size, r.limits.payload), err: api.ErrMaxPayload}
	case header > math.MaxUint16:
		return &rejection{reason: fmt.Sprintf("has a header of %d bytes", header), err: ErrStreamHeaderExceedsMaximum}
	case r.limits.knowsMsg && r.limits.msgSize >= 0 && size > int(r.limits.msgSize):
		return &rejection{reason: fmt.Sprintf("has %d bytes, the stream takes %d", size, r.limits.msgSize), err: ErrStreamMessageExceedsMaximum}
	default:
		return nil
	}
}

// checkCounter checks increments: either all messages have one, or none.
func (r *batchRules) checkCounter(m *api.Msg) *rejection {
	counts := field(m, incrementHeader) != ""
	if known := r.limits.knowsMsg; known && counts != r.limits.counter || !known && r.count > 0 && counts != r.counter {
		return &rejection{incrementHeader, "has to be in all messages of a stream of counters, and in no other", ErrCounterIncrInvalid}
	}
	return nil
}

// checkAlone checks what would be wrong outside of a batch, too.
func (r *batchRules) checkAlone(m *api.Msg) *rejection {
	err := checkPublish(m, m.Header)
	if wrong, ok := errors.AsType[*OptionError](err); ok {
		return &rejection{reason: wrong.Option + " " + wrong.Reason, err: wrong.Err}
	}
	return nil
}

// checkFields checks fields that other messages of the batch, or the stream, rule out.
func (r *batchRules) checkFields(m *api.Msg) *rejection {
	if field(m, ExpectedLastMsgIDHeader) != "" {
		return &rejection{ExpectedLastMsgIDHeader, "cannot be expected in a batch", ErrAtomicPublishUnsupportedHeader}
	}
	if s := field(m, ExpectedStreamHeader); s != "" && r.limits.stream != "" && s != r.limits.stream {
		return &rejection{ExpectedStreamHeader, fmt.Sprintf("is %q, the batch is for %q", s, r.limits.stream), ErrExpectedStream}
	}
	if field(m, MsgTTLHeader) != "" && r.limits.knowsMsg && !r.limits.ttl {
		return &rejection{MsgTTLHeader, "needs AllowMsgTTL", ErrMsgTTLDisabled}
	}
	if id := field(m, MsgIDHeader); id != "" && r.ids[id] {
		return &rejection{MsgIDHeader, fmt.Sprintf("%q is in this batch already", id), ErrBatchDuplicate}
	}
	return nil
}

// checkSequence checks the expected last sequence of the stream, which only the first message may
// have.
func (r *batchRules) checkSequence(m *api.Msg) *rejection {
	if field(m, ExpectedLastSeqHeader) != "" && r.count > 0 {
		return &rejection{ExpectedLastSeqHeader, "is allowed only in the first message of a batch", ErrWrongLastSequence}
	}
	return nil
}

// checkSubjectSequence checks the expected last sequence of a subject, which is allowed only for
// subjects that the batch has not written to.
func (r *batchRules) checkSubjectSequence(m *api.Msg) *rejection {
	seq, ok := expectedSeq(m)
	if !ok {
		return nil
	}
	subject := expectedSubject(m)
	if _, written := r.written[subject]; written {
		return &rejection{ExpectedLastSubjSeqHeader, fmt.Sprintf("is about %q, which this batch has written to", subject), ErrWrongLastSequence}
	}
	if before, has := r.expected[subject]; has && before != seq {
		return &rejection{ExpectedLastSubjSeqHeader, fmt.Sprintf("contradicts that of an earlier message: %d", before), ErrWrongLastSequence}
	}
	return nil
}

// expectedSeq reads the expected sequence of a subject.
func expectedSeq(m *api.Msg) (uint64, bool) {
	seq, err := strconv.ParseUint(field(m, ExpectedLastSubjSeqHeader), 10, 64)
	return seq, err == nil
}

// expectedSubject is the subject that an expected last sequence applies to.
func expectedSubject(m *api.Msg) string {
	if s := field(m, ExpectedLastSubjSeqSubjHeader); s != "" {
		return s
	}
	return m.Subject
}

// checkRollup checks that a rollup does not remove messages of the batch.
func (r *batchRules) checkRollup(m *api.Msg) *rejection {
	rollup := strings.ToLower(field(m, MsgRollup))
	if rollup == "" && field(m, ScheduleHeader) != "" {
		rollup = MsgRollupSubject // a schedule replaces the one before
	}
	if rollup != "" && r.limits.knowsMsg && !r.limits.rollup {
		return &rejection{MsgRollup, "needs AllowRollup, and no DenyPurge", ErrRollupFailed}
	}
	_, written := r.written[m.Subject]
	switch {
	case rollup == "":
		return nil
	case rollup == MsgRollupSubject && written:
		return &rejection{MsgRollup, "is allowed only in the first message to a subject", ErrRollupFailed}
	case rollup == MsgRollupAll && r.count > 0:
		return &rejection{MsgRollup, "of all is allowed only in the first message of a batch", ErrRollupFailed}
	default:
		return nil
	}
}
