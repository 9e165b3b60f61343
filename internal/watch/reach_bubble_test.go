package watch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/internal/watch"
)

func TestARevisionThatIsNotWatchedIsPassed(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		cfg := h.config()
		cfg.Filters = []string{"$KV.B.a.*"}
		w := h.start(cfg)
		defer w.Stop()
		h.put("a.x=1", "b=2", "b=3")
		h.expect("ready", "a.x=1@1")
		w.Reach(1) // has come
		time.Sleep(time.Minute)
		h.expect()
		w.Reach(3)
		time.Sleep(time.Minute)
		h.expect("passed")
		w.Reach(4)
		h.put("a.y=4")
		time.Sleep(time.Minute)
		h.expect("a.y=4@4")
	})
}

func TestNothingIsPassedThatIsStillToCome(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		cfg := h.config()
		cfg.Filters = []string{"$KV.B.a.*"}
		w := h.start(cfg)
		defer w.Stop()
		h.expect("ready")
		h.b.Inject(`for 10s when op(MSG) subject("$KV.B.a.x") link(client,s1) drop`)
		h.put("a.x=1", "b=2")
		w.Reach(2)
		time.Sleep(time.Minute)
		h.expect("a.x=1@1", "passed")
	})
}

// TestNothingIsPassedOfAnotherStream, while a watcher does not know yet that there is one.
func TestNothingIsPassedOfAnotherStream(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		cfg := h.config()
		cfg.Filters = []string{"$KV.B.a.*"}
		w := h.start(cfg)
		defer w.Stop()
		h.put("b=1", "b=2", "a.x=3")
		time.Sleep(time.Second)
		h.expect("ready", "a.x=3@3")
		h.b.Inject(`for 3s when op(HMSG) link(client,s1) drop`) // that the consumer is gone
		must.Do(t, h.other.DeleteStream(h.t.Context(), "KV_B"))
		h.create(bucket())
		h.put("a.x=4", "b=5", "b=6", "b=7")
		w.Reach(4)
		time.Sleep(time.Minute)
		h.expect("resync: the stream was created again", "a.x=4@1", "ready", "passed")
	})
}

func TestWhoWantsToKnowHearsWhetherAWatcherIsLive(t *testing.T) {
	inHouse(t, bucket(), func(h *house) {
		cfg := h.config()
		cfg.Live = func(live bool) { h.note(fmt.Sprint("live ", live)) }
		cfg.Progress = func() []api.Counter { return []api.Counter{{Name: "mine", Value: 7}} }
		w := must.Get(watch.Start(h.t.Context(), cfg))(h.t)
		go func() {
			for range w.Events() { // what it hands on is in another test
			}
		}()
		time.Sleep(time.Second)
		h.expect("live true")
		h.b.Server.Kill()
		time.Sleep(time.Second)
		h.expect("live false")
		if err := h.b.Server.Restart(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		h.expect("live true")
		if n, _ := h.node(cfg.Name).Counter("mine"); n != 7 {
			t.Errorf("it counts %d", n)
		}
		w.Stop()
		h.expect()
	})
}
