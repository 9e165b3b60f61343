package watch

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/jetstream"
)

func TestMachine(t *testing.T) {
	var m machine
	begin := func(want bool, g generation) {
		t.Helper()
		if got := m.begin(g); got != want {
			t.Errorf("%+v is ready: %v", g, got)
		}
	}
	take := func(want verdict, consumer string, delivery, revision uint64) {
		t.Helper()
		if got := m.take(consumer, delivery, revision); got != want {
			t.Errorf("%s %d, revision %d: %+v, want %+v", consumer, delivery, revision, got, want)
		}
	}
	stale, entry, ready := verdict{stale: true}, verdict{}, verdict{ready: true}
	begin(false, generation{consumer: "c1", pending: 3})
	take(entry, "c1", 1, 5)
	take(stale, "c1", 1, 5)
	take(entry, "c1", 2, 7)
	// The last one is in its handler when the next consumer has nothing to deliver.
	begin(false, generation{consumer: "c2", after: 9})
	take(stale, "c1", 2, 8)
	take(ready, "c1", 3, 9)
	take(entry, "c2", 1, 10)
	begin(false, generation{consumer: "c3", pending: 1, after: 10})
	take(entry, "c3", 1, 11)
	begin(false, generation{consumer: "c4", pending: 2, after: 11, anew: true, gap: jetstream.GapRemoved})
	take(stale, "c3", 2, 11)
	take(stale, "c3", 2, 12)
	take(verdict{seen: true}, "c4", 1, 11)
	if m.settle("c4", 1, 1) || m.settle("c4", 0, 2) || m.settle("c3", 0, 1) || !m.settle("c4", 0, 1) || m.settle("c4", 0, 1) {
		t.Error("settled otherwise")
	}
	take(entry, "c4", 2, 12)
	begin(true, generation{consumer: "c5", after: 12, anew: true, gap: jetstream.GapReplaced})
	take(entry, "c5", 1, 3)
}

// place is what the model knows of a message: its key, and its revision.
type place struct {
	key      int
	revision uint64
}

// line is a consumer of the model's, and what it has sent.
type line struct {
	name      string
	due       []uint64 // revisions that it begins with, in order
	behind    uint64   // and goes on with those behind this one
	delivered uint64
	sent      []sent // under way
}

type sent struct {
	consumer string
	serial   int
	delivery uint64
	revision uint64
}

// world is a stream, its consumers, and a client with a machine: a model of what stands below it.
type world struct {
	m       machine
	last    bool // of each subject, not all
	stored  []place
	rev     uint64
	gap     jetstream.Gap // since the last generation
	line    line
	serial  int
	must    []uint64 // what was there when the generation began
	inHand  *sent    // taken by the client, and in its handler
	at      uint64   // what the client has taken last
	next    uint64   // delivery
	lost    bool     // it waits for the next generation
	said    []said   // answers of the server that have not come
	handed  []uint64 // in this sync
	high    uint64   // of this stream
	since   int      // the first consumer of this sync
	ready   int      // in this sync
	settled int
	syncs   int
}

type said struct {
	consumer           string
	pending, delivered uint64
	stream, watched    uint64 // of a survey, for which the others are 0
}

func (w *world) there(revision uint64) bool {
	return slices.ContainsFunc(w.stored, func(p place) bool { return p.revision == revision })
}

// make creates a consumer: after a revision, or from the beginning.
func (w *world) make(behind uint64) {
	w.serial++
	w.line = line{name: fmt.Sprintf("c%d", w.serial), behind: w.rev}
	for i, p := range w.stored {
		newer := slices.ContainsFunc(w.stored[i+1:], func(q place) bool { return q.key == p.key })
		if p.revision > behind && (behind > 0 || !w.last || !newer) {
			w.line.due = append(w.line.due, p.revision)
		}
	}
	w.must = slices.Clone(w.line.due)
	w.next, w.lost = 1, false
}

