package jetstream_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// streamEdit is a change of a stream that exists.
type streamEdit struct {
	name       string
	from, to   jetstream.StreamConfig // without a name
	fields     string                 // that differ, separated by blanks
	impossible bool
}

var streamEdits = []streamEdit{
	{name: "nothing"},
	{name: "defaults", to: jetstream.StreamConfig{Subjects: []string{"S"}, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, Replicas: 1, Duplicates: 2 * time.Minute}},
	{name: "order", from: jetstream.StreamConfig{Subjects: []string{"a", "b"}}, to: jetstream.StreamConfig{Subjects: []string{"b", "a"}}},
	{name: "subjects", from: jetstream.StreamConfig{Subjects: []string{"a", "b"}}, to: jetstream.StreamConfig{Subjects: []string{"a", "c"}}, fields: "Subjects"},
	{name: "limits", to: jetstream.StreamConfig{MaxMsgs: 5, MaxBytes: 6000, MaxMsgsPerSubject: 2, MaxMsgSize: 100}, fields: "MaxMsgs MaxBytes MaxMsgsPerSubject MaxMsgSize"},
	{name: "no limits", from: jetstream.StreamConfig{MaxMsgs: 5}, fields: "MaxMsgs"},
	{name: "consumers", to: jetstream.StreamConfig{MaxConsumers: 5}, fields: "MaxConsumers"},
	{name: "age", to: jetstream.StreamConfig{MaxAge: time.Minute}, fields: "MaxAge Duplicates"},
	{name: "a longer age", from: jetstream.StreamConfig{MaxAge: time.Minute}, to: jetstream.StreamConfig{MaxAge: time.Hour}, fields: "MaxAge"},
	{name: "metadata", from: jetstream.StreamConfig{Metadata: map[string]string{"a": "1"}}, to: jetstream.StreamConfig{Metadata: map[string]string{"a": "2"}}, fields: "Metadata"},
	{name: "no metadata", from: jetstream.StreamConfig{Metadata: map[string]string{"a": "1"}}, fields: "Metadata"},
	{name: "description", to: jetstream.StreamConfig{Description: "new"}, fields: "Description"},
	{name: "discard", to: jetstream.StreamConfig{Discard: jetstream.DiscardNew}, fields: "Discard"},
	{name: "marker", to: jetstream.StreamConfig{SubjectDeleteMarkerTTL: time.Minute}, fields: "AllowRollup AllowMsgTTL SubjectDeleteMarkerTTL"},
	{name: "schedules", to: jetstream.StreamConfig{AllowMsgSchedules: true}, fields: "AllowRollup AllowMsgSchedules"},
	{name: "sources", to: jetstream.StreamConfig{Subjects: []string{"S"}, Sources: []*jetstream.StreamSource{{Name: "O"}}}, fields: "Sources"},
	{name: "sealed", to: jetstream.StreamConfig{Sealed: true}, fields: "Discard Sealed DenyDelete DenyPurge"},
	{name: "interest", to: jetstream.StreamConfig{Retention: jetstream.InterestPolicy}, fields: "Retention"},
	{name: "direct", to: jetstream.StreamConfig{AllowDirect: true, AllowAtomicPublish: true, AllowBatchPublish: true}, fields: "AllowDirect AllowAtomicPublish AllowBatchPublish"},
	{name: "promotion", from: jetstream.StreamConfig{Mirror: &jetstream.StreamSource{Name: "O"}}, to: jetstream.StreamConfig{}, fields: "Subjects Mirror"},
	{name: "the same mirror", from: jetstream.StreamConfig{Mirror: &jetstream.StreamSource{Name: "O"}}, to: jetstream.StreamConfig{Mirror: &jetstream.StreamSource{Name: "O"}}},

	{name: "storage", to: jetstream.StreamConfig{Storage: jetstream.MemoryStorage, MaxMsgs: 5}, fields: "MaxMsgs Storage", impossible: true},
	{name: "work queue", to: jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy}, fields: "Retention", impossible: true},
	{name: "unseal", from: jetstream.StreamConfig{Sealed: true}, fields: "Discard Sealed DenyDelete DenyPurge", impossible: true},
	{name: "allow delete", from: jetstream.StreamConfig{DenyDelete: true}, fields: "DenyDelete", impossible: true},
	{name: "allow purge", from: jetstream.StreamConfig{DenyPurge: true}, fields: "DenyPurge", impossible: true},
	{name: "no message TTL", from: jetstream.StreamConfig{AllowMsgTTL: true}, fields: "AllowMsgTTL", impossible: true},
	{name: "no schedules", from: jetstream.StreamConfig{AllowMsgSchedules: true, AllowRollup: true}, to: jetstream.StreamConfig{AllowRollup: true}, fields: "AllowMsgSchedules", impossible: true},
	{name: "counter", to: jetstream.StreamConfig{AllowMsgCounter: true}, fields: "AllowMsgCounter", impossible: true},
	{name: "persistence", to: jetstream.StreamConfig{PersistMode: jetstream.AsyncPersistMode}, fields: "PersistMode", impossible: true},
	{name: "another mirror", from: jetstream.StreamConfig{Mirror: &jetstream.StreamSource{Name: "O"}}, to: jetstream.StreamConfig{Mirror: &jetstream.StreamSource{Name: "P"}}, fields: "Mirror", impossible: true},
}

