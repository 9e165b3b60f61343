package actors

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// segmentOf makes a segment of messages with these payloads in a chunk of its own, to
// which it holds the only reference.
func segmentOf(payloads ...string) segment {
	c := &chunk{}
	c.refs.Store(1)
	s := segment{chunk: c, n: uint32(len(payloads))}
	for i, p := range payloads {
		at := uint32(len(c.buf))
		c.buf = append(c.buf, p...)
		c.views = append(c.views, view{header: at, payloadLen: uint32(len(p)), next: uint32(i + 1)})
		s.bytes += int64(len(p))
	}
	return s
}

// numbered returns n payloads from first on, each size bytes long.
func numbered(first, n, size int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%0*d", size, first+i)
	}
	return all
}

// content returns the payloads that wait, oldest first, without taking them.
func (l *lane) content() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := []string{}
	for _, s := range l.segs[l.head:] {
		at := Cursor{chunk: s.chunk, at: s.head}
		for range s.n {
			var m Raw
			at.Next(&m)
			all = append(all, string(m.Payload))
		}
	}
	return all
}

func newLane(o Overflow, limits Limits) *lane {
	l := &lane{limits: limits, overflow: o, consumers: 1, waiting: true}
	l.wake = func() {}
	return l
}

// TestOverflowAtTheLimit fills a lane of ten to one below, exactly, and one above its
// limit, message by message and at once, by count and by bytes, with limits of its own
// and of the budget.
func TestOverflowAtTheLimit(t *testing.T) {
	const limit, size = 10, 8
	limits := map[string]Limits{
		"messages": {Msgs: limit, Bytes: -1},
		"bytes":    {Msgs: -1, Bytes: limit * size},
		"both":     {Msgs: limit, Bytes: limit * size},
		"budget":   {Msgs: -1, Bytes: -1},
	}
	kept := map[Overflow][]string{
		DropNewest:       numbered(0, limit, size),
		DropOldest:       numbered(1, limit, size),
		Block:            numbered(0, limit, size), // no consumer takes, and the wait is zero
		RestartEmpty:     {},
		StopSubscription: numbered(0, limit, size),
		EscalateOverflow: numbered(0, limit, size),
	}
	for policy, left := range kept {
		for name, limits := range limits {
			for _, at := range []int{limit - 1, limit, limit + 1} {
				want := map[bool][]string{true: left, false: numbered(0, at, size)}[at > limit]
				c := atLimit{l: newLane(policy, limits), sent: numbered(0, at, size), want: want, above: at > limit}
				c.budget = map[string]int{"budget": 2 * limit * size}[name]
				t.Run(fmt.Sprintf("%v by %s/%d one by one", policy, name, at), c.oneByOne)
				c.l = newLane(policy, limits)
				t.Run(fmt.Sprintf("%v by %s/%d together", policy, name, at), c.together)
			}
		}
	}
}

// atLimit is one case of TestOverflowAtTheLimit.
type atLimit struct {
	l          *lane
	sent, want []string
	above      bool
	budget     int // bytes, of which the lane gets half; 0 for none
}

func (c *atLimit) oneByOne(t *testing.T) {
	var p pushed
	c.l.account.of = newBudget(c.budget)
	for _, one := range c.sent {
		p = c.l.push(segmentOf(one))
	}
	c.check(t, p)
}

func (c *atLimit) together(t *testing.T) {
	c.l.account.of = newBudget(c.budget)
	c.check(t, c.l.push(segmentOf(c.sent...)))
}

func (c *atLimit) check(t *testing.T, p pushed) {
	t.Helper()
	if diff := cmp.Diff(c.want, c.l.content()); diff != "" {
		t.Errorf("what waits (-want +got):\n%s", diff)
	}
	dropped := len(c.sent) - len(c.want)
	if l := c.l; l.dropped != uint64(dropped) || l.droppedBytes != uint64(dropped*len(c.sent[0])) || p.dropped != dropped {
		t.Errorf("dropped %d (%d bytes), the push said %d; want %d", l.dropped, l.droppedBytes, p.dropped, dropped)
	}
	if p.began != c.above || c.l.slow != p.began {
		t.Errorf("slow episode began: %v, is on: %v", p.began, c.l.slow)
	}
	if c.l.byBudget != (c.above && c.budget > 0) {
		t.Errorf("the budget had no room: %v", c.l.byBudget)
	}
	if used, _ := c.l.account.of.use(); c.budget > 0 && used != c.l.held() {
		t.Errorf("the budget knows of %d bytes, the lane has %d", used, c.l.held())
	}
}

