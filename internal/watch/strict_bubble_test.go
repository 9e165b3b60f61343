package watch_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/internal/watch"
)

// TestStrict: an event that a channel cannot show ends its watcher, after the earlier events,
// with an empty or a full channel.
func TestStrict(t *testing.T) {
	for _, room := range []int{0, 1, 8} {
		inHouse(t, bucket(), func(h *house) {
			cfg := h.config()
			cfg.Strict = true
			h.put("a=1", "b=2", "c=bad", "d=4")
			w, events, err := watch.Channel(h.t.Context(), cfg, room, func(e watch.Event[string]) (string, bool) { return text(e), e.Kind == watch.Entry })
			must.Do(h.t, err)
			var got []string
			for e := range events {
				got = append(got, e)
				time.Sleep(time.Second)
			}
			if !slices.Equal(got, []string{"a=1@1", "b=2@2"}) {
				t.Errorf("room %d: %v", room, got)
			}
			if failed, ok := errors.AsType[*watch.DecodeError](w.Err()); !ok || failed.Revision != 3 {
				t.Errorf("room %d: %v", room, w.Err())
			}
			<-w.Ended()
			time.Sleep(time.Second)
			h.expectConsumers(0)
		})
	}
}