// fieldsOf returns the fields that a plan changes.
func fieldsOf(p *jetstream.Plan) string {
	var names []string
	for _, c := range p.Changes {
		names = append(names, c.Field)
	}
	return strings.Join(names, " ")
}

func TestEnsureStream(t *testing.T) {
	for _, e := range streamEdits {
		t.Run(e.name, func(t *testing.T) {
			managed(t, func(b *faults.Env, js jetstream.JetStream) {
				for _, name := range []string{"O", "P"} {
					must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: name}))(b.T)
				}
				e.from.Name, e.to.Name = "S", "S"
				sealed := e.from.Sealed // a stream cannot be created sealed
				e.from.Sealed = false
				_, plan, err := js.EnsureStream(b.T.Context(), e.from)
				must.Do(b.T, err)
				if !plan.Create || plan.String() != `create stream "S"` {
					b.T.Errorf("the first plan is %v", plan)
				}
				e.from.Sealed = sealed
				_, _, err = js.EnsureStream(b.T.Context(), e.from)
				must.Do(b.T, err)
				e.edit(b, js)
			})
		})
	}
}

// edit makes the change, and checks that it is made, or that a server does not make it.
func (e streamEdit) edit(b *faults.Env, js jetstream.JetStream) {
	b.T.Helper()
	ctx := b.T.Context()
	plan := must.Get(js.PlanStream(ctx, e.to))(b.T)
	if got := fieldsOf(plan); got != e.fields || plan.Possible() == e.impossible || plan.Nothing() != (e.fields == "") {
		b.T.Errorf("the plan is to change %q:\n%v", got, plan)
	}
	before := must.Get(js.Stream(ctx, "S"))(b.T).CachedInfo().Config
	s, did, err := js.EnsureStream(ctx, e.to)
	if diff := cmp.Diff(plan, did); diff != "" {
		b.T.Errorf("what was done is not the plan:\n%s", diff)
	}
	if e.impossible {
		is(b.T, err, jetstream.ErrImmutable, jetstream.ErrJetStream)
		if _, err := js.UpdateStream(ctx, e.to); err == nil {
			b.T.Error("the server does it all the same")
		}
		if diff := cmp.Diff(before, must.Get(js.Stream(ctx, "S"))(b.T).CachedInfo().Config); diff != "" {
			b.T.Errorf("something was changed:\n%s", diff)
		}
		return
	}
	must.Do(b.T, err)
	if s.CachedInfo().Config.Name != "S" {
		b.T.Errorf("another stream: %+v", s.CachedInfo())
	}
	if again := must.Get(js.PlanStream(ctx, e.to))(b.T); !again.Nothing() {
		b.T.Errorf("after it there is still to do: %v", again)
	}
}

