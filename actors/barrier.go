package actors

import "sync/atomic"

// barrier.go - a call made once everything that waits at this moment has been handled.
//
//	lane:  9 8 7 │ 6 5 4      │ is a mark, 6 5 4 not handled yet
//
// A mark counts the messages before it that are not finished: consumers may finish in any
// order, and messages dropped by an overflow are never handled at all.

// barrier is reached once it is reached in every lane that it was put into.
type barrier struct {
	missing atomic.Int32 // lanes that have not reached it, plus one until it is in all of them
	f       func()
}

// barrierMark is the place of a barrier in a lane.
type barrierMark struct {
	barrier *barrier
	seq     uint64 // of the first message after it
	left    int    // messages before it that are not finished
	next    *barrierMark
}

// Barrier calls f once after everything that waits now for handlers and actors has been
// handled, or discarded with its subscription. f runs with the other callbacks, or within
// Barrier when there are no such subscriptions. It returns ErrConnectionClosed when the
// connection is closed; f is not called then.
func (c *Conn) Barrier(f func()) error {
	all := c.present()
	if c.Status() == Closed {
		return c.closedError()
	}
	b := &barrier{f: f}
	b.missing.Store(1)
	alone := true
	for _, s := range all {
		if s.spec.Consumer != nil {
			alone = false
			s.lane.mark(b)
		}
	}
	if alone {
		f()
		return nil
	}
	if b.missing.Add(-1) == 0 && !c.events.call(f) {
		return c.closedError() // closed since the check above
	}
	return nil
}

// reached notes that barriers are reached in one lane, and makes the calls of those for
// which it was the last lane. The callbacks actor outlives the lanes, so the calls are
// certain to be made.
func (c *Conn) reached(m *barrierMark) {
	for ; m != nil; m = m.next {
		if m.barrier.missing.Add(-1) == 0 {
			c.events.call(m.barrier.f)
		}
	}
}

// mark puts b after everything that is in the lane.
func (l *lane) mark(b *barrier) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.queued + l.inflight
	if n == 0 || l.left {
		return
	}
	b.missing.Add(1)
	at := &l.marks
	for *at != nil {
		at = &(*at).next
	}
	*at = &barrierMark{barrier: b, seq: l.next, left: n}
}

// pass counts messages that are finished, or will never be handled.
func (l *lane) pass(seq uint64, n int) {
	for m := l.marks; m != nil; m = m.next {
		if seq < m.seq {
			m.left -= min(n, int(m.seq-seq))
		}
	}
}

// reached takes out the barriers with nothing left before them. They are the oldest: what
// is left before one is also left before all later ones.
func (l *lane) reached() *barrierMark {
	first, end := l.marks, &l.marks
	for *end != nil && (*end).left == 0 {
		end = &(*end).next
	}
	if end == &l.marks {
		return nil
	}
	l.marks, *end = *end, nil
	return first
}
