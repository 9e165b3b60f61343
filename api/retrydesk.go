package api

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervisor"
)

// retrydesk.go - the state that calls of Retry on one connection share, and its actor.
//
//	         a retry that the budget refuses
//	ready ────────────────────────────────────► exhausted
//	  ▲                                            │
//	  └────────── none for a second ◄──────────────┘
//
// The desk outlives the actor: when that ends, calls continue but are no longer reported.
// The actor reports retries, at a limited rate, and wakes calls when the link changes.

// The place of the actor in the tree.
const (
	callsGroup  = "calls"
	retriesName = "retries"
)

// exhaustedFor is how long the budget must refuse nothing before the actor is ready again.
const exhaustedFor = time.Second

// retryDesk is part of a connection. The zero value is ready for use.
type retryDesk struct {
	once                               sync.Once
	ref                                *ActorRef // nil unless the actor could be started; set by once
	calls, retries, overBudget, gaveUp atomic.Uint64

	mu     sync.Mutex
	budget *supervisor.RetryBudget
	moved  chan struct{} // closed at the next change of the link
}

// called counts a call. The first one starts the actor.
func (d *retryDesk) called(nc *Conn, now time.Time) {
	d.once.Do(func() { d.open(nc) })
	d.calls.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.budget.Call(now)
}

// open starts the actor. If the connection is ending, there is none.
func (d *retryDesk) open(nc *Conn) {
	d.budget = supervisor.NewRetryBudget(nc.Opts.RetryBudget)
	d.moved = make(chan struct{})
	spec := Spec{Name: retriesName, Group: callsGroup, LinkChanges: true, New: func() Actor { return &retriesActor{desk: d} }, Progress: d.progress}
	ref, err := nc.Spawn(spec)
	if errors.Is(err, ErrActorExists) { // the program has taken the name
		spec.Name = ""
		ref, err = nc.Spawn(spec)
	}
	if err == nil {
		d.ref = ref
	}
}

// take asks the budget for a retry.
func (d *retryDesk) take(now time.Time) bool {
	d.mu.Lock()
	granted := d.budget.Retry(now)
	d.mu.Unlock()
	if granted {
		d.retries.Add(1)
		return true
	}
	d.overBudget.Add(1)
	d.tell(overBudget{})
	return false
}

// tell sends a message to the actor. If its mailbox is full, it counts as refused there.
func (d *retryDesk) tell(m any) {
	if d.ref != nil {
		_ = d.ref.Send(m)
	}
}

// linkMoved returns a channel that is closed at the next change of the link.
func (d *retryDesk) linkMoved() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moved
}

// wake wakes the calls that wait for the link.
func (d *retryDesk) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.moved)
	d.moved = make(chan struct{})
}

func (d *retryDesk) progress() []Counter {
	return []Counter{
		{Name: "calls", Value: d.calls.Load()},
		{Name: "retries", Value: d.retries.Load()},
		{Name: "over budget", Value: d.overBudget.Load()},
		{Name: "given up", Value: d.gaveUp.Load()},
	}
}

// Messages to the actor, in the order of Receive, which begins with LinkChange.
type (
	// retried says that a call will be made again.
	retried struct {
		at      time.Time
		name    string
		attempt int // the one that failed
		delay   time.Duration
		cause   error
	}

	// overBudget says that the budget has refused a retry.
	overBudget struct{}

	// burstDue ends a span with more retries than could be reported singly.
	burstDue struct{}

	// exhaustedDue checks whether the budget still refuses retries.
	exhaustedDue struct{}
)

// retriesActor reports the retries of one connection.
type retriesActor struct {
	desk  *retryDesk
	burst supervisor.Burst
	last  retried // the last one not reported singly

	exhausted bool
	refused   uint64 // refused by the budget since it was exhausted
	seen      uint64 // refused, at the last check
}

// Receive handles one message.
func (a *retriesActor) Receive(c *ActorContext, m any) {
	switch m := m.(type) {
	case LinkChange:
		a.desk.wake()
	case retried:
		a.onRetried(c, m)
	case overBudget:
		a.onOverBudget(c)
	case burstDue:
		a.onBurstDue(c)
	case exhaustedDue:
		a.onExhaustedDue(c)
	default:
		panic(fmt.Sprintf("retries: unhandled message %T", m))
	}
}

func (a *retriesActor) onRetried(c *ActorContext, m retried) {
	tell, wake := a.burst.Add(m.at)
	if tell {
		report(c, m, 0)
		return
	}
	a.last = m
	if wake > 0 {
		c.After(wake, burstDue{})
	}
}

func (a *retriesActor) onBurstDue(c *ActorContext) {
	if n := a.burst.Flush(time.Now()); n > 0 {
		report(c, a.last, n)
		a.last = retried{}
	}
}

// report reports one retry, or count of them.
func report(c *ActorContext, m retried, count uint64) {
	c.nc.core.Report(actors.Notice{Event: Event{Kind: CallRetried, Path: c.Self().Path(), Time: m.at, Attempt: m.attempt, Delay: m.delay,
		Cause: m.cause, Message: m.name, Count: count}})
}

func (a *retriesActor) onOverBudget(c *ActorContext) {
	a.refused++
	if a.exhausted {
		return
	}
	a.exhausted, a.refused, a.seen = true, 1, 1
	c.Become("exhausted", Degraded, "calls fail more often than the budget pays retries for")
	c.After(exhaustedFor, exhaustedDue{})
}

func (a *retriesActor) onExhaustedDue(c *ActorContext) {
	if a.refused != a.seen {
		a.seen = a.refused
		c.After(exhaustedFor, exhaustedDue{})
		return
	}
	a.exhausted = false
	c.Become("ready", Well, fmt.Sprintf("the budget has refused %d retries, and none for %v", a.refused, exhaustedFor))
}

// RetryBudget bounds the retries of all calls of Retry on the connection together, so that
// retries do not overload a service that is failing. Each call adds c.Ratio of a retry to the
// budget, and c.PerSecond more are added each second, for programs that call rarely. A call
// whose retry the budget does not cover fails with ErrRetryBudgetExceeded. Default, also for
// zero fields: 20 %, 10 per second, and up to 1,000 saved. A Ratio of math.Inf(1) means no
// bound. A negative field is an ErrBadPolicy.
func RetryBudget(c RetryBudgetConfig) Option {
	return set(func(o *Options) { o.RetryBudget = c })
}