// consumerEdit is a change of a consumer that exists.
type consumerEdit struct {
	name       string
	from, to   jetstream.ConsumerConfig // without a name
	fields     string
	impossible bool
}

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var consumerEdits = []consumerEdit{
	{name: "nothing"},
	{name: "what a server chose", from: jetstream.ConsumerConfig{MaxAckPending: 7, AckWait: time.Minute, MaxWaiting: 9, InactiveThreshold: time.Hour}},
	{name: "ack wait", to: jetstream.ConsumerConfig{AckWait: time.Minute, MaxAckPending: 5, MaxDeliver: 3}, fields: "AckWait MaxDeliver MaxAckPending"},
	{name: "backoff", to: jetstream.ConsumerConfig{MaxDeliver: 3, BackOff: []time.Duration{time.Second, time.Minute}}, fields: "AckWait MaxDeliver BackOff"},
	{name: "filter", to: jetstream.ConsumerConfig{FilterSubject: "S.a"}, fields: "FilterSubject"},
	{name: "filters", from: jetstream.ConsumerConfig{FilterSubjects: []string{"S.a", "S.b"}}, to: jetstream.ConsumerConfig{FilterSubjects: []string{"S.b", "S.a"}}},
	{name: "other filters", from: jetstream.ConsumerConfig{FilterSubjects: []string{"S.a", "S.b"}}, to: jetstream.ConsumerConfig{FilterSubjects: []string{"S.c", "S.a"}}, fields: "FilterSubjects"},
	{name: "metadata", to: jetstream.ConsumerConfig{Metadata: map[string]string{"a": "1"}, Description: "d"}, fields: "Description Metadata"},
	{name: "samples", to: jetstream.ConsumerConfig{SampleFrequency: "50", HeadersOnly: true}, fields: "SampleFrequency HeadersOnly"},
	{name: "limits", to: jetstream.ConsumerConfig{MaxRequestBatch: 5, MaxRequestExpires: time.Minute, MaxRequestMaxBytes: 9}, fields: "MaxRequestBatch MaxRequestExpires MaxRequestMaxBytes"},
	{name: "the same time", from: jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &begin},
		to: jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: at(begin.In(time.FixedZone("X", 3600)))}},
	{name: "deliver subject", from: jetstream.ConsumerConfig{DeliverSubject: "d"}, to: jetstream.ConsumerConfig{DeliverSubject: "e"}, fields: "DeliverSubject"},

	{name: "deliver policy", to: jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverLastPolicy}, fields: "DeliverPolicy", impossible: true},
	{name: "start", from: jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 3},
		to: jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 4}, fields: "OptStartSeq", impossible: true},
	{name: "another time", from: jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &begin},
		to: jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: at(begin.Add(1))}, fields: "OptStartTime", impossible: true},
	{name: "ack policy", to: jetstream.ConsumerConfig{AckPolicy: jetstream.AckAllPolicy}, fields: "AckPolicy", impossible: true},
	{name: "replay policy", to: jetstream.ConsumerConfig{ReplayPolicy: jetstream.ReplayOriginalPolicy}, fields: "ReplayPolicy", impossible: true},
	{name: "memory", to: jetstream.ConsumerConfig{MemoryStorage: true}, fields: "MemoryStorage", impossible: true},
	{name: "max waiting", to: jetstream.ConsumerConfig{MaxWaiting: 3}, fields: "MaxWaiting", impossible: true},
	{name: "pushed", to: jetstream.ConsumerConfig{DeliverSubject: "d"}, fields: "DeliverSubject", impossible: true},
	{name: "heartbeat", from: jetstream.ConsumerConfig{DeliverSubject: "d"}, to: jetstream.ConsumerConfig{DeliverSubject: "d", IdleHeartbeat: time.Second, FlowControl: true}, fields: "FlowControl IdleHeartbeat", impossible: true},
}

func at(t time.Time) *time.Time { return &t }

// ensureConsumer ensures a consumer of either kind.
func ensureConsumer(b *faults.Env, js jetstream.JetStream, cfg jetstream.ConsumerConfig) (*jetstream.Plan, error) {
	if cfg.DeliverSubject != "" {
		_, plan, err := js.EnsurePushConsumer(b.T.Context(), "S", cfg)
		return plan, err
	}
	_, plan, err := js.EnsureConsumer(b.T.Context(), "S", cfg)
	return plan, err
}

