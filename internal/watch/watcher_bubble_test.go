package watch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

func TestWatcher(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.put("a=1", "b=2", "a=3")
		w := h.start(h.config())
		h.expect("b=2@2", "a=3@3", "ready")
		h.put("c=4", "d=skip", "e=bad")
		time.Sleep(time.Second)
		h.expect("c=4@4", `troupe: message not understood: "$KV.B.e", revision 6: it is bad`)
		h.expectState("watcher-B-1", "live", "")
		for counter, want := range map[string]uint64{"entries": 3, "undecoded": 1, "revision": 6, "syncs": 1, "consumers": 1, "waiting": 0} {
			if got, ok := h.node("watcher-B-1").Counter(counter); got != want || !ok {
				t.Errorf("%s is %d, want %d", counter, got, want)
			}
		}
		w.Stop()
		w.Stop()
		<-w.Ended()
		h.expect("end")
		h.expectState("watcher-B-1", "", "")
		h.expectConsumers(0)
		if err := w.Err(); err != nil {
			t.Errorf("after a stop: %v", err)
		}
		for range w.Events() {
			t.Error("an event after the end")
		}
	})
}

// TestWatcherBegins where the config says.
func TestWatcherBegins(t *testing.T) {
	all := bucket()
	all.MaxMsgsPerSubject = 2
	for name, test := range map[string]struct {
		change func(*watch.Config[string])
		want   []string
	}{
		"the last of each":      {func(*watch.Config[string]) {}, []string{"b=2@2", "a=4@4", "c=5@5", "ready", "b=6@6"}},
		"history":               {func(c *watch.Config[string]) { c.Deliver = jetstream.DeliverAllPolicy }, []string{"b=2@2", "a=3@3", "a=4@4", "c=5@5", "ready", "b=6@6"}},
		"what is new":           {func(c *watch.Config[string]) { c.Deliver = jetstream.DeliverNewPolicy }, []string{"ready", "b=6@6"}},
		"a revision":            {func(c *watch.Config[string]) { c.Deliver, c.StartSeq = jetstream.DeliverByStartSequencePolicy, 4 }, []string{"a=4@4", "c=5@5", "ready", "b=6@6"}},
		"a revision that comes": {func(c *watch.Config[string]) { c.Deliver, c.StartSeq = jetstream.DeliverByStartSequencePolicy, 6 }, []string{"ready", "b=6@6"}},
		"one filter":            {func(c *watch.Config[string]) { c.Filters = []string{"$KV.B.b"} }, []string{"b=2@2", "ready", "b=6@6"}},
		"several filters":       {func(c *watch.Config[string]) { c.Filters = []string{"$KV.B.b", "$KV.B.c", "$KV.B.x"} }, []string{"b=2@2", "c=5@5", "ready", "b=6@6"}},
		"nothing yet":           {func(c *watch.Config[string]) { c.Filters = []string{"$KV.B.x"} }, []string{"ready"}},
		"headers only":          {func(c *watch.Config[string]) { c.HeadersOnly = true }, []string{"b=@2", "a=@4", "c=@5", "ready", "b=@6"}},
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, all, func(h *house) {
				h.put("a=1", "b=2", "a=3", "a=4", "c=5")
				cfg := h.config()
				test.change(&cfg)
				w := h.start(cfg)
				time.Sleep(time.Second)
				h.put("b=6")
				time.Sleep(time.Second)
				h.expect(test.want...)
				w.Stop()
			})
		})
	}
}

