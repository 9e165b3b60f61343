package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

func TestCloseSendsWhatWaits(t *testing.T) {
	s, nc := both(t)
	reader := dial(t, s)
	sub := must.Get(reader.SubscribeSync("a"))(t)
	flushed(t, reader)
	const count = 1000
	for i := range count {
		must.Do(t, nc.Publish("a", number(i)))
	}
	report, err := nc.CloseContext(must.Within(t, patience))
	if err != nil || report.UnsentBytes != 0 || len(report.Unfinished) != 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	for i := range count {
		if m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != string(number(i)) {
			t.Fatalf("message %d is %q", i, m.Data)
		}
	}
}

func TestCloseFromAnywhereReturns(t *testing.T) {
	for name, closeBy := range map[string]func(*api.Conn){
		"Close":        (*api.Conn).Close,
		"CloseContext": func(nc *api.Conn) { _, _ = nc.CloseContext(context.Background()) },
	} {
		t.Run(name+" in a handler", func(t *testing.T) {
			_, nc := both(t)
			returned := make(chan struct{})
			must.Get(nc.Subscribe("a", func(*api.Msg) { closeBy(nc); close(returned) }))(t)
			must.Do(t, nc.Publish("a", nil))
			closed(t, returned, "the close")
			if !nc.IsClosed() {
				t.Error("not closed")
			}
		})
		t.Run(name+" in a callback", func(t *testing.T) {
			returned := make(chan struct{})
			both(t, api.ConnectHandler(func(nc *api.Conn) { closeBy(nc); close(returned) }))
			closed(t, returned, "the close")
		})
		t.Run(name+" in the closed callback", func(t *testing.T) {
			returned := make(chan struct{})
			_, nc := both(t, api.ClosedHandler(func(nc *api.Conn) { closeBy(nc); close(returned) }))
			nc.Close()
			closed(t, returned, "the close")
		})
		t.Run(name+" in the end of a subscription", func(t *testing.T) {
			_, nc := both(t)
			sub := must.Get(nc.SubscribeSync("a"))(t)
			returned := make(chan struct{})
			sub.SetClosedHandler(func(string) { closeBy(nc); close(returned) })
			must.Do(t, sub.Unsubscribe())
			closed(t, returned, "the close")
		})
		t.Run(name+" from many goroutines", func(t *testing.T) {
			_, nc := both(t)
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() { closeBy(nc) })
			}
			all.Wait()
			if !nc.IsClosed() {
				t.Error("not closed")
			}
		})
	}
}

func TestCloseSaysWhoDidNotReturn(t *testing.T) {
	_, nc := both(t)
	begun, gate := make(chan struct{}), make(chan struct{})
	must.Get(nc.Subscribe("a", func(*api.Msg) { close(begun); <-gate }))(t)
	must.Do(t, nc.Publish("a", nil))
	closed(t, begun, "the handler")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	report, err := nc.CloseContext(ctx)
	kinds(t, err, api.ErrCloseTimeout, api.ErrTimeout, context.DeadlineExceeded)
	if !slices.ContainsFunc(report.Unfinished, func(path string) bool { return strings.Contains(path, "dispatcher") }) {
		t.Errorf("report %+v", report)
	}
	close(gate)
	if report, err := nc.CloseContext(must.Within(t, patience)); err != nil || len(report.Unfinished) != 0 {
		t.Errorf("a further close: %+v, %v", report, err)
	}
}

func TestCloseTellsSubscriptions(t *testing.T) {
	_, nc := both(t)
	ended := make(chan string, 10)
	for i := range 5 {
		subject := fmt.Sprint(i)
		sub := must.Get(nc.Subscribe(subject, func(*api.Msg) {}))(t)
		sub.SetClosedHandler(func(subject string) { ended <- subject })
		if i%2 == 0 {
			must.Do(t, nc.Publish(subject, nil)) // some have been active
		}
	}
	sync := must.Get(nc.SubscribeSync("sync"))(t)
	sync.SetClosedHandler(func(subject string) { ended <- subject })
	flushed(t, nc)
	nc.Close()
	for range 6 {
		await(t, ended, "the end of a subscription")
	}
}

