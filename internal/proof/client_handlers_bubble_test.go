package proof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
)

// misdeeds are what a handler can do to itself.
var misdeeds = map[string]func(){
	"value":         func() { panic("boom") },
	"error":         func() { panic(errors.ErrUnsupported) },
	"nil":           func() { panic(nil) },
	"nil map":       func() { nothing()["x"]++ },
	"runtime error": func() { var b []byte; b[len(b)] = 1 },
	"goexit":        runtime.Goexit,
}

func nothing() map[string]int { return nil }

// TestC01AHandlerPanics in each way, at one message of twenty. G12: nothing but its own
// subscription notices, and that one continues with the next message. G11: one report with the
// value and the stack. G6: no message comes twice.
func TestC01AHandlerPanics(t *testing.T) {
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				reports, option := troubles()
				nc := enter(b, "client", option)
				var bad, good notes[string]
				sub := must.Get(nc.Subscribe("a", func(m *api.Msg) {
					bad.add(string(m.Data))
					if string(m.Data) == "7" {
						misdeed()
					}
				}))(b.T)
				must.Get(nc.Subscribe("a", texts(&good)))(b.T)
				for _, n := range numbers(20) {
					must.Do(b.T, nc.Publish("a", []byte(n)))
				}
				settled(b.T, nc, time.Second)
				for who, got := range map[string][]string{"bad": bad.read(), "good": good.read()} {
					if diff := cmp.Diff(numbers(20), got); diff != "" {
						b.T.Errorf("what the %s one got: want -, got +:\n%s", who, diff)
					}
				}
				checkReports(b.T, name, reports.read())
				if n, ok := node(nc.Tree(), "dispatcher"); !ok || n.Restarts != 1 || !sub.IsValid() || nc.Stats().Reconnects != 0 {
					b.T.Errorf("%d restarts, valid %v, %d reconnects", n.Restarts, sub.IsValid(), nc.Stats().Reconnects)
				}
			})
		})
	}
}

func checkReports(t *testing.T, misdeed string, reports []error) {
	t.Helper()
	if len(reports) != 1 {
		t.Fatalf("%d reports: %v", len(reports), reports)
	}
	kinds(t, reports[0], api.ErrHandlerFailed)
	if misdeed == "goexit" {
		as[*api.GoexitError](t, reports[0])
		return
	}
	p := as[*api.PanicError](t, reports[0])
	if p.Value == nil || !strings.Contains(string(p.Stack), "TestC01AHandlerPanics") {
		t.Errorf("value %v, stack %s", p.Value, p.Stack)
	}
	if misdeed == "error" {
		kinds(t, reports[0], errors.ErrUnsupported)
	}
}

// TestC02AHandlerIsSlow, from a millisecond to ten seconds a message. G6 and G8: nobody
// else waits for it, and what it gets is in order. G9: no more waits than its limit. G11:
// one SlowConsumerError for each burst, and the numbers add up.
func TestC02AHandlerIsSlow(t *testing.T) {
	for _, pace := range []time.Duration{time.Millisecond, 10 * time.Millisecond, time.Second, 10 * time.Second} {
		t.Run(pace.String(), func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				const burst, bursts, limit = 100, 3, 10
				reports, option := troubles()
				nc := enter(b, "client", option)
				var slow, quick notes[string]
				sub := must.Get(nc.Subscribe("a", func(m *api.Msg) {
					slow.add(string(m.Data))
					time.Sleep(pace)
				}, api.PendingLimits(limit, -1)))(b.T)
				must.Get(nc.Subscribe("a", texts(&quick)))(b.T)
				for round := range bursts {
					for _, n := range numbers(burst) {
						must.Do(b.T, nc.Publish("a", []byte(n)))
					}
					must.Do(b.T, nc.Flush())
					synctest.Wait() // no time passes
					if n := len(quick.read()); n != burst*(round+1) {
						b.T.Errorf("the quick one has %d after burst %d", n, round+1)
					}
					if waits, _, err := sub.Pending(); waits > limit || err != nil {
						b.T.Errorf("%d wait, %v", waits, err)
					}
					time.Sleep(burst * pace)
				}
				settled(b.T, nc, time.Minute)
				got := slow.read()
				if dropped, err := sub.Dropped(); dropped != bursts*burst-len(got) || len(got) < bursts*limit || err != nil {
					b.T.Errorf("%d delivered, %d dropped of %d, %v", len(got), dropped, bursts*burst, err)
				}
				var bursty []error
				for _, err := range reports.read() {
					if errors.Is(err, api.ErrSlowConsumer) {
						bursty = append(bursty, err)
						as[*api.SlowConsumerError](b.T, err)
					}
				}
				if len(bursty) != bursts {
					b.T.Errorf("%d reports of %d bursts: %v", len(bursty), bursts, bursty)
				}
			})
		})
	}
}