// takeAll takes what waits, as one consumer that starts and finishes each.
func (l *lane) takeAll() []string {
	all := []string{}
	var r run
	for l.take(&r, runMax) {
		at := r.Cursor
		for range r.n {
			var m Raw
			at.Next(&m)
			l.started.Add(1)
			all = append(all, string(m.Payload))
		}
		r.release()
		l.finish(r.part)
	}
	return all
}

// TestMessageInTheHandlerCounts: a limit of three means one in the handler and two that
// wait, however many the consumer has taken at once.
func TestMessageInTheHandlerCounts(t *testing.T) {
	l := newLane(DropNewest, Limits{Msgs: 3, Bytes: -1})
	l.push(segmentOf("a", "b"))
	var r run
	l.take(&r, runMax)
	l.started.Add(1) // a is in the handler, b taken and waiting
	if p := l.push(segmentOf("c", "d")); p.dropped != 1 {
		t.Errorf("dropped %d with one in the handler and one taken, want 1", p.dropped)
	}
	l.started.Add(1) // a is done, b is in the handler
	if p := l.push(segmentOf("e", "f")); p.dropped != 1 {
		t.Errorf("dropped %d after one was done, want 1", p.dropped)
	}
	if diff := cmp.Diff([]string{"c", "e"}, l.content()); diff != "" {
		t.Errorf("what waits (-want +got):\n%s", diff)
	}
	if msgs, _ := l.pending(); msgs != 3 {
		t.Errorf("%d pending, want 3", msgs)
	}
}

// TestSlowEpisodeEnds when half of the limit is free again, with the exact loss.
func TestSlowEpisodeEnds(t *testing.T) {
	l := newLane(DropNewest, Limits{Msgs: 4, Bytes: -1})
	if p := l.push(segmentOf(numbered(0, 7, 2)...)); !p.began || p.dropped != 3 {
		t.Fatalf("got %+v", p)
	}
	if p := l.push(segmentOf("xx")); p.began || p.dropped != 1 {
		t.Errorf("a second drop of the same episode: %+v", p)
	}
	var r run
	for i := range 4 {
		l.take(&r, 1)
		l.started.Add(1)
		r.release()
		f := l.finish(r.part)
		if want := i == 1; (f.ended != nil) != want {
			t.Errorf("after %d messages: ended %v", i+1, f.ended)
		}
		if f.ended != nil && *f.ended != (episode{4, 8}) {
			t.Errorf("lost %+v; want 4 messages of 8 bytes", *f.ended)
		}
	}
	if p := l.push(segmentOf(numbered(0, 5, 2)...)); !p.began || p.dropped != 1 {
		t.Errorf("the next episode: %+v", p)
	}
}

// TestEpisodeWithNothingLeft: a message too large for an empty lane begins an episode
// that no later finish could end.
func TestEpisodeWithNothingLeft(t *testing.T) {
	for _, policy := range []Overflow{DropNewest, DropOldest, RestartEmpty} {
		l := newLane(policy, Limits{Msgs: -1, Bytes: 4})
		p := l.push(segmentOf("too long"))
		if !p.began || !p.idle || p.dropped != 1 {
			t.Errorf("%v: %+v", policy, p)
		}
		if f := l.finish(part{}); f.ended == nil || *f.ended != (episode{1, 8}) {
			t.Errorf("%v: %+v", policy, f)
		}
	}
}