// TestCallbackOrder: over the life of a connection, callbacks come in nats.go's order.
func TestCallbackOrder(t *testing.T) {
	calls := make(chan string, 100)
	say := func(what string) api.ConnHandler { return func(*api.Conn) { calls <- what } }
	options := []api.Option{
		api.ConnectHandler(say("connected")), api.ReconnectHandler(say("reconnected")), api.ClosedHandler(say("closed")),
		api.DisconnectErrHandler(func(_ *api.Conn, err error) { calls <- fmt.Sprint("disconnected ", err != nil) }),
		api.ReconnectWait(0), api.ReconnectJitter(0, 0),
	}
	life := func(t *testing.T, want []string, options ...api.Option) {
		t.Helper()
		s := start(t)
		nc := must.Get(api.Connect(s.URL(), options...))(t)
		if nc.Opts.AllowReconnect {
			up := nc.StatusChanged(api.CONNECTED)
			must.Do(t, nc.ForceReconnect())
			await(t, up, "the reconnect")
		}
		nc.Close()
		for _, w := range want {
			if got := await(t, calls, w); got != w {
				t.Errorf("%q instead of %q", got, w)
			}
		}
		if len(calls) != 0 {
			t.Errorf("and then %q", <-calls)
		}
	}
	t.Run("all", func(t *testing.T) {
		life(t, []string{"connected", "disconnected true", "reconnected", "disconnected false", "closed"}, options...)
	})
	t.Run("no callbacks after close", func(t *testing.T) {
		life(t, []string{"connected", "disconnected true", "reconnected"}, append(options, api.NoCallbacksAfterClientClose())...)
	})
	t.Run("server lost without reconnect", func(t *testing.T) {
		s := start(t)
		nc := must.Get(api.Connect(s.URL(), append(options, api.NoReconnect(), api.NoCallbacksAfterClientClose())...))(t)
		await(t, calls, "connected")
		s.Kill()
		for _, w := range []string{"disconnected true", "closed"} {
			if got := await(t, calls, w); got != w {
				t.Errorf("%q instead of %q", got, w)
			}
		}
		kinds(t, nc.LastError(), api.ErrUnexpectedEOF, api.ErrStaleConnection)
		kinds(t, nc.Publish("a", nil), api.ErrConnectionClosed, api.ErrUnexpectedEOF)
		nc.Close()
	})
}

func TestDrainFinishesEverything(t *testing.T) {
	for name, drain := range map[string]func(*testing.T, *api.Conn){
		"Drain":        func(t *testing.T, nc *api.Conn) { must.Do(t, nc.Drain()) },
		"DrainContext": func(t *testing.T, nc *api.Conn) { must.Get(nc.DrainContext(must.Within(t, patience)))(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			over := make(chan struct{})
			nc := dial(t, s, api.ClosedHandler(func(*api.Conn) { close(over) }))
			results := dial(t, s)
			answers := must.Get(results.SubscribeSync("answers"))(t)
			flushed(t, results)
			const count = 200
			begun := make(chan struct{}, count)
			must.Get(nc.Subscribe("work", func(m *api.Msg) {
				begun <- struct{}{}
				if err := nc.Publish("answers", m.Data); err != nil {
					t.Errorf("publish while draining: %v", err)
				}
			}))(t)
			for i := range count {
				must.Do(t, nc.Publish("work", number(i)))
			}
			await(t, begun, "the first message")
			drain(t, nc)
			closed(t, over, "the end of the drain")
			for i := range count {
				if m := must.Get(answers.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != string(number(i)) {
					t.Fatalf("answer %d is %q", i, m.Data)
				}
			}
			kinds(t, nc.Publish("a", nil), api.ErrConnectionClosed)
		})
	}
}

// TestDoneTellsOfTheEnd, and not earlier.
func TestDoneTellsOfTheEnd(t *testing.T) {
	_, nc := both(t)
	select {
	case <-nc.Done():
		t.Error("done while it goes on")
	default:
	}
	nc.Close()
	<-nc.Done()
	if (&api.Conn{}).Done() != nil {
		t.Error("the zero Conn has an end")
	}
}
