package jetstream_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// renewals records each renewal among the delivered messages.
func (o *ordering) renewals(got *[]jetstream.Renewal) jetstream.PullConsumeOpt {
	return jetstream.OnRenewed(func(r jetstream.Renewal) {
		o.mu.Lock()
		defer o.mu.Unlock()
		*got = append(*got, r)
		o.got = append(o.got, fmt.Sprintf("%d:%v", len(*got), r.Anew))
	})
}

// TestOnRenewed: it is called before the messages of the consumer that it reports.
func TestOnRenewed(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		o.store(3)
		var got []jetstream.Renewal
		c := must.Get(must.Get(o.js.Stream(o.t.Context(), "S"))(o.t).OrderedConsumer(o.t.Context(), jetstream.OrderedConsumerConfig{}))(t)
		cc := must.Get(c.Consume(o.handle, o.renewals(&got)))(t)
		time.Sleep(time.Second)
		o.deleteAll()
		time.Sleep(time.Minute)
		run := o.b.Inject("for 1h link(client,s1) refuse")
		o.b.Inject("link(client,s1) reset")
		time.Sleep(time.Minute)
		o.store(2)
		time.Sleep(2 * time.Hour) // no gap, as there is no RestartOnGap
		run.Stop()
		time.Sleep(time.Minute)
		o.see(t, "1", "2", "3", "1:false", "2:false", "4", "5")
		if len(got) != 2 {
			t.Fatalf("%d renewals", len(got))
		}
		first, second := got[0], got[1]
		if first.Last != 3 || first.Consumer.NumPending != 0 || first.Stream.State.LastSeq != 3 || first.Gap != jetstream.GapNone {
			t.Errorf("the first renewal is %+v", first)
		}
		if second.Last != 3 || second.Consumer.NumPending != 2 || second.Stream.State.LastSeq != 5 || second.Consumer.Name != c.CachedInfo().Name {
			t.Errorf("the second renewal is %+v", second)
		}
		cc.Stop()
		<-cc.Closed()
	})
}

// see checks what was noted, and forgets it.
func (o *ordering) see(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if fmt.Sprint(o.got) != fmt.Sprint(want) {
		t.Errorf("noted %v, want %v", o.got, want)
	}
	o.got = nil
}

