package wire

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/protocol"
)

// Injection is a rule that was given to a link, with its state and counters. All methods
// are safe for concurrent use.
type Injection struct {
	link  *Link
	rule  plan.Rule
	order int    // among the rules of the link, counted from 1
	key   uint64 // seed of its random numbers

	// The timer of the next change, and the state; link.mu guards both.
	next  *callout
	state state

	mu      sync.Mutex
	met     uint64 // events for which Prob was drawn
	matches int    // those that counted
	hits    int
	waiters []waiter
	over    bool // copy of state, for waiters
}

// state is the state of a rule.
//
//	waiting ──At──► holding ──For, Lift──► ended
//	   └────────────Lift─────────────────────┘
type state uint8

const (
	waiting state = iota
	holding
	ended
)

// waiter waits for a number of hits.
type waiter struct {
	hits int
	done chan struct{} // closed at that number, or at the end of the rule
}

// Rule returns the rule as it was given.
func (i *Injection) Rule() plan.Rule { return i.rule }

// String returns the rule in its text form.
func (i *Injection) String() string { return i.rule.String() }

// Hits returns how often the rule took effect. What counts as one hit depends on the
// kind:
//
//   - refuse, limit: a connection that was refused
//   - corrupt: a bit that was flipped
//   - the other lasting faults: a connection on which it came into force
//   - reset, fin, replay, inject: a connection to which it happened
//   - drop, delay, duplicate, rewrite: an operation to which it happened
//
// A rule that is triggered by an operation or a number of bytes counts each trigger.
func (i *Injection) Hits() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hits
}

// Wait waits until the rule has taken effect n times. Its error is a [*WaitError] with
// [ErrEnded] if the rule has ended before, or with the cause of the context's end.
func (i *Injection) Wait(ctx context.Context, n int) error {
	w := waiter{hits: n, done: make(chan struct{})}
	i.mu.Lock()
	if !i.over && i.hits < n {
		i.waiters = append(i.waiters, w)
	} else {
		close(w.done)
	}
	i.mu.Unlock()
	err := ErrEnded
	select {
	case <-w.done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiters = slices.DeleteFunc(i.waiters, func(o waiter) bool { return o.done == w.done })
	if i.hits >= n {
		return nil
	}
	return &WaitError{Rule: i.rule, Hits: i.hits, Want: n, Err: err}
}

// hit counts n hits.
func (i *Injection) hit(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hits += n
	i.release(func(w waiter) bool { return i.hits >= w.hits })
}

// finish releases all waiters.
func (i *Injection) finish() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.over = true
	i.release(func(waiter) bool { return true })
}

func (i *Injection) release(which func(waiter) bool) {
	i.waiters = slices.DeleteFunc(i.waiters, func(w waiter) bool {
		gone := which(w)
		if gone {
			close(w.done)
		}
		return gone
	})
}

// counts reports whether something that meets the rule's conditions triggers it: it draws
// Prob, and counts what remains for Index and Every.
func (i *Injection) counts() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	when := &i.rule.When
	i.met++
	if when.Prob > 0 && share(draw(i.key, i.met)) >= when.Prob {
		return false
	}
	i.matches++
	return (when.Index == 0 || i.matches == when.Index) && (when.Every == 0 || i.matches%when.Every == 0)
}

// meets reports whether a frame matches the rule. buf begins with the frame.
func (i *Injection) meets(f *protocol.Frame, buf []byte) bool {
	when := &i.rule.When
	return when.Op == f.Op && (when.Subject == "" || protocol.Match(when.Subject, string(f.Subject.Of(buf))))
}

// timed reports whether the rule is triggered by time alone.
func (i *Injection) timed() bool { return i.rule.When.Op == protocol.OpNone && i.rule.When.Bytes == 0 }

// about reports whether the rule applies to a connection.
func (i *Injection) about(number int) bool {
	return i.rule.When.Conn == 0 || i.rule.When.Conn == number
}

// watches reports whether the rule inspects what passes in a direction. An operation is
// looked for in the direction of the fault if it can pass there, otherwise where it
// passes.
func (i *Injection) watches(dir plan.Direction) bool {
	want := i.rule.Fault.Dir
	if side := plan.DirectionOf(i.rule.When.Op); side != plan.Both {
		want = side
	}
	return want == plan.Both || want == dir
}

// hurts reports whether the fault applies to a direction. cause is the direction of the
// trigger, or Both if time triggered it.
func (i *Injection) hurts(dir, cause plan.Direction) bool {
	want := i.rule.Fault.Dir
	if want == plan.Both {
		want = cause
	}
	return want == plan.Both || want == dir
}

// lasts reports whether the fault is a state, of the link or of connections.
func (i *Injection) lasts() bool { return i.rule.Fault.Kind < plan.Reset }

// admits reports whether the fault is about new connections.
func (i *Injection) admits() bool {
	return i.rule.Fault.Kind == plan.Refuse || i.rule.Fault.Kind == plan.Limit
}

// callout is a timer that the link waits for when it is closed.
type callout struct {
	link  *Link
	timer *time.Timer
}

// after calls f after d, unless the callout is stopped.
func (l *Link) after(d time.Duration, f func()) *callout {
	l.callouts.Add(1)
	return &callout{link: l, timer: time.AfterFunc(d, func() {
		defer l.callouts.Done()
		f()
	})}
}

// stop stops a callout that has not begun. It may be nil.
func (o *callout) stop() {
	if o != nil && o.timer.Stop() {
		o.link.callouts.Done()
	}
}
