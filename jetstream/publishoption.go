package jetstream

import (
	"math/big"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
)

const (
	// DefaultPubRetryWait is the pause before a message that no stream answered is sent again.
	DefaultPubRetryWait = 250 * time.Millisecond

	// DefaultPubRetryAttempts is how often such a message is sent again.
	DefaultPubRetryAttempts = 2

	// incrementHeader is the increment of a counter.
	incrementHeader = "Nats-Incr"

	ttlNever = "never"
)

// Schedules for WithScheduleCron.
const (
	ScheduleYearly  = "@yearly"
	ScheduleMonthly = "@monthly"
	ScheduleWeekly  = "@weekly"
	ScheduleDaily   = "@daily"
	ScheduleHourly  = "@hourly"
)

// PublishOpt is an option of one publish. It overrides the message's header; the message itself
// is not modified. A nil PublishOpt is skipped. An error ends the call, and nothing is sent.
type PublishOpt func(*publishOptions) error

// publishOptions collects the options of one publish.
type publishOptions struct {
	fields        []optionField
	retryWait     time.Duration
	retryAttempts int
	stallWait     time.Duration // 0 unless set
}

// optionField is a field of the header that an option sets.
type optionField struct {
	option, key string
	value       []string // one
}

// begin prepares the options for the next publish. Their memory is reused.
func (o *publishOptions) begin() {
	o.fields = o.fields[:0]
	o.retryWait, o.retryAttempts, o.stallWait = DefaultPubRetryWait, DefaultPubRetryAttempts, 0
}

// apply applies the options.
func (o *publishOptions) apply(options []PublishOpt) error {
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(o); err != nil {
			return err
		}
	}
	return nil
}

// set sets a field. The same option may set it again; another one contradicts it.
func (o *publishOptions) set(option, key, value string) error {
	for i := range o.fields {
		f := &o.fields[i]
		if f.key != key {
			continue
		}
		if f.option != option {
			return &OptionError{Option: option, Reason: "contradicts " + f.option}
		}
		f.value = []string{value}
		return nil
	}
	if len(o.fields) < cap(o.fields) { // reuses the array of the value
		o.fields = o.fields[:len(o.fields)+1]
		f := &o.fields[len(o.fields)-1]
		f.option, f.key = option, key
		if f.value == nil {
			f.value = make([]string, 1)
		}
		f.value[0] = value
		return nil
	}
	o.fields = append(o.fields, optionField{option, key, []string{value}})
	return nil
}

// setField is an option that sets one field.
func setField(option, key, value string) PublishOpt {
	return func(o *publishOptions) error { return o.set(option, key, value) }
}

// refusedOption is an option that cannot be used.
func refusedOption(option, reason string, kinds ...error) PublishOpt {
	err := &OptionError{Option: option, Reason: reason}
	if len(kinds) > 0 {
		err.Err = kinds[0]
	}
	return func(*publishOptions) error { return err }
}

// WithMsgID gives the message an id. A stream stores only one of the messages with the same id
// that arrive within its window for duplicates, which makes it safe to send the message again:
// the publisher does so itself when an acknowledgement does not come. An empty id is none.
func WithMsgID(id string) PublishOpt {
	if id == "" {
		return func(*publishOptions) error { return nil }
	}
	return setField("WithMsgID", MsgIDHeader, id)
}

// WithMsgTTL makes the stream keep the message for that long, in whole seconds: at least 1 s.
// Zero has no effect. The stream needs StreamConfig.AllowMsgTTL.
func WithMsgTTL(dur time.Duration) PublishOpt {
	switch {
	case dur == 0:
		return func(*publishOptions) error { return nil }
	case dur < time.Second:
		return refusedOption("WithMsgTTL", "is less than 1s", ErrMsgTTLInvalid)
	default:
		return setField("WithMsgTTL", MsgTTLHeader, dur.String())
	}
}

// WithMsgTTLNever makes the stream keep the message regardless of its MaxAge. The stream needs
// StreamConfig.AllowMsgTTL.
func WithMsgTTLNever() PublishOpt { return setField("WithMsgTTLNever", MsgTTLHeader, ttlNever) }

