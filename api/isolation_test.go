package api_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// misdeeds are what a handler can do to itself.
var misdeeds = map[string]func(){
	"panics":               func() { panic("boom") },
	"panics with an error": func() { panic(errors.ErrUnsupported) },
	"panics with nil":      func() { panic(nil) },
	"exits its goroutine":  runtime.Goexit,
}

// TestHandlersHarmOnlyThemselves: every other message of one subscription fails, and another
// subscription misses nothing.
func TestHandlersHarmOnlyThemselves(t *testing.T) {
	for name, misdeed := range misdeeds {
		for mode, options := range map[string][]api.SubOption{
			"owned": nil, "borrowed": {api.Borrow()}, "resume": {api.OnPanic(api.Resume)}, "concurrent": {api.Concurrency(3)},
		} {
			t.Run(name+"/"+mode, func(t *testing.T) { harmOnlyYourself(t, misdeed, options) })
		}
	}
}

func harmOnlyYourself(t *testing.T, misdeed func(), options []api.SubOption) {
	const count = 40
	failures := make(chan error, count)
	s, nc := both(t, api.ErrorHandler(func(_ *api.Conn, sub *api.Subscription, err error) {
		if sub == nil || sub.Subject != "a" {
			t.Errorf("a failure of %+v: %v", sub, err)
		}
		failures <- err
	}))
	bad, good := make(chan *api.Msg, count), make(chan *api.Msg, count)
	sub := must.Get(nc.Subscribe("a", func(m *api.Msg) {
		bad <- m.Clone()
		if m.Data[len(m.Data)-1]%2 == 1 {
			misdeed()
		}
	}, options...))(t)
	must.Get(nc.Subscribe("a", func(m *api.Msg) { good <- m }))(t)
	flushed(t, nc)
	publisher := dial(t, s)
	for i := range count {
		must.Do(t, publisher.Publish("a", number(i)))
	}
	for i := range count {
		if m := await(t, good, "the neighbour's message"); string(m.Data) != string(number(i)) {
			t.Errorf("the neighbour's message %d is %q", i, m.Data)
		}
		await(t, bad, "a message")
	}
	for range count / 2 {
		kinds(t, await(t, failures, "a report"), api.ErrHandlerFailed)
	}
	if !sub.IsValid() || !nc.IsConnected() || len(bad) != 0 {
		t.Errorf("valid %v, connected %v, %d deliveries too many", sub.IsValid(), nc.IsConnected(), len(bad))
	}
	if delivered, err := sub.Delivered(); err != nil || delivered != count {
		t.Errorf("delivered %d, %v", delivered, err)
	}
}

func TestPanicReportsSayWhatHappened(t *testing.T) {
	failures, events := make(chan error, 1), make(chan api.Event, 1)
	_, nc := both(t, api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failures <- err }),
		api.OnEvent(func(e api.Event) {
			if e.Kind == api.HandlerPanicked {
				events <- e
			}
		}))
	must.Get(nc.Subscribe("orders", func(*api.Msg) { panic("boom") }))(t)
	must.Do(t, nc.Publish("orders", []byte("secret")))
	err := await(t, failures, "the report")
	kinds(t, err, api.ErrHandlerPanic)
	var p *api.PanicError
	if !errors.As(err, &p) || p.Value != "boom" || !strings.Contains(string(p.Stack), "TestPanicReportsSayWhatHappened") {
		t.Errorf("report %+v", p)
	}
	if text := err.Error(); !strings.Contains(text, "boom") || !strings.Contains(text, "orders") || strings.Contains(text, "secret") {
		t.Errorf("text %q", text)
	}
	e := await(t, events, "the event")
	if e.Directive != api.Restart || e.Attempt != 1 || !strings.Contains(e.Path, "/subscriptions/") {
		t.Errorf("event %+v", e)
	}
}

