package watch_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// entries makes what users of nats.go know: a nil when all is there, once.
func entries() func(watch.Event[string]) (*string, bool) {
	marked := false
	return func(e watch.Event[string]) (*string, bool) {
		switch {
		case e.Kind == watch.Entry:
			return &e.Value, true
		case e.Kind == watch.Ready && !marked:
			marked = true
			return nil, true
		}
		return nil, false
	}
}

// TestChannel brings entries and one marker, through a resync.
func TestChannel(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.put("a=1", "b=2")
		w, updates, err := watch.Channel(h.t.Context(), h.config(), 256, entries())
		must.Do(t, err)
		go func() {
			for e := range updates {
				if e == nil {
					h.note("nil")
				} else {
					h.note(*e)
				}
			}
			h.note("closed")
		}()
		time.Sleep(time.Second)
		h.expect("a=1@1", "b=2@2", "nil")
		must.Do(t, h.other.DeleteStream(h.t.Context(), "KV_B"))
		h.create(bucket())
		h.put("c=3")
		time.Sleep(time.Minute)
		h.expect("c=3@1")
		w.Stop()
		h.expect("closed")
	})
}

// TestChannelOfNothing has its marker at once.
func TestChannelOfNothing(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		w, updates, err := watch.Channel(h.t.Context(), h.config(), 1, entries())
		must.Do(t, err)
		if e, ok := <-updates; e != nil || !ok {
			t.Errorf("got %v, %v", e, ok)
		}
		w.Stop()
		if _, ok := <-updates; ok {
			t.Error("it is not closed")
		}
	})
}

// TestChannelThatIsFull: by each policy, all that is to come comes in order.
func TestChannelThatIsFull(t *testing.T) {
	const keys = 300
	all := bucket()
	all.MaxMsgsPerSubject = -1 // else the server leaves out what was replaced
	for slow, most := range map[watch.Slow]int{watch.Wait: 4*keys + 1, watch.Conflate: 2*keys + 1, watch.Stop: 4*keys + 1} {
		t.Run(fmt.Sprint(slow), func(t *testing.T) {
			inHouse(t, all, func(h *house) {
				h.fill(keys)
				cfg := h.config()
				cfg.Slow = slow
				w, updates, err := watch.Channel(h.t.Context(), cfg, 7, func(e watch.Event[string]) (watch.Event[string], bool) { return e, true })
				must.Do(t, err)
				time.Sleep(time.Second)
				for range 3 {
					h.fill(keys)
				}
				time.Sleep(time.Hour)
				var last uint64
				n, ready := 0, 0
				for last < 4*keys {
					e := <-updates
					n++
					if e.Kind == watch.Ready {
						ready++
						continue
					}
					if e.Revision <= last {
						t.Fatalf("revision %d after %d", e.Revision, last)
					}
					last = e.Revision
				}
				if ready != 1 || n > most || n < most && slow != watch.Conflate {
					t.Errorf("%d events, %d times ready", n, ready)
				}
				w.Stop()
			})
		})
	}
}

// TestChannelThatEnds is closed after the events that fit.
func TestChannelThatEnds(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.fill(20)
		cfg := h.config()
		cfg.Slow, cfg.Waiting = watch.Stop, 10
		w, updates, err := watch.Channel(h.t.Context(), cfg, 5, entries())
		must.Do(t, err)
		<-w.Ended()
		synctest.Wait()
		n := 0
		for range updates {
			n++
		}
		if err := w.Err(); n != 5 || !errors.Is(err, watch.ErrSlow) {
			t.Errorf("%d events, and %v", n, err)
		}
	})
}

// TestChannelThatEndsHasNoGap, also while it is being read.
func TestChannelThatEndsHasNoGap(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		h.fill(100)
		for range 20 {
			cfg := h.config()
			cfg.Slow, cfg.Waiting = watch.Stop, 90
			w, updates, err := watch.Channel(h.t.Context(), cfg, 1, func(e watch.Event[string]) (uint64, bool) {
				runtime.Gosched() // to who reads
				return e.Revision, e.Kind == watch.Entry
			})
			must.Do(t, err)
			<-w.Ended()
			var last uint64
			for revision := range updates {
				if revision != last+1 {
					h.t.Fatalf("revision %d after %d", revision, last)
				}
				last = revision
			}
		}
	})
}

