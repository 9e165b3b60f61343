package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// quickly makes a connection come back at once, and never give up.
var quickly = []api.Option{api.MaxReconnects(-1), api.ReconnectWait(5 * time.Millisecond), api.ReconnectJitter(0, 0)}

// outage takes the server away, runs f, and brings it back.
func outage(t *testing.T, s *natsserver.Server, nc *api.Conn, f func()) {
	t.Helper()
	down, up := nc.StatusChanged(api.RECONNECTING), nc.StatusChanged(api.CONNECTED)
	defer nc.RemoveStatusListener(down)
	defer nc.RemoveStatusListener(up)
	s.Kill()
	await(t, down, "the loss of the server")
	f()
	must.Do(t, s.Restart())
	await(t, up, "the reconnect")
}

// TestSubscriptionsAreRestoredOnce subscribes before, during and after outages,
// and ends some of them meanwhile.
func TestSubscriptionsAreRestoredOnce(t *testing.T) {
	s, nc := both(t, quickly...)
	handler, got := collect(1000)
	before := must.Get(nc.Subscribe("before", handler))(t)
	gone := must.Get(nc.Subscribe("gone", handler))(t)
	queued := must.Get(nc.QueueSubscribe("queued", "q", handler))(t)
	sync := must.Get(nc.SubscribeSync("sync"))(t)
	limited := must.Get(nc.SubscribeSync("limited"))(t)
	must.Do(t, limited.AutoUnsubscribe(3))
	must.Do(t, nc.Publish("limited", number(0)))
	flushed(t, nc)
	outage(t, s, nc, func() {
		must.Get(nc.Subscribe("during", handler))(t)
		must.Do(t, gone.Unsubscribe())
		must.Do(t, nc.Publish("during", []byte("kept")))
	})
	if m := await(t, got, "what was published during the outage"); m.Subject != "during" || string(m.Data) != "kept" {
		t.Errorf("got %q %q", m.Subject, m.Data)
	}
	outage(t, s, nc, func() {})
	must.Get(nc.Subscribe("after", handler))(t)
	other := dial(t, s)
	flushed(t, nc)
	subjects := []string{"before", "gone", "queued", "during", "after", "sync", "limited", "limited", "limited", "limited"}
	for _, subject := range subjects {
		must.Do(t, other.Publish(subject, nil))
	}
	flushed(t, other, nc)
	for _, want := range []string{"before", "queued", "during", "after"} {
		m := await(t, got, want)
		if m.Subject == "gone" {
			t.Error("an ended subscription was restored")
		}
	}
	if len(got) != 0 {
		t.Errorf("a message came twice: %q", (<-got).Subject)
	}
	must.Get(sync.NextMsgWithContext(must.Within(t, patience)))(t)
	for range 3 {
		must.Get(limited.NextMsgWithContext(must.Within(t, patience)))(t)
	}
	_, err := limited.NextMsg(time.Second)
	kinds(t, err, api.ErrMaxMessages)
	if !before.IsValid() || !queued.IsValid() || nc.Stats().Reconnects != 2 {
		t.Errorf("valid %v %v, %d reconnects", before.IsValid(), queued.IsValid(), nc.Stats().Reconnects)
	}
}

func TestPublishesSurviveAnOutage(t *testing.T) {
	s, nc := both(t, quickly...)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	flushed(t, nc)
	const count = 1000
	outage(t, s, nc, func() {
		for i := range count {
			must.Do(t, nc.Publish("a", number(i)))
		}
		if n, err := nc.Buffered(); err != nil || n < count {
			t.Errorf("buffered %d, %v", n, err)
		}
	})
	for i := range count {
		if m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != string(number(i)) {
			t.Fatalf("message %d is %q", i, m.Data)
		}
	}
}

func TestGivingUpIsLoud(t *testing.T) {
	s := start(t)
	over := make(chan struct{})
	attempts := new(atomic.Int32)
	nc := dial(t, s, api.MaxReconnects(3), api.ReconnectWait(time.Millisecond), api.ReconnectJitter(0, 0),
		api.ClosedHandler(func(*api.Conn) { close(over) }),
		api.ReconnectErrHandler(func(*api.Conn, error) { attempts.Add(1) }))
	s.Kill()
	closed(t, over, "the end")
	kinds(t, nc.LastError(), api.ErrNoServers)
	kinds(t, nc.Publish("a", nil), api.ErrConnectionClosed, api.ErrNoServers)
	if n := attempts.Load(); n < 3 {
		t.Errorf("%d attempts", n)
	}
	if nc.Health() == nil {
		t.Error("healthy when given up")
	}
	last := nc.EventLog()
	found := false
	for _, e := range last {
		found = found || e.Kind == api.ConnectionClosed && errors.Is(e.Cause, api.ErrNoServers)
	}
	if !found {
		t.Errorf("no event tells of the end: %v", last)
	}
}