// TestWatcherResumes after a revision that it has seen, and reports when the stream is not the
// one that it was, or has removed what came after.
func TestWatcherResumes(t *testing.T) {
	for name, test := range map[string]struct {
		seq  uint64
		want []string
	}{
		"nothing was removed":   {4, []string{"b=4@4", "c=5@5", "ready", "d=6@6"}},
		"nothing is new":        {6, []string{"ready", "d=6@6"}},
		"some were removed":     {2, []string{"resync: " + jetstream.GapRemoved.String(), "a=3@3", "b=4@4", "c=5@5", "ready", "d=6@6"}},
		"nothing was seen":      {1, []string{"a=3@3", "b=4@4", "c=5@5", "ready", "d=6@6"}},
		"it was made anew":      {7, []string{"resync: " + jetstream.GapRegressed.String(), "a=3@3", "b=4@4", "c=5@5", "ready", "d=6@6"}},
		"it was made anew long": {1 << 40, []string{"resync: " + jetstream.GapRegressed.String(), "a=3@3", "b=4@4", "c=5@5", "ready", "d=6@6"}},
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, bucket(), func(h *house) {
				h.put("a=1", "b=2", "a=3", "b=4", "c=5")
				cfg := h.config()
				cfg.Deliver, cfg.StartSeq = jetstream.DeliverByStartSequencePolicy, test.seq
				w := h.start(cfg)
				time.Sleep(time.Second)
				h.put("d=6")
				time.Sleep(time.Second)
				h.expect(test.want...)
				w.Stop()
			})
		})
	}
}

// TestWatcherIsBoundedInBytes: what is large waits at the server.
func TestWatcherIsBoundedInBytes(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		large := strings.Repeat("x", 1_000_000)
		for i := range 20 {
			h.put(fmt.Sprint(i, "=", large))
		}
		cfg := h.config()
		cfg.Waiting = 1
		w := must.Get(watch.Start(h.t.Context(), cfg))(h.t)
		time.Sleep(time.Minute)
		if n := h.nc.Stats().InBytes; n > 8<<20 {
			h.t.Errorf("%d bytes have come for nobody", n)
		}
		n := 0
		for e := range w.Events() {
			if e.Kind == watch.Ready {
				break
			}
			n++
		}
		if n != 20 {
			h.t.Errorf("%d have come", n)
		}
		w.Stop()
	})
}

// TestWatcherOfNothing is ready at once, and once, whatever happens before the first entry.
func TestWatcherOfNothing(t *testing.T) {
	for _, deliver := range []jetstream.DeliverPolicy{jetstream.DeliverAllPolicy, jetstream.DeliverLastPerSubjectPolicy, jetstream.DeliverNewPolicy} {
		t.Run(deliver.String(), func(t *testing.T) {
			inHouse(t, bucket(), func(h *house) {
				cfg := h.config()
				cfg.Deliver = deliver
				w := h.start(cfg)
				h.expect("ready")
				h.b.Inject("for 10s server(s1) kill")
				time.Sleep(time.Minute)
				h.deleteConsumers()
				time.Sleep(time.Minute)
				h.expect()
				h.put("a=1")
				time.Sleep(time.Second)
				h.expect("a=1@1")
				w.Stop()
			})
		})
	}
}

// TestWatcherGoesOn through everything that may happen, without a resync, and with nothing twice.
func TestWatcherGoesOn(t *testing.T) {
	for name, happen := range map[string]func(h *house){
		"the link is lost":         func(h *house) { h.b.Inject("link(client,s1) reset") },
		"the link hangs":           func(h *house) { h.b.Inject("for 30s link(client,s1) blackhole") },
		"the server is killed":     func(h *house) { h.b.Inject("for 10s server(s1) kill") },
		"messages are lost":        func(h *house) { h.b.Inject("for 20s when op(MSG) every(5) link(client,s1) drop") },
		"messages come twice":      func(h *house) { h.b.Inject("for 20s when op(MSG) every(3) link(client,s1) duplicate") },
		"the consumer is deleted":  func(h *house) { h.deleteConsumers() },
		"the link is lost often":   func(h *house) { h.b.Inject("when op(MSG) every(10) link(client,s1) reset") },
		"the actors are restarted": func(h *house) { h.b.Inject("actor(actor) panic") },
	} {
		t.Run(name, func(t *testing.T) {
			all := bucket()
			all.MaxMsgsPerSubject = -1 // else an update may be the first that is left
			inHouse(t, all, func(h *house) {
				var want []string
				put := func() {
					n := len(want) + 1
					pair := fmt.Sprintf("k%d=%d", n%7, n)
					h.putSomehow(pair)
					want = append(want, fmt.Sprintf("%s@%d", pair, n))
				}
				for range 50 {
					put()
				}
				cfg := h.config()
				cfg.Deliver = jetstream.DeliverAllPolicy
				w := h.start(cfg)
				happen(h)
				for range 30 {
					time.Sleep(time.Second)
					put()
				}
				time.Sleep(2 * time.Minute)
				h.expectInOrder(want)
				h.expectState("watcher-B-1", "live", "")
				h.expectConsumers(1)
				if err := h.nc.Health(); err != nil {
					t.Error(err)
				}
				w.Stop()
				time.Sleep(time.Minute)
				h.expectConsumers(0)
			})
		})
	}
}

