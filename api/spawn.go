package api

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervisor"
)

// Actor is program code with state of its own, in the tree of a connection. Receive is called
// with one message at a time, so the state needs no lock. It receives values of Send and
// After as they are, and each message of a subscription as a *Msg. When it panics or ends its
// goroutine, the actor's Policy decides what follows. It may block; this delays only its own
// messages, and the handling of failures of its children. A Receive that blocks should return
// when c.Context() is done.
type Actor interface {
	Receive(c *ActorContext, m any)
}

// Starter is an Actor with work to do before its first message, at each start and restart. A
// panic in Started is handled like one in Receive.
type Starter interface{ Started(c *ActorContext) }

// Stopper is an Actor with something to release. Stopping is called after the last message,
// at a stop and before a restart. A panic in it is reported and changes nothing. It must not
// wait for a Close, Drain or Stop, because those wait for it.
type Stopper interface{ Stopping(c *ActorContext) }

// ActorFunc is an Actor without state of its own.
type ActorFunc func(c *ActorContext, m any)

// Receive calls f.
func (f ActorFunc) Receive(c *ActorContext, m any) { f(c, m) }

// Spec says how an actor is created and supervised.
type Spec struct {
	// Name is the last element of the actor's path. It is printable, without spaces and
	// slashes, and unique among its siblings. If it is empty, the actor is numbered.
	Name string
	// Group is the node below the connection that the actor belongs to. Each group has a
	// supervisor of its own, which its first actor starts. The rules for Name apply. Empty
	// means "actors". A drain ends the other groups before "actors". It must be empty for
	// a child, which belongs to its parent.
	Group string
	// New creates the actor, at its start and at each restart; state that must survive a
	// failure belongs outside the actor. It runs in the actor, and a failure in it is handled
	// like one in Receive. It must not be nil.
	New func() Actor
	// Policy says what happens when the actor fails; the message is not delivered again.
	// If every field is unset, it is the policy of handlers: Restart at once, and Stop at the
	// 101st failure within one second. Stop ends the actor and its subscriptions. Escalate
	// makes the parent fail, whose own policy decides; without a parent actor it closes the
	// connection.
	Policy Policy
	// MailboxMax bounds the messages of Send that wait, without the one in Receive. Zero
	// means 8,192. Subscriptions have limits of their own.
	MailboxMax int
	// LinkChanges makes Receive get a LinkChange, in order with the messages of Send,
	// whenever the link is lost or there is a new one, and when a drain begins.
	LinkChanges bool
	// Progress returns further counters for the actor's node in Tree. They follow "handled"
	// and "refused", which count the messages of Receive and those that found the mailbox
	// full. It is called by whoever takes a snapshot, at any time and concurrently, and
	// must not block or use the tree. If it panics, the node is Degraded. Nil for none.
	Progress func() []Counter
}

// LinkChange reports a change of the connection's link to an actor; see Spec.LinkChanges.
type LinkChange = actors.LinkChange

// Counter is a named number of a Node.
type Counter = supervisor.Counter

// Level says how well an actor works; see Conn.Health.
type Level = supervisor.Level

// Problem is an actor that is not well, and why: an entry of HealthError.Problems. Its
// String is one line without secrets.
type Problem = supervisor.Problem

// The levels.
const (
	// Well is the zero value: the actor works, or has finished its work.
	Well = supervisor.Well
	// Degraded: it works, but worse than it should.
	Degraded = supervisor.Degraded
	// Down: it does not work now.
	Down = supervisor.Down
)

// ActorRef is a reference to an actor. Send and SendContext send it a message, Stop ends it,
// and Path returns its place in the tree. It is safe for concurrent use.
type ActorRef = actors.ActorRef

// ActorContext gives an actor access to itself and its connection, for one incarnation:
// the time from a start or restart to the next restart or the end. It is safe for
// concurrent use.
type ActorContext struct {
	nc   *Conn
	life *actors.Incarnation
}

// Self returns a reference to the actor.
func (c *ActorContext) Self() *ActorRef { return c.life.Self() }

// Conn returns the connection that the actor belongs to.
func (c *ActorContext) Conn() *Conn { return c.nc }

// Context returns a context that is cancelled when the incarnation ends, and as soon as
// the actor or the connection is asked to stop.
func (c *ActorContext) Context() context.Context { return c.life.Context() }

// Restarts returns how many incarnations there were before this one.
func (c *ActorContext) Restarts() int { return c.life.Restarts() }

// After sends m to the actor after d, unless the incarnation ends first. MailboxMax does not
// apply. stop cancels it, and reports whether it was in time.
func (c *ActorContext) After(d time.Duration, m any) (stop func() bool) { return c.life.After(d, m) }

// Become sets the state of the actor in Tree and Health, the level of that state, and the
// reason. Each change is a StateChanged event with the reason as its Message. The empty state
// means the default, "idle" or "busy". A restart resets it. After the end of the incarnation
// it has no effect. A level beyond Down counts as Down.
func (c *ActorContext) Become(state string, level Level, reason string) {
	c.life.Become(state, level, reason)
}

// Spawn starts a child. The child begins when the current call of Receive has returned, and
// ends with this incarnation of its parent. Errors are those of Conn.Spawn, and
// ErrActorStopped if the incarnation has ended.
func (c *ActorContext) Spawn(spec Spec) (*ActorRef, error) {
	core, err := c.nc.actorSpec(spec)
	if err != nil {
		return nil, err
	}
	if spec.Group != "" {
		return nil, badArg("Spec.Group", "is set for a child")
	}
	return c.life.Spawn(core)
}

