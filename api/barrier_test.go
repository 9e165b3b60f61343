package api_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

func TestBarrierIsChecked(t *testing.T) {
	var none *api.Conn
	kinds(t, none.Barrier(func() {}), api.ErrInvalidConnection)
	_, nc := both(t)
	kinds(t, nc.Barrier(nil), api.ErrInvalidCallback)
	nc.Close()
	kinds(t, nc.Barrier(func() { t.Error("called on a closed connection") }), api.ErrConnectionClosed)
}

// TestBarrierWithoutHandlers calls at once: no handler finishes what waits in queues and
// channels.
func TestBarrierWithoutHandlers(t *testing.T) {
	_, nc := both(t)
	calls := 0
	count := func() { calls++ }
	must.Do(t, nc.Barrier(count))
	must.Get(nc.SubscribeSync("a"))(t)
	must.Get(nc.ChanSubscribe("a", make(chan *api.Msg, 1)))(t)
	ended := must.Get(nc.Subscribe("a", func(*api.Msg) {}))(t)
	must.Do(t, ended.Unsubscribe())
	must.Do(t, nc.Publish("a", nil))
	flushed(t, nc)
	must.Do(t, nc.Barrier(count))
	if _, err := nc.Request("nobody", nil, patience); err == nil {
		t.Error("somebody replied")
	}
	must.Do(t, nc.Barrier(count)) // the inbox does not count
	if calls != 3 {
		t.Errorf("called %d times before Barrier returned, want 3", calls)
	}
}

// TestBarrierComesAfterWhatWaits in every kind of subscription with a handler, and
// whatever the handlers do.
func TestBarrierComesAfterWhatWaits(t *testing.T) {
	_, nc := both(t)
	const count = 50
	gate := make(chan struct{})
	var handled atomic.Int32
	handler := func(m *api.Msg) {
		<-gate
		if handled.Add(1)%10 == 0 {
			panic("of the test")
		}
	}
	must.Get(nc.Subscribe("a", handler))(t)
	must.Get(nc.Subscribe("a", handler, api.Borrow()))(t)
	must.Get(nc.Subscribe("a", handler, api.Concurrency(3)))(t)
	must.Get(nc.Subscribe("a", handler, api.Concurrency(3), api.OrderedBy(func(m *api.Msg) string { return string(m.Data) })))(t)
	ref := must.Get(nc.Spawn(doing("actor", func(_ *api.ActorContext, _ any) { <-gate; handled.Add(1) })))(t)
	must.Get(nc.SubscribeActor("a", ref))(t)
	must.Get(nc.Subscribe("idle", handler))(t)
	for i := range count {
		must.Do(t, nc.Publish("a", number(i)))
	}
	flushed(t, nc)
	seen := make(chan int32, 3)
	for range 3 {
		must.Do(t, nc.Barrier(func() { seen <- handled.Load() }))
	}
	if len(seen) > 0 {
		t.Fatal("called while handlers have everything before them")
	}
	close(gate)
	for range 3 {
		if n := await(t, seen, "the call"); n < 5*count {
			t.Errorf("called when %d of %d messages were handled", n, 5*count)
		}
	}
}