// TestWatcherStates are shown, with their reasons.
func TestWatcherStates(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.put("a=1")
		w := h.start(h.config())
		run := h.b.Inject("for 1h link(client,s1) refuse")
		h.b.Inject("link(client,s1) reset")
		time.Sleep(time.Second)
		h.expectState("watcher-B-1", "recovering", "there is no server")
		run.Stop()
		time.Sleep(time.Minute)
		h.expectState("watcher-B-1", "live", "")
		h.expect("a=1@1", "ready")
		must.Do(t, h.other.DeleteStream(h.t.Context(), "KV_B"))
		time.Sleep(time.Minute)
		h.expectState("watcher-B-1", "gone", "stream not found")
		if err := h.nc.Health(); !errors.Is(err, api.ErrUnhealthy) {
			t.Errorf("without a stream the health is %v", err)
		}
		time.Sleep(time.Hour)
		h.create(bucket())
		h.put("b=2")
		time.Sleep(time.Minute)
		h.expect("resync: the stream was created again", "b=2@1", "ready")
		h.expectState("watcher-B-1", "live", "")
		if err := h.nc.Health(); err != nil {
			t.Error(err)
		}
		w.Stop()
	})
}

// TestWatcherBeginsAnew when a removal may have gone unseen, with what it began with, or the last of each.
func TestWatcherBeginsAnew(t *testing.T) {
	all := bucket()
	all.MaxMsgsPerSubject = 2
	anew := func(h *house) {
		must.Do(h.t, h.other.DeleteStream(h.t.Context(), "KV_B"))
		h.create(all)
		h.put("x=1", "x=2", "y=3", "y=4", "z=5")
	}
	for name, test := range map[string]struct {
		deliver jetstream.DeliverPolicy
		happen  func(h *house)
		want    []string
	}{
		"the stream is another one": {jetstream.DeliverLastPerSubjectPolicy, anew,
			[]string{"resync: the stream was created again", "x=2@2", "y=4@4", "z=5@5", "ready"}},
		"the stream is another one, with history": {jetstream.DeliverAllPolicy, anew,
			[]string{"resync: the stream was created again", "x=1@1", "x=2@2", "y=3@3", "y=4@4", "z=5@5", "ready"}},
		"the stream is another one, what is new": {jetstream.DeliverNewPolicy, anew,
			[]string{"resync: the stream was created again", "x=2@2", "y=4@4", "z=5@5", "ready"}},
		"the stream is another one, with nothing": {jetstream.DeliverLastPerSubjectPolicy, func(h *house) {
			must.Do(h.t, h.other.DeleteStream(h.t.Context(), "KV_B"))
			h.create(all)
		}, []string{"resync: the stream was created again", "ready"}},
		"it was away for too long": {jetstream.DeliverLastPerSubjectPolicy, func(h *house) {
			h.put("b=4")
			time.Sleep(31 * time.Minute)
		}, []string{"resync: the consumer was away for too long", "a=2@2 again", "c=3@3 again", "b=4@4", "ready"}},
		"it was away, and not for too long": {jetstream.DeliverLastPerSubjectPolicy, func(h *house) {
			h.put("b=4")
			time.Sleep(29 * time.Minute)
		}, []string{"b=4@4"}},
		"what is next was removed": {jetstream.DeliverLastPerSubjectPolicy, func(h *house) {
			h.put("b=4", "b=5")
			must.Do(h.t, h.stream().Purge(h.t.Context(), jetstream.WithPurgeSequence(5)))
		}, []string{"resync: the stream begins after the next message", "b=5@5", "ready"}},
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, all, func(h *house) {
				if test.deliver != jetstream.DeliverNewPolicy {
					h.put("a=1", "a=2", "c=3")
				}
				cfg := h.config()
				cfg.Deliver = test.deliver
				w := h.start(cfg)
				time.Sleep(time.Second)
				if test.deliver == jetstream.DeliverNewPolicy {
					h.put("a=1", "a=2", "c=3")
					time.Sleep(time.Second)
				}
				h.forget()
				run := h.b.Inject("for 24h link(client,s1) refuse")
				h.b.Inject("link(client,s1) reset")
				time.Sleep(time.Second)
				test.happen(h)
				run.Stop()
				time.Sleep(time.Minute)
				h.expect(test.want...)
				h.put("d=6")
				h.deleteConsumers()
				time.Sleep(time.Minute)
				h.expect(fmt.Sprintf("d=6@%d", must.Get(h.stream().Info(h.t.Context()))(h.t).State.LastSeq))
				h.expectConsumers(1)
				w.Stop()
			})
		})
	}
}

