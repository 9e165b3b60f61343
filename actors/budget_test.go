package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// budgetedLanes returns n lanes without limits of their own under one budget.
func budgetedLanes(n, limit int, o Overflow) (*budget, []*lane) {
	b := newBudget(limit)
	lanes := make([]*lane, n)
	for i := range lanes {
		lanes[i] = newLane(o, Limits{Msgs: -1, Bytes: -1, BlockFor: time.Second})
		lanes[i].account.of = b
	}
	return b, lanes
}

// fill pushes messages of size bytes until one is dropped.
func fill(l *lane, size int) {
	for l.push(segmentOf(numbered(0, 1, size)...)).dropped == 0 {
	}
}

// TestAHogLeavesAsMuchAsItHas: lanes that nobody reads share the budget, and leave as
// much as each of them has for a lane that is read.
func TestAHogLeavesAsMuchAsItHas(t *testing.T) {
	for hogs := range 5 {
		const limit = 60_000
		b, lanes := budgetedLanes(hogs+1, limit, DropNewest)
		for range limit {
			for _, l := range lanes[:hogs] {
				l.push(segmentOf("x"))
			}
		}
		share := limit / (hogs + 1)
		for i, l := range lanes[:hogs] {
			if l.queued != share {
				t.Errorf("%d hogs: number %d has %d bytes, want %d", hogs, i, l.queued, share)
			}
		}
		used, peak := b.use()
		if used != int64(hogs*share) || peak != used {
			t.Errorf("%d hogs: use is %d and was %d, want %d", hogs, used, peak, hogs*share)
		}
		last := lanes[hogs]
		for range 100 {
			if p := last.push(segmentOf(numbered(0, share/2/8, 8)...)); p.dropped > 0 {
				t.Fatalf("%d hogs: dropped %d of a lane that is read", hogs, p.dropped)
			}
			last.takeAll()
		}
	}
}

// TestNobodyIsSilenced: lanes that filled up one after the other leave next to nothing,
// but an empty lane may take one message of any size.
func TestNobodyIsSilenced(t *testing.T) {
	const hogs, limit, size = 40, 1 << 16, 1 << 12
	for _, o := range []Overflow{DropNewest, DropOldest, Block, RestartEmpty} {
		b, lanes := budgetedLanes(hogs+1, limit, DropNewest)
		for _, l := range lanes[:hogs] {
			fill(l, size)
			if l.queued == 0 {
				t.Fatalf("%v: a hog got nothing", o)
			}
		}
		quiet := lanes[hogs]
		quiet.overflow = o
		for range 10 {
			if p := quiet.push(segmentOf(numbered(0, 1, 2*limit)...)); p.dropped != 0 {
				t.Errorf("%v: dropped the only message", o)
			}
			if n := len(quiet.takeAll()); n != 1 {
				t.Errorf("%v: took %d messages", o, n)
			}
		}
		if used, _ := b.use(); used > limit+hogs*size {
			t.Errorf("%v: %d bytes wait", o, used)
		}
	}
}

// TestBlockWaitsForTheBytesOfOthers: a push for which the budget has no room goes on when
// another lane gives bytes back, ends, or leaves the budget.
func TestBlockWaitsForTheBytesOfOthers(t *testing.T) {
	for name, free := range map[string]func(other *lane){
		"give back": func(other *lane) { other.takeAll() },
		"end":       func(other *lane) { other.shut() },
		"leave": func(other *lane) {
			var r run
			other.take(&r, runMax)
			other.leave() // with a message that nobody will give back
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, lanes := budgetedLanes(2, 16, Block)
				lanes[0].push(segmentOf("12345678"))
				lanes[1].push(segmentOf("1234"))
				start := time.Now()
				time.AfterFunc(time.Millisecond, func() { free(lanes[0]) })
				p := lanes[1].push(segmentOf("5"))
				if took := time.Since(start); p.dropped != 0 || took != time.Millisecond {
					t.Errorf("%+v after %v", p, took)
				}
				if len(b.waiting) > 0 || b.waiters.Load() != 0 {
					t.Error("still entered as waiting")
				}
				if used, _ := b.use(); used != 5 {
					t.Errorf("%d bytes used", used)
				}
			})
		})
	}
}