// Spawn starts an actor in the tree of the connection, below connection/actors or another
// Group. It does not wait for the start; messages wait in the mailbox. The actor lives until
// Stop, until its Policy ends it, or until the connection closes. A drain lets actors finish
// their waiting messages, the last started first.
//
// Errors: ErrInvalidConnection; ErrInvalidArg for a bad name or bound; ErrInvalidCallback
// without New; ErrBadPolicy; ErrActorExists if the name is taken, or if the tree has another
// node with the name of the group; ErrConnectionDraining; ErrConnectionClosed.
func (nc *Conn) Spawn(spec Spec) (*ActorRef, error) {
	if !nc.valid() {
		return nil, ErrInvalidConnection
	}
	core, err := nc.actorSpec(spec)
	if err != nil {
		return nil, err
	}
	return nc.core.SpawnActor(core)
}

// actorSpec checks a spec and translates it for the runtime.
func (nc *Conn) actorSpec(spec Spec) (actors.ActorSpec, error) {
	core := actors.ActorSpec{Name: spec.Name, Group: spec.Group, Policy: spec.Policy, MailboxMax: spec.MailboxMax,
		LinkChanges: spec.LinkChanges, Progress: spec.Progress}
	if spec.New == nil {
		return core, &InvalidCallbackError{Where: "Spec.New"}
	}
	if err := cmp.Or(checkName("Spec.Name", spec.Name), checkName("Spec.Group", spec.Group)); err != nil {
		return core, err
	}
	if spec.MailboxMax < 0 {
		return core, badArg("Spec.MailboxMax", "is negative")
	}
	if unset(spec.Policy) {
		core.Policy = defaultPolicy()
	}
	if err := core.Policy.Validate(); err != nil {
		return core, badPolicy("Spec.Policy", err)
	}
	if core.Policy.Scope != supervisor.OneForOne {
		return core, badPolicy("Spec.Policy", &PolicyError{Field: "Scope", Reason: "must be OneForOne for actors of the program"})
	}
	core.New = func(life *actors.Incarnation) actors.Behavior {
		return behavior(spec.New(), &ActorContext{nc: nc, life: life})
	}
	return core, nil
}

// actorNameMax bounds a name, in bytes.
const actorNameMax = 128

func checkName(field, name string) error {
	if len(name) > actorNameMax || strings.ContainsFunc(name, unnamable) {
		return badArg(field, "has a slash, a space or an unprintable character, or is too long")
	}
	return nil
}

func unnamable(r rune) bool {
	return r == '/' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// unset reports whether every field of a policy is unset.
func unset(p Policy) bool {
	return p.Decide == nil && p.Directive == supervisor.Unset && p.Exceeded == supervisor.Unset && p.Scope == supervisor.OneForOne &&
		p.Intensity == supervisor.Intensity{} && p.Backoff == supervisor.Backoff{} && p.StableAfter == 0
}

// behavior binds an actor to its context.
func behavior(a Actor, c *ActorContext) actors.Behavior {
	if a == nil {
		panic(&InvalidCallbackError{Where: "actor from Spec.New"})
	}
	b := actors.Behavior{Receive: func(m any) { a.Receive(c, m) }}
	if s, ok := a.(Starter); ok {
		b.Started = func() { s.Started(c) }
	}
	if s, ok := a.(Stopper); ok {
		b.Stopping = func() { s.Stopping(c) }
	}
	return b
}

// SubscribeActor delivers each message on subject, which may have wildcards, to an actor's
// Receive as a *Msg: in order, and one at a time, even if the actor has several
// subscriptions. Waiting messages are bounded by the subscription's own PendingLimits and
// OnOverflow, of which RestartEmpty restarts the actor; they are not in the actor's mailbox.
// Messages of Send take turns with them.
//
// Unsubscribe does not affect the actor. When the actor ends, its subscriptions end with an
// ErrActorStopped. An actor of the program's own actor system (see PIDRef) is sent each
// message as a *Msg; its own mailbox holds the waiting ones.
//
// Errors: those of Subscribe; ErrActorStopped; ErrActorElsewhere for an actor of another
// connection; ErrInvalidArg for a nil ref, for Concurrency, OrderedBy, OnPanic and OnBlocked,
// which contradict the actor, and for Borrow with a PIDRef.
func (nc *Conn) SubscribeActor(subject string, ref *ActorRef, options ...SubOption) (*Subscription, error) {
	return nc.subscribeActor(&Subscription{Subject: subject, nc: nc}, ref, options)
}

// QueueSubscribeActor is SubscribeActor as a member of a queue group.
func (nc *Conn) QueueSubscribeActor(subject, queue string, ref *ActorRef, options ...SubOption) (*Subscription, error) {
	return nc.subscribeActor(&Subscription{Subject: subject, Queue: queue, nc: nc}, ref, options)
}

func (nc *Conn) subscribeActor(sub *Subscription, ref *ActorRef, options []SubOption) (*Subscription, error) {
	if err := nc.checkSubscribe(sub.Subject, sub.Queue); err != nil {
		return nil, err
	}
	if ref == nil {
		return nil, badArg("SubscribeActor", "got no actor")
	}
	receive, err := nc.core.Handoff(ref)
	if err != nil {
		return nil, err
	}
	sub.typ = AsyncSubscription
	sub.handler = func(m *Msg) { receive(m) }
	o := subOptions{
		typ:    AsyncSubscription,
		limits: actors.Limits{Msgs: DefaultSubPendingMsgsLimit, Bytes: DefaultSubPendingBytesLimit},
		policy: Policy{Directive: Stop},
		actor:  ref,
	}
	return nc.enlist(sub, &o, options)
}