// TestWatcherIsReadyAfterAPurge: nothing says that what was to come has been removed.
func TestWatcherIsReadyAfterAPurge(t *testing.T) {
	const keys = 5000
	for name, after := range map[string]func(h *house){
		"and nothing is stored":   func(*house) {},
		"and something is stored": func(h *house) { h.put("new=1") },
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, bucket(), func(h *house) {
				h.fill(keys)
				cfg := h.config()
				cfg.Waiting = 10
				w := must.Get(watch.Start(h.t.Context(), cfg))(t)
				time.Sleep(time.Minute)
				h.expectState(cfg.Name, "loading", "")
				must.Do(t, h.stream().Purge(h.t.Context()))
				after(h)
				entries, ready := 0, 0
				began := time.Now()
				for e, err := range w.Events() {
					must.Do(t, err)
					if e.Kind == watch.Entry {
						entries++
					} else {
						ready++
						h.put("end=1")
					}
					if strings.HasPrefix(e.Value, "end") {
						break
					}
				}
				if ready != 1 || entries >= keys || entries < 1000 {
					t.Errorf("%d entries, %d times ready", entries, ready)
				}
				if d := time.Since(began); d > 3*time.Second {
					t.Errorf("ready after %v", d)
				}
			})
		})
	}
}

// TestWatcherMakesNoStorm of consumers, though each one that it makes is deleted.
func TestWatcherMakesNoStorm(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.put("a=1")
		w := h.start(h.config())
		for range 600 {
			h.deleteConsumers()
			time.Sleep(100 * time.Millisecond)
		}
		if n, _ := h.node("watcher-B-1").Counter("consumers"); n > 40 {
			t.Errorf("%d consumers in a minute", n)
		}
		h.put("b=2")
		time.Sleep(time.Minute)
		h.expect("a=1@1", "ready", "b=2@2")
		h.expectConsumers(1)
		w.Stop()
	})
}