// TestAnEpisodeAtTheBudget lasts until half of what waited is gone, as it does at a
// limit of the lane's own, in messages or in bytes.
func TestAnEpisodeAtTheBudget(t *testing.T) {
	for name, setUp := range map[string]func(l *lane){
		"budget":   func(l *lane) { l.account.of = newBudget(160) },
		"bytes":    func(l *lane) { l.limits.Bytes = 80 },
		"messages": func(l *lane) { l.limits.Msgs = 10 },
	} {
		l := newLane(DropNewest, Limits{Msgs: -1, Bytes: -1})
		setUp(l)
		t.Run(name, func(t *testing.T) { oneEpisode(t, l) })
	}
}

// oneEpisode overfills a lane of ten messages, keeps it at its limit, and empties it.
func oneEpisode(t *testing.T, l *lane) {
	one := func() segment { return segmentOf(numbered(0, 1, 8)...) }
	fill(l, 8)
	for range 50 {
		if f := l.handleOne(); f.ended != nil {
			t.Fatalf("the episode ended with %d waiting", l.queued)
		}
		l.push(one())
		if l.push(one()).began {
			t.Fatal("another began")
		}
	}
	ended := 0
	for range 10 {
		if f := l.handleOne(); f.ended != nil {
			ended++
			if l.queued != 5 || *f.ended != (episode{51, 51 * 8}) {
				t.Errorf("ended with %d waiting and %+v lost", l.queued, *f.ended)
			}
		}
	}
	if ended != 1 {
		t.Errorf("%d ended", ended)
	}
}

// handleOne takes a message, starts it and gives it back.
func (l *lane) handleOne() finished {
	var r run
	l.take(&r, 1)
	l.started.Add(1)
	r.release()
	return l.finish(r.part)
}

// ledgerOfBytes is the state of TestTheBudgetKnowsWhatWaits.
type ledgerOfBytes struct {
	b       *budget
	lanes   []*lane
	runs    [][]run // taken and not given back, by lane
	replies []*replies
}

// TestTheBudgetKnowsWhatWaits, whatever readers and consumers do, in any order: the bytes
// used are the sum of what lanes and requests hold, no push breaks the rules, and nothing
// is left at the end.
func TestTheBudgetKnowsWhatWaits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &ledgerOfBytes{}
		w.b, w.lanes = budgetedLanes(4, rapid.IntRange(1, 200).Draw(t, "limit"), DropNewest)
		w.runs = make([][]run, len(w.lanes))
		for i, l := range w.lanes {
			l.overflow = []Overflow{DropNewest, DropOldest, RestartEmpty, Block}[i]
			l.limits = Limits{Msgs: rapid.IntRange(-1, 20).Draw(t, "msgs"), Bytes: rapid.IntRange(-1, 100).Draw(t, "bytes"), BlockFor: time.Nanosecond}
		}
		for range 2 {
			w.replies = append(w.replies, &replies{limits: Limits{Msgs: 10, Bytes: 100}, wake: make(chan struct{}, 1), account: account{of: w.b}})
		}
		t.Repeat(map[string]func(*rapid.T){
			"push":     w.push,
			"reply":    w.reply,
			"pop":      func(t *rapid.T) { rapid.SampledFrom(w.replies).Draw(t, "request").pop() },
			"take":     w.take,
			"giveBack": func(t *rapid.T) { w.giveBack(rapid.IntRange(0, len(w.lanes)-1).Draw(t, "lane")) },
			"shut":     func(t *rapid.T) { w.rarely(t, (*lane).end) },
			"leave":    func(t *rapid.T) { w.rarely(t, func(l *lane) { l.shut(); l.leave() }) },
			"discard": func(t *rapid.T) {
				if rapid.IntRange(0, 20).Draw(t, "luck") == 0 {
					rapid.SampledFrom(w.replies).Draw(t, "request").discard()
				}
			},
			"": w.check,
		})
		for i, l := range w.lanes {
			l.shut()
			for len(w.runs[i]) > 0 {
				w.giveBack(i)
			}
			l.leave()
		}
		for _, q := range w.replies {
			q.discard()
		}
		if used, _ := w.b.use(); used != 0 {
			t.Fatalf("%d bytes are left", used)
		}
	})
}

func (l *lane) end() { l.shut() }

func (w *ledgerOfBytes) rarely(t *rapid.T, f func(*lane)) {
	if rapid.IntRange(0, 20).Draw(t, "luck") == 0 {
		f(rapid.SampledFrom(w.lanes).Draw(t, "lane"))
	}
}

