package jetstream

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// consumerModel is a server with a puller's messages on the way to it, for the
// property test: it knows what the leases can only estimate.
type consumerModel struct {
	l        leases
	now      time.Time
	waiting  map[uint64]int // pulls that the server knows, with their remaining messages
	buffered int            // arrived, not delivered
}

// ask does what a puller does after every event.
func (m *consumerModel) ask(t *rapid.T) {
	before := m.l.left
	p, ok := m.l.ask(m.now)
	if !ok {
		if before == 0 && !m.l.finished() {
			t.Fatal("nothing is asked for, and nothing is on the way")
		}
		return
	}
	if m.l.left > m.l.most || p.msgs < 1 || p.bytes < 0 {
		t.Fatalf("asked for %+v with %d on the way: more than %d", p, before, m.l.most)
	}
	if stop := m.l.limits.stop; stop > 0 && !m.l.limits.byBytes && int(m.l.taken)+m.l.left > stop {
		t.Fatalf("%d handed on and %d on the way: more than %d", m.l.taken, m.l.left, stop)
	}
	m.waiting[p.id] = p.msgs
}

// check asserts the accounting.
func (m *consumerModel) check(t *rapid.T) {
	sum := m.l.loose
	for _, o := range m.l.open {
		if o.left < 1 {
			t.Fatalf("lease %+v", o)
		}
		sum += o.left
	}
	if sum != m.l.left || m.l.loose < 0 {
		t.Fatalf("the sum is %d, counted %d: %+v", sum, m.l.left, m.l)
	}
}

// some draws a pull that the server knows.
func (m *consumerModel) some(t *rapid.T) uint64 {
	ids := make([]uint64, 0, len(m.waiting))
	for id := uint64(1); id <= m.l.last; id++ {
		if _, ok := m.waiting[id]; ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return 0
	}
	return rapid.SampledFrom(ids).Draw(t, "pull")
}

// step makes one event happen.
func (m *consumerModel) step(t *rapid.T) {
	switch rapid.SampledFrom([]string{"deliver", "take", "408", "lost", "reset", "wait", "slow"}).Draw(t, "step") {
	case "deliver":
		if id := m.some(t); id != 0 {
			m.buffered++
			if m.waiting[id]--; m.waiting[id] == 0 {
				delete(m.waiting, id)
			}
		}
	case "take":
		n := rapid.IntRange(0, m.buffered).Draw(t, "taken")
		m.buffered -= n
		m.l.take(n, n*rapid.IntRange(1, 5).Draw(t, "size"))
	case "408":
		if id := m.some(t); id != 0 {
			m.l.close(id, m.waiting[id], rapid.IntRange(0, 50).Draw(t, "bytes"))
			delete(m.waiting, id)
		}
	case "lost": // and its status with it
		delete(m.waiting, m.some(t))
	case "reset":
		m.l.reset(m.buffered)
		clear(m.waiting)
	case "wait":
		m.now = m.now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
	case "slow":
		m.l.bound(rapid.IntRange(0, 50).Draw(t, "most"))
	}
}

// TestLeasesNeverStallAndNeverOverdraw: whatever the server and the user do, in
// whatever order, no more is asked for than is allowed, the sums hold, and when
// everything is lost the next pull comes by the time the leases have run out.
func TestLeasesNeverStallAndNeverOverdraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := leaseLimits{msgs: rapid.IntRange(1, 40).Draw(t, "max"), expires: 30 * time.Second}
		if rapid.Bool().Draw(t, "bytes") {
			limits.bytes = rapid.IntRange(1, 100).Draw(t, "max bytes")
			limits.byBytes = rapid.Bool().Draw(t, "by bytes")
		}
		limits.low = rapid.IntRange(1, 2*limits.most()).Draw(t, "low")
		if rapid.Bool().Draw(t, "stops") {
			limits.stop = rapid.IntRange(1, 60).Draw(t, "stop")
		}
		m := &consumerModel{l: newLeases(limits), now: time.Unix(0, 0), waiting: map[uint64]int{}}
		m.ask(t)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			m.step(t)
			m.l.settle(m.buffered)
			m.l.expire(m.now, m.buffered)
			m.check(t)
			m.ask(t)
			m.check(t)
		}
		m.l.take(m.buffered, 0)
		m.now = m.now.Add(limits.expires + leaseGrace)
		m.l.expire(m.now, 0)
		m.check(t)
		if _, ok := m.l.ask(m.now); !ok && !m.l.finished() {
			t.Fatalf("stalled: %+v", m.l)
		}
	})
}

func TestLeaseOfAForgottenPullIsNoNews(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLeases(leaseLimits{msgs: 10, low: 5, expires: time.Minute})
	first, _ := l.ask(now)
	l.take(6, 0)
	second, _ := l.ask(now)
	if first.msgs != 10 || second.msgs != 6 {
		t.Fatalf("asked for %d and %d", first.msgs, second.msgs)
	}
	l.reset(0) // the first of two leadership changes
	third, ok := l.ask(now)
	if !ok || third.msgs != 10 {
		t.Fatalf("asked for %+v", third)
	}
	if l.close(second.id, 6, 0) || l.left != 10 {
		t.Errorf("the word about a forgotten pull left %d on the way", l.left)
	}
	if !l.close(third.id, 10, 0) || l.left != 0 {
		t.Errorf("the word about the last pull left %d on the way", l.left)
	}
}

func TestPrefetchFollowsTheHandler(t *testing.T) {
	for _, c := range []struct {
		ackWait, each time.Duration
		want          int
	}{
		{30 * time.Second, 0, 500},
		{0, time.Second, 500},
		{30 * time.Second, time.Second, 15},
		{30 * time.Second, time.Minute, 1},
		{30 * time.Second, time.Microsecond, 500},
	} {
		if got := prefetch(c.ackWait, c.each, 500); got != c.want {
			t.Errorf("AckWait %v, handler %v: %d, want %d", c.ackWait, c.each, got, c.want)
		}
	}
}

func TestPulseMissesTwice(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	p := pulse{every: 5 * time.Second}
	p.start(at(0))
	if p.missed(at(9)) || !p.missed(at(10)) || p.missed(at(19)) || !p.missed(at(20)) || p.misses != 2 {
		t.Errorf("%+v", p)
	}
	p.paused = true
	if p.missed(at(100)) {
		t.Error("a miss without a link")
	}
	p.start(at(100))
	p.beat(at(105))
	if p.missed(at(114)) || !p.missed(at(115)) || p.misses != 1 {
		t.Errorf("%+v", p)
	}
}