// TestBarrierSurvives the end of the subscriptions that it waits for.
func TestBarrierSurvives(t *testing.T) {
	for name, end := range map[string]func(nc *api.Conn, sub *api.Subscription) error{
		"unsubscribe":     func(_ *api.Conn, sub *api.Subscription) error { return sub.Unsubscribe() },
		"autounsubscribe": func(_ *api.Conn, sub *api.Subscription) error { return sub.AutoUnsubscribe(2) },
		"drain":           func(_ *api.Conn, sub *api.Subscription) error { return sub.Drain() },
		"overflow": func(nc *api.Conn, _ *api.Subscription) error {
			for range 10 {
				_ = nc.Publish("a", nil)
			}
			return nc.Flush()
		},
		"drain of all": func(nc *api.Conn, _ *api.Subscription) error { return nc.Drain() },
		"close":        func(nc *api.Conn, _ *api.Subscription) error { go nc.Close(); return nil },
		"reconnect":    func(nc *api.Conn, _ *api.Subscription) error { return nc.ForceReconnect() },
	} {
		for policy, option := range map[string]api.SubOption{
			"one":            api.OnOverflow(api.RestartEmpty),
			"several":        api.Concurrency(2),
			"several by key": api.SubOption(nil),
		} {
			t.Run(name+" "+policy, func(t *testing.T) {
				_, nc := both(t)
				begun, gate := make(chan struct{}, 20), make(chan struct{})
				options := []api.SubOption{option, api.PendingLimits(5, -1)}
				if option == nil {
					options = append(options, api.Concurrency(2), api.OrderedBy(func(*api.Msg) string { return "" }))
				}
				sub := must.Get(nc.Subscribe("a", func(*api.Msg) { begun <- struct{}{}; <-gate }, options...))(t)
				for range 5 {
					must.Do(t, nc.Publish("a", nil))
				}
				await(t, begun, "the first message")
				flushed(t, nc)
				called := make(chan struct{}, 2)
				must.Do(t, nc.Barrier(func() { called <- struct{}{} }))
				must.Do(t, end(nc, sub))
				if len(called) > 0 {
					t.Error("called while the handler was running")
				}
				close(gate)
				await(t, called, "the call")
				nc.Close()
				if len(called) > 0 {
					t.Error("called twice")
				}
			})
		}
	}
}

// TestBarrierFromEverywhere: from a handler, from its own callback, and concurrently; the
// callback may do anything.
func TestBarrierFromEverywhere(t *testing.T) {
	_, nc := both(t)
	order := make(chan string, 10)
	sub := must.Get(nc.Subscribe("a", func(m *api.Msg) {
		must.Do(t, nc.Barrier(func() {
			order <- "call"
			_ = nc.Barrier(func() { order <- "call of the call" })
			panic("of the test")
		}))
		order <- "handler"
	}))(t)
	must.Do(t, nc.Publish("a", nil))
	for _, want := range []string{"handler", "call", "call of the call"} {
		if got := await(t, order, want); got != want {
			t.Errorf("%s came, want %s", got, want)
		}
	}
	must.Do(t, sub.Unsubscribe())
	var called atomic.Int32
	done := make(chan struct{})
	busy := must.Get(nc.Subscribe("b", func(*api.Msg) {}))(t)
	var all sync.WaitGroup
	const callers, each = 8, 50
	for range callers {
		all.Go(func() {
			for range each {
				_ = nc.Publish("b", nil)
				_ = nc.Barrier(func() {
					if called.Add(1) == callers*each {
						close(done)
					}
				})
			}
		})
	}
	all.Wait()
	closed(t, done, "all calls")
	must.Do(t, busy.Unsubscribe())
	must.Get(nc.Subscribe("c", func(*api.Msg) {}))(t)
	over := make(chan struct{})
	must.Do(t, nc.Barrier(func() { nc.Close(); close(over) }))
	closed(t, over, "a close in the call")
	if !nc.IsClosed() {
		t.Error("not closed")
	}
}

// TestBarrierAgainstClose: a barrier that was accepted is called, whenever the close comes.
func TestBarrierAgainstClose(t *testing.T) {
	s := start(t)
	for range 30 {
		nc := dial(t, s)
		must.Get(nc.Subscribe("a", func(*api.Msg) {}))(t)
		var taken, called atomic.Int32
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for nc.Barrier(func() { called.Add(1) }) == nil {
					taken.Add(1)
				}
			})
		}
		must.Do(t, nc.Publish("a", nil))
		flushed(t, nc)
		must.Get(nc.CloseContext(must.Within(t, patience)))(t)
		all.Wait()
		if taken.Load() != called.Load() {
			t.Fatalf("%d were taken, %d called", taken.Load(), called.Load())
		}
	}
}
