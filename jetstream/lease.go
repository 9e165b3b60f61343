package jetstream

import (
	"slices"
	"time"
)

// lease.go - what a puller has asked for and not yet got. It is pure: time comes in.
//
//	          ask                    take: handed on to the user
//	nothing ───────► open leases ──────────────────────────────► nothing
//	                      │  ▲ close: the server gave the rest up
//	                      │  │
//	     reset, expire    ▼  │
//	                    loose: arrived, of no open lease, not yet handed on
//
// Each pull is a lease: so many messages, for so long. Messages do not say which pull
// they answer, and the server serves pulls by turns, so what is taken is counted
// against the oldest one. Statuses do say it, by their subject: they close their lease,
// and one of a lease that was forgotten changes nothing.
//
// What is counted are messages, or bytes if these bound what is not yet handed on.

// leaseLimits say how much may be asked for.
type leaseLimits struct {
	msgs    int  // at most so many not yet handed on; with byBytes, of one pull
	bytes   int  // and so many bytes of one pull; 0 for any
	byBytes bool // bytes bounds what is not yet handed on, and is what is counted
	low     int  // below it there is another pull, in what is counted
	stop    int  // no more messages than that are to be handed on at all; 0 for any
	expires time.Duration
}

// most is the bound on what is not yet handed on, in what is counted.
func (l leaseLimits) most() int {
	if l.byBytes {
		return l.bytes
	}
	return l.msgs
}

// lease is one pull.
type lease struct {
	id       uint64
	left     int       // not yet taken, as far as is known; above 0
	msgs     int       // asked for
	whole    bool      // as many bytes as may be were asked for
	deadline time.Time // the server's word is overdue then
}

// leases are all that a puller has asked for.
//
// Invariant: left is the sum over open and loose, and none of them is negative.
type leases struct {
	limits leaseLimits
	most   int // at the moment; 1 to limits.most()

	open  []lease // oldest first
	loose int
	left  int

	last    uint64 // the newest id
	gone    uint64 // ids up to it are forgotten
	taken   uint64 // messages done with
	dropped uint64 // of these, those that were not handed on
}

// pull is what to ask for.
type pull struct {
	id    uint64
	msgs  int
	bytes int // 0 for any
}

// leaseGrace is how long after its deadline a pull of which the server says nothing
// counts as lost.
const leaseGrace = 5 * time.Second

func newLeases(limits leaseLimits) leases { return leases{limits: limits, most: limits.most()} }

// ask returns the pull that is due, if one is, and counts it.
func (l *leases) ask(now time.Time) (pull, bool) {
	n := l.most - l.left
	if n < 1 || l.left >= l.threshold() {
		return pull{}, false
	}
	p := pull{msgs: l.limits.msgs, bytes: l.limits.bytes}
	if l.limits.byBytes {
		p.bytes = n
	} else {
		p.msgs = n
	}
	if l.limits.stop > 0 {
		p.msgs = min(p.msgs, l.needed())
		if p.msgs < 1 {
			return pull{}, false
		}
		if !l.limits.byBytes {
			n = p.msgs
		}
	}
	l.last++
	p.id = l.last
	l.open = append(l.open, lease{id: p.id, left: n, msgs: p.msgs, whole: p.bytes == l.limits.bytes, deadline: now.Add(l.limits.expires + leaseGrace)})
	l.left += n
	return p, true
}

// needed returns how many messages are still to be asked for before the stop.
func (l *leases) needed() int {
	n := l.limits.stop - int(min(l.handed(), uint64(l.limits.stop)))
	if !l.limits.byBytes {
		return n - l.left
	}
	for _, o := range l.open {
		n -= o.msgs // it is not known how many of them have come
	}
	return n
}

// handed returns how many messages were handed on.
func (l *leases) handed() uint64 { return l.taken - min(l.dropped, l.taken) }

// threshold is what is left when pulls would soon cease to overlap.
func (l *leases) threshold() int {
	if l.most < l.limits.most() {
		return min(l.limits.low, (l.most+1)/2)
	}
	return l.limits.low
}

// slack returns how much is to be taken before ask is worth a call: at least 1.
func (l *leases) slack() int { return max(l.left-l.threshold()+1, 1) }

