package actors

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestABarrierWaitsForWhatIsBeforeIt, whatever happens to that: several consumers take
// messages and finish in any order, messages that do not fit are dropped, new ones come.
// A barrier is reached with the last message before it, not earlier and not later.
func TestABarrierWaitsForWhatIsBeforeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &barrierWorld{open: map[uint64]bool{}, before: map[*barrier][]uint64{}}
		policy := Overflow(rapid.SampledFrom([]int{int(DropNewest), int(DropOldest), int(RestartEmpty), int(Block)}).Draw(t, "policy"))
		w.l = newLane(policy, Limits{Msgs: rapid.IntRange(1, 12).Draw(t, "limit"), Bytes: -1})
		w.l.consumers = 3
		t.Repeat(map[string]func(*rapid.T){
			"push":    w.push,
			"take":    w.take,
			"finish":  w.finish,
			"barrier": w.barrier,
			"":        w.check,
		})
		w.reached(t, w.l.leave())
		if len(w.before) > 0 {
			t.Fatalf("%d barriers were forgotten", len(w.before))
		}
	})
}

// barrierWorld is a lane and the state of its messages, by number.
type barrierWorld struct {
	l      *lane
	open   map[uint64]bool // waiting, or taken and not finished
	before map[*barrier][]uint64
	runs   []run
}

// waiting returns the numbers of the messages in the lane.
func (w *barrierWorld) waiting() map[uint64]bool {
	all := map[uint64]bool{}
	for _, s := range w.l.segs[w.l.head:] {
		for k := range s.n {
			all[s.seq+uint64(k)] = true
		}
	}
	for _, r := range w.runs {
		for k := range r.n {
			all[r.seq+uint64(k)] = true
		}
	}
	return all
}

func (w *barrierWorld) push(t *rapid.T) {
	p := w.l.push(segmentOf(numbered(0, rapid.IntRange(1, 6).Draw(t, "n"), 1)...))
	w.open = w.waiting()
	w.reached(t, p.reached)
}

func (w *barrierWorld) take(t *rapid.T) {
	var r run
	if w.l.take(&r, rapid.IntRange(1, 4).Draw(t, "most")) {
		w.l.started.Add(uint64(r.n))
		w.runs = append(w.runs, r)
	}
}

func (w *barrierWorld) finish(t *rapid.T) {
	if len(w.runs) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.runs)-1).Draw(t, "run")
	r := w.runs[i]
	w.runs = append(w.runs[:i], w.runs[i+1:]...)
	w.open = w.waiting()
	r.release()
	w.reached(t, w.l.finish(r.part).reached)
}

func (w *barrierWorld) barrier(*rapid.T) {
	b := &barrier{}
	w.l.mark(b)
	if b.missing.Load() == 0 {
		return
	}
	w.before[b] = nil
	for seq := range w.open {
		w.before[b] = append(w.before[b], seq)
	}
}

// reached removes the barriers that the lane reports as reached.
func (w *barrierWorld) reached(t *rapid.T, m *barrierMark) {
	for ; m != nil; m = m.next {
		b := m.barrier
		if _, ok := w.before[b]; !ok {
			t.Fatal("a barrier was reached twice")
		}
		if n := w.left(b); n > 0 && !w.l.left {
			t.Fatalf("reached with %d messages before it", n)
		}
		delete(w.before, b)
	}
}

// left counts the messages before b that are not finished.
func (w *barrierWorld) left(b *barrier) (n int) {
	for _, seq := range w.before[b] {
		if w.open[seq] {
			n++
		}
	}
	return n
}

func (w *barrierWorld) check(t *rapid.T) {
	for b := range w.before {
		if w.left(b) == 0 {
			t.Fatal("nothing is before a barrier, and it was not reached")
		}
	}
}

// TestABarrierBehindAPushThatWaited: the messages of that push have lower numbers than
// those that another reader has pushed meanwhile.
func TestABarrierBehindAPushThatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(Block, Limits{Msgs: -1, Bytes: 100, BlockFor: time.Hour})
		l.push(segmentOf(strings.Repeat("x", 60)))
		go l.push(segmentOf(strings.Repeat("a", 60)))
		synctest.Wait()
		l.push(segmentOf(strings.Repeat("b", 30)))
		var r run
		l.take(&r, 1)
		l.finishRun(&r)
		synctest.Wait()
		l.mark(&barrier{f: func() {}})
		reached := false
		for l.take(&r, 1) {
			reached = l.finish(r.part).reached != nil || reached
		}
		if !reached {
			t.Error("the barrier is not reached, and nothing is left before it")
		}
	})
}
