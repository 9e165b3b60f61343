package jetstream

import (
	"slices"
	"time"
)

// lease.go - what a puller has asked for and not yet received. It is pure: time is an input.
//
//	          ask                    take: delivered to the user
//	nothing ───────► open leases ──────────────────────────────► nothing
//	                      │  ▲ close: the server gave up the rest
//	                      │  │
//	     reset, expire    ▼  │
//	                    loose: arrived, of no open lease, not yet delivered
//
// Each pull is a lease of a number of messages for some time. Messages do not say which pull they
// answer, and the server serves pulls in turn, so messages are counted against the oldest one.
// Statuses do say it, by their subject: they close their lease, and the status of a forgotten
// lease changes nothing.
//
// The unit is messages, or bytes if bytes limit what is not yet delivered.

// leaseLimits say how much may be asked for.
type leaseLimits struct {
	msgs    int  // maximum not yet delivered; with byBytes, of one pull
	bytes   int  // maximum bytes of one pull; 0 for any
	byBytes bool // bytes limits what is not yet delivered, and the unit is bytes
	low     int  // another pull is sent below it, in the unit
	stop    int  // maximum of messages to deliver in all; 0 for any
	expires time.Duration
}

// most is the limit of what is not yet delivered, in the unit.
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
	whole    bool      // the maximum of bytes was asked for
	deadline time.Time // the server's status is overdue then
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
	taken   uint64 // messages handled or dropped
	dropped uint64 // of these, those that were not delivered
}

// pull is what to ask for.
type pull struct {
	id    uint64
	msgs  int
	bytes int // 0 for any
}

// leaseGrace is how long after its deadline a pull without a status counts as lost.
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

// needed returns how many messages must still be asked for until the stop.
func (l *leases) needed() int {
	n := l.limits.stop - int(min(l.handed(), uint64(l.limits.stop)))
	if !l.limits.byBytes {
		return n - l.left
	}
	for _, o := range l.open {
		n -= o.msgs // how many of them have arrived is unknown
	}
	return n
}

// handed returns how many messages were delivered.
func (l *leases) handed() uint64 { return l.taken - min(l.dropped, l.taken) }

// threshold is the rest at which another pull is due, so that pulls overlap.
func (l *leases) threshold() int {
	if l.most < l.limits.most() {
		return min(l.limits.low, (l.most+1)/2)
	}
	return l.limits.low
}

// slack returns how much must be taken before a call of ask is worthwhile: at least 1.
func (l *leases) slack() int { return max(l.left-l.threshold()+1, 1) }

// take counts messages that are handled or dropped, and their bytes.
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

// fruitless reports whether a pull that ended with that many messages missing brought none, and
// whether it had asked for the maximum of bytes.
func (l *leases) fruitless(id uint64, msgs int) (nothing, whole bool) {
	for _, o := range l.open {
		if o.id == id {
			return msgs >= o.msgs, o.whole
		}
	}
	return false, false
}

// close ends a pull whose rest the server will not deliver. It reports false, and changes
// nothing, for a forgotten pull. What arrived for it but was counted against others becomes
// loose.
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

// forget ends the pulls up to id without a status of the server. What they brought and is still
// queued, at most buffered, becomes loose.
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

// reset forgets all pulls: the server no longer knows them.
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

// settle limits what is loose to what is buffered.
func (l *leases) settle(buffered int) {
	if l.loose > buffered {
		l.left -= l.loose - buffered
		l.loose = buffered
	}
}

// bound sets the current limit of messages, if the unit is messages.
func (l *leases) bound(most int) {
	if !l.limits.byBytes {
		l.most = max(min(most, l.limits.msgs), 1)
	}
}

// finished reports whether everything that may be delivered has been.
func (l *leases) finished() bool {
	return l.limits.stop > 0 && l.handed() >= uint64(l.limits.stop)
}

// prefetch returns how many messages may be queued so that the last of them is delivered before
// half of ackWait has passed: at least 1, at most most. Without an ackWait or a measured time it
// is most.
func prefetch(ackWait, each time.Duration, most int) int {
	if ackWait <= 0 || each <= 0 {
		return most
	}
	return int(max(min(int64(ackWait/2/each), int64(most)), 1))
}

// pulse watches the periodic heartbeats of a server.
type pulse struct {
	every  time.Duration
	seen   time.Time // time of the last one, or when the first became expected
	paused bool
	misses int // in a row
}

// beat notes a heartbeat, and ends a row of misses.
func (p *pulse) beat(now time.Time) { p.seen, p.misses = now, 0 }

// start begins to expect heartbeats; misses are kept.
func (p *pulse) start(now time.Time) { p.seen, p.paused = now, false }

// missed reports whether two heartbeats were due and none came. It then counts a miss and starts
// over.
func (p *pulse) missed(now time.Time) bool {
	if p.paused || now.Before(p.due()) {
		return false
	}
	p.misses++
	p.seen = now
	return true
}

// life is when the last heartbeat came.
func (p *pulse) life() time.Time { return p.seen.Add(-2 * p.every * time.Duration(p.misses)) }

// due is when the next miss would be counted.
func (p *pulse) due() time.Time { return p.seen.Add(2 * p.every) }
