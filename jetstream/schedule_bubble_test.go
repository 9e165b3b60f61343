package jetstream_test

import (
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

func TestSchedulesAreManaged(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S when.> now.>", `"allow_direct":true,"allow_msg_schedules":true,"allow_msg_ttl":true`)
		ctx := b.T.Context()
		set := func(name string, opts ...jetstream.PublishOpt) {
			b.T.Helper()
			m := &api.Msg{Subject: "when." + name, Data: []byte(name), Header: api.Header{"Kind": {"test"}}}
			must.Get(js.PublishMsg(ctx, m, append(opts, jetstream.WithScheduleTarget("now."+name))...))(b.T)
		}
		began := time.Now()
		set("once", jetstream.WithScheduleAt(began.Add(time.Hour)))
		set("often", jetstream.WithScheduleEvery(time.Minute))
		set("daily", jetstream.WithScheduleCron("0 0 9 * * *"), jetstream.WithScheduleTimeZone("UTC"), jetstream.WithScheduleTTL(time.Hour))
		must.Get(js.Publish(ctx, "when.none", nil))(b.T)
		found := map[string]*jetstream.Schedule{}
		for s, err := range jetstream.Schedules(ctx, js, "S", "when.*") {
			must.Do(b.T, err)
			found[s.Subject] = s
		}
		if names := slices.Sorted(maps.Keys(found)); !slices.Equal(names, []string{"when.daily", "when.often", "when.once"}) {
			b.T.Fatalf("the schedules are %v", names)
		}
		daily := found["when.daily"]
		if daily.Pattern != "0 0 9 * * *" || daily.Target != "now.daily" || daily.TimeZone != "UTC" || daily.TTL != "1h0m0s" || string(daily.Data) != "daily" || daily.Header.Get("Kind") != "test" || len(daily.Header) != 1 {
			b.T.Errorf("%+v", daily)
		}
		for range jetstream.Schedules(ctx, js, "S", "none.*") {
			b.T.Error("there is none")
		}

		_, err := jetstream.GetSchedule(ctx, js, "S", "when.none")
		kindsOf(b.T, "no schedule", err, jetstream.ErrScheduleNotFound, jetstream.ErrMsgNotFound)
		_, err = jetstream.GetSchedule(ctx, js, "S", "when.nothing")
		kindsOf(b.T, "no message", err, jetstream.ErrScheduleNotFound)

		must.Do(b.T, jetstream.CancelSchedule(ctx, js, found["when.often"]))
		kindsOf(b.T, "cancelled twice", jetstream.CancelSchedule(ctx, js, found["when.often"]), jetstream.ErrScheduleNotFound)

		once := found["when.once"]
		once.Pattern, once.Data = "@every 2h", []byte("replaced")
		ack := must.Get(jetstream.ReplaceSchedule(ctx, js, once))(b.T)
		_, err = jetstream.ReplaceSchedule(ctx, js, once)
		kindsOf(b.T, "replaced meanwhile", err, jetstream.ErrWrongLastSequence)
		_, err = jetstream.DeliverScheduleNow(ctx, js, once)
		kindsOf(b.T, "delivered meanwhile", err, jetstream.ErrWrongLastSequence)
		once.Sequence = ack.Sequence
		time.Sleep(3 * time.Hour)
		m := must.Get(batch(b.T, js, 1, jetstream.GetBatchSubject("now.once")))(b.T)[0]
		run, ok := jetstream.ScheduledBy(m.Header)
		if !ok || run.Schedule != "when.once" || run.Last() || run.Next.Sub(m.Time) < time.Hour || string(m.Data) != "replaced" {
			b.T.Errorf("%q was made by %+v", m.Data, run)
		}

		fresh := must.Get(jetstream.GetSchedule(ctx, js, "S", "when.daily"))(b.T)
		must.Get(jetstream.DeliverScheduleNow(ctx, js, fresh))(b.T)
		m = must.Get(batch(b.T, js, 1, jetstream.GetBatchSubject("now.daily"), jetstream.GetBatchSeq(ack.Sequence)))(b.T)[0]
		if run, ok := jetstream.ScheduledBy(m.Header); !ok || !run.Last() || m.Header.Get(jetstream.MsgTTLHeader) == "" || string(m.Data) != "daily" {
			b.T.Errorf("%+v was made by %+v", m, run)
		}
		_, err = jetstream.GetSchedule(ctx, js, "S", "when.daily")
		kindsOf(b.T, "delivered", err, jetstream.ErrScheduleNotFound)
	})
}

