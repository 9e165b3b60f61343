package actors

import (
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestTableAgreesWithAMap adds and removes subscriptions in any order.
func TestTableAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var have table
		want := map[uint64]*Sub{}
		var last uint64
		t.Repeat(map[string]func(*rapid.T){
			"add many": func(t *rapid.T) {
				for range rapid.IntRange(1, 3*pageSubs).Draw(t, "n") {
					s := &Sub{}
					have.add(s)
					if last++; s.sid != last {
						t.Fatalf("number %d follows %d", s.sid, last-1)
					}
					want[s.sid] = s
				}
			},
			"remove a range": func(t *rapid.T) {
				from := rapid.Uint64Range(0, last).Draw(t, "from")
				for sid := from; sid < from+2*pageSubs; sid++ {
					s, ok := want[sid]
					if !ok {
						continue
					}
					if !have.remove(s) || have.remove(s) {
						t.Fatalf("%d was not removed once", sid)
					}
					delete(want, sid)
				}
			},
			"look for what never was": func(t *rapid.T) {
				sid := rapid.Uint64().Draw(t, "sid")
				if have.get(sid) != want[sid] {
					t.Fatalf("found %v at %d", have.get(sid), sid)
				}
				if have.remove(&Sub{sid: sid}) {
					t.Fatalf("removed a stranger with number %d", sid)
				}
			},
			"": func(t *rapid.T) {
				if have.count != len(want) {
					t.Fatalf("count %d, want %d", have.count, len(want))
				}
				var order []uint64
				have.all(func(s *Sub) {
					if want[s.sid] != s {
						t.Fatalf("%d is not what was added", s.sid)
					}
					order = append(order, s.sid)
				})
				if len(order) != len(want) || !slices.IsSorted(order) {
					t.Fatalf("%d of %d visited, in order: %v", len(order), len(want), slices.IsSorted(order))
				}
			},
		})
	})
}

// TestEmptyTable answers before the first subscription.
func TestEmptyTable(t *testing.T) {
	var have table
	if have.get(0) != nil || have.get(1) != nil || have.get(1<<63) != nil {
		t.Error("found something")
	}
	have.all(func(*Sub) { t.Error("visited something") })
}

// TestPagesAreGivenBack: many short-lived subscriptions keep no pages.
func TestPagesAreGivenBack(t *testing.T) {
	var have table
	for range 100 * pageSubs {
		s := &Sub{}
		have.add(s)
		have.remove(s)
	}
	pages := 0
	for i := range *have.pages.Load() {
		if (*have.pages.Load())[i].Load() != nil {
			pages++
		}
	}
	if pages != 0 {
		t.Errorf("%d pages are left of an empty table", pages)
	}
}

// TestLookupWhileTheTableGrows: the reader's lookups need no lock.
func TestLookupWhileTheTableGrows(t *testing.T) {
	var have table
	first := &Sub{}
	have.add(first)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if have.get(1) != first {
					t.Error("lost the first subscription")
					return
				}
			}
		})
	}
	for range 20 * pageSubs {
		have.add(&Sub{})
	}
	close(stop)
	readers.Wait()
}
