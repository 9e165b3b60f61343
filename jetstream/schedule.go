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

// schedule.go - messages that make a stream publish others later. A schedule is the last message
// on its own subject: the next one replaces it, and its removal cancels it.

// ErrScheduleNotFound: the subject has no schedule, or now has another one.
var ErrScheduleNotFound error = kind.New("troupe: schedule not found", ErrMsgNotFound)

// Schedule is a message from which a stream publishes others.
type Schedule struct {
	// Stream is the name of the stream that has it.
	Stream string
	// Subject of the schedule itself.
	Subject string
	// Sequence of the schedule in its stream.
	Sequence uint64
	// Stored is when it was published.
	Stored time.Time
	// Pattern says when to publish: "@at <time>", "@every <duration>", or a cron pattern. See
	// WithScheduleAt, WithScheduleEvery and WithScheduleCron.
	Pattern string
	// TimeZone is that of a cron pattern; empty is UTC.
	TimeZone string
	// Target is the subject of the messages that it publishes.
	Target string
	// Source is the subject whose last message they copy; empty if they copy the schedule.
	Source string
	// TTL is how long the stream keeps them: a duration, "never", or empty for no limit of
	// their own.
	TTL string
	// Rollup is MsgRollupSubject if each of them replaces the previous one, else empty.
	Rollup string
	// Header and Data are those of the messages that it publishes, if there is no Source.
	Header api.Header
	Data   []byte
}

// newSchedule reads a schedule; false for a message that is not a schedule.
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

// scheduledHeader returns the part of a header that the messages of a schedule get.
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

// keptInSchedules reports whether the messages of a schedule keep a field that belongs to
// servers.
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

// scheduleError says which schedule was not found.
type scheduleError struct {
	subject string
	cause   error // nil if there is another message
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
// one moment. The stream needs AllowDirect; errors are those of GetLastMsgsFor. It is not an
// error if there are none.
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

// ReplaceSchedule replaces the schedule that was read, identified by Subject and Sequence, by s
// with its changed fields and the options: WithScheduleAt for another time. A Sequence of 0
// creates one on a subject without messages. ErrWrongLastSequence if the subject now has another
// message; otherwise the errors of Publish, including those of an invalid schedule.
func ReplaceSchedule(ctx context.Context, js JetStream, s *Schedule, opts ...PublishOpt) (*PubAck, error) {
	if s == nil {
		return nil, &OptionError{Option: "schedule", Reason: "is nil"}
	}
	opts = append([]PublishOpt{WithExpectLastSequencePerSubject(s.Sequence)}, opts...)
	return js.PublishMsg(ctx, s.message(), opts...)
}

// CancelSchedule removes exactly the schedule that was read: ErrScheduleNotFound if it is gone,
// or another one has replaced it.
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
// schedule: the stream does both or neither. ErrWrongLastSequence, and nothing is published, if
// the schedule that was read has been replaced or cancelled; ErrMsgNotFound if there is no
// message on Source; otherwise the errors of Publish.
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

// ScheduleRun says which schedule published a message.
type ScheduleRun struct {
	// Schedule is the subject of the schedule.
	Schedule string
	// Next is when it publishes the next message; the zero time if this was the last.
	Next time.Time
}

// Last reports whether the schedule has ended with this message.
func (r ScheduleRun) Last() bool { return r.Next.IsZero() }

// ScheduledBy reads from the header of a message which schedule published it. False for a message
// that was not published by a schedule.
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
