package actors

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/supervisor"
)

// budget.go - the bytes that may wait in all mailboxes of a connection together.
//
//	lane ──► account ──┐
//	lane ──► account ──┼──► budget.used ≤ limit
//	replies ► account ─┘
//
// Two rules. First, a holder may hold as much as it leaves free: one that does not keep
// up fills half of the budget, n of them 1/(n+1) each, and the same share is left for
// everybody else. Second, a holder that holds nothing may always take one message: nobody
// is starved, however many others do not keep up. Only such messages can exceed the
// limit. The alternative, dropping what others hold, would have lanes lock each other.

// budget bounds what the accounts of one connection hold together.
//
// Invariant, whenever no lane is locked: used is the sum of what its accounts were
// charged.
type budget struct {
	limit int64
	used  atomic.Int64
	peak  atomic.Int64

	waiters atomic.Int32 // len(waiting)
	mu      sync.Mutex
	waiting []*lane // lanes in which a push waits for room, once per push
}

// newBudget returns nil, which means no bound, for a limit of 0.
func newBudget(limit int) *budget {
	if limit == 0 {
		return nil
	}
	return &budget{limit: int64(limit)}
}

// use returns the bytes that wait now, and the most that ever did.
func (b *budget) use() (used, peak int64) {
	if b == nil {
		return 0, 0
	}
	return b.used.Load(), b.peak.Load()
}

// freed wakes the pushes that wait for room. No lane may be locked by the caller.
func (b *budget) freed() {
	if b == nil || b.waiters.Load() == 0 {
		return
	}
	b.mu.Lock()
	waiting := slices.Clone(b.waiting)
	b.mu.Unlock()
	for _, l := range waiting {
		l.mu.Lock()
		l.space.Broadcast()
		l.mu.Unlock()
	}
}

// await registers a lane in which a push waits; over undoes that. It is called with the
// lane's lock held: no lane is locked under the budget's lock.
func (b *budget) await(l *lane) (over func()) {
	if b == nil {
		return func() {}
	}
	b.mu.Lock()
	b.waiting = append(b.waiting, l)
	b.waiters.Add(1)
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		i := slices.Index(b.waiting, l)
		b.waiting = slices.Delete(b.waiting, i, i+1)
		b.waiters.Add(-1)
		b.mu.Unlock()
	}
}

// account is the part of a budget that one holder has. It is guarded by the
// holder's lock.
type account struct {
	of      *budget // nil for no bound
	charged int64   // of of.used
	closed  bool    // the holder has ended; nothing more is charged
}

// room returns how many more bytes fit besides those held.
func (a *account) room(held int64) int64 {
	if a.of == nil {
		return math.MaxInt64
	}
	others := a.of.used.Load() - a.charged
	return (a.of.limit-others)/2 - held
}

// settle charges what is held now, and reports whether that is less than before.
func (a *account) settle(held int64) (less bool) {
	if a.of == nil {
		return false
	}
	if a.closed {
		held = 0
	}
	change := held - a.charged
	if change == 0 {
		return false
	}
	a.charged = held
	used := a.of.used.Add(change)
	for peak := a.of.peak.Load(); used > peak && !a.of.peak.CompareAndSwap(peak, used); {
		peak = a.of.peak.Load()
	}
	return change < 0
}

// close gives back what was charged and ends the account.
func (a *account) close() (less bool) {
	a.closed = true
	return a.settle(0)
}

// held is the bytes that wait in the lane, and those that consumers have not given back.
func (l *lane) held() int64 { return l.bytes + l.inflightBytes }

// affords reports whether the budget has room for n more messages of that many bytes.
func (l *lane) affords(n int, bytes int64) bool {
	return l.account.of == nil || l.queued+l.inflight+n <= 1 || bytes <= l.account.room(l.held())
}

// show adds the use of the budget to the node of the supervisor of the lanes.
func (b *budget) show(n *supervisor.Node) {
	if b == nil {
		return
	}
	used, peak := b.use()
	n.MailboxBytes = used
	n.Counters = append(n.Counters,
		supervisor.Counter{Name: "pending bytes", Value: uint64(used)},
		supervisor.Counter{Name: "max pending bytes", Value: uint64(peak)},
		supervisor.Counter{Name: "budget bytes", Value: uint64(b.limit)})
}