func (h *house) load(ctx context.Context, cfg watch.Config[string], most int) {
	for v, err := range watch.Load(ctx, cfg) {
		if err != nil {
			h.note("error: " + err.Error())
		} else {
			h.note(v)
		}
		if most--; most == 0 {
			break
		}
	}
	h.note("end")
}

func TestLoad(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		cfg := h.config()
		h.load(h.t.Context(), cfg, 0)
		h.expect("end")
		h.put("a=1", "b=bad", "c=skip", "d=4", "e=5")
		h.load(h.t.Context(), cfg, 0)
		h.expect("a=1@1", `error: troupe: message not understood: "$KV.B.b", revision 2: it is bad`, "d=4@4", "e=5@5", "end")
		h.load(h.t.Context(), cfg, 1)
		h.expect("a=1@1", "end")
		cfg.Deliver, cfg.Filters = jetstream.DeliverAllPolicy, []string{"$KV.B.d", "$KV.B.e"}
		h.load(h.t.Context(), cfg, 0)
		h.expect("d=4@4", "e=5@5", "end")
		time.Sleep(time.Second)
		h.expectConsumers(0)
		ctx, cancel := context.WithCancel(h.t.Context())
		cancel()
		h.load(ctx, cfg, 0)
		h.mu.Lock()
		if len(h.seen) != 2 {
			t.Errorf("noted %v", h.seen)
		}
		h.mu.Unlock()
		h.forget()
		must.Do(t, h.other.DeleteStream(h.t.Context(), "KV_B"))
		for _, err := range watch.Load(h.t.Context(), cfg) {
			if !errors.Is(err, jetstream.ErrStreamNotFound) {
				t.Errorf("without a stream: %v", err)
			}
		}
	})
}

// TestLoadThatIsInterrupted continues after what it has, waits as long as its context allows,
// and reports when what it read is not there any more.
func TestLoadThatIsInterrupted(t *testing.T) {
	const keys = 5000
	for name, test := range map[string]struct {
		happen func(h *house)
		want   error
	}{
		"by the link":     {func(h *house) { h.b.Inject("link(client,s1) reset") }, nil},
		"by an outage":    {func(h *house) { h.b.Inject("for 1h link(client,s1) refuse"); h.b.Inject("link(client,s1) reset") }, context.DeadlineExceeded},
		"by the consumer": {func(h *house) { h.deleteConsumers() }, nil},
		"by an end":       {func(h *house) { must.Do(h.t, h.other.DeleteStream(h.t.Context(), "KV_B")) }, jetstream.ErrStreamNotFound},
		"by another stream": {func(h *house) {
			// Who looks in between finds none, which is an end as well.
			unaware := must.Get(h.b.Link("client", "s1").Inject("blackhole(in)"))(h.t)
			defer unaware.Lift()
			must.Do(h.t, h.other.DeleteStream(h.t.Context(), "KV_B"))
			h.create(bucket())
			h.put("x=1")
		}, jetstream.ErrStreamRegressed},
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, bucket(), func(h *house) {
				h.fill(keys)
				ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Minute)
				defer cancel()
				n := 0
				var last error
				for v, err := range watch.Load(ctx, h.config()) {
					if err != nil {
						last = err
						continue
					}
					if n++; v != fmt.Sprintf("k%d=v@%d", n-1, n) {
						t.Fatalf("value %d is %s", n, v)
					}
					if n == 1 {
						test.happen(h)
						time.Sleep(time.Second)
					}
				}
				if !errors.Is(last, test.want) {
					t.Errorf("ended with %v", last)
				}
				if n != keys && test.want == nil || test.want != nil && n == keys {
					t.Errorf("%d values", n)
				}
			})
		})
	}
}