func TestSchedulesTakeBadInputForNothing(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		ctx := b.T.Context()
		_, err := jetstream.ReplaceSchedule(ctx, js, nil)
		kindsOf(b.T, "replace nothing", err, jetstream.ErrInvalidOption)
		_, err = jetstream.DeliverScheduleNow(ctx, js, nil)
		kindsOf(b.T, "deliver nothing", err, jetstream.ErrInvalidOption)
		kindsOf(b.T, "cancel nothing", jetstream.CancelSchedule(ctx, js, nil), jetstream.ErrInvalidOption)
		_, err = jetstream.GetSchedule(ctx, js, "S", "a..b")
		kindsOf(b.T, "no subject", err, jetstream.ErrInvalidSubject)
		for pattern, kind := range map[string]error{
			"@at soon": jetstream.ErrSchedulePatternInvalid, "@every 10ms": jetstream.ErrSchedulePatternInvalid,
			"0 0 25 * * *": jetstream.ErrSchedulePatternInvalid, "1 2 3": jetstream.ErrSchedulePatternInvalid,
		} {
			_, err := jetstream.ReplaceSchedule(ctx, js, &jetstream.Schedule{Subject: "a", Target: "b", Pattern: pattern})
			kindsOf(b.T, pattern, err, kind)
		}
		_, err = jetstream.ReplaceSchedule(ctx, js, &jetstream.Schedule{Subject: "a", Target: "a", Pattern: "@hourly"})
		kindsOf(b.T, "to itself", err, jetstream.ErrScheduleTargetInvalid)
	})
}

func TestCountersAddUp(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "C c.*", `"allow_direct":true,"allow_msg_counter":true`)
		makeStream(b.T, nc, "PLAIN p", `"allow_direct":true`)
		ask(b.T, nc, "STREAM.CREATE.SUM", `{"name":"SUM","storage":"memory","allow_direct":true,"allow_msg_counter":true,"sources":[{"name":"C"}]}`)
		ctx := b.T.Context()
		c := must.Get(jetstream.GetCounter(ctx, js, "C"))(b.T)
		huge, _ := new(big.Int).SetString("100000000000000000000", 10)
		for _, step := range []struct {
			by   *big.Int
			want string
		}{{big.NewInt(5), "5"}, {big.NewInt(-7), "-2"}, {new(big.Int), "-2"}, {huge, "99999999999999999998"}} {
			if total := must.Get(c.Add(ctx, "c.a", step.by))(b.T); total.String() != step.want {
				b.T.Errorf("adding %v gives %v", step.by, total)
			}
		}
		must.Get(c.AddInt(ctx, "c.b", 1))(b.T)
		if e := must.Get(c.Get(ctx, "c.a"))(b.T); e.Value.String() != "99999999999999999998" || e.Incr.Cmp(huge) != 0 || e.Sequence != 4 || e.Sources != nil {
			b.T.Errorf("%+v", e)
		}
		got := 0
		for e, err := range c.GetMultiple(ctx, []string{"c.*"}) {
			must.Do(b.T, err)
			got++
			if e.Subject == "c.b" && e.Value.Int64() != 1 {
				b.T.Errorf("%+v", e)
			}
		}
		if got != 2 {
			b.T.Errorf("%d counters", got)
		}
		time.Sleep(time.Minute)
		sum := must.Get(jetstream.GetCounter(ctx, js, "SUM"))(b.T)
		if e := must.Get(sum.Get(ctx, "c.b"))(b.T); e.Value.Int64() != 1 || e.Sources["C"]["c.b"].Int64() != 1 {
			b.T.Errorf("%+v", e)
		}
		_, err := c.Load(ctx, "c.none")
		kindsOf(b.T, "no counter", err, jetstream.ErrNoCounterForSubject, jetstream.ErrMsgNotFound)
		_, err = c.Add(ctx, "c.a", nil)
		kindsOf(b.T, "nil", err, jetstream.ErrInvalidCounterValue)
		_, err = c.AddInt(ctx, "c.a", 1, jetstream.WithExpectLastSequence(1))
		kindsOf(b.T, "an expectation", err, jetstream.ErrCounterIncrInvalid)
		_, err = jetstream.GetCounter(ctx, js, "PLAIN")
		kindsOf(b.T, "a stream without counters", err, jetstream.ErrCounterNotEnabled)
		_, err = jetstream.GetCounter(ctx, js, "NONE")
		kindsOf(b.T, "no stream", err, jetstream.ErrStreamNotFound)
	})
}
