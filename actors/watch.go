package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// watch.go - notices handler calls that take too long, and applies the policy for them.
//
//	call begins ──► limit passed ──► supervisor's turn ──┬─ Resume ───► reported ─► returns
//	     │                                              ├─ Restart ──► given up; another actor goes on
//	     └── returns in time                            ├─ Stop ─────► given up; the subscription ends
//	                                                    └─ Escalate, Crash
//
// A call cannot be ended from outside. One that is given up keeps its actor, its
// goroutine and its message until it returns; the actor no longer has a supervisor.

// abandonedMax bounds the calls of one subscription that were given up and have not
// returned.
const abandonedMax = 16

// watchPaceMin is the shortest pause between two checks of a watch, however short its
// limit.
const watchPaceMin = 100 * time.Microsecond

// callWatch watches the calls of one delivery with one timer, which runs while there are
// calls, and fires when one of them may be too long.
type callWatch struct {
	d     *delivery
	limit time.Duration
	timer *time.Timer
	armed atomic.Bool // the timer runs

	mu      sync.Mutex // held from the claim of a blocked call until it is answered
	message string     // subject of that call
}

func newCallWatch(d *delivery) *callWatch {
	w := &callWatch{d: d, limit: d.sub.spec.BlockedAfter}
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
	return w
}

// arm starts the timer, if needed, for the call that has begun.
func (w *callWatch) arm() {
	if w != nil && !w.armed.Load() && w.armed.CompareAndSwap(false, true) {
		w.timer.Reset(w.limit)
	}
}

func (w *callWatch) stop() {
	if w != nil {
		w.timer.Stop()
	}
}

// look runs when the timer fires.
func (w *callWatch) look() {
	began := w.d.call.Load()
	for began <= 0 {
		w.armed.Store(false)
		// A call that begins now either arms the timer or is seen here.
		if began = w.d.call.Load(); began <= 0 || !w.armed.CompareAndSwap(false, true) {
			return
		}
	}
	s := w.d.sub
	if s.lane.closed.Load() {
		return
	}
	left := w.limit - time.Duration(s.conn.tree.clock()-began)
	if left <= 0 {
		s.tellBlocked(handlerBlocked{sub: s, delivery: w.d, began: began})
		left = w.limit
	}
	w.timer.Reset(max(left, watchPaceMin))
}

// returned ends a call that was reported. It returns false for one that was given up.
func (w *callWatch) returned() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.d.call.Load() == callGivenUp {
		return false
	}
	w.d.call.Store(0)
	w.unblocked(nil)
	return true
}

// unblocked reports that a call has returned after all, and how it failed if it did.
func (w *callWatch) unblocked(cause error) {
	s := w.d.sub
	s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.HandlerUnblocked, Path: s.pathOf(w.d.at),
		Message: w.message, Cause: cause}})
}

// handlerBlocked tells the supervisor of a dispatcher or worker that a call takes too
// long.
type handlerBlocked struct {
	sub      *Sub
	delivery *delivery
	began    int64
}

func (handlerBlocked) isSubscriptionsMsg() {}
func (handlerBlocked) isDispatcherMsg()    {}

func (s *Sub) tellBlocked(m handlerBlocked) {
	if m.delivery.at.number == 0 {
		_ = s.conn.subsBox.must(m)
	} else if box := s.box.Load(); box != nil {
		_ = box.must(m)
	}
}

// onBlocked applies the policy to a call that takes too long; in the turn of its actor's
// supervisor.
func (s *Sub) onBlocked(c *Context, m handlerBlocked) {
	d, w := m.delivery, m.delivery.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	box := d.at.box.Load()
	if s.lane.closed.Load() || box == nil || d.at.delivery.Load() != d || !d.call.CompareAndSwap(m.began, -m.began) {
		return // it has returned, or has been answered
	}
	w.message = d.about()
	f := &failure{host: box.host, text: w.message,
		cause: &supervisor.BlockedError{For: time.Duration(c.host.tree.clock() - m.began), Message: w.message}}
	policy := supervisor.Policy{Directive: s.spec.Blocked, Backoff: supervisor.Backoff{Initial: supervisor.NoDelay}}
	if calls := int(s.abandoned.Load()); calls >= abandonedMax && policy.Directive == supervisor.Restart {
		policy.Directive = supervisor.Stop
		f.cause = &TooManyBlockedError{Subject: s.Subject, Calls: calls, Cause: f.cause}
	}
	switch c.host.tree.decide(f, policy).Directive {
	case supervisor.Restart:
		finish := s.giveUp(c, d, f.cause)
		s.sit(c, d.at, f.host)
		finish()
	case supervisor.Stop:
		finish := s.giveUp(c, d, f.cause)
		s.conn.unlist(s)
		s.end(f.cause)
		finish()
	case supervisor.Escalate:
		c.host.tree.giveUp(&supervisor.EscalatedError{Path: f.host.path, Cause: f.cause})
	case supervisor.Crash:
		crash(f)
	}
}

// giveUp abandons the current call and its actor. Call finish once the seat has a new
// actor, or will not get one.
func (s *Sub) giveUp(c *Context, d *delivery, cause error) (finish func()) {
	next, done := d.successor()
	d.at.delivery.Store(next)
	s.abandoned.Add(1)
	d.call.Store(callGivenUp)
	d.watch.stop()
	if told, ok := d.consumer.(interface{ GivenUp(cause error) }); ok {
		told.GivenUp(cause)
	}
	c.disown(d.at.box.Swap(nil))
	return func() {
		if d.from != &s.lane {
			d.from.finish(done)
		}
		s.giveBack(done)
	}
}

// abandonedReturned follows the end of an actor whose call had been given up: the
// call has returned, or failed with cause.
func (s *Sub) abandonedReturned(d *delivery, cause error) {
	d.run.release()
	s.abandoned.Add(-1)
	d.watch.mu.Lock()
	defer d.watch.mu.Unlock()
	d.watch.unblocked(cause)
}