// TestWatcherEnds with what ends it.
func TestWatcherEnds(t *testing.T) {
	for name, test := range map[string]struct {
		missing jetstream.Missing
		happen  func(h *house, cancel context.CancelCauseFunc)
		want    error
		left    string // the state that is shown then
	}{
		"the context":         {happen: func(_ *house, cancel context.CancelCauseFunc) { cancel(nil) }, want: context.Canceled},
		"the context's cause": {happen: func(_ *house, cancel context.CancelCauseFunc) { cancel(errors.ErrUnsupported) }, want: errors.ErrUnsupported},
		"the connection":      {happen: func(h *house, _ context.CancelCauseFunc) { h.nc.Close() }, want: api.ErrConnectionClosed},
		"a drain":             {happen: func(h *house, _ context.CancelCauseFunc) { must.Do(h.t, h.nc.Drain()) }, want: api.ErrConnectionDraining},
		"no stream": {happen: func(h *house, _ context.CancelCauseFunc) { must.Do(h.t, h.other.DeleteStream(h.t.Context(), "KV_B")) },
			want: jetstream.ErrStreamNotFound, left: "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, bucket(), func(h *house) {
				h.put("a=1")
				ctx, cancel := context.WithCancelCause(h.t.Context())
				defer cancel(nil)
				cfg := h.config()
				cfg.Missing = jetstream.MissingStop
				w := must.Get(watch.Start(ctx, cfg))(t)
				time.Sleep(time.Second)
				test.happen(h, cancel)
				time.Sleep(time.Minute)
				<-w.Ended()
				if err := w.Err(); !errors.Is(err, test.want) {
					t.Errorf("ended with %v", err)
				}
				if n := h.node(cfg.Name); n.State != test.left {
					t.Errorf("shown as %q", n.State)
				}
				var last error
				for _, err := range w.Events() {
					last = err
				}
				if !errors.Is(last, test.want) {
					t.Errorf("the last error is %v", last)
				}
				time.Sleep(time.Second)
				if n := h.node(cfg.Name); n.State != "" {
					t.Errorf("shown as %q after the end was seen", n.State)
				}
			})
		})
	}
}

// TestWatcherThatFailedIsShown for a while, and then forgotten.
func TestWatcherThatFailedIsShown(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		cfg := h.config()
		cfg.Missing = jetstream.MissingStop
		w := must.Get(watch.Start(h.t.Context(), cfg))(t)
		must.Do(t, h.other.DeleteStream(h.t.Context(), "KV_B"))
		<-w.Ended()
		h.expectState(cfg.Name, "ended", "stream not found")
		time.Sleep(6 * time.Minute)
		h.expectState(cfg.Name, "", "")
	})
}

// TestStartRefuses what makes no sense, and a stream that is not there.
func TestStartRefuses(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		for name, change := range map[string]func(*watch.Config[string]){
			"no stream":            func(c *watch.Config[string]) { c.Stream = nil },
			"no client":            func(c *watch.Config[string]) { c.JetStream = nil },
			"nothing that decodes": func(c *watch.Config[string]) { c.Decode = nil },
			"a start":              func(c *watch.Config[string]) { c.StartSeq = 1 },
			"no start":             func(c *watch.Config[string]) { c.Deliver = jetstream.DeliverByStartSequencePolicy },
			"the last":             func(c *watch.Config[string]) { c.Deliver = jetstream.DeliverLastPolicy },
			"another answer":       func(c *watch.Config[string]) { c.Missing = jetstream.MissingRecreate },
			"slow":                 func(c *watch.Config[string]) { c.Slow = watch.Stop + 1 },
			"waiting":              func(c *watch.Config[string]) { c.Waiting = -1 },
			"away":                 func(c *watch.Config[string]) { c.Away = -1 },
		} {
			cfg := h.config()
			change(&cfg)
			if _, err := watch.Start(h.t.Context(), cfg); !errors.Is(err, jetstream.ErrInvalidOption) {
				t.Errorf("%s: %v", name, err)
			}
		}
		cfg := h.config()
		cfg.Filters = []string{"a b"}
		if _, err := watch.Start(h.t.Context(), cfg); err == nil {
			t.Error("a filter that is no subject")
		}
		cfg = h.config()
		var never context.Context
		w := must.Get(watch.Start(never, cfg))(t)
		if _, err := watch.Start(h.t.Context(), cfg); !errors.Is(err, api.ErrActorExists) {
			t.Errorf("a name twice: %v", err)
		}
		h.expectConsumers(1)
		w.Stop()
		cfg = h.config()
		must.Do(t, h.other.DeleteStream(h.t.Context(), "KV_B"))
		if _, err := watch.Start(h.t.Context(), cfg); !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("no stream: %v", err)
		}
		h.nc.Close()
		if _, err := watch.Start(h.t.Context(), cfg); !errors.Is(err, api.ErrConnectionClosed) {
			t.Errorf("no connection: %v", err)
		}
	})
}