func (w *ledgerOfBytes) push(t *rapid.T) {
	l := rapid.SampledFrom(w.lanes).Draw(t, "lane")
	payloads := numbered(0, rapid.IntRange(1, 6).Draw(t, "n"), rapid.IntRange(0, 30).Draw(t, "size"))
	before, msgs := l.held(), l.queued+l.inflight
	p := l.push(segmentOf(payloads...))
	used, _ := w.b.use()
	if l.held() > before && l.queued+l.inflight > 1 && l.held() > w.b.limit-used {
		t.Fatalf("%v: has %d bytes where %d are free", l.overflow, l.held(), w.b.limit-used)
	}
	if msgs == 0 && p.dropped == len(payloads) && !l.closed.Load() && l.byBudget && l.overflow != RestartEmpty {
		t.Fatalf("%v: silenced by others", l.overflow)
	}
}

func (w *ledgerOfBytes) reply(t *rapid.T) {
	q := rapid.SampledFrom(w.replies).Draw(t, "request")
	r := Reply{Data: make([]byte, rapid.IntRange(3, 30).Draw(t, "size")), SubjectLen: 2, ReplyLen: 1}
	waiting := len(q.queue)
	if err := q.push(r); err != nil && waiting == 0 {
		t.Fatalf("the only reply: %v", err)
	}
}

func (w *ledgerOfBytes) take(t *rapid.T) {
	i := rapid.IntRange(0, len(w.lanes)-1).Draw(t, "lane")
	var r run
	if w.lanes[i].take(&r, rapid.IntRange(1, 4).Draw(t, "most")) {
		w.lanes[i].started.Add(uint64(r.n))
		w.runs[i] = append(w.runs[i], r)
	}
}

func (w *ledgerOfBytes) giveBack(i int) {
	if len(w.runs[i]) == 0 {
		return
	}
	r := w.runs[i][0]
	w.runs[i] = w.runs[i][1:]
	r.release()
	w.lanes[i].finish(r.part)
}

func (w *ledgerOfBytes) check(t *rapid.T) {
	var sum int64
	for _, l := range w.lanes {
		if !l.account.closed {
			sum += l.held()
		}
	}
	for _, q := range w.replies {
		if !q.account.closed {
			sum += q.bytes
		}
	}
	if used, peak := w.b.use(); used != sum || peak < used {
		t.Fatalf("the budget says %d, at most %d, lanes and requests hold %d", used, peak, sum)
	}
}

// TestAnEpisodeIsNotOverWhileTheBytesWait: many small messages are gone, but the large
// one that uses up the limit is not.
func TestAnEpisodeIsNotOverWhileTheBytesWait(t *testing.T) {
	l := newLane(DropNewest, Limits{Msgs: -1, Bytes: 100})
	l.push(segmentOf(append(numbered(0, 9, 1), numbered(0, 2, 90)...)...))
	for i := range 9 {
		if f := l.handleOne(); f.ended != nil && i < 8 {
			t.Errorf("the episode ended with %d bytes waiting of 100", l.held())
		}
	}
	l.push(segmentOf("x"))
	if f := l.handleOne(); f.ended == nil || *f.ended != (episode{1, 90}) {
		t.Errorf("ended with %+v", f.ended)
	}
}

// TestTwoPushesWaitForTheBudget: room for both wakes both, as two readers may wait while
// the connection moves.
func TestTwoPushesWaitForTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, lanes := budgetedLanes(3, 1000, DropNewest)
		hog := lanes[2]
		fill(hog, 100)
		for hog.push(segmentOf(numbered(0, 1, 1)...)).dropped == 0 {
		}
		dropped := make(chan int, 2)
		for _, l := range lanes[:2] {
			l.overflow, l.limits.BlockFor = Block, time.Hour
			for l.account.room(l.held()) >= 50 {
				l.push(segmentOf(numbered(0, 1, 1)...))
			}
			go func() { dropped <- l.push(segmentOf(numbered(0, 1, 100)...)).dropped }()
			synctest.Wait()
		}
		if len(dropped) > 0 {
			t.Error("a push did not wait")
		}
		hog.takeAll()
		for range lanes[:2] {
			if n := <-dropped; n != 0 {
				t.Errorf("dropped %d", n)
			}
		}
	})
}