// TestC03AHandlerBlocks for ever. G8: other subscriptions and pings continue for an hour. G13:
// Close and Drain return at their deadline to the instant, and name the handler.
func TestC03AHandlerBlocks(t *testing.T) {
	ends := map[string]func(ctx context.Context, nc *api.Conn) (api.Report, error){
		"close": func(ctx context.Context, nc *api.Conn) (api.Report, error) { return nc.CloseContext(ctx) },
		"drain": func(ctx context.Context, nc *api.Conn) (api.Report, error) { return nc.DrainContext(ctx) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				nc := enter(b, "client", api.PingInterval(10*time.Second), api.MaxPingsOutstanding(1))
				gate := make(chan struct{})
				defer close(gate)
				must.Get(nc.Subscribe("stuck", func(*api.Msg) { <-gate }))(b.T)
				must.Get(nc.Subscribe("echo", func(m *api.Msg) { _ = m.Respond(m.Data) }))(b.T)
				must.Do(b.T, nc.Publish("stuck", nil))
				for range 60 {
					time.Sleep(time.Minute)
					must.Get(nc.Request("echo", nil, time.Millisecond))(b.T)
				}
				if s := nc.Stats(); s.Reconnects != 0 || !nc.IsConnected() {
					b.T.Errorf("%d reconnects", s.Reconnects)
				}
				began := time.Now()
				ctx, cancel := context.WithTimeout(b.T.Context(), 5*time.Second)
				defer cancel()
				report, err := end(ctx, nc)
				kinds(b.T, err, context.DeadlineExceeded)
				if took := time.Since(began); took != 5*time.Second || !names(report.Unfinished, "dispatcher") || !names(unfinished(b.T, err).Unfinished, "dispatcher") {
					b.T.Errorf("%s returned after %v with %+v, %v", name, took, report, err)
				}
			})
		})
	}
}

// selfish is a place from which a connection is used while the place itself is busy.
type selfish func(nc *api.Conn, inside func(own *api.Subscription)) *api.Subscription

var selfishPlaces = map[string]selfish{
	"handler": func(nc *api.Conn, inside func(*api.Subscription)) *api.Subscription {
		sub, _ := nc.Subscribe("self", func(m *api.Msg) { inside(m.Sub) })
		return sub
	},
	"worker": func(nc *api.Conn, inside func(*api.Subscription)) *api.Subscription {
		sub, _ := nc.Subscribe("self", func(m *api.Msg) { inside(m.Sub) }, api.Concurrency(2))
		return sub
	},
	"borrower": func(nc *api.Conn, inside func(*api.Subscription)) *api.Subscription {
		sub, _ := nc.Subscribe("self", func(m *api.Msg) { inside(m.Sub) }, api.Borrow())
		return sub
	},
	"context handler": func(nc *api.Conn, inside func(*api.Subscription)) *api.Subscription {
		sub, _ := nc.Handle("self", func(_ context.Context, m *api.Msg) error { inside(m.Sub); return nil })
		return sub
	},
	"actor": func(nc *api.Conn, inside func(*api.Subscription)) *api.Subscription {
		ref, _ := nc.Spawn(doing(func(_ *api.ActorContext, m any) { inside(m.(*api.Msg).Sub) }))
		sub, _ := nc.SubscribeActor("self", ref)
		return sub
	},
}

// selfishCalls are made on the place's own connection or subscription. Each returns what
// is documented, and says what must hold when the place has returned.
var selfishCalls = map[string]struct {
	call func(nc *api.Conn, own *api.Subscription) error
	most time.Duration // that it may take
	want error         // nil for none
	then func(t *testing.T, nc *api.Conn, own *api.Subscription)
}{
	"Close": {
		call: func(nc *api.Conn, _ *api.Subscription) error { nc.Close(); return nil },
		then: func(t *testing.T, nc *api.Conn, own *api.Subscription) {
			if !nc.IsClosed() || own.IsValid() {
				t.Errorf("closed %v, subscription valid %v", nc.IsClosed(), own.IsValid())
			}
		},
	},
	"Drain": {
		call: func(nc *api.Conn, _ *api.Subscription) error { return nc.Drain() },
		then: func(t *testing.T, nc *api.Conn, own *api.Subscription) {
			if !nc.IsClosed() || own.IsValid() {
				t.Errorf("closed %v, subscription valid %v", nc.IsClosed(), own.IsValid())
			}
		},
	},
	"Unsubscribe": {
		call: func(_ *api.Conn, own *api.Subscription) error { return own.Unsubscribe() },
		then: func(t *testing.T, nc *api.Conn, own *api.Subscription) {
			if own.IsValid() || nc.NumSubscriptions() != 2 {
				t.Errorf("valid %v, %d subscriptions are left", own.IsValid(), nc.NumSubscriptions())
			}
		},
	},
	"Subscribe": {
		call: func(nc *api.Conn, _ *api.Subscription) error {
			_, err := nc.Subscribe("more", func(m *api.Msg) { _ = m.Respond([]byte("more")) })
			return err
		},
		then: func(t *testing.T, nc *api.Conn, _ *api.Subscription) {
			if m := must.Get(nc.Request("more", nil, time.Second))(t); string(m.Data) != "more" {
				t.Errorf("answered %q", m.Data)
			}
		},
	},
	"Request": {
		call: func(nc *api.Conn, _ *api.Subscription) error {
			_, err := nc.Request("echo", nil, time.Minute)
			return err
		},
		then: works,
	},
	"Request to itself": { // nobody can answer: the only one who could is the one who asks
		call: func(nc *api.Conn, _ *api.Subscription) error {
			_, err := nc.Request("mirror", nil, time.Minute)
			return err
		},
		most: time.Minute,
		want: api.ErrTimeout,
		then: works,
	},
}

