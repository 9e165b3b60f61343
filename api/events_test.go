package api_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

func TestEventsFollowTheConnection(t *testing.T) {
	s, nc := both(t, quickly...)
	kindsSeen := make(chan api.EventKind, 1000)
	events := nc.Events(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		last := uint64(0)
		for e := range events {
			if e.Seq <= last || e.Time.IsZero() || e.Path == "" {
				t.Errorf("event %+v behind number %d", e, last)
			}
			last = e.Seq
			kindsSeen <- e.Kind
		}
	}()
	outage(t, s, nc, func() {})
	nc.Close()
	closed(t, over, "the end of the sequence")
	close(kindsSeen)
	want := []api.EventKind{api.LinkLost, api.LinkRestored, api.ConnectionClosed}
	for kind := range kindsSeen {
		if len(want) > 0 && kind == want[0] {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		t.Errorf("events lack %v", want)
	}
	for range nc.Events(context.Background()) {
		t.Error("an event after the end")
	}
	if log := nc.EventLog(); len(log) < 10 || log[len(log)-1].Seq == 0 {
		t.Errorf("%d events in the log", len(log))
	}
}

func TestEventsEndWithTheirContextOrLoop(t *testing.T) {
	_, nc := both(t)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	events := nc.Events(ctx)
	go func() {
		for range events {
			continue
		}
		close(over)
	}()
	cancel()
	closed(t, over, "the end by context")
	for range nc.Events(ctx) {
		t.Error("an event of a context that is done")
	}
	endless := nc.Events(context.Background())
	must.Do(t, nc.ForceReconnect())
	for range endless {
		break
	}
	for range endless {
		t.Error("a sequence that was left goes on")
	}
}

// TestEventsEndWhenACallbackPanics closes connections whose callbacks panic at the
// end, or end their goroutine.
func TestEventsEndWhenACallbackPanics(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("on purpose") }, "exit": runtime.Goexit} {
		atEnd := func(e api.Event) {
			if e.Kind == api.ConnectionClosed {
				end()
			}
		}
		for which, option := range map[string]api.Option{
			"ClosedHandler": api.ClosedHandler(func(*api.Conn) { end() }),
			"OnEvent":       api.OnEvent(atEnd),
		} {
			t.Run(name+" in "+which, func(t *testing.T) {
				_, nc := both(t, option)
				events := nc.Events(context.Background())
				over := make(chan struct{})
				go func() {
					defer close(over)
					for range events {
					}
				}()
				nc.Close()
				closed(t, over, "the end of the sequence")
				for range nc.Events(context.Background()) {
					t.Error("an event after the end")
				}
			})
		}
	}
}

func TestEventsCountWhatASlowLoopMisses(t *testing.T) {
	_, nc := both(t)
	events := nc.Events(context.Background())
	handled := make(chan struct{}, 5000)
	nc.SetErrorHandler(func(*api.Conn, *api.Subscription, error) { handled <- struct{}{} })
	must.Get(nc.Subscribe("a", func(*api.Msg) { panic("boom") }, api.OnPanic(api.Resume)))(t)
	const count = 1500
	for range count {
		must.Do(t, nc.Publish("a", nil))
	}
	for range count {
		await(t, handled, "a report")
	}
	nc.Close()
	seen, dropped := uint64(0), uint64(0)
	for e := range events {
		if e.Kind == api.EventsDropped {
			dropped += e.Count
		} else {
			seen++
		}
	}
	if seen == 0 || dropped == 0 || seen+dropped < count {
		t.Errorf("%d events and %d counted as dropped", seen, dropped)
	}
}

// TestStatesOfAConnection are reported in order, and are those of nats.go.
func TestStatesOfAConnection(t *testing.T) {
	every := []api.Status{api.DISCONNECTED, api.CONNECTED, api.CLOSED, api.RECONNECTING, api.CONNECTING, api.DRAINING_SUBS, api.DRAINING_PUBS}
	inHandler := make(chan api.Status, 2)
	lost := api.DisconnectErrHandler(func(nc *api.Conn, _ error) { inHandler <- nc.Status() })
	for name, c := range map[string]struct {
		options []api.Option
		do      func(*natsserver.Server, *api.Conn) error
		want    []api.Status
	}{
		"drained": {nil, func(_ *natsserver.Server, nc *api.Conn) error { return nc.Drain() },
			[]api.Status{api.DRAINING_SUBS, api.DRAINING_PUBS, api.CLOSED}},
		"made anew": {nil, func(_ *natsserver.Server, nc *api.Conn) error { return nc.ForceReconnect() },
			[]api.Status{api.RECONNECTING, api.CONNECTED}},
		"made anew under NoReconnect": {[]api.Option{api.NoReconnect()}, func(_ *natsserver.Server, nc *api.Conn) error { return nc.ForceReconnect() },
			[]api.Status{api.RECONNECTING, api.CONNECTED}},
		"lost under NoReconnect": {[]api.Option{api.NoReconnect(), lost}, func(s *natsserver.Server, _ *api.Conn) error { s.Kill(); return nil },
			[]api.Status{api.DISCONNECTED, api.CLOSED}},
	} {
		t.Run(name, func(t *testing.T) {
			s, nc := both(t, append(c.options, quickly[1:]...)...)
			states := nc.StatusChanged(every...)
			must.Do(t, c.do(s, nc))
			for _, want := range c.want {
				if got := await(t, states, want.String()); got != want {
					t.Errorf("%v instead of %v", got, want)
				}
			}
			if len(states) != 0 {
				t.Errorf("and then %v", <-states)
			}
		})
	}
	if s := await(t, inHandler, "the DisconnectErrHandler"); s != api.DISCONNECTED && s != api.CLOSED {
		t.Errorf("%v within the DisconnectErrHandler", s)
	}
}

