package jetstream_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// ordering is an ordered consumer of a stream in a bubble, and another client that publishes.
type ordering struct {
	t      *testing.T
	b      *faults.Env
	nc     *api.Conn
	js     jetstream.JetStream
	other  jetstream.JetStream
	stored int

	mu   sync.Mutex
	got  []string
	errs []error
}

func orderedBubble(t *testing.T, f func(o *ordering)) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.MaxReconnects(-1)))(b.T)
		defer nc.Close()
		other := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("other")), api.MaxReconnects(-1)))(b.T)
		defer other.Close()
		o := &ordering{t: b.T, b: b, nc: nc, js: must.Get(jetstream.New(nc))(b.T), other: must.Get(jetstream.New(other))(b.T)}
		must.Get(o.other.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(b.T)
		f(o)
	})
}

// store stores n more messages.
func (o *ordering) store(n int) {
	o.t.Helper()
	for range n {
		o.stored++
		must.Get(o.other.Conn().Request("s.a", fmt.Append(nil, o.stored), time.Second))(o.t)
	}
}

func (o *ordering) handle(m jetstream.Msg) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, string(m.Data()))
}

func (o *ordering) told() jetstream.ConsumeErrHandler {
	return func(_ jetstream.ConsumeContext, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.errs = append(o.errs, err)
	}
}

// expect checks that all messages from the first wanted to the last stored one came once, in
// order.
func (o *ordering) expect(what string, from int) {
	o.t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if diff := cmp.Diff(numbers(from, o.stored), o.got); diff != "" {
		o.t.Errorf("%s (-want +got):\n%s\n%v", what, diff, o.errs)
	}
}

// consumers returns the names of the consumers that the server has.
func (o *ordering) consumers() (names []string) {
	o.t.Helper()
	lister := must.Get(o.other.Stream(o.t.Context(), "S"))(o.t).ConsumerNames(o.t.Context())
	for name := range lister.Name() {
		names = append(names, name)
	}
	must.Do(o.t, lister.Err())
	return names
}

func (o *ordering) consume(cfg jetstream.OrderedConsumerConfig, opts ...jetstream.PullConsumeOpt) jetstream.ConsumeContext {
	o.t.Helper()
	c := must.Get(o.js.OrderedConsumer(o.t.Context(), "S", cfg))(o.t)
	return must.Get(c.Consume(o.handle, append(opts, o.told())...))(o.t)
}

func TestOrderedConsume(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		o.store(1200)
		c := must.Get(o.js.OrderedConsumer(o.t.Context(), "S", jetstream.OrderedConsumerConfig{NamePrefix: "p", ReplayPolicy: jetstream.ReplayOriginalPolicy}))(o.t)
		if info := must.Get(c.Info(o.t.Context()))(o.t); info.Name != "p_1" || info.Config.AckPolicy != jetstream.AckNonePolicy ||
			info.Config.ReplayPolicy != jetstream.ReplayOriginalPolicy || !info.Config.MemoryStorage || info.Config.InactiveThreshold != 5*time.Minute {
			t.Errorf("%+v", info)
		}
		cc := must.Get(c.Consume(o.handle))(o.t)
		if _, err := c.Consume(o.handle); !errors.Is(err, jetstream.ErrOrderedConsumerConcurrentRequests) {
			t.Errorf("a second one gave %v", err)
		}
		if _, err := c.Fetch(1); !errors.Is(err, jetstream.ErrOrderConsumerUsedAsConsume) {
			t.Errorf("a fetch gave %v", err)
		}
		if _, err := c.Consume(nil); !errors.Is(err, jetstream.ErrHandlerRequired) {
			t.Errorf("no handler gave %v", err)
		}
		time.Sleep(time.Minute)
		o.store(100)
		time.Sleep(time.Hour)
		o.expect("all", 1)
		if names := o.consumers(); len(names) != 1 || c.CachedInfo().Name != "p_1" {
			t.Errorf("consumers %v", names)
		}
		cc.Stop()
		<-cc.Closed()
		synctest.Wait()
		o.store(10)
		if names := o.consumers(); len(names) != 0 {
			t.Errorf("after the end there are %v", names)
		}
		cc = must.Get(c.Consume(o.handle))(o.t)
		time.Sleep(time.Second)
		o.expect("again", 1)
		cc.Drain()
		<-cc.Closed()
	})
}