func works(t *testing.T, nc *api.Conn, own *api.Subscription) {
	t.Helper()
	must.Get(nc.Request("echo", nil, time.Second))(t)
	if !own.IsValid() {
		t.Error("the subscription has ended")
	}
}

// TestC04AHandlerCallsItsOwn connection and subscription: each call from each place. No
// deadlock: G13 and G2: it returns by its deadline, and at once where it has none, with
// the documented result; and Close finds nothing unfinished afterwards (G10).
func TestC04AHandlerCallsItsOwn(t *testing.T) {
	for place, begin := range selfishPlaces {
		for name, c := range selfishCalls {
			t.Run(place+"/"+name, func(t *testing.T) {
				kit(t, func(b *faults.Env) {
					nc := enter(b, "client")
					type result struct {
						err  error
						took time.Duration
					}
					results := make(chan result, 10)
					own := begin(nc, func(own *api.Subscription) {
						began := time.Now()
						err := c.call(nc, own)
						results <- result{err, time.Since(began)}
					})
					must.Get(nc.Subscribe("echo", func(m *api.Msg) { _ = m.Respond(nil) }))(b.T)
					must.Get(nc.Subscribe("mirror", func(m *api.Msg) { _ = nc.PublishRequest("self", m.Reply, nil) }))(b.T)
					must.Do(b.T, nc.Publish("self", nil))
					if r := <-results; r.took != c.most || !errors.Is(r.err, c.want) {
						b.T.Errorf("%v after %v, want %v after %v", r.err, r.took, c.want, c.most)
					}
					time.Sleep(time.Second)
					synctest.Wait()
					c.then(b.T, nc, own)
					if report, err := nc.CloseContext(must.Within(b.T, patience)); err != nil {
						b.T.Errorf("at the end %+v, %v", report, err)
					}
				})
			})
		}
	}
}

// TestC05AHandlerKeepsAndChangesMessages while others pass, the link slices them, and is reset
// in between. What it owns stays as it was, and no other handler sees what it writes.
func TestC05AHandlerKeepsAndChangesMessages(t *testing.T) {
	kit(t, func(b *faults.Env) {
		const count = 2000
		nc := enter(b, "client")
		body := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 1+i%700) }
		kept := map[int]*api.Msg{}
		must.Get(nc.Subscribe("a", func(m *api.Msg) { kept[len(kept)] = m }))(b.T)
		must.Get(nc.Subscribe("a", func(m *api.Msg) {
			clear(m.Data[:cap(m.Data)])
			m.Subject, m.Header = "spoilt", api.Header{"spoilt": {"yes"}}
		}))(b.T)
		must.Do(b.T, nc.Flush())
		b.Inject("link(client, s1) slice(7)")
		other := enter(b, "other")
		for i := range count {
			must.Do(b.T, other.PublishMsg(&api.Msg{Subject: "a", Data: body(i), Header: api.Header{"N": {fmt.Sprint(i)}}}))
			if i == count/2 {
				must.Do(b.T, other.Flush())
				must.Do(b.T, nc.Flush())
				b.Inject("link(client, s1) reset")
				settled(b.T, nc, time.Second)
			}
		}
		must.Do(b.T, other.Flush())
		settled(b.T, nc, time.Second)
		runtime.GC()
		if len(kept) != count {
			b.T.Fatalf("%d of %d messages came", len(kept), count)
		}
		for _, i := range slices.Sorted(maps.Keys(kept)) {
			if m := kept[i]; m.Subject != "a" || m.Header.Get("N") != fmt.Sprint(i) || !bytes.Equal(m.Data, body(i)) {
				b.T.Fatalf("message %d is %q %v with %d bytes", i, m.Subject, m.Header, len(m.Data))
			}
		}
	})
}
