package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/faults/plan"
)

// ActorKinds returns the kinds of a connection's actors that a rule can name, from the
// root down. Actors spawned by users have the kind "actor".
func ActorKinds() []string {
	return []string{"connection", "callbacks", "requests", "subscriptions", "dispatcher", "worker",
		"link", "reader", "writer", "heartbeat", "actors", "actor"}
}

// ActorFaults makes actors fail at chosen messages. A fault happens between an actor's
// mailbox and the handling of the message, on the actor's goroutine, so that its
// supervisor sees the same as after a defect in the actor. Safe for concurrent use.
type ActorFaults struct {
	mu    sync.Mutex
	seed  uint64
	added uint64                   // faults so far
	seen  map[string]*atomic.Int64 // messages by kind of actor

	// faults holds those that were not lifted, in the order in which they were added.
	// Written under mu; read without it, once per message.
	faults atomic.Pointer[[]*ActorFault]
}

// Actors returns the faults of all actors of the system that start from now on. Use a
// private system, and call it once, before the first connection is made. From then on
// each message in that system costs some nanoseconds more.
func Actors(system *actors.System) *ActorFaults {
	a := &ActorFaults{seen: map[string]*atomic.Int64{}}
	a.faults.Store(new([]*ActorFault))
	system.Interpose(a.between)
	return a
}

// between returns a function that counts a message of the kind and runs the faults it
// meets.
func (a *ActorFaults) between(kind string) func() {
	seen := a.counter(kind)
	return func() {
		seen.Add(1)
		if faults := *a.faults.Load(); len(faults) > 0 {
			meet(faults, kind)
		}
	}
}

func (a *ActorFaults) counter(kind string) *atomic.Int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen[kind] == nil {
		a.seen[kind] = new(atomic.Int64)
	}
	return a.seen[kind]
}

// meet lets all faults count the message before the first of them acts.
func meet(faults []*ActorFault, kind string) {
	var due []func()
	for _, f := range faults {
		if act := f.meet(kind); act != nil {
			due = append(due, act)
		}
	}
	for _, act := range due {
		act()
	}
}

// Messages returns how many control messages actors of a kind got so far.
func (a *ActorFaults) Messages(kind string) int { return int(a.counter(kind).Load()) }

// Seed sets the seed from which the shares of rules added from now on are drawn. Default:
// 0.
func (a *ActorFaults) Seed(seed uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seed = seed
}

// Panic makes an actor of the kind panic with an [*InjectedError] at the nth message from
// now, counted over all actors of the kind. It happens once.
func (a *ActorFaults) Panic(kind string, nth int) *ActorFault {
	return a.add(plan.Rule{Target: plan.Actor(kind), When: plan.When{Index: nth}, Fault: plan.Fault{Kind: plan.Panic}}, throw)
}

// Goexit makes an actor of the kind end its goroutine at the nth message from now, as
// t.FailNow in a handler does.
func (a *ActorFaults) Goexit(kind string, nth int) *ActorFault {
	return a.add(plan.Rule{Target: plan.Actor(kind), When: plan.When{Index: nth}, Fault: plan.Fault{Kind: plan.Panic}}, exit)
}

// Delay makes actors of the kind take d longer for each message.
func (a *ActorFaults) Delay(kind string, d time.Duration) *ActorFault {
	return a.add(plan.Rule{Target: plan.Actor(kind), Fault: plan.Fault{Kind: plan.Delay, Duration: d}}, pause)
}

// Inject adds a rule in its text form, such as "when index(3) actor(reader) panic".
func (a *ActorFaults) Inject(rule string) (*ActorFault, error) {
	r, err := plan.ParseRule(rule)
	if err != nil {
		return nil, err
	}
	return a.Add(r)
}

// Add adds a rule about actors. Its target may be a kind that no actor has. The error is
// a *plan.RangeError if the rule is invalid, or not about actors.
func (a *ActorFaults) Add(rule plan.Rule) (*ActorFault, error) {
	if err := rule.Check(); err != nil {
		return nil, err
	}
	if rule.Target.Kind != plan.TargetActor {
		return nil, &plan.RangeError{Rule: rule, Field: "target", Value: rule.Target.String(), Want: "actor(kind)"}
	}
	if rule.Fault.Kind == plan.Delay {
		return a.add(rule, pause), nil
	}
	return a.add(rule, throw), nil
}

