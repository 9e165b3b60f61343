package watch_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// fill stores n keys.
func (h *house) fill(n int) {
	h.t.Helper()
	heavy := api.Header{"Pad": {strings.Repeat("x", 2000)}} // a few thousand do not come for nobody
	for i := range n {
		h.must(h.other.PublishMsgAsync(&api.Msg{Subject: fmt.Sprintf("$KV.B.k%d", i), Header: heavy, Data: []byte("v")}))
	}
	<-h.other.PublishAsyncComplete()
}

// TestWaitLosesNothing: the server waits for a program that takes nothing, for longer than the
// consumer lives.
func TestWaitLosesNothing(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.fill(5000)
		cfg := h.config()
		cfg.Waiting = 1
		w := must.Get(watch.Start(h.t.Context(), cfg))(t)
		time.Sleep(time.Hour)
		if n, _ := h.node(cfg.Name).Counter("waiting"); n != 1 {
			t.Errorf("%d events wait", n)
		}
		if err := h.nc.Health(); err != nil {
			t.Error(err)
		}
		n := 0
		for e, err := range w.Events() {
			must.Do(t, err)
			if e.Kind == watch.Ready {
				break
			}
			if n++; e.Kind != watch.Entry || e.Revision != uint64(n) {
				t.Fatalf("event %d is %+v", n, e)
			}
		}
		if n != 5000 {
			t.Errorf("%d entries", n)
		}
	})
}

// TestConflateKeepsTheNewest of each key, and everything in order.
func TestConflateKeepsTheNewest(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.put("a=1", "b=2")
		cfg := h.config()
		cfg.Slow = watch.Conflate
		w := must.Get(watch.Start(h.t.Context(), cfg))(t)
		time.Sleep(time.Second)
		for i := range 1000 {
			h.put(fmt.Sprintf("a=%d", i), fmt.Sprintf("c=%d", i))
		}
		time.Sleep(time.Second)
		n := h.node(cfg.Name)
		if waiting, _ := n.Counter("waiting"); waiting != 5 {
			t.Errorf("%d events wait", waiting)
		}
		if conflated, _ := n.Counter("conflated"); conflated == 0 || conflated > 2*999 { // the server has conflated some
			t.Errorf("%d were conflated", conflated)
		}
		h.loop(w)
		h.expect("a=1@1", "b=2@2", "ready", "a=999@2001", "c=999@2002")
		w.Stop()
	})
}

// TestSlowStops at the bound, with an error; what waited is there.
func TestSlowStops(t *testing.T) {
	for waiting, want := range map[int]error{11: nil, 10: watch.ErrSlow} {
		t.Run(fmt.Sprint(waiting), func(t *testing.T) {
			inHouse(t, bucket(), func(h *house) {
				h.fill(10)
				cfg := h.config()
				cfg.Slow, cfg.Waiting = watch.Stop, waiting
				w := must.Get(watch.Start(h.t.Context(), cfg))(t)
				time.Sleep(time.Second)
				var slow *watch.SlowError
				err := w.Err()
				if !errors.Is(err, want) || errors.As(err, &slow) && (slow.Waiting != 11 || slow.Watcher != cfg.Name) {
					t.Errorf("ended with %v", err)
				}
				if want == nil {
					w.Stop()
					return
				}
				h.expectState(cfg.Name, "ended", "11 events of watcher-B-1 wait")
				h.expectConsumers(0)
				n := 0
				for _, err := range w.Events() {
					if n++; n == 12 && !errors.Is(err, watch.ErrSlow) || n < 12 && err != nil {
						t.Errorf("event %d: %v", n, err)
					}
				}
				if n != 12 {
					t.Errorf("%d events", n)
				}
			})
		})
	}
}

// TestStopInEveryState, from anywhere, by many at once: it returns, and nothing is left.
func TestStopInEveryState(t *testing.T) {
	for name, reach := range map[string]func(h *house){
		"loading": func(*house) {},
		"live":    func(*house) { time.Sleep(time.Minute) },
		"without a link": func(h *house) {
			h.b.Inject("for 1h link(client,s1) refuse")
			h.b.Inject("link(client,s1) reset")
			time.Sleep(time.Minute)
		},
		"while the link hangs": func(h *house) {
			h.b.Inject("for 1h link(client,s1) blackhole")
			time.Sleep(12 * time.Second)
		},
		"while a consumer is made": func(h *house) {
			h.b.Inject("for 1h when op(PUB) link(client,s1) drop")
			h.b.Inject("for 1h when op(HPUB) link(client,s1) drop")
			h.deleteConsumers()
			time.Sleep(time.Second)
		},
		"without a stream": func(h *house) {
			must.Do(h.t, h.other.DeleteStream(h.t.Context(), "KV_B"))
			time.Sleep(time.Minute)
		},
	} {
		for _, slow := range []watch.Slow{watch.Wait, watch.Conflate, watch.Stop} {
			for form, start := range forms {
				t.Run(fmt.Sprint(name, ", ", slow, ", ", form), func(t *testing.T) {
					inHouse(t, bucket(), func(h *house) { h.stopIn(start, slow, reach) })
				})
			}
		}
	}
}

// stopIn starts a watcher of much, and stops it in a state, three times at once.
func (h *house) stopIn(start form, slow watch.Slow, reach func(h *house)) {
	h.t.Helper()
	h.fill(1000)
	cfg := h.config()
	cfg.Slow, cfg.Waiting = slow, 5000
	if slow == watch.Wait {
		cfg.Waiting = 1
	}
	w, closed := start(h, cfg)
	reach(h)
	var all sync.WaitGroup
	for range 3 {
		all.Go(w.Stop)
	}
	all.Wait()
	synctest.Wait()
	<-w.Ended()
	if err := w.Err(); err != nil {
		h.t.Errorf("ended with %v", err)
	}
	closed()
	if n := h.node(cfg.Name); n.State != "" {
		h.t.Errorf("shown as %q", n.State)
	}
}