func TestNeverGiveUp(t *testing.T) {
	s := start(t)
	failed := make(chan error, 1000)
	nc := dial(t, s, api.NeverGiveUp(), api.ReconnectWait(time.Millisecond), api.ReconnectJitter(0, 0),
		api.ReconnectErrHandler(func(_ *api.Conn, err error) {
			select {
			case failed <- err:
			default: // nobody reads while the server comes back
			}
		}))
	outage(t, s, nc, func() {
		for range 20 {
			await(t, failed, "an attempt")
		}
	})
	flushed(t, nc)
}

// TestForceReconnectMakesOneReconnect, each time that it is called.
func TestForceReconnectMakesOneReconnect(t *testing.T) {
	_, nc := both(t, quickly...)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	before := must.Get(nc.GetClientID())(t)
	up := nc.StatusChanged(api.CONNECTED)
	must.Do(t, nc.ForceReconnect())
	await(t, up, "the reconnect")
	flushed(t, nc)
	if after := must.Get(nc.GetClientID())(t); after == before {
		t.Errorf("client %d is client %d", after, before)
	}
	must.Do(t, nc.Publish("a", nil))
	must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	if n := nc.Stats().Reconnects; n != 1 {
		t.Errorf("%d reconnects", n)
	}
}

// TestForceReconnectTakesEffectAtOnce: a flush after it never succeeds on the old link.
func TestForceReconnectTakesEffectAtOnce(t *testing.T) {
	_, nc := both(t, quickly...)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	for i := range 100 {
		before := must.Get(nc.GetClientID())(t)
		must.Do(t, nc.ForceReconnect())
		must.Do(t, nc.Publish("a", number(i)))
		must.Do(t, nc.FlushTimeout(patience))
		if after := must.Get(nc.GetClientID())(t); after == before {
			t.Fatalf("round %d: flushed to client %d", i, after)
		}
		if m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t); !bytes.Equal(m.Data, number(i)) {
			t.Fatalf("round %d: message %s", i, m.Data)
		}
	}
	if stats := nc.Stats(); stats.Reconnects != 100 || stats.Uncertain != 0 {
		t.Errorf("%d reconnects, %d uncertain publishes", stats.Reconnects, stats.Uncertain)
	}
}

// TestNothingIsLostInSilence repeatedly kills the server during a stream of numbered
// messages: each one is delivered, or reported as uncertain.
func TestNothingIsLostInSilence(t *testing.T) {
	s, nc := both(t, quickly...)
	const count = 20_000
	seen := make([]atomic.Int32, count)
	last := make(chan struct{})
	must.Get(nc.Subscribe("a", func(m *api.Msg) {
		var i int
		if _, err := fmt.Sscan(string(m.Data), &i); err != nil {
			t.Error(err)
		}
		if seen[i].Add(1) > 1 {
			t.Errorf("message %d came twice", i)
		}
		if i == count-1 {
			close(last)
		}
	}))(t)
	flushed(t, nc)
	for i := range count - 1 {
		if i%5000 == 4999 {
			outage(t, s, nc, func() {})
		}
		must.Do(t, nc.Publish("a", number(i)))
	}
	flushed(t, nc)
	must.Do(t, nc.Publish("a", number(count-1)))
	closed(t, last, "the last message")
	lost := uint64(0)
	for i := range seen {
		if seen[i].Load() == 0 {
			lost++
		}
	}
	if uncertain := nc.Stats().Uncertain; lost > uncertain {
		t.Errorf("%d messages lost, %d reported as uncertain", lost, uncertain)
	}
}

// TestForceReconnectWithNoReconnect makes another link, because it was requested; a link that
// is lost ends the connection.
func TestForceReconnectWithNoReconnect(t *testing.T) {
	s := start(t)
	over := make(chan struct{})
	nc := dial(t, s, api.NoReconnect(), api.ClosedHandler(func(*api.Conn) { close(over) }))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	up := nc.StatusChanged(api.CONNECTED)
	must.Do(t, nc.ForceReconnect())
	await(t, up, "the next link")
	must.Do(t, nc.Publish("a", nil))
	must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	s.Kill()
	closed(t, over, "the end of the connection")
	if n := nc.Stats().Reconnects; n != 1 {
		t.Errorf("%d reconnects, want 1", n)
	}
}
