package actors

import (
	"math"
	"sync/atomic"
	"time"
)

// delivery.go - where a dispatcher or worker stands in a run. It outlives
// incarnations, so that a restart goes on with the next message.

// callGivenUp marks a delivery that was replaced by another.
const callGivenUp = math.MinInt64

// Reading the clock costs a quarter of a short call: it is read once per run, and for
// each call only where calls are watched, or where the calls of the last run of
// slowRunMin messages or more took longer than slowCall.
const (
	slowCall   = 20 * time.Microsecond
	slowRunMin = 4
)

// seat is the place of a dispatcher or worker: it stays when the actor is replaced.
type seat struct {
	number   int // of a worker, from 1; 0 for the dispatcher
	box      atomic.Pointer[mailbox]
	delivery atomic.Pointer[delivery]
	spawned  uint64 // actors ever; used by their supervisor only
}

// delivery is what one of them is working on. Used in its own turn only, except for call,
// and for the parts of run that the lock of from guards.
type delivery struct {
	sub      *Sub
	at       *seat
	from     *lane // the subscription's lane, or the worker's own; nil for a router
	most     int   // messages to take at once
	consumer Consumer
	run      run // chunk, start, n and base are changed under from's lock
	left     int // messages of the run not built yet
	built    int
	called   int // how many of the built ones were called

	// call is when the current call began, by the tree's clock: 0 for none, negative for
	// one that was reported as blocked, callGivenUp for one that was given up. Unless
	// calls are stamped, it is when the run began.
	call    atomic.Int64
	stamped bool
	watch   *callWatch // nil for none
}

func (s *Sub) newDelivery(at *seat, from *lane, most int) *delivery {
	d := &delivery{sub: s, at: at, from: from, most: most, consumer: s.spec.Consumer()}
	if s.spec.BlockedAfter > 0 {
		d.watch, d.stamped = newCallWatch(d), true
	}
	return d
}

// unfinished reports whether a run was taken and not given back.
func (d *delivery) unfinished() bool { return d.run.chunk != nil }

// work delivers what is left of the current run and gives it back. It returns false when
// a call was given up: another delivery then has the rest of the run.
func (d *delivery) work() bool {
	lane, n := &d.sub.lane, d.run.n
	began := d.sub.conn.tree.clock()
	if d.watch == nil {
		d.call.Store(began)
	}
	if d.left == 0 && d.built == 0 {
		d.left = n
	}
	for !lane.closed.Load() {
		for d.called < d.built && !lane.closed.Load() {
			k := d.called
			d.called++
			if n, last := lane.started.Add(1), lane.last.Load(); last > 0 && n > last {
				lane.started.Add(^uint64(0))
				d.called--
				d.sub.end(nil) // closes the lane
				break
			}
			if !d.stamped {
				d.consumer.Call(k)
			} else if !d.callStamped(k) {
				return false
			}
		}
		if d.left == 0 || lane.closed.Load() {
			break
		}
		d.called, d.built = 0, 0
		d.built = d.consumer.Build(&d.run.Cursor, d.left)
		d.left -= d.built
	}
	d.lose()
	d.left, d.built, d.called = 0, 0, 0
	if d.watch == nil && n >= slowRunMin {
		d.stamped = d.sub.conn.tree.clock()-began > int64(n)*int64(slowCall)
	}
	d.giveBack()
	return true
}

// callStamped is Consumer.Call with a note of when it began. It returns false when the
// call was given up.
func (d *delivery) callStamped(k int) (mine bool) {
	began := d.sub.conn.tree.clock()
	d.call.Store(began)
	d.watch.arm()
	defer func() { mine = d.call.CompareAndSwap(began, 0) || d.watch.returned() }()
	d.consumer.Call(k)
	return mine
}

// giveBack ends the run.
func (d *delivery) giveBack() {
	chunk, done := d.run.chunk, d.run.part
	if d.from == &d.sub.lane {
		d.sub.giveBackRun(&d.run)
	} else {
		d.from.finishRun(&d.run)
		d.sub.giveBack(done)
	}
	chunk.release()
}

// abandon gives up an unfinished run that nobody will continue.
func (d *delivery) abandon() {
	if d == nil {
		return
	}
	d.watch.stop()
	if d.from != nil {
		d.from.mu.Lock()
		defer d.from.mu.Unlock()
	}
	if d.unfinished() {
		d.lose()
		d.run.release()
	}
}

// lose reports what is left of a run that nobody continues.
func (d *delivery) lose() {
	begun := d.begun()
	if d.sub.lane.lost == nil || begun >= d.run.n {
		return
	}
	whole := segment{chunk: d.run.chunk, head: d.run.start, n: uint32(d.run.n), bytes: d.run.bytes}
	d.sub.lane.lose(whole.behind(begun))
}

// begun counts the messages of the run whose calls have begun.
func (d *delivery) begun() int {
	if d.built == 0 {
		return d.called // a router builds none
	}
	return d.run.n - d.left - d.built + d.called
}

// about names the message of the current call, for the report of a failure: with a
// wildcard, the subscription's own subject would not identify it.
func (d *delivery) about() string {
	if d.run.chunk == nil || d.called == 0 {
		return d.sub.Subject
	}
	return d.run.subject(d.begun())
}

// subject returns the subject of the k-th message of the run, from 1.
func (r *run) subject(k int) string {
	at := r.start
	for range k - 1 {
		at = r.chunk.views[at].next
	}
	one := Cursor{chunk: r.chunk, at: at}
	var m Raw
	one.Next(&m)
	return string(m.Subject)
}

// successor returns a delivery with the messages after the call that is given up; done is
// the messages up to and including that call.
func (d *delivery) successor() (next *delivery, done part) {
	next = d.sub.newDelivery(d.at, d.from, d.most)
	done = part{seq: d.run.seq, n: d.begun()}
	at := d.run.start
	for range done.n {
		v := &d.run.chunk.views[at]
		done.bytes += v.size()
		at = v.next
	}
	if done.n < d.run.n {
		d.run.chunk.refs.Add(1)
		next.run = run{Cursor: Cursor{chunk: d.run.chunk, at: at}, start: at, base: d.sub.lane.started.Load(),
			part: part{seq: d.run.seq + uint64(done.n), n: d.run.n - done.n, bytes: d.run.bytes - done.bytes}}
	}
	return next, done
}