// form starts a watcher from which nothing is taken. closed checks that a taker sees that it has
// ended.
type form func(h *house, cfg watch.Config[string]) (w *watch.Watcher[string], closed func())

// forms are those of events that are taken, and of a channel.
var forms = map[string]form{
	"events": func(h *house, cfg watch.Config[string]) (*watch.Watcher[string], func()) {
		w := must.Get(watch.Start(h.t.Context(), cfg))(h.t)
		return w, func() {
			for e, err := range w.Events() {
				h.t.Errorf("after the end: %+v, %v", e, err)
			}
		}
	},
	"channel": func(h *house, cfg watch.Config[string]) (*watch.Watcher[string], func()) {
		w, events, err := watch.Channel(h.t.Context(), cfg, 3, func(e watch.Event[string]) (string, bool) { return text(e), true })
		must.Do(h.t, err)
		return w, func() {
			n := 0
			for range events {
				n++
			}
			if n > 3 {
				h.t.Errorf("%d events after the end", n)
			}
		}
	},
}

// TestStopFromWithin the loop, and break, end it there.
func TestStopFromWithin(t *testing.T) {
	for name, stop := range map[string]func(*watch.Watcher[string]) bool{
		"stop":  func(w *watch.Watcher[string]) bool { w.Stop(); return true },
		"break": func(*watch.Watcher[string]) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, bucket(), func(h *house) {
				h.fill(1000)
				w := must.Get(watch.Start(h.t.Context(), h.config()))(t)
				n := 0
				for _, err := range w.Events() {
					must.Do(t, err)
					if n++; n == 5 && !stop(w) {
						break
					}
				}
				if n != 5 {
					t.Errorf("%d events", n)
				}
				<-w.Ended()
				time.Sleep(time.Second)
				h.expectConsumers(0)
			})
		})
	}
}

// TestCloseReleasesWhoWaits: neither the connection nor the watcher waits for a program that
// takes nothing.
func TestCloseReleasesWhoWaits(t *testing.T) {
	for name, end := range map[string]struct {
		end  func(h *house)
		want error
	}{
		"close": {func(h *house) { h.nc.Close() }, api.ErrConnectionClosed},
		"drain": {func(h *house) { must.Do(h.t, h.nc.Drain()) }, api.ErrConnectionDraining},
	} {
		for form, start := range forms {
			t.Run(name+", "+form, func(t *testing.T) {
				inHouse(t, bucket(), func(h *house) {
					h.fill(1000)
					cfg := h.config()
					cfg.Waiting = 1
					w, _ := start(h, cfg)
					time.Sleep(time.Minute)
					began := time.Now()
					end.end(h)
					<-w.Ended()
					if d := time.Since(began); d > time.Second {
						t.Errorf("it took %v", d)
					}
					if err := w.Err(); !errors.Is(err, end.want) {
						t.Errorf("ended with %v", err)
					}
					time.Sleep(time.Minute)
					if !h.nc.IsClosed() {
						t.Error("the connection is not closed")
					}
				})
			})
		}
	}
}

// TestKeeperIsRestarted without harm to the watcher.
func TestKeeperIsRestarted(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.put("a=1")
		cfg := h.config()
		w := h.start(cfg)
		time.Sleep(time.Second)
		for range 5 {
			h.b.Inject("actor(actor) panic")
			h.deleteConsumers() // gives it a letter
			time.Sleep(10 * time.Second)
		}
		h.put("b=2")
		time.Sleep(time.Minute)
		h.expect("a=1@1", "ready", "b=2@2")
		h.expectState(cfg.Name, "live", "")
		w.Stop()
	})
}

// TestHandlerThatFails: a panic in Decode is reported, and the watcher continues.
func TestHandlerThatFails(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.put("a=1", "b=panic", "c=3")
		cfg := h.config()
		cfg.Decode = func(m jetstream.Msg, meta *jetstream.MsgMetadata) (string, bool, error) {
			if string(m.Data()) == "panic" {
				panic("as it wants")
			}
			return decode(m, meta)
		}
		w := h.start(cfg)
		time.Sleep(time.Minute)
		h.expect("a=1@1", "c=3@3", "ready")
		w.Stop()
	})
}

// TestNothingFollowsFromBeforeAResync: an entry may wait for room while the stream is created
// again.
func TestNothingFollowsFromBeforeAResync(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.fill(100)
		cfg := h.config()
		cfg.Waiting = 1
		w := must.Get(watch.Start(h.t.Context(), cfg))(t)
		time.Sleep(time.Second)
		must.Do(t, h.other.DeleteStream(h.t.Context(), "KV_B"))
		h.create(bucket())
		h.put("x=1")
		h.b.Inject("link(client,s1) reset")
		time.Sleep(time.Minute)
		h.loop(w)
		time.Sleep(time.Minute)
		h.expect("k0=v@1", "resync: the stream was created again", "x=1@1", "ready")
		w.Stop()
	})
}

// TestAReadyWaitsForWhatWaitsForRoom: the last entry is in its handler when the next consumer has nothing to deliver.
func TestAReadyWaitsForWhatWaitsForRoom(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.fill(2)
		cfg := h.config()
		cfg.Waiting = 1
		w := must.Get(watch.Start(h.t.Context(), cfg))(t)
		time.Sleep(time.Second)
		h.b.Inject("link(client,s1) reset")
		time.Sleep(time.Minute)
		h.loop(w)
		time.Sleep(time.Minute)
		h.expect("k0=v@1", "k1=v@2", "ready")
		w.Stop()
	})
}