// WithExpectStream makes any stream but this one refuse the message, with an ErrExpectedStream.
// Empty has no effect.
func WithExpectStream(stream string) PublishOpt {
	if stream == "" {
		return func(*publishOptions) error { return nil }
	}
	return setField("WithExpectStream", ExpectedStreamHeader, stream)
}

// WithExpectLastSequence makes the stream refuse the message, with an ErrWrongLastSequence,
// unless seq is the sequence of its last message; 0 for none.
func WithExpectLastSequence(seq uint64) PublishOpt {
	return setField("WithExpectLastSequence", ExpectedLastSeqHeader, strconv.FormatUint(seq, 10))
}

// WithExpectLastSequencePerSubject makes the stream refuse the message, with an
// ErrWrongLastSequence, unless seq is the sequence of the last message on its subject; 0 for
// none.
func WithExpectLastSequencePerSubject(seq uint64) PublishOpt {
	return setField("WithExpectLastSequencePerSubject", ExpectedLastSubjSeqHeader, strconv.FormatUint(seq, 10))
}

// WithExpectLastSequenceForSubject is WithExpectLastSequencePerSubject for another
// subject, which may have wildcards.
func WithExpectLastSequenceForSubject(seq uint64, subject string) PublishOpt {
	const option = "WithExpectLastSequenceForSubject"
	if !isFilter(subject) {
		return refusedOption(option, "has no subject", ErrInvalidSubject)
	}
	return func(o *publishOptions) error {
		if err := o.set(option, ExpectedLastSubjSeqHeader, strconv.FormatUint(seq, 10)); err != nil {
			return err
		}
		return o.set(option, ExpectedLastSubjSeqSubjHeader, subject)
	}
}

// WithExpectLastMsgID makes the stream refuse the message, with an ErrWrongLastMsgID, unless id
// is that of its last message. Empty has no effect.
func WithExpectLastMsgID(id string) PublishOpt {
	if id == "" {
		return func(*publishOptions) error { return nil }
	}
	return setField("WithExpectLastMsgID", ExpectedLastMsgIDHeader, id)
}

// WithRollup removes earlier messages: with MsgRollupSubject those of its subject, with
// MsgRollupAll those of the stream. The stream needs StreamConfig.AllowRollup.
func WithRollup(rollup string) PublishOpt {
	if rollup != MsgRollupSubject && rollup != MsgRollupAll {
		return refusedOption("WithRollup", strconv.Quote(rollup)+" is neither sub nor all", ErrRollupFailed)
	}
	return setField("WithRollup", MsgRollup, rollup)
}

// WithIncrement adds by, which may be negative, to the counter of the subject. PubAck.Value is
// the new total. The message must have no data, no rollup and no expectation. The stream needs
// StreamConfig.AllowMsgCounter.
func WithIncrement(by int64) PublishOpt {
	return setField("WithIncrement", incrementHeader, signed(big.NewInt(by)))
}

// WithIncrementBig is WithIncrement for numbers of any size. Nil is an ErrInvalidOption.
func WithIncrementBig(by *big.Int) PublishOpt {
	if by == nil {
		return refusedOption("WithIncrementBig", "is nil", ErrCounterIncrInvalid)
	}
	return setField("WithIncrement", incrementHeader, signed(by))
}

// signed writes a number with its sign.
func signed(by *big.Int) string {
	if by.Sign() < 0 {
		return by.String()
	}
	return "+" + by.String()
}

// WithRetryWait sets the pause before a message that no stream answered is sent again. Default:
// DefaultPubRetryWait, 250 ms. ErrInvalidOption unless it is positive.
func WithRetryWait(dur time.Duration) PublishOpt {
	if dur <= 0 {
		return refusedOption("WithRetryWait", "is not positive")
	}
	return func(o *publishOptions) error {
		o.retryWait = dur
		return nil
	}
}

// WithRetryAttempts sets how often a message that no stream answered is sent again. Default:
// DefaultPubRetryAttempts, 2. ErrInvalidOption for a negative number. With WithIdempotentRetry
// only the time of the call is a limit.
func WithRetryAttempts(num int) PublishOpt {
	if num < 0 {
		return refusedOption("WithRetryAttempts", "is negative")
	}
	return func(o *publishOptions) error {
		o.retryAttempts = num
		return nil
	}
}