func TestStatusListeners(t *testing.T) {
	s, nc := both(t, quickly...)
	all, some, foreign := nc.StatusChanged(), nc.StatusChanged(api.CLOSED), nc.StatusChanged()
	removed := nc.StatusChanged()
	nc.RemoveStatusListener(removed)
	closed(t, removed, "a removed channel")
	nc.RemoveStatusListener(removed)
	close(foreign) // by a caller that should not
	outage(t, s, nc, func() {})
	nc.Close()
	for _, want := range []api.Status{api.RECONNECTING, api.CONNECTED, api.CLOSED} {
		if got := await(t, all, want.String()); got != want {
			t.Errorf("%v instead of %v", got, want)
		}
	}
	if got := await(t, some, "CLOSED"); got != api.CLOSED || len(some) != 0 {
		t.Errorf("%v, and %d more", got, len(some))
	}
	for s, name := range map[api.Status]string{api.DISCONNECTED: "DISCONNECTED", api.CONNECTED: "CONNECTED", api.CLOSED: "CLOSED",
		api.RECONNECTING: "RECONNECTING", api.CONNECTING: "CONNECTING", api.DRAINING_SUBS: "DRAINING_SUBS",
		api.DRAINING_PUBS: "DRAINING_PUBS", 99: "unknown status"} {
		if s.String() != name {
			t.Errorf("status %d is %q", s, s)
		}
	}
}

func TestHandlersCanBeChanged(t *testing.T) {
	s, nc := both(t, quickly...)
	calls := make(chan string, 100)
	nc.SetDisconnectErrHandler(func(*api.Conn, error) { calls <- "disconnected" })
	nc.SetReconnectHandler(func(*api.Conn) { calls <- "reconnected" })
	nc.SetClosedHandler(func(*api.Conn) { calls <- "closed" })
	nc.SetDiscoveredServersHandler(func(*api.Conn) {})
	nc.SetErrorHandler(func(*api.Conn, *api.Subscription, error) {})
	if nc.DisconnectErrHandler() == nil || nc.ReconnectHandler() == nil || nc.ClosedHandler() == nil ||
		nc.DiscoveredServersHandler() == nil || nc.ErrorHandler() == nil {
		t.Error("a handler was not kept")
	}
	outage(t, s, nc, func() {})
	nc.Close()
	for _, want := range []string{"disconnected", "reconnected", "disconnected", "closed"} {
		if got := await(t, calls, want); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
}

func TestLoggerWritesLinesWithoutSecrets(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	s := start(t)
	address := strings.Replace(s.URL(), "://", "://derek:s3cret@", 1)
	nc := must.Get(api.Connect(address, api.Logger(zap.New(core)), api.NoReconnect()))(t)
	over := nc.StatusChanged(api.CLOSED)
	s.Kill()
	await(t, over, "the end")
	nc.Close()
	if lines.FilterMessage("LinkLost").FilterLevelExact(zap.WarnLevel).Len() != 1 || lines.FilterMessage("LinkRestored").Len() != 1 {
		t.Errorf("lines %v", lines.All())
	}
	for _, line := range lines.All() {
		if strings.Contains(line.ContextMap()["event"].(string), "s3cret") {
			t.Errorf("line %v shows a secret", line)
		}
	}
}

func TestTreeAndHealth(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.Subscribe("orders.*", func(*api.Msg) {}))(t)
	must.Do(t, nc.Publish("orders.new", nil))
	flushed(t, nc)
	tree := nc.Tree()
	for tree.State == "connecting" { // the root may not have been notified of its link yet
		flushed(t, nc)
		tree = nc.Tree()
	}
	if tree.State != "connected" || tree.Kind != "connection" || !strings.Contains(tree.String(), "orders.*") {
		t.Errorf("tree\n%v", tree)
	}
	for _, kind := range []string{"link", "reader", "writer", "heartbeat", "subscriptions", "requests", "callbacks"} {
		if !strings.Contains(tree.String(), kind) {
			t.Errorf("the tree lacks %s", kind)
		}
	}
	must.Do(t, nc.Health())
	must.Do(t, sub.Unsubscribe())
	nc.Close()
	if s := nc.Tree().State; s != "closed" && s != "stopped" {
		t.Errorf("tree of a closed connection\n%v", nc.Tree())
	}
}