// TestOrderedGoesOn: through everything that may happen to a link, a server and a consumer.
func TestOrderedGoesOn(t *testing.T) {
	for name, happen := range map[string]func(o *ordering){
		"the link is lost":          func(o *ordering) { o.b.Inject("link(client,s1) reset") },
		"the link hangs":            func(o *ordering) { o.b.Inject("for 30s link(client,s1) blackhole") },
		"the server is killed":      func(o *ordering) { o.b.Inject("for 10s server(s1) kill") },
		"messages are lost":         func(o *ordering) { o.b.Inject("when op(MSG) index(3) link(client,s1) drop") },
		"every tenth one is lost":   func(o *ordering) { o.b.Inject("for 20s when op(MSG) every(10) link(client,s1) drop") },
		"messages come twice":       func(o *ordering) { o.b.Inject("for 20s when op(MSG) every(7) link(client,s1) duplicate") },
		"heartbeats are lost":       func(o *ordering) { o.b.Inject("for 30s when op(HMSG) link(client,s1) drop") },
		"the consumer is deleted":   func(o *ordering) { o.deleteAll() },
		"the puller is restarted":   func(o *ordering) { o.b.Inject("actor(actor) panic") },
		"the link is lost at once":  func(o *ordering) { o.b.Inject("when op(MSG) every(20) link(client,s1) reset") },
		"the consumers are deleted": func(o *ordering) { go o.deleteForAWhile() },
	} {
		t.Run(name, func(t *testing.T) {
			orderedBubble(t, func(o *ordering) {
				o.store(100)
				cc := o.consume(jetstream.OrderedConsumerConfig{})
				synctest.Wait()
				happen(o)
				for range 30 {
					time.Sleep(time.Second)
					o.storeSomehow(10)
				}
				time.Sleep(2 * time.Minute)
				o.expect(name, 1)
				if names := o.consumers(); len(names) != 1 {
					t.Errorf("consumers %v", names)
				}
				if err := o.nc.Health(); err != nil {
					t.Error(err)
				}
				cc.Stop()
				<-cc.Closed()
				synctest.Wait()
				if names := o.consumers(); len(names) != 0 {
					t.Errorf("after the end there are %v", names)
				}
			})
		})
	}
}

// storeSomehow stores n messages, once there is a server.
func (o *ordering) storeSomehow(n int) {
	o.t.Helper()
	for range n {
		o.stored++
		for {
			m := &api.Msg{Subject: "s.a", Data: fmt.Append(nil, o.stored), Header: api.Header{"Nats-Msg-Id": {fmt.Sprint(o.stored)}}}
			if _, err := o.other.Conn().RequestMsg(m, time.Second); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

func (o *ordering) deleteAll() {
	for _, name := range o.consumers() {
		must.Do(o.t, o.other.DeleteConsumer(o.t.Context(), "S", name))
	}
}

func (o *ordering) deleteForAWhile() {
	for range 20 {
		o.deleteAll()
		time.Sleep(time.Second)
	}
}

// TestOrderedPinsItsPlace: messages stored while there is no link are not skipped, even if none
// came before.
func TestOrderedPinsItsPlace(t *testing.T) {
	for policy, first := range map[jetstream.DeliverPolicy]int{jetstream.DeliverNewPolicy: 11, jetstream.DeliverLastPolicy: 10, jetstream.DeliverAllPolicy: 1} {
		t.Run(policy.String(), func(t *testing.T) {
			orderedBubble(t, func(o *ordering) {
				o.store(10)
				o.b.Inject("for 1h when op(MSG) subject(\"s.a\") link(client,s1) drop") // nothing comes before
				cc := o.consume(jetstream.OrderedConsumerConfig{DeliverPolicy: policy})
				time.Sleep(time.Second)
				run := o.b.Inject("for 10s link(client,s1) refuse")
				o.b.Inject("link(client,s1) reset")
				time.Sleep(time.Second)
				o.store(5)
				time.Sleep(2 * time.Hour)
				run.Stop()
				o.store(5)
				time.Sleep(time.Minute)
				o.expect(policy.String(), first)
				cc.Stop()
				<-cc.Closed()
			})
		})
	}
}

// TestOrderedStopAfter counts across resets.
func TestOrderedStopAfter(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		o.store(100)
		o.b.Inject("for 1h when op(MSG) every(15) link(client,s1) drop")
		cc := o.consume(jetstream.OrderedConsumerConfig{}, jetstream.StopAfter(70))
		<-cc.Closed()
		o.stored = 70
		o.expect("the first 70", 1)
		synctest.Wait()
		if names := o.consumers(); len(names) != 0 {
			t.Errorf("left: %v", names)
		}
	})
}

// TestOrderedMessages: like Consume, with calls of Next.
func TestOrderedMessages(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		o.store(100)
		o.b.Inject("for 1h when op(MSG) every(15) link(client,s1) drop")
		c := must.Get(o.js.OrderedConsumer(o.t.Context(), "S", jetstream.OrderedConsumerConfig{}))(o.t)
		it := must.Get(c.Messages())(o.t)
		for range 50 {
			o.handle(must.Get(it.Next())(o.t))
		}
		o.b.Inject("link(client,s1) reset")
		time.Sleep(time.Second)
		o.store(20)
		for range 70 {
			o.handle(must.Get(it.Next())(o.t))
		}
		o.expect("all", 1)
		if _, err := it.Next(jetstream.NextMaxWait(time.Minute)); !errors.Is(err, api.ErrTimeout) {
			t.Errorf("no more: %v", err)
		}
		it.Stop()
		if _, err := it.Next(); !errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			t.Errorf("after a stop: %v", err)
		}
	})
}