// WithStallWait sets how long PublishAsync waits for room while WithPublishAsyncMaxPending
// messages wait for their acknowledgement. Default: 200 ms. ErrInvalidOption unless it is
// positive, and for calls that wait for the acknowledgement or have a context.
func WithStallWait(ttl time.Duration) PublishOpt {
	if ttl <= 0 {
		return refusedOption("WithStallWait", "is not positive")
	}
	return func(o *publishOptions) error {
		o.stallWait = ttl
		return nil
	}
}

// WithScheduleAt makes the stream publish the message to WithScheduleTarget at t; at once if t
// has passed. The stream needs StreamConfig.AllowMsgSchedules.
func WithScheduleAt(t time.Time) PublishOpt {
	if t.IsZero() {
		return refusedOption("WithScheduleAt", "is not a valid time", ErrSchedulePatternInvalid)
	}
	return setField("WithScheduleAt", ScheduleHeader, "@at "+t.UTC().Format(time.RFC3339Nano))
}

// WithScheduleEvery makes the stream publish the message to WithScheduleTarget every d, at least
// 1 s. The stream needs StreamConfig.AllowMsgSchedules.
func WithScheduleEvery(d time.Duration) PublishOpt {
	if d < time.Second {
		return refusedOption("WithScheduleEvery", "is less than 1s", ErrSchedulePatternInvalid)
	}
	return setField("WithScheduleEvery", ScheduleHeader, "@every "+d.String())
}

// WithScheduleCron makes the stream publish the message to WithScheduleTarget according to a
// pattern of six fields, which are second, minute, hour, day of the month, month and day of the
// week, or ScheduleDaily and the like. The stream needs StreamConfig.AllowMsgSchedules.
func WithScheduleCron(expr string) PublishOpt {
	if expr == "" {
		return refusedOption("WithScheduleCron", "is empty", ErrSchedulePatternInvalid)
	}
	return setField("WithScheduleCron", ScheduleHeader, expr)
}

// WithScheduleTarget sets the subject of the messages that a schedule publishes, without
// wildcards. Every schedule needs one that differs from its own subject.
func WithScheduleTarget(subject string) PublishOpt {
	if !isLiteral(subject) {
		return refusedOption("WithScheduleTarget", "is not a subject without wildcards", ErrScheduleTargetInvalid)
	}
	return setField("WithScheduleTarget", ScheduleTargetHeader, subject)
}

// WithScheduleSource makes a schedule publish the last message on subject, instead of its own
// data.
func WithScheduleSource(subject string) PublishOpt {
	if !isLiteral(subject) {
		return refusedOption("WithScheduleSource", "is not a subject without wildcards", ErrScheduleSourceInvalid)
	}
	return setField("WithScheduleSource", ScheduleSourceHeader, subject)
}

// WithScheduleTTL is WithMsgTTL for the messages that a schedule publishes.
func WithScheduleTTL(d time.Duration) PublishOpt {
	if d < time.Second {
		return refusedOption("WithScheduleTTL", "is less than 1s", ErrScheduleTTLInvalid)
	}
	return setField("WithScheduleTTL", ScheduleTTLHeader, d.String())
}

// WithScheduleTTLNever is WithMsgTTLNever for the messages that a schedule publishes.
func WithScheduleTTLNever() PublishOpt {
	return setField("WithScheduleTTLNever", ScheduleTTLHeader, ttlNever)
}

// WithScheduleTimeZone sets the time zone of WithScheduleCron by its name: "America/New_York".
// Default: UTC.
func WithScheduleTimeZone(zone string) PublishOpt {
	if zone == "" {
		return refusedOption("WithScheduleTimeZone", "is empty", ErrScheduleTimeZoneInvalid)
	}
	return setField("WithScheduleTimeZone", ScheduleTimeZoneHeader, zone)
}

// WithScheduleRollup makes each message of a schedule remove the previous one.
func WithScheduleRollup() PublishOpt {
	return setField("WithScheduleRollup", ScheduleRollupHeader, MsgRollupSubject)
}

// merge returns the header that a message is sent with: its own plus the options. The memory of
// the options is reused by the next publish.
func (o *publishOptions) merge(own, into api.Header) api.Header {
	for key, values := range own {
		into[key] = values
	}
	for i := range o.fields {
		into[o.fields[i].key] = o.fields[i].value
	}
	return into
}