func (a *ActorFaults) add(rule plan.Rule, does deed) *ActorFault {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.added++
	f := &ActorFault{all: a, rule: rule, does: does, begins: time.Now().Add(rule.At),
		dice: rand.New(rand.NewPCG(a.seed, a.added)), lifted: make(chan struct{}), moved: make(chan struct{})}
	if rule.For > 0 {
		f.ends = f.begins.Add(rule.For)
	}
	a.store(append(slices.Clone(*a.faults.Load()), f))
	return f
}

func (a *ActorFaults) store(faults []*ActorFault) { a.faults.Store(&faults) }

func (a *ActorFaults) remove(f *ActorFault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.store(slices.DeleteFunc(slices.Clone(*a.faults.Load()), func(o *ActorFault) bool { return o == f }))
}

// Clear lifts all faults.
func (a *ActorFaults) Clear() {
	for _, f := range *a.faults.Load() {
		f.Lift()
	}
}

// deed is what a fault does to an actor.
type deed uint8

const (
	throw deed = iota
	exit
	pause
)

// ErrLifted is returned by [ActorFault.Wait] when the fault was lifted, so that the
// awaited hits can no longer happen.
var ErrLifted = errors.New("faults: the fault was lifted")

// InjectedError is what an actor panics with.
type InjectedError struct {
	Rule    plan.Rule
	Kind    string // of the actor
	Message int    // its number as counted by the rule, from 1
}

// Error says which actor panicked, at which message, and by which rule.
func (e *InjectedError) Error() string {
	return fmt.Sprintf("faults: injected into %s at message %d, by the rule: %s", e.Kind, e.Message, e.Rule)
}

// ActorFault is an added fault and its counters. Safe for concurrent use.
type ActorFault struct {
	all          *ActorFaults
	rule         plan.Rule
	does         deed
	begins, ends time.Time // ends is zero for one without an end

	mu      sync.Mutex
	dice    *rand.Rand
	matches int           // messages counted
	hits    int           // those at which the fault took effect
	over    bool          // it was lifted
	lifted  chan struct{} // closed then
	moved   chan struct{} // closed and replaced at each hit
}

// Rule returns the rule as it was given; for a Goexit it is a rule with panic.
func (f *ActorFault) Rule() plan.Rule { return f.rule }

// meet counts a message and returns what happens to the actor, nil for nothing.
func (f *ActorFault) meet(kind string) func() {
	if on := f.rule.Target.Actor; on != plan.Any && on != kind {
		return nil
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over || now.Before(f.begins) || !f.ends.IsZero() && !now.Before(f.ends) || !f.countsLocked() {
		return nil
	}
	f.hits++
	close(f.moved)
	f.moved = make(chan struct{})
	at := f.matches
	return func() { f.act(kind, at) }
}

func (f *ActorFault) countsLocked() bool {
	when := &f.rule.When
	if when.Prob > 0 && f.dice.Float64() >= when.Prob {
		return false
	}
	f.matches++
	if f.rule.Fault.Kind == plan.Panic && when.Index == 0 && when.Every == 0 && when.Prob == 0 {
		return f.matches == 1
	}
	return (when.Index == 0 || f.matches == when.Index) && (when.Every == 0 || f.matches%when.Every == 0)
}

func (f *ActorFault) act(kind string, at int) {
	switch f.does {
	case throw:
		panic(&InjectedError{Rule: f.rule, Kind: kind, Message: at})
	case exit:
		runtime.Goexit()
	}
	timer := time.NewTimer(f.rule.Fault.Duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.lifted:
	}
}

// Hits returns how often the fault took effect.
func (f *ActorFault) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// Wait waits until the fault has taken effect n times. The error is ErrLifted, or the
// cause of the context's end.
func (f *ActorFault) Wait(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		hits, over, moved := f.hits, f.over, f.moved
		f.mu.Unlock()
		if hits >= n {
			return nil
		}
		if over {
			return ErrLifted
		}
		select {
		case <-moved:
		case <-f.lifted:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Lift ends the fault, and the delays in progress.
func (f *ActorFault) Lift() {
	f.mu.Lock()
	if !f.over {
		f.over = true
		close(f.lifted)
	}
	f.mu.Unlock()
	f.all.remove(f)
}