func TestEnsureConsumer(t *testing.T) {
	for _, e := range consumerEdits {
		t.Run(e.name, func(t *testing.T) {
			managed(t, func(b *faults.Env, js jetstream.JetStream) {
				must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"S.*"}}))(b.T)
				e.from.Durable, e.to.Durable = "C", "C"
				if plan := must.Get(ensureConsumer(b, js, e.from))(b.T); !plan.Create || plan.String() != `create consumer "C" on "S"` {
					b.T.Errorf("the first plan is %v", plan)
				}
				plan := must.Get(js.PlanConsumer(b.T.Context(), "S", e.to))(b.T)
				if got := fieldsOf(plan); got != e.fields || plan.Possible() == e.impossible || plan.Nothing() != (e.fields == "") {
					b.T.Errorf("the plan is to change %q:\n%v", got, plan)
				}
				_, err := ensureConsumer(b, js, e.to)
				if !e.impossible {
					must.Do(b.T, err)
					if again := must.Get(js.PlanConsumer(b.T.Context(), "S", e.to))(b.T); !again.Nothing() {
						b.T.Errorf("after it there is still to do: %v", again)
					}
					return
				}
				is(b.T, err, jetstream.ErrImmutable)
				if e.to.DeliverSubject != "" {
					_, err = js.UpdatePushConsumer(b.T.Context(), "S", e.to)
				} else {
					_, err = js.UpdateConsumer(b.T.Context(), "S", e.to)
				}
				if err == nil {
					b.T.Error("the server does it all the same")
				}
				if now := must.Get(js.PlanConsumer(b.T.Context(), "S", e.from))(b.T); !now.Nothing() {
					b.T.Errorf("something was changed: %v", now)
				}
			})
		})
	}
}

func TestPlansAreReadable(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", MaxAge: time.Hour}))(b.T)
		plan := must.Get(js.PlanStream(ctx, jetstream.StreamConfig{Name: "S", Storage: jetstream.MemoryStorage, MaxAge: 90 * time.Second}))(b.T)
		want := `recreate stream "S"
  MaxAge: 1h0m0s -> 1m30s
  Storage: "file" -> "memory" (impossible: it is decided when the stream is created)
  Duplicates: 2m0s -> 1m30s`
		if plan.String() != want {
			b.T.Errorf("the plan is\n%v", plan)
		}
		_, _, err := js.EnsureStream(ctx, jetstream.StreamConfig{Name: "S", Storage: jetstream.MemoryStorage, MaxAge: time.Hour})
		immutable, ok := errors.AsType[*jetstream.ImmutableError](err)
		if !ok || immutable.Error() != `troupe: stream "S" cannot be changed: Storage: "file" -> "memory" (impossible: it is decided when the stream is created)` {
			b.T.Errorf("the error is %v", err)
		}
		if plan := must.Get(js.PlanStream(ctx, jetstream.StreamConfig{Name: "S", MaxAge: time.Hour}))(b.T); plan.String() != `keep stream "S"` {
			b.T.Errorf("the plan is %v", plan)
		}
	})
}

func TestEnsureRefusesBadInput(t *testing.T) {
	js := must.Get(jetstream.New(connect(t, natsserver.Run(t, natsserver.Options{JetStream: true}))))(t)
	_, err := js.PlanStream(t.Context(), jetstream.StreamConfig{Name: "a.b"})
	is(t, err, jetstream.ErrInvalidStreamName)
	_, err = js.PlanConsumer(t.Context(), "S", jetstream.ConsumerConfig{})
	is(t, err, jetstream.ErrInvalidConsumerName)
	_, err = js.PlanConsumer(t.Context(), "S", jetstream.ConsumerConfig{Durable: "C"})
	is(t, err, jetstream.ErrStreamNotFound)
	_, _, err = js.EnsureConsumer(t.Context(), "S", jetstream.ConsumerConfig{Durable: "C", DeliverSubject: "d"})
	is(t, err, jetstream.ErrNotPullConsumer)
	_, _, err = js.EnsurePushConsumer(t.Context(), "S", jetstream.ConsumerConfig{Durable: "C"})
	is(t, err, jetstream.ErrNotPushConsumer)
	_, _, err = js.EnsureConsumer(t.Context(), "S", jetstream.ConsumerConfig{Durable: "C"})
	is(t, err, jetstream.ErrStreamNotFound)
}

// TestEnsureAtOnce: several programs begin with the same config.
func TestEnsureAtOnce(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		const programs = 8
		errs := make(chan error, programs)
		created := make(chan bool, programs)
		for range programs {
			go func() {
				_, plan, err := js.EnsureStream(b.T.Context(), jetstream.StreamConfig{Name: "S", MaxMsgs: 5})
				if err == nil {
					_, _, err = js.EnsureConsumer(b.T.Context(), "S", jetstream.ConsumerConfig{Durable: "C"})
				}
				created <- plan != nil && plan.Create
				errs <- err
			}()
		}
		var made []bool
		for range programs {
			must.Do(b.T, <-errs)
			made = append(made, <-created)
		}
		if !slices.Contains(made, true) {
			b.T.Error("nobody made it")
		}
	})
}
