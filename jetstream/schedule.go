package jetstream

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// schedule.go - messages that make a stream publish others, later. A schedule is the last
// message on a subject of its own: it is replaced by the next one, and cancelled when
// it is removed.

// ErrScheduleNotFound: the subject has no schedule, or has another one by now.
var ErrScheduleNotFound error = kind.New("troupe: schedule not found", ErrMsgNotFound)

// Schedule is a message that a stream makes others of.
type Schedule struct {
	// Stream is the name of the stream that has it.
	Stream string
	// Subject is where the schedule itself is.
	Subject string
	// Sequence is the schedule's in its stream.
	Sequence uint64
	// Stored is when it was published.
	Stored time.Time
	// Pattern says when: "@at <time>", "@every <duration>", or a cron pattern. See
	// WithScheduleAt, WithScheduleEvery and WithScheduleCron.
	Pattern string
	// TimeZone is that of a cron pattern; empty is UTC.
	TimeZone string
	// Target is the subject of the messages that it makes.
	Target string
	// Source is the subject whose last message they are copies of; empty: the schedule.
	Source string
	// TTL is how long the stream keeps them: a duration, "never", or empty for no limit of
	// their own.
	TTL string
	// Rollup is MsgRollupSubject when each of them replaces the one before, else empty.
	Rollup string
	// Header and Data are those of the messages that it makes, without a Source.
	Header api.Header
	Data   []byte
}

// newSchedule reads a schedule; false for a message that is none.
func newSchedule(stream string, m *RawStreamMsg) (*Schedule, bool) {
	h := m.Header
	if h.Get(ScheduleHeader) == "" {
		return nil, false
	}
	return &Schedule{
		Stream: stream, Subject: m.Subject, Sequence: m.Sequence, Stored: m.Time,
		Pattern: h.Get(ScheduleHeader), TimeZone: h.Get(ScheduleTimeZoneHeader),
		Target: h.Get(ScheduleTargetHeader), Source: h.Get(ScheduleSourceHeader),
		TTL: h.Get(ScheduleTTLHeader), Rollup: h.Get(ScheduleRollupHeader),
		Header: scheduledHeader(h), Data: m.Data,
	}, true
}