// TestOrderedFetch: a fetch continues where the previous one ended, also after a failed one.
func TestOrderedFetch(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		o.store(100)
		c := must.Get(o.js.OrderedConsumer(o.t.Context(), "S", jetstream.OrderedConsumerConfig{}))(o.t)
		read := func(b jetstream.MessageBatch, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			second, err := c.Fetch(1)
			if !errors.Is(err, jetstream.ErrOrderedConsumerConcurrentRequests) && b.Reason() == jetstream.FetchOpen {
				t.Errorf("a second one gave %v", err)
			}
			for m := range b.Messages() {
				o.handle(m)
			}
			must.Do(t, b.Error())
			if err == nil { // the previous one had all
				for m := range second.Messages() {
					o.handle(m)
				}
			}
		}
		read(c.Fetch(10))
		read(c.FetchNoWait(10))
		read(c.FetchBytes(500))
		o.handle(must.Get(c.Next())(t))
		if _, err := c.Consume(o.handle); !errors.Is(err, jetstream.ErrOrderConsumerUsedAsFetch) {
			t.Errorf("consume gave %v", err)
		}
		o.b.Inject("for 6s server(s1) kill")
		time.Sleep(time.Second)
		if _, err := c.Fetch(10); err == nil {
			t.Error("fetched from a server that is gone")
		}
		time.Sleep(time.Minute)
		read(c.Fetch(100, jetstream.FetchMaxWait(time.Second)))
		o.expect("all", 1)
		if names := o.consumers(); len(names) != 1 {
			t.Errorf("consumers: %v", names)
		}
	})
}

// TestOrderedGivesUp: after MaxResetAttempts, and it reports why.
func TestOrderedGivesUp(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		o.store(10)
		cc := o.consume(jetstream.OrderedConsumerConfig{MaxResetAttempts: 3})
		synctest.Wait()
		must.Do(t, o.other.DeleteStream(o.t.Context(), "S"))
		<-cc.Closed()
		o.expect("before the end", 1)
		last := o.errs[len(o.errs)-1]
		if !errors.Is(last, jetstream.ErrOrderedConsumerReset) || !errors.Is(last, jetstream.ErrStreamNotFound) {
			t.Errorf("the last error is %v", last)
		}
		if err := o.nc.Health(); err == nil || !strings.Contains(err.Error(), "stopped") {
			t.Errorf("health: %v", err)
		}
	})
}

// TestOrderedStreamRegressed: a stream that was created again has other messages under the
// delivered sequences; the new ones are delivered, and the change is reported.
func TestOrderedStreamRegressed(t *testing.T) {
	orderedBubble(t, func(o *ordering) {
		o.store(100)
		cc := o.consume(jetstream.OrderedConsumerConfig{})
		time.Sleep(time.Minute)
		must.Do(t, o.other.DeleteStream(o.t.Context(), "S"))
		time.Sleep(time.Minute)
		if err := o.nc.Health(); !errors.Is(err, api.ErrUnhealthy) {
			t.Errorf("without a stream: %v", err)
		}
		must.Get(o.other.CreateStream(o.t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(t)
		o.store(50)
		time.Sleep(time.Minute)
		o.store(50)
		time.Sleep(time.Minute)
		o.expect("old and new", 1)
		var regressed *jetstream.StreamRegressedError
		if last := o.errs[len(o.errs)-1]; !errors.As(last, &regressed) || regressed.Seen != 100 || regressed.Last > 50 || !errors.Is(last, jetstream.ErrStreamRegressed) {
			t.Errorf("reported %v", o.errs)
		}
		if len(o.errs) > 5 || o.nc.Health() != nil {
			t.Errorf("reported %v; %v", o.errs, o.nc.Health())
		}
		cc.Stop()
		<-cc.Closed()
	})
}
