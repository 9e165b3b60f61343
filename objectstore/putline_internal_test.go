package objectstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

var lineEpoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// worldFrame is a chunk on its way to the stream of a lineWorld.
type worldFrame struct {
	id    chunkID
	frame uint64
}

// worldAck is an answer on its way back.
type worldAck struct {
	id  chunkID
	seq uint64
	err error
}

// lineWorld is a stream that loses, refuses and doubles what it can, and the way to it.
type lineWorld struct {
	t    *rapid.T
	line line
	now  time.Time

	total  int // chunks of the object
	added  int
	places int // of the window, not taken yet

	frames  uint64
	wire    []worldFrame // on the present link, in order
	old     []worldFrame // on links that are lost: they may come yet, in order
	acks    []worldAck
	stored  []found
	ids     map[chunkID]uint64 // the window for duplicates
	seq     uint64
	pending task
	wake    time.Time
}

func newLineWorld(t *rapid.T) *lineWorld {
	w := &lineWorld{t: t, now: lineEpoch, ids: map[chunkID]uint64{}, total: rapid.IntRange(0, 12).Draw(t, "chunks")}
	w.line.times = lineTimes{silence: 5 * time.Second, settle: time.Second, stall: time.Hour}
	w.line.window = newWindow(rapid.IntRange(1, 5).Draw(t, "first"), rapid.IntRange(1, 10).Draw(t, "most"))
	w.line.relinked(w.now)
	return w
}

// arrive has the stream take a frame.
func (w *lineWorld) arrive(f worldFrame, answered bool) {
	seq, known := w.ids[f.id]
	if !known {
		w.seq += uint64(rapid.IntRange(1, 3).Draw(w.t, "others")) // that publish into the bucket
		seq = w.seq
		w.ids[f.id] = seq
		w.stored = append(w.stored, found{f.id, seq})
	}
	if answered {
		w.acks = append(w.acks, worldAck{id: f.id, seq: seq})
	}
}

// step does one thing that may happen.
func (w *lineWorld) step() {
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 400).Draw(w.t, "ms")) * time.Millisecond)
	switch rapid.IntRange(0, 13).Draw(w.t, "event") {
	case 0, 1, 2, 3:
		w.deliver(true)
	case 4:
		w.deliver(false) // the answer is lost
	case 5: // the frame is lost, as with a leader that steps down
		if len(w.wire) > 0 {
			w.wire = w.wire[1:]
		}
	case 6: // and so, with a word
		if len(w.wire) > 0 {
			why := rapid.SampledFrom([]error{jetstream.ErrNoStreamResponse, jetstream.ErrTooManyRequests}).Draw(w.t, "why")
			w.acks = append(w.acks, worldAck{id: w.wire[0].id, err: why})
			w.wire = w.wire[1:]
		}
	case 7, 8, 9:
		w.answer()
	case 10:
		w.cut()
	case 11: // what a link held that was lost long ago
		if len(w.old) > 0 {
			w.arrive(w.old[0], false)
			w.old = w.old[1:]
		}
	case 12:
		w.now = w.now.Add(6 * time.Second)
	case 13:
		w.do(rapid.Bool().Draw(w.t, "well"))
	}
	w.turn()
}

func (w *lineWorld) deliver(answered bool) {
	if len(w.wire) > 0 {
		w.arrive(w.wire[0], answered)
		w.wire = w.wire[1:]
	}
}

func (w *lineWorld) answer() {
	if len(w.acks) == 0 {
		return
	}
	a := w.acks[0]
	w.acks = w.acks[1:]
	if a.err != nil {
		w.line.refused(a.id, a.err, w.now)
		return
	}
	w.line.stored(a.id, a.seq, w.now)
}

// cut loses the link; some frames have left it, of which each may come, now or later.
func (w *lineWorld) cut() {
	left := rapid.IntRange(0, len(w.wire)).Draw(w.t, "left")
	last := w.frames - uint64(len(w.wire)-left)
	for range rapid.IntRange(0, left).Draw(w.t, "come") {
		w.old = append(w.old, w.wire[0])
		w.wire = w.wire[1:]
	}
	w.wire, w.acks = nil, nil
	w.line.lost(last, api.ErrDisconnected, w.now)
	w.line.relinked(w.now)
}

// do does what the line waits for.
func (w *lineWorld) do(well bool) {
	t := w.pending
	w.pending = taskNone
	switch {
	case t == taskNone:
	case !well:
		w.line.undone(t, errBehind, w.now)
	case t == taskLook:
		w.line.looked(slices.Clone(w.stored), w.now)
	case t == taskClear:
		w.stored = slices.DeleteFunc(w.stored, func(f found) bool { return slices.Contains(w.line.strays, f.seq) })
		w.line.cleared(w.now)
	case t == taskCount:
		w.line.counted(uint64(len(w.stored)))
	}
}

// turn is what the transfer does after each event.
func (w *lineWorld) turn() {
	w.places += w.line.window.give(1)
	for w.added < w.total && w.places > 0 && !w.line.ended() {
		w.added++
		w.places--
		w.line.add([]byte{byte(w.added)}, w.now)
	}
	w.line.whole = w.added == w.total
	for c := w.line.next(w.now); c != nil; c = w.line.next(w.now) {
		w.frames++
		w.wire = append(w.wire, worldFrame{c.chunkID, w.frames})
		w.line.placed(w.frames, w.now)
	}
	if l := &w.line; len(l.kept)+w.places > l.window.most {
		w.t.Fatalf("%d chunks wait, and there are %d places more: %+v", len(l.kept), w.places, l.window)
	}
	t, wake := w.line.work(w.now)
	w.wake = wake
	if t != taskNone {
		if w.pending != taskNone {
			w.t.Fatalf("task %d while %d is not done", t, w.pending)
		}
		w.pending = t
	}
}

// calm lets everything go well until the line has ended.
func (w *lineWorld) calm() {
	for i := 0; !w.line.ended(); i++ {
		if i > 10_000 {
			w.t.Fatalf("no end in sight: %+v", w.line)
		}
		for len(w.wire) > 0 {
			w.deliver(true)
		}
		for len(w.acks) > 0 {
			w.answer()
		}
		w.do(true)
		w.turn()
		if len(w.wire)+len(w.acks) == 0 && w.pending == taskNone && w.wake.After(w.now) {
			w.now = w.wake
			w.turn()
		}
	}
}

// TestEveryChunkIsStoredOnceAndInItsPlace: whatever is lost, refused, late or doubled on the
// way, a put that ends well has stored the chunks of the object, each once and in order.
func TestEveryChunkIsStoredOnceAndInItsPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newLineWorld(t)
		w.turn()
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			w.step()
		}
		w.calm()
		if w.line.state != lineStored {
			t.Fatalf("%v: %v", w.line.state, w.line.failed)
		}
		if len(w.stored) != w.total || w.line.bytes != uint64(w.total) {
			t.Fatalf("%d of %d chunks, %d bytes: %v", len(w.stored), w.total, w.line.bytes, w.stored)
		}
		for i, f := range w.stored {
			if f.id.number != uint32(i)+1 || i > 0 && f.seq <= w.stored[i-1].seq {
				t.Fatalf("chunk %d is out of place: %v", f.id.number, w.stored)
			}
		}
		for range w.old { // and what comes yet is known to the stream, or to nobody's harm
			w.step()
		}
		if fmt.Sprint(w.stored) == "" || errors.Is(w.line.failed, errMoreChunks) {
			t.Fatal(w.line.failed)
		}
	})
}