// left are the revisions that the consumer has still to deliver.
func (w *world) left() (all []uint64) {
	for _, r := range w.line.due {
		if w.there(r) {
			all = append(all, r)
		}
	}
	for _, p := range w.stored {
		if p.revision > w.line.behind {
			all = append(all, p.revision)
		}
	}
	return all
}

// deliver sends the next message.
func (w *world) deliver() {
	left := w.left()
	if len(left) == 0 {
		return
	}
	r := left[0]
	w.line.due = slices.DeleteFunc(w.line.due, func(due uint64) bool { return due <= r })
	w.line.behind = max(w.line.behind, r)
	w.line.delivered++
	w.line.sent = append(w.line.sent, sent{w.line.name, w.serial, w.line.delivered, r})
}

// receive has the client take what has come, if its handler is free.
func (w *world) receive() {
	if w.inHand != nil || w.lost || len(w.line.sent) == 0 {
		return
	}
	s := w.line.sent[0]
	w.line.sent = w.line.sent[1:]
	if s.delivery != w.next {
		w.lost = true
		return
	}
	w.next++
	w.at = s.revision
	w.inHand = &s
}

// behind reports whether a heartbeat shows that messages were lost.
func (w *world) behind() bool { return len(w.line.sent) == 0 && w.line.delivered >= w.next }

// finish ends the call of the handler.
func (w *world) finish(t *rapid.T) {
	if w.inHand == nil {
		return
	}
	s := *w.inHand
	w.inHand = nil
	v := w.m.take(s.consumer, s.delivery, s.revision)
	if v.stale {
		if s.consumer == w.line.name && w.there(s.revision) {
			t.Fatalf("%+v of the present generation is stale, and there", s)
		}
		return
	}
	if s.serial < w.since {
		t.Fatalf("%+v is of another sync", s)
	}
	if v.seen && s.revision > w.high {
		t.Fatalf("revision %d was seen, though only %d was", s.revision, w.high)
	}
	w.high = max(w.high, s.revision)
	if n := len(w.handed); n > 0 && w.handed[n-1] >= s.revision {
		t.Fatalf("revision %d after %d", s.revision, w.handed[n-1])
	}
	w.handed = append(w.handed, s.revision)
	if v.ready {
		w.isReady(t)
	}
}

// isReady checks that all is there that was there when the generation began, but for what has been removed.
func (w *world) isReady(t *rapid.T) {
	w.ready++
	if w.ready > 1 {
		t.Fatal("ready twice")
	}
	for _, r := range w.must {
		if w.there(r) && !slices.Contains(w.handed, r) {
			t.Fatalf("ready without revision %d, with %v", r, w.handed)
		}
	}
	if w.inHand != nil && w.inHand.serial >= w.since && w.inHand.revision == w.m.after {
		t.Fatalf("ready without revision %d, which is in its handler", w.inHand.revision)
	}
}

// renew makes the next generation, as an ordered consumer does.
func (w *world) renew(t *rapid.T) {
	g := generation{after: w.at, gap: w.gap}
	if g.gap == jetstream.GapNone && w.firstThere() > w.at+1 {
		g.gap = jetstream.GapRemoved
	}
	w.gap = jetstream.GapNone
	if g.anew = w.at > 0 && g.gap != jetstream.GapNone; g.anew {
		w.at, w.handed, w.ready = 0, nil, 0
		w.since = w.serial + 1
		w.syncs++
	}
	w.make(w.at)
	g.consumer, g.pending = w.line.name, uint64(len(w.line.due))
	if w.m.begin(g) {
		w.isReady(t)
	}
}

// firstThere is the first revision that the stream has, or the next one if it has none.
func (w *world) firstThere() uint64 {
	if len(w.stored) == 0 {
		return w.rev + 1
	}
	return w.stored[0].revision
}

func (w *world) put(key int, history int) {
	w.rev++
	w.stored = append(w.stored, place{key, w.rev})
	var of []uint64
	for _, p := range w.stored {
		if p.key == key {
			of = append(of, p.revision)
		}
	}
	if len(of) > history {
		w.remove(func(p place) bool { return p.revision == of[0] })
	}
}

