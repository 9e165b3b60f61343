package jetstream

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func delivery(consumer string, dseq, sseq uint64) *MsgMetadata {
	return &MsgMetadata{Consumer: consumer, Sequence: SequencePair{Consumer: dseq, Stream: sseq}, Timestamp: time.Unix(int64(sseq), 0)}
}

func TestOrderedCursor(t *testing.T) {
	c := orderedCursor{stop: 4}
	expect := func(want orderedVerdict, consumer string, dseq, sseq uint64) {
		t.Helper()
		if got := c.accept(delivery(consumer, dseq, sseq)); got != want {
			t.Errorf("%s %d, %d: %d, want %d", consumer, dseq, sseq, got, want)
		}
	}
	expect(orderedStale, "a_1", 1, 1) // nothing has begun
	expect(orderedStale, "", 1, 1)
	c.pin(4, time.Unix(4, 0))
	c.begin("a_1")
	expect(orderedDeliver, "a_1", 1, 5)
	c.pin(9, time.Unix(9, 0))
	expect(orderedStale, "a_1", 1, 5)
	expect(orderedDeliver, "a_1", 2, 9) // the stream has nothing in between
	if c.behind("a_1", 2) || !c.behind("a_1", 3) || c.behind("a_2", 3) {
		t.Error("behind what it has")
	}
	expect(orderedGap, "a_1", 4, 11)
	expect(orderedStale, "a_1", 3, 10) // too late
	if c.behind("a_1", 9) || c.behind("", 9) {
		t.Error("behind what has ended")
	}
	if want := (orderedPlace{true, 9, time.Unix(9, 0)}); c.place != want {
		t.Errorf("goes on at %+v", c.place)
	}
	c.begin("a_2")
	expect(orderedStale, "a_1", 3, 10)
	c.end("a_1")
	expect(orderedDeliver, "a_2", 1, 10)
	expect(orderedGap, "a_2", 2, 10) // the server says that it is the next, and repeats it
	c.rebase(3)
	c.begin("a_3")
	expect(orderedLast, "a_3", 1, 4)
	expect(orderedStale, "a_3", 2, 5)
	if c.taken != 4 {
		t.Errorf("%d handed on", c.taken)
	}
}

// orderedWorld is a server with a stream and consumers, a link that loses, repeats and delays,
// and a client with an orderedCursor.
type orderedWorld struct {
	cursor  orderedCursor
	stored  []uint64 // numbers of the messages that match, rising
	serial  int
	sent    map[string]uint64 // how much each consumer has delivered
	from    map[string]uint64 // after which number it began
	line    []*MsgMetadata
	arrived []uint64 // delivered
}

func (w *orderedWorld) store(gap uint64) {
	last := uint64(0)
	if len(w.stored) > 0 {
		last = w.stored[len(w.stored)-1]
	}
	w.stored = append(w.stored, last+1+gap)
}

func (w *orderedWorld) reset() {
	w.cursor.end(w.cursor.consumer)
	w.serial++
	name := fmt.Sprintf("p_%d", w.serial)
	w.from[name] = w.cursor.place.seq
	w.cursor.begin(name)
}

// deliver makes consumer n send its next message.
func (w *orderedWorld) deliver(n int) {
	name := fmt.Sprintf("p_%d", n)
	i, _ := slices.BinarySearch(w.stored, w.from[name]+1)
	i += int(w.sent[name])
	if i >= len(w.stored) {
		return
	}
	w.sent[name]++
	w.line = append(w.line, delivery(name, w.sent[name], w.stored[i]))
}

func (w *orderedWorld) arrive(i int) {
	m := w.line[i]
	w.line = slices.Delete(w.line, i, i+1)
	switch w.cursor.accept(m) {
	case orderedDeliver, orderedLast:
		w.arrived = append(w.arrived, m.Sequence.Stream)
	case orderedGap:
		w.reset()
	}
}

// TestOrderedCursorIsInOrder: under every interleaving, the delivered messages are a prefix of
// the stored ones, without gaps or repetitions.
func TestOrderedCursorIsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := orderedWorld{sent: map[string]uint64{}, from: map[string]uint64{}}
		w.cursor.stop = rapid.IntRange(0, 20).Draw(t, "stop")
		w.reset()
		t.Repeat(map[string]func(*rapid.T){
			"store":   func(t *rapid.T) { w.store(rapid.Uint64Range(0, 3).Draw(t, "gap")) },
			"deliver": func(t *rapid.T) { w.deliver(rapid.IntRange(1, w.serial).Draw(t, "by")) },
			"reset":   func(*rapid.T) { w.reset() },
			"lose": func(t *rapid.T) {
				if len(w.line) > 0 {
					i := rapid.IntRange(0, len(w.line)-1).Draw(t, "which")
					w.line = slices.Delete(w.line, i, i+1)
				}
			},
			"repeat": func(t *rapid.T) {
				if len(w.line) > 0 {
					w.line = append(w.line, w.line[rapid.IntRange(0, len(w.line)-1).Draw(t, "which")])
				}
			},
			"arrive": func(t *rapid.T) {
				if len(w.line) > 0 {
					w.arrive(rapid.IntRange(0, len(w.line)-1).Draw(t, "which"))
				}
			},
			"": func(t *rapid.T) {
				if len(w.arrived) > len(w.stored) || !slices.Equal(w.arrived, w.stored[:len(w.arrived)]) {
					t.Fatalf("stored %v, handed on %v", w.stored, w.arrived)
				}
				if stop := w.cursor.stop; stop > 0 && len(w.arrived) > stop {
					t.Fatalf("%d handed on, %d are allowed", len(w.arrived), stop)
				}
			},
		})
		// On a good link everything arrives.
		w.line = nil
		w.reset()
		for range w.stored {
			w.deliver(w.serial)
		}
		for len(w.line) > 0 {
			w.arrive(0)
		}
		want := len(w.stored)
		if w.cursor.stop > 0 {
			want = min(want, w.cursor.stop)
		}
		if len(w.arrived) != want {
			t.Fatalf("%d of %d handed on", len(w.arrived), want)
		}
	})
}
