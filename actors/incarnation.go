package actors

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// incarnation.go - the interface between user code and its actor.

// ActorSpec describes a user's actor.
type ActorSpec struct {
	// Name is the last element of its path; if empty, the actor gets a number.
	Name string
	// Policy decides what happens when it fails.
	Policy supervisor.Policy
	// MailboxMax bounds the waiting messages of Send; zero means MailboxDefault.
	MailboxMax int
	// Group is the node below the connection in which it is placed; empty for "actors".
	Group string
	// LinkChanges makes it receive a LinkChange whenever the link changes.
	LinkChanges bool
	// Progress returns counters for its node in snapshots; nil for none. It may be called
	// at any time, on any goroutine, and must not block.
	Progress func() []supervisor.Counter
	// New makes the Behavior of one incarnation. It may fail in the same ways as Receive.
	New func(*Incarnation) Behavior
}

// Behavior is what one incarnation of a user's actor does. The functions are
// called one at a time, on goroutines that change between calls.
type Behavior struct {
	Receive  func(m any) // never nil
	Started  func()      // before the first message; nil for none
	Stopping func()      // after the last message, at a stop and at a restart; nil for none
}

// Incarnation is one run of a user's actor, from a start to the next stop or restart.
// Safe for concurrent use.
type Incarnation struct {
	user     *userActor
	ctx      context.Context
	cancel   context.CancelFunc
	restarts int

	mu     sync.Mutex
	ended  bool
	timers map[*alarm]struct{}
}

// standing is the state that an incarnation reported by Become.
type standing struct {
	state, reason string // empty state: it has not called Become
	level         supervisor.Level
	since         time.Time
}

// due is a message of a timer.
type due struct {
	life *Incarnation
	m    any
}

// live begins an incarnation.
func (u *userActor) live() *Incarnation {
	i := &Incarnation{user: u, restarts: int(u.lives.Add(1)) - 1}
	i.ctx, i.cancel = context.WithCancel(u.above)
	u.mu.Lock()
	before, stopping := u.life, u.stopping
	u.life, u.says = i, standing{}
	u.mu.Unlock()
	if before != nil {
		before.end()
	}
	if stopping {
		i.cancel()
	}
	return i
}

// end cancels the context and the timers.
func (i *Incarnation) end() {
	i.cancel()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ended = true
	for t := range i.timers {
		t.Stop()
	}
	i.timers = nil
}

// Self returns the ref of the actor.
func (i *Incarnation) Self() *ActorRef { return &ActorRef{user: i.user} }

// Context is cancelled when the incarnation ends, and as soon as the actor, or anything
// above it, is asked to stop.
func (i *Incarnation) Context() context.Context { return i.ctx }

// Restarts returns the number of earlier incarnations.
func (i *Incarnation) Restarts() int { return i.restarts }

// After puts m into the actor's mailbox after d, even if it is full, unless the
// incarnation ends first. stop reports whether it was in time.
func (i *Incarnation) After(d time.Duration, m any) (stop func() bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ended {
		return func() bool { return false }
	}
	if i.timers == nil {
		i.timers = make(map[*alarm]struct{})
	}
	t := newAlarm(d, func(t *alarm) {
		if i.forget(t) {
			_ = i.user.deliver(due{i, m}, beyond)
		}
	})
	i.timers[t] = struct{}{}
	return func() bool {
		if !i.forget(t) {
			return false
		}
		t.Stop()
		return true
	}
}

// forget removes a timer and reports whether it was still pending.
func (i *Incarnation) forget(t *alarm) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, in := i.timers[t]
	delete(i.timers, t)
	return in
}

// Become sets the state that the tree shows, its level, and the reason for it. Each
// change is reported by one event. The state is dropped with the incarnation; a call on
// an ended incarnation is ignored.
func (i *Incarnation) Become(state string, level supervisor.Level, reason string) {
	u := i.user
	level = min(level, supervisor.Down)
	u.telling.Lock() // events in the order of changes
	defer u.telling.Unlock()
	u.mu.Lock()
	before := u.says
	if u.life != i || u.over || before.state == state && before.level == level && before.reason == reason {
		u.mu.Unlock()
		return
	}
	u.says = standing{state: state, reason: reason, level: level, since: time.Now()}
	u.mu.Unlock()
	u.conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.StateChanged, Path: u.path,
		Before: cmp.Or(before.state, "ready"), After: cmp.Or(state, "ready"), Message: reason}})
}

// Spawn starts a child actor, which ends with this incarnation. Errors are those of
// Conn.SpawnActor.
func (i *Incarnation) Spawn(spec ActorSpec) (*ActorRef, error) { return i.user.conn.spawnUser(spec, i) }