// take counts messages, and their bytes, that are done with.
func (l *leases) take(msgs, bytes int) {
	l.taken += uint64(msgs)
	n := msgs
	if l.limits.byBytes {
		n = bytes
	}
	loose := min(n, l.loose)
	l.loose -= loose
	l.left -= loose
	l.charge(n - loose)
}

// charge takes from the open leases, the oldest first.
func (l *leases) charge(n int) {
	for i := range l.open {
		d := min(n, l.open[i].left)
		l.open[i].left -= d
		l.left -= d
		n -= d
	}
	l.open = slices.DeleteFunc(l.open, func(o lease) bool { return o.left == 0 })
}

// fruitless reports whether a pull that lacks so many messages at its end has brought none, and
// whether it had asked for as many bytes as may be.
func (l *leases) fruitless(id uint64, msgs int) (nothing, whole bool) {
	for _, o := range l.open {
		if o.id == id {
			return msgs >= o.msgs, o.whole
		}
	}
	return false, false
}

// close ends a pull whose rest the server gave up. It reports false, and changes
// nothing, for a pull that was forgotten. What was delivered for it and counted
// against others is loose now.
func (l *leases) close(id uint64, msgs, bytes int) bool {
	if id <= l.gone || id > l.last {
		return false
	}
	rest := max(msgs, 0)
	if l.limits.byBytes {
		rest = max(bytes, 0)
	}
	had := 0
	if i := slices.IndexFunc(l.open, func(o lease) bool { return o.id == id }); i >= 0 {
		had = l.open[i].left
		l.open = slices.Delete(l.open, i, i+1)
		l.left -= had
	}
	if had > rest {
		l.loose += had - rest
		l.left += had - rest
		return true
	}
	l.charge(rest - had)
	return true
}

// forget ends the pulls up to id without a word of the server. What they brought and
// still waits, as much as is buffered at the most, is loose.
func (l *leases) forget(id uint64, buffered int) {
	l.gone = max(l.gone, min(id, l.last))
	l.open = slices.DeleteFunc(l.open, func(o lease) bool {
		if o.id > l.gone {
			return false
		}
		l.loose += o.left
		return true
	})
	l.settle(buffered)
}

// reset forgets all pulls: the server does not know them any more.
func (l *leases) reset(buffered int) { l.forget(l.last, buffered) }

// expire forgets the pulls that are overdue.
func (l *leases) expire(now time.Time, buffered int) {
	id := l.gone
	for _, o := range l.open {
		if !now.Before(o.deadline) {
			id = max(id, o.id)
		}
	}
	l.forget(id, buffered)
}

// settle corrects what is loose: no more than is buffered.
func (l *leases) settle(buffered int) {
	if l.loose > buffered {
		l.left -= l.loose - buffered
		l.loose = buffered
	}
}

// bound sets how many messages there may be at the moment, if messages are counted.
func (l *leases) bound(most int) {
	if !l.limits.byBytes {
		l.most = max(min(most, l.limits.msgs), 1)
	}
}

// finished reports whether all that may be handed on has been.
func (l *leases) finished() bool {
	return l.limits.stop > 0 && l.handed() >= uint64(l.limits.stop)
}

// prefetch returns how many messages may wait, so that the last of them is handed on
// before half of ackWait has passed: at least 1, at most most. Without an ackWait or a
// measured time it is most.
func prefetch(ackWait, each time.Duration, most int) int {
	if ackWait <= 0 || each <= 0 {
		return most
	}
	return int(max(min(int64(ackWait/2/each), int64(most)), 1))
}

// pulse watches for the signs of life that a server gives every so often.
type pulse struct {
	every  time.Duration
	seen   time.Time // of the last one, or of when one was first to be expected
	paused bool
	misses int // in a row
}

// beat notes a sign of life, and ends a row of misses.
func (p *pulse) beat(now time.Time) { p.seen, p.misses = now, 0 }

// start begins to expect signs of life; misses stay.
func (p *pulse) start(now time.Time) { p.seen, p.paused = now, false }

// missed reports whether two were to be expected and none came. It counts a miss and
// expects anew.
func (p *pulse) missed(now time.Time) bool {
	if p.paused || now.Before(p.due()) {
		return false
	}
	p.misses++
	p.seen = now
	return true
}

// life is when the last sign of life came.
func (p *pulse) life() time.Time { return p.seen.Add(-2 * p.every * time.Duration(p.misses)) }

// due is when the next miss is one.
func (p *pulse) due() time.Time { return p.seen.Add(2 * p.every) }
