package watch

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// waits is a queue as simple as can be: the model.
type waits struct {
	conflate bool
	all      []waiting
}

type waiting struct {
	e       Event[int]
	subject string
}

func (w *waits) push(e Event[int], subject string) (replaced bool) {
	if w.conflate && e.Kind == Resync {
		w.all = nil
	}
	if w.conflate && subject != "" {
		for i := len(w.all) - 1; i >= 0 && w.all[i].subject != ""; i-- {
			if w.all[i].subject == subject {
				w.all, replaced = slices.Delete(w.all, i, i+1), true
				break
			}
		}
	}
	w.all = append(w.all, waiting{e, subject})
	return replaced
}

// TestQueueAgainstItsModel: what waits, and in what order.
func TestQueueAgainstItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		conflate := rapid.Bool().Draw(t, "conflate")
		q, model := &queue[int]{conflate: conflate}, &waits{conflate: conflate}
		subjects := rapid.IntRange(1, 300).Draw(t, "subjects")
		value := 0
		push := func(e Event[int], subject string) {
			if got, want := q.push(e, subject), model.push(e, subject); got != want {
				t.Fatalf("%v %s took a place: %v, want %v", e.Kind, subject, got, want)
			}
		}
		pop := func() {
			e, ok := q.pop()
			if ok != (len(model.all) > 0) {
				t.Fatalf("there is something: %v, of %d", ok, len(model.all))
			}
			if ok {
				if e != model.all[0].e {
					t.Fatalf("took %+v, want %+v", e, model.all[0].e)
				}
				model.all = model.all[1:]
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"entries": func(t *rapid.T) {
				for range rapid.IntRange(1, 200).Draw(t, "entries") {
					value++
					push(Event[int]{Kind: Entry, Value: value}, fmt.Sprint("s", value*7919%subjects))
				}
			},
			"ready":  func(*rapid.T) { push(Event[int]{Kind: Ready}, "") },
			"resync": func(*rapid.T) { push(Event[int]{Kind: Resync}, "") },
			"some": func(t *rapid.T) {
				for range rapid.IntRange(1, 200).Draw(t, "taken") {
					pop()
				}
			},
			"swap": func(*rapid.T) {
				if conflate {
					return
				}
				all := q.swap(nil)
				if len(all) != len(model.all) {
					t.Fatalf("took %d, want %d", len(all), len(model.all))
				}
				for i := range all {
					if all[i] != model.all[i].e {
						t.Fatalf("took %+v, want %+v", all[i], model.all[i].e)
					}
				}
				model.all = nil
			},
			"clear": func(*rapid.T) {
				q.clear()
				model.all = nil
			},
			"": func(t *rapid.T) {
				if q.live != len(model.all) {
					t.Fatalf("%d wait, want %d", q.live, len(model.all))
				}
				if places := len(q.events) - q.head; places > 2*q.live+shrinkMin+1 {
					t.Fatalf("%d places for %d events", places, q.live)
				}
			},
		})
		for len(model.all) > 0 {
			pop()
		}
		pop()
	})
}

// TestQueueKeepsNoRoom that it needed once.
func TestQueueKeepsNoRoom(t *testing.T) {
	for _, conflate := range []bool{false, true} {
		q := &queue[int]{conflate: conflate}
		for i := range 10 * keptMax {
			q.push(Event[int]{Kind: Entry}, fmt.Sprint(i))
		}
		for q.live > 0 {
			q.pop()
		}
		if cap(q.events) > keptMax || len(q.places) > 0 {
			t.Errorf("conflate %v: there is room for %d", conflate, cap(q.events))
		}
	}
}