// scheduledHeader returns what of a header the messages of a schedule get.
func scheduledHeader(h api.Header) api.Header {
	out := api.Header{}
	for key, values := range h {
		if strings.HasPrefix(key, "Nats-") && !keptInSchedules(key) {
			continue
		}
		out[key] = values
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// keptInSchedules reports whether a field of servers stays in what a schedule makes.
func keptInSchedules(key string) bool {
	switch {
	case strings.HasPrefix(key, ScheduleHeader), strings.HasPrefix(key, "Nats-Expected-"):
		return false
	case key == MsgIDHeader, key == MsgTTLHeader, key == MsgRollup, key == SchedulerHeader, isDirectField(key):
		return false
	default:
		return true
	}
}

// message returns the schedule as it is published.
func (s *Schedule) message() *api.Msg {
	h := api.Header{}
	for key, values := range s.Header {
		h[key] = values
	}
	for key, value := range map[string]string{
		ScheduleHeader: s.Pattern, ScheduleTimeZoneHeader: s.TimeZone, ScheduleTargetHeader: s.Target,
		ScheduleSourceHeader: s.Source, ScheduleTTLHeader: s.TTL, ScheduleRollupHeader: s.Rollup,
	} {
		if value != "" {
			h[key] = []string{value}
		}
	}
	return &api.Msg{Subject: s.Subject, Header: h, Data: s.Data}
}

// GetSchedule returns the schedule on a subject. ErrScheduleNotFound if there is none;
// otherwise the errors of Stream.GetLastMsgForSubject.
func GetSchedule(ctx context.Context, js JetStream, stream, subject string) (*Schedule, error) {
	own, err := reader(js, stream)
	if err != nil {
		return nil, err
	}
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	m, err := own.lastMessage(ctx, stream, subject)
	if errors.Is(err, ErrMsgNotFound) {
		return nil, &scheduleError{subject, err}
	}
	if err != nil {
		return nil, err
	}
	s, ok := newSchedule(stream, m)
	if !ok {
		return nil, &scheduleError{subject, nil}
	}
	return s, nil
}

// scheduleError says which schedule is not there.
type scheduleError struct {
	subject string
	cause   error // nil: there is another message
}

// Error says which.
func (e *scheduleError) Error() string {
	return ErrScheduleNotFound.Error() + ": " + strconv.Quote(e.subject)
}

// Unwrap returns ErrScheduleNotFound and the cause.
func (e *scheduleError) Unwrap() []error { return []error{ErrScheduleNotFound, e.cause} }

// lastMessage reads the last message of a subject from the leader of the stream.
func (js *jetStream) lastMessage(ctx context.Context, stream, subject string) (*RawStreamMsg, error) {
	r := request{op: "get message", subject: "STREAM.MSG.GET." + stream, stream: stream, body: getMsgRequest{LastFor: subject}}
	answer, err := call[struct {
		Message storedMsg `json:"message"`
	}](ctx, js, r)
	if err != nil {
		return nil, err
	}
	m, err := answer.Message.raw()
	if err != nil {
		return nil, js.callError(r, &ResponseError{Err: err})
	}
	return m, nil
}

// Schedules yields the schedules of a stream whose subjects match the filter, all as of
// one moment. The stream needs AllowDirect; see GetLastMsgsFor, whose errors these are. No
// schedule is no error.
func Schedules(ctx context.Context, js JetStream, stream, filter string) iter.Seq2[*Schedule, error] {
	return func(yield func(*Schedule, error) bool) {
		msgs, err := GetLastMsgsFor(ctx, js, stream, []string{filter})
		if err != nil {
			yield(nil, err)
			return
		}
		for m, err := range msgs {
			if errors.Is(err, ErrMsgNotFound) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if s, ok := newSchedule(stream, m); ok && !yield(s, nil) {
				return
			}
		}
	}
}

// ReplaceSchedule publishes a schedule in the place of the one that was read: with the
// same Subject and Sequence, and with whatever else has been changed, by the options too:
// WithScheduleAt for another time. A Sequence of 0 is for a new one on a subject without
// messages. If the subject has another message by now it is an
// ErrWrongLastSequence. Otherwise the errors of Publish, those of a bad schedule among them.
func ReplaceSchedule(ctx context.Context, js JetStream, s *Schedule, opts ...PublishOpt) (*PubAck, error) {
	if s == nil {
		return nil, &OptionError{Option: "schedule", Reason: "is nil"}
	}
	opts = append([]PublishOpt{WithExpectLastSequencePerSubject(s.Sequence)}, opts...)
	return js.PublishMsg(ctx, s.message(), opts...)
}

// CancelSchedule removes a schedule that was read, and nothing else: ErrScheduleNotFound
// when it is gone, or another one is in its place.
func CancelSchedule(ctx context.Context, js JetStream, s *Schedule) error {
	if s == nil {
		return &OptionError{Option: "schedule", Reason: "is nil"}
	}
	now, err := GetSchedule(ctx, js, s.Stream, s.Subject)
	if err != nil {
		return err
	}
	if now.Sequence != s.Sequence {
		return &scheduleError{s.Subject, nil}
	}
	own, err := ownJetStream(js)
	if err != nil {
		return err
	}
	_, err = call[done](ctx, own, request{
		op: "cancel schedule", subject: "STREAM.MSG.DELETE." + s.Stream, stream: s.Stream, body: msgDeleteRequest{Seq: s.Sequence, NoErase: true},
	})
	if errors.Is(err, ErrMsgDeleteUnsuccessful) || errors.Is(err, ErrMsgNotFound) {
		return &scheduleError{s.Subject, err}
	}
	return err
}

// DeliverScheduleNow publishes the message that a schedule would make, and cancels the
// schedule: the stream does both or neither. When the schedule that was read has been replaced
// or cancelled it is an ErrWrongLastSequence, and nothing is published. Otherwise the errors
// of Publish; ErrMsgNotFound when there is no message on Source.
func DeliverScheduleNow(ctx context.Context, js JetStream, s *Schedule) (*PubAck, error) {
	if s == nil {
		return nil, &OptionError{Option: "schedule", Reason: "is nil"}
	}
	own, err := ownJetStream(js)
	if err != nil {
		return nil, err
	}
	header, data := s.Header, s.Data
	if s.Source != "" {
		m, err := own.lastMessage(ctx, s.Stream, s.Source)
		if err != nil {
			return nil, err
		}
		header, data = scheduledHeader(m.Header), m.Data
	}
	h := api.Header{ScheduleNextHeader: {schedulePurge}, SchedulerHeader: {s.Subject}}
	for key, values := range header {
		h[key] = values
	}
	if s.TTL != "" {
		h[MsgTTLHeader] = []string{s.TTL}
	}
	if s.Rollup != "" {
		h[MsgRollup] = []string{s.Rollup}
	}
	return js.PublishMsg(ctx, &api.Msg{Subject: s.Target, Header: h, Data: data}, WithExpectLastSequenceForSubject(s.Sequence, s.Subject))
}

// ScheduleRun says which schedule made a message.
type ScheduleRun struct {
	// Schedule is the subject of the schedule.
	Schedule string
	// Next is when it makes the next message; the zero time if this was the last.
	Next time.Time
}

// Last reports whether the schedule is done with.
func (r ScheduleRun) Last() bool { return r.Next.IsZero() }

// ScheduledBy reads from the header of a message, delivered or read, which schedule made
// it. False for a message that was published by itself.
func ScheduledBy(header api.Header) (ScheduleRun, bool) {
	r := ScheduleRun{Schedule: header.Get(SchedulerHeader)}
	if r.Schedule == "" {
		return r, false
	}
	next := header.Get(ScheduleNextHeader)
	if next == schedulePurge {
		return r, true
	}
	at, err := time.Parse(time.RFC3339Nano, next)
	r.Next = at
	return r, err == nil
}