// TestPanicsStopWhatNeverWorks in virtual time: more than a hundred in a second are too many.
func TestPanicsStopWhatNeverWorks(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		failures := make(chan error, 1000)
		nc.SetErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failures <- err })
		var calls atomic.Int32
		sub := must.Get(nc.Subscribe("a", func(*api.Msg) { calls.Add(1); panic("always") }))(t)
		ended := make(chan string, 1)
		sub.SetClosedHandler(func(subject string) { ended <- subject })
		for range 500 {
			must.Do(t, nc.Publish("a", nil))
		}
		await(t, ended, "the end")
		if n := calls.Load(); n != 101 || sub.IsValid() || !nc.IsConnected() {
			t.Errorf("%d calls, valid %v, connected %v", n, sub.IsValid(), nc.IsConnected())
		}
		for {
			if err := await(t, failures, "the last report"); errors.Is(err, api.ErrRestartLimit) {
				break
			}
		}
		if nc.Health() == nil {
			t.Error("healthy with a stopped subscription")
		}
	})
}

func TestPanicPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		option api.SubOption
		calls  int32
	}{
		"stop":           {api.OnPanic(api.Stop), 1},
		"policy to stop": {api.OnPanic(api.Policy{Directive: api.Stop}), 1},
		"resume":         {api.OnPanic(api.Resume), 10},
		"restart":        {api.OnPanic(api.Restart), 10},
	} {
		t.Run(name, func(t *testing.T) {
			_, nc := both(t)
			var calls atomic.Int32
			enough := make(chan struct{})
			sub := must.Get(nc.Subscribe("a", func(*api.Msg) {
				if calls.Add(1) == c.calls {
					defer close(enough)
				}
				panic("boom")
			}, c.option))(t)
			ended := make(chan string, 1)
			sub.SetClosedHandler(func(subject string) { ended <- subject })
			for range 10 {
				must.Do(t, nc.Publish("a", nil))
			}
			closed(t, enough, "the calls")
			if c.calls == 1 {
				await(t, ended, "the end")
			} else if !sub.IsValid() {
				t.Error("not valid")
			}
		})
	}
}

// TestBlockedHandlersHarmNobody blocks more handlers than there are processors.
func TestBlockedHandlersHarmNobody(t *testing.T) {
	s, nc := both(t)
	gate := make(chan struct{})
	defer close(gate)
	const blockers = 20
	begun := make(chan struct{}, blockers)
	for range blockers {
		must.Get(nc.Subscribe("block", func(*api.Msg) { begun <- struct{}{}; <-gate }))(t)
	}
	echo(t, nc, "echo")
	must.Do(t, nc.Publish("block", nil))
	for range blockers {
		await(t, begun, "a blocked handler")
	}
	other := dial(t, s)
	for range 100 {
		must.Get(other.Request("echo", nil, patience))(t)
		must.Get(nc.Request("echo", nil, patience))(t)
	}
	flushed(t, nc)
}

// TestCallbacksHarmOnlyThemselves lets each callback panic: the others still run.
func TestCallbacksHarmOnlyThemselves(t *testing.T) {
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			calls := make(chan string, 100)
			bad := func(what string) { calls <- what; misdeed() }
			nc := must.Get(api.Connect(s.URL(), api.ReconnectWait(0), api.ReconnectJitter(0, 0),
				api.OnEvent(func(e api.Event) {
					if e.Kind == api.LinkRestored {
						misdeed()
					}
				}),
				api.ConnectHandler(func(*api.Conn) { bad("connected") }),
				api.ReconnectHandler(func(*api.Conn) { bad("reconnected") }),
				api.DisconnectErrHandler(func(*api.Conn, error) { bad("disconnected") }),
				api.ClosedHandler(func(*api.Conn) { bad("closed") }),
				api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { bad("error " + err.Error()) })))(t)
			await(t, calls, "connected")
			must.Do(t, nc.ForceReconnect())
			for _, want := range []string{"disconnected", "reconnected"} {
				if got := await(t, calls, want); got != want {
					t.Errorf("%s instead of %s", got, want)
				}
			}
			flushed(t, nc)
			nc.Close()
			for _, want := range []string{"disconnected", "closed"} {
				if got := await(t, calls, want); got != want {
					t.Errorf("%s instead of %s", got, want)
				}
			}
			if !slices.ContainsFunc(nc.EventLog(), func(e api.Event) bool {
				return e.Kind == api.HandlerPanicked && strings.HasSuffix(e.Path, "/callbacks") && e.Cause != nil
			}) {
				t.Errorf("no event tells of it: %v", nc.EventLog())
			}
		})
	}
}