// TestRestartOnGap: consuming starts over when messages may be missing, and reports why.
func TestRestartOnGap(t *testing.T) {
	anew := func(o *ordering) {
		must.Do(t, o.other.DeleteStream(o.t.Context(), "S"))
		must.Get(o.other.CreateStream(o.t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(o.t)
	}
	stream := func(o *ordering) jetstream.Stream { return must.Get(o.other.Stream(o.t.Context(), "S"))(o.t) }
	for name, test := range map[string]struct {
		happen func(o *ordering)
		gap    jetstream.Gap
		want   []string
	}{
		"made anew, with less": {func(o *ordering) { anew(o); o.store(1) }, jetstream.GapReplaced, []string{"1:true", "4"}},
		"made anew, with more": {func(o *ordering) { anew(o); o.store(5) }, jetstream.GapReplaced, []string{"1:true", "4", "5", "6", "7", "8"}},
		"the next one is gone": {func(o *ordering) {
			o.store(2)
			must.Do(t, stream(o).Purge(o.t.Context(), jetstream.WithPurgeSequence(5)))
		}, jetstream.GapRemoved, []string{"1:true", "5"}},
		"away for too long": {func(o *ordering) { o.store(1); time.Sleep(31 * time.Minute) }, jetstream.GapAway, []string{"1:true", "1", "2", "3", "4"}},
		"nothing is missing": {func(o *ordering) {
			o.store(2)
			must.Do(t, stream(o).Purge(o.t.Context(), jetstream.WithPurgeSequence(4)))
		}, jetstream.GapNone, []string{"1:false", "4", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			orderedBubble(t, func(o *ordering) {
				o.store(3)
				var got []jetstream.Renewal
				c := must.Get(must.Get(o.js.Stream(o.t.Context(), "S"))(o.t).OrderedConsumer(o.t.Context(), jetstream.OrderedConsumerConfig{
					DeliverPolicy: jetstream.DeliverNewPolicy}))(t)
				cc := must.Get(c.Consume(o.handle, o.renewals(&got), o.told(), jetstream.RestartOnGap(jetstream.DeliverAllPolicy, 30*time.Minute)))(t)
				time.Sleep(time.Second)
				o.see(t)
				run := o.b.Inject("for 24h link(client,s1) refuse")
				o.b.Inject("link(client,s1) reset")
				time.Sleep(time.Second)
				test.happen(o)
				run.Stop()
				time.Sleep(time.Minute)
				o.see(t, test.want...)
				if len(got) != 1 || got[0].Gap != test.gap || got[0].Anew != (test.gap != jetstream.GapNone) || got[0].Last != 3 {
					t.Errorf("renewals: %+v", got)
				}
				if len(o.errs) > 0 {
					t.Errorf("reported %v", o.errs)
				}
				o.deleteAll() // it continues from its current place
				time.Sleep(time.Second)
				o.store(1)
				time.Sleep(time.Minute)
				o.see(t, "2:false", fmt.Sprint(o.stored))
				cc.Stop()
				<-cc.Closed()
			})
		})
	}
}

// TestRestartOnGapBeforeTheFirstMessage: only another stream is reported.
func TestRestartOnGapBeforeTheFirstMessage(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		var got []jetstream.Renewal
		c := must.Get(o.js.OrderedConsumer(o.t.Context(), "S", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"s.none"}}))(t)
		cc := must.Get(c.Consume(o.handle, o.renewals(&got), jetstream.RestartOnGap(jetstream.DeliverAllPolicy, 30*time.Minute)))(t)
		o.store(3)
		must.Do(t, must.Get(o.other.Stream(o.t.Context(), "S"))(t).Purge(o.t.Context()))
		o.deleteAll()
		time.Sleep(time.Minute)
		o.see(t, "1:false")
		must.Do(t, o.other.DeleteStream(o.t.Context(), "S"))
		must.Get(o.other.CreateStream(o.t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(t)
		time.Sleep(time.Minute)
		o.see(t, "2:true")
		if last := got[len(got)-1]; last.Gap != jetstream.GapReplaced || last.Stream == nil {
			t.Errorf("the renewal is %+v", last)
		}
		cc.Stop()
		<-cc.Closed()
	})
}

func TestRestartOnGapRefuses(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		c := must.Get(o.js.OrderedConsumer(o.t.Context(), "S", jetstream.OrderedConsumerConfig{}))(t)
		for _, option := range []jetstream.PullConsumeOpt{
			jetstream.RestartOnGap(jetstream.DeliverNewPolicy, time.Hour),
			jetstream.RestartOnGap(jetstream.DeliverAllPolicy, 0),
		} {
			if _, err := c.Consume(o.handle, option); !errors.Is(err, jetstream.ErrInvalidOption) {
				t.Errorf("gave %v", err)
			}
		}
	})
}

func TestMetadataRead(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		o.store(1)
		c := must.Get(o.js.OrderedConsumer(o.t.Context(), "S", jetstream.OrderedConsumerConfig{}))(t)
		m := must.Get(c.Next())(t)
		var meta jetstream.MsgMetadata
		must.Do(t, meta.Read(m))
		if want := must.Get(m.Metadata())(t); meta != *want {
			t.Errorf("read %+v, want %+v", meta, *want)
		}
		synctest.Wait() // what others allocate is counted, too
		if got := testing.AllocsPerRun(100, func() { _ = meta.Read(m) }); got > 0 {
			t.Errorf("it costs %v allocations", got)
		}
	})
}