// TestMaxCutsTheSegment when the server sends more than it was asked for.
func TestMaxCutsTheSegment(t *testing.T) {
	for _, max := range []int{1, 4, 5} {
		l := newLane(DropNewest, Limits{Msgs: -1, Bytes: -1})
		l.max = uint64(max)
		p := l.push(segmentOf(numbered(0, 5, 1)...))
		if !p.last || p.empty || p.beyond != 5-max {
			t.Errorf("max %d: %+v", max, p)
		}
		if q := l.push(segmentOf("z")); !reflect.DeepEqual(q, pushed{beyond: 1}) {
			t.Errorf("max %d: a message beyond: %+v", max, q)
		}
		if diff := cmp.Diff(numbered(0, max, 1), l.takeAll()); diff != "" || l.received != uint64(max) {
			t.Errorf("max %d: received %d, delivered (-want +got):\n%s", max, l.received, diff)
		}
	}
}

// TestMaxCountsWhatWasDropped: the server counts what it sent, and so do we.
func TestMaxCountsWhatWasDropped(t *testing.T) {
	l := newLane(DropNewest, Limits{Msgs: 2, Bytes: -1})
	l.max = 5
	if p := l.push(segmentOf(numbered(0, 4, 1)...)); p.last || p.dropped != 2 {
		t.Errorf("four of five: %+v", p)
	}
	if p := l.push(segmentOf("4")); !p.last || p.dropped != 1 {
		t.Errorf("the fifth: %+v", p)
	}
	var r run
	l.take(&r, runMax)
	l.started.Add(2)
	r.release()
	if f := l.finish(r.part); !f.last {
		t.Errorf("after the last of them: %+v", f)
	}
}

// TestShutDiscards what waits, once, and refuses the rest.
func TestShutDiscards(t *testing.T) {
	l := newLane(DropNewest, Limits{Msgs: -1, Bytes: -1})
	s := segmentOf("a", "b")
	l.push(s)
	if n := l.shut(); n != 2 {
		t.Errorf("%d messages waited, want 2", n)
	}
	if n := l.shut(); n != 0 {
		t.Errorf("a second shut found %d", n)
	}
	if n := s.chunk.refs.Load(); n != 0 {
		t.Errorf("%d references to the chunk are left", n)
	}
	late := segmentOf("c")
	if p := l.push(late); !reflect.DeepEqual(p, pushed{}) || late.chunk.refs.Load() != 0 {
		t.Errorf("a push after shut: %+v, %d references", p, late.chunk.refs.Load())
	}
	if l.take(new(run), 1) {
		t.Error("took something from a shut lane")
	}
}

// TestBlockWaitsForItsBound and no longer, and drops only what found no room.
func TestBlockWaitsForItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(Block, Limits{Msgs: 3, Bytes: -1, BlockFor: time.Second})
		start := time.Now()
		if p := l.push(segmentOf(numbered(0, 3, 1)...)); p.dropped != 0 || time.Since(start) != 0 {
			t.Errorf("exactly the limit: %+v after %v", p, time.Since(start))
		}
		p := l.push(segmentOf("3", "4"))
		if took := time.Since(start); took != time.Second || p.dropped != 2 || !p.began {
			t.Errorf("above the limit: %+v after %v", p, took)
		}
	})
}

// TestBlockGoesOnWithRoom: each message that finds room in time is kept.
func TestBlockGoesOnWithRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(Block, Limits{Msgs: 2, Bytes: -1, BlockFor: time.Second})
		got := make(chan string, 10)
		go func() {
			for range 5 {
				time.Sleep(100 * time.Millisecond)
				var r run
				l.take(&r, 1)
				l.started.Add(1)
				var m Raw
				r.Next(&m)
				got <- string(m.Payload)
				r.release()
				l.finish(r.part)
			}
		}()
		start := time.Now()
		p := l.push(segmentOf(numbered(0, 5, 1)...))
		if took := time.Since(start); p.dropped != 0 || took != 300*time.Millisecond {
			t.Errorf("%+v after %v, want nothing dropped after 300ms", p, took)
		}
		receiveAll(t, got, numbered(0, 5, 1)...)
	})
}