func (w *world) remove(which func(place) bool) { w.stored = slices.DeleteFunc(w.stored, which) }

// ask has the server say how the consumer is; the answer comes later.
func (w *world) ask() {
	w.said = append(w.said, said{consumer: w.line.name, pending: uint64(len(w.left())), delivered: w.line.delivered})
}

// survey has the server say how the stream is, the last revision of what is watched a moment later.
func (w *world) survey() {
	s := said{consumer: w.m.consumer, stream: w.rev}
	if n := len(w.stored); n > 0 {
		s.watched = w.stored[n-1].revision
	}
	w.said = append(w.said, s)
}

func (w *world) answer(t *rapid.T) {
	if len(w.said) == 0 {
		return
	}
	s := w.said[0]
	w.said = w.said[1:]
	if s.stream > 0 {
		w.m.pass(s.consumer, s.stream, s.watched)
		return
	}
	if w.m.settle(s.consumer, s.pending, s.delivered) {
		w.settled++
		w.isReady(t)
	}
}

// quiet lets everything come that is there. Then there has been one Ready.
func (w *world) quiet(t *rapid.T) {
	for w.finish(t); w.lost || w.behind() || len(w.left()) > 0 || len(w.line.sent) > 0; w.finish(t) {
		w.deliver()
		w.receive()
		if w.lost || w.behind() {
			w.renew(t)
		}
	}
	for len(w.said) > 0 {
		w.answer(t)
	}
	w.ask()
	w.answer(t)
	if w.ready != 1 {
		t.Fatalf("%d times ready", w.ready)
	}
	for _, p := range w.stored {
		newer := slices.ContainsFunc(w.stored, func(q place) bool { return q.key == p.key && q.revision > p.revision })
		if !newer && !slices.Contains(w.handed, p.revision) {
			t.Fatalf("revision %d is missing in %v", p.revision, w.handed)
		}
	}
}

// TestMachineAgainstItsModel: in each sync revisions rise, there is one Ready, and not before
// all is there; whatever is lost, removed, late or created again.
func TestMachineAgainstItsModel(t *testing.T) {
	var resyncs, settled int
	rapid.Check(t, func(t *rapid.T) {
		w := &world{last: rapid.Bool().Draw(t, "last per subject")}
		history := rapid.IntRange(1, 3).Draw(t, "history")
		key := rapid.IntRange(1, 4)
		for range rapid.IntRange(0, 10).Draw(t, "stored") {
			w.put(key.Draw(t, "key"), history)
		}
		w.renew(t)
		t.Repeat(map[string]func(*rapid.T){
			"put":     func(t *rapid.T) { w.put(key.Draw(t, "key"), history) },
			"deliver": func(*rapid.T) { w.deliver() },
			"arrive":  func(*rapid.T) { w.receive() },
			"finish":  w.finish,
			"lose": func(*rapid.T) {
				if len(w.line.sent) > 0 {
					w.line.sent = w.line.sent[1:]
				}
			},
			"purge": func(t *rapid.T) {
				k := key.Draw(t, "key")
				w.remove(func(p place) bool { return p.key == k })
			},
			"purge all": func(*rapid.T) { w.stored = nil },
			"renew":     w.renew,
			"away": func(t *rapid.T) {
				w.gap = jetstream.GapAway
				w.renew(t)
			},
			"replace": func(t *rapid.T) {
				w.stored, w.rev, w.high, w.line, w.gap = nil, 0, 0, line{}, jetstream.GapReplaced
				for range rapid.IntRange(0, 3).Draw(t, "stored") {
					w.put(key.Draw(t, "key"), history)
				}
				w.renew(t)
			},
			"ask":    func(*rapid.T) { w.ask() },
			"survey": func(*rapid.T) { w.survey() },
			"answer": w.answer,
			"quiet":  w.quiet,
		})
		w.quiet(t)
		resyncs, settled = resyncs+w.syncs, settled+w.settled
	})
	if resyncs == 0 || settled == 0 {
		t.Errorf("%d syncs made anew, %d settled: not all was tried", resyncs, settled)
	}
}