// TestShutReleasesABlockedReader at once.
func TestShutReleasesABlockedReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(Block, Limits{Msgs: 1, Bytes: -1, BlockFor: time.Hour})
		l.push(segmentOf("a"))
		start := time.Now()
		time.AfterFunc(time.Second, func() { l.shut() })
		l.push(segmentOf("b"))
		if took := time.Since(start); took != time.Second {
			t.Errorf("released after %v", took)
		}
	})
}

// TestHigherLimitsReleaseABlockedReader at once.
func TestHigherLimitsReleaseABlockedReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Sub{}
		s.lane.overflow, s.lane.limits = Block, Limits{Msgs: 1, Bytes: -1, BlockFor: time.Hour}
		s.lane.wake = func() {}
		s.lane.push(segmentOf("a"))
		start := time.Now()
		time.AfterFunc(time.Second, func() { s.SetLimits(2, -1) })
		if p := s.lane.push(segmentOf("b")); p.dropped != 0 || time.Since(start) != time.Second {
			t.Errorf("%+v after %v", p, time.Since(start))
		}
	})
}

// TestThePeak counts what waited and the one message for which there was no room.
func TestThePeak(t *testing.T) {
	for _, policy := range []Overflow{DropNewest, DropOldest, RestartEmpty, Block, StopSubscription} {
		l := newLane(policy, Limits{Msgs: 10, Bytes: -1})
		l.push(segmentOf(numbered(0, 8, 2)...))
		var r run
		l.take(&r, 8)
		l.started.Add(8) // seven are done, and not given back
		l.push(segmentOf(numbered(8, 6, 2)...))
		if l.peakMsgs != 8 || l.peakBytes != 16 {
			t.Errorf("%v: at most %d (%d bytes) waited, want 8 (16)", policy, l.peakMsgs, l.peakBytes)
		}
		l.push(segmentOf(numbered(14, 6, 2)...))
		if l.peakMsgs != 11 || l.peakBytes != 22 {
			t.Errorf("%v: at most %d (%d bytes) waited, want 11 (22)", policy, l.peakMsgs, l.peakBytes)
		}
	}
}

// laneModel is a lane written without regard to speed: a list of payloads, of which the
// consumer has taken the first few.
type laneModel struct {
	limits   Limits
	overflow Overflow
	queue    []string
	hands    []string // taken; the first begun of them have been started
	begun    int
	received int
	dropped  []string
	closed   bool
}

// waiting counts the messages that wait, including the one in the handler.
func (m *laneModel) waiting() (n, size int) {
	from := max(0, m.begun-1)
	for _, p := range append(append([]string{}, m.hands[from:]...), m.queue...) {
		n++
		size += len(p)
	}
	return n, size
}

func (m *laneModel) fits(p string) bool {
	n, size := m.waiting()
	return (m.limits.Msgs < 0 || n+1 <= m.limits.Msgs) && (m.limits.Bytes < 0 || size+len(p) <= m.limits.Bytes)
}

func (m *laneModel) push(all []string) {
	m.received += len(all)
	if m.closed {
		return
	}
	for i, p := range all {
		if m.fits(p) {
			m.queue = append(m.queue, p)
			continue
		}
		switch m.overflow {
		case DropOldest:
			m.queue = append(m.queue, all[i:]...)
			for n, size := m.waiting(); len(m.queue) > 0 && !m.within(n, size); n, size = m.waiting() {
				m.dropped = append(m.dropped, m.queue[0])
				m.queue = m.queue[1:]
			}
		case RestartEmpty:
			// The part of the segment that was already queued counts with the rest.
			m.dropped = append(append(m.dropped, m.queue...), all[i:]...)
			m.queue = nil
		default:
			m.dropped = append(m.dropped, all[i:]...)
		}
		return
	}
}

func (m *laneModel) within(n, size int) bool {
	return (m.limits.Msgs < 0 || n <= m.limits.Msgs) && (m.limits.Bytes < 0 || size <= m.limits.Bytes)
}

// TestLaneAgreesWithItsModel does what readers and consumers do, in any order,
// to a lane and to its model, and compares them after each step. Payloads are
// of one size, since bytes of a half-finished run are counted by their average.
func TestLaneAgreesWithItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 5).Draw(t, "size")
		limits := Limits{Msgs: rapid.IntRange(-1, 8).Draw(t, "msgs"), Bytes: rapid.IntRange(-1, 8*size).Draw(t, "bytes")}
		policy := Overflow(rapid.SampledFrom([]int{int(DropNewest), int(DropOldest), int(Block), int(RestartEmpty)}).Draw(t, "policy"))
		l, m := newLane(policy, limits), &laneModel{limits: limits, overflow: policy}
		var chunks []*chunk
		var r run
		next, at := 0, Cursor{}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				n := rapid.IntRange(1, 6).Draw(t, "n")
				all := make([]string, n)
				for i := range all {
					all[i] = strings.Repeat(string(rune('!'+next%90)), size)
					next++
				}
				s := segmentOf(all...)
				chunks = append(chunks, s.chunk)
				l.push(s)
				m.push(all)
			},
			"take": func(t *rapid.T) {
				if len(m.hands) > 0 {
					return // the consumer has taken all it can
				}
				most := rapid.IntRange(1, 4).Draw(t, "most")
				took := l.take(&r, most)
				if took == (m.closed || len(m.queue) == 0) {
					t.Fatalf("took %v, the model has %q, closed %v", took, m.queue, m.closed)
				}
				if !took {
					return
				}
				at = r.Cursor
				m.hands, m.begun = m.queue[:r.n:r.n], 0
				m.queue = m.queue[r.n:]
			},
			"deliver": func(t *rapid.T) {
				if m.begun == len(m.hands) {
					return // nothing to deliver
				}
				var raw Raw
				at.Next(&raw)
				l.started.Add(1)
				if string(raw.Payload) != m.hands[m.begun] {
					t.Fatalf("delivered %q, the model %q", raw.Payload, m.hands[m.begun])
				}
				m.begun++
			},
			"finish": func(t *rapid.T) {
				if len(m.hands) == 0 || m.begun < len(m.hands) {
					return // not done
				}
				done := r.part
				r.release()
				f := l.finish(done)
				m.hands, m.begun = nil, 0
				if f.more != (len(m.queue) > 0) {
					t.Fatalf("finish says more %v, the model has %q", f.more, m.queue)
				}
			},
			"shut": func(t *rapid.T) {
				if rapid.IntRange(0, 30).Draw(t, "luck") > 0 {
					return // not now
				}
				if n := l.shut(); n != len(m.queue) {
					t.Fatalf("shut found %d, the model %d", n, len(m.queue))
				}
				m.closed, m.queue = true, nil
			},
			"": func(t *rapid.T) { compareLane(t, l, m, chunks) },
		})
	})
}

func compareLane(t *rapid.T, l *lane, m *laneModel, chunks []*chunk) {
	if diff := cmp.Diff(append([]string{}, m.queue...), l.content()); diff != "" {
		t.Fatalf("what waits (-model +lane):\n%s", diff)
	}
	if l.dropped != uint64(len(m.dropped)) || l.received != uint64(m.received) {
		t.Fatalf("dropped %d of %d, the model %d of %d", l.dropped, l.received, len(m.dropped), m.received)
	}
	n, size := m.waiting()
	if msgs, bytes := l.pending(); msgs != n || bytes != int64(size) {
		t.Fatalf("pending %d (%d bytes), the model %d (%d bytes)", msgs, bytes, n, size)
	}
	if !m.closed && l.received != l.dropped+l.taken+uint64(l.queued) {
		t.Fatalf("received %d is not dropped %d + taken %d + queued %d", l.received, l.dropped, l.taken, l.queued)
	}
	used := map[*chunk]int32{}
	for _, s := range l.segs[l.head:] {
		used[s.chunk]++
	}
	held := int32(0)
	for _, c := range chunks {
		held += c.refs.Load() - used[c]
	}
	if want := min(int32(len(m.hands)), 1); held != want {
		t.Fatalf("%d references to chunks beside those of what waits, want %d", held, want)
	}
}
