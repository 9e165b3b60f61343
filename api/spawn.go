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

// Actor is user code with a state of its own and a place in the tree of a
// connection. Receive gets one message at a time, so what it touches needs no
// lock: values of Send and After as they are, and each message of a subscription
// as a *Msg. When it panics or ends its goroutine, the actor's Policy decides. It
// may block, which delays its own messages and the answers to failures of its
// children, and nothing else; then it should end with c.Context().
type Actor interface {
	Receive(c *ActorContext, m any)
}

// Starter is an Actor with something to do before its first message, at each
// start and restart. A panic in Started is one in Receive.
type Starter interface{ Started(c *ActorContext) }

// Stopper is an Actor with something to give back. Stopping comes after the last
// message, at a stop and before a restart. A panic in it is reported and changes
// nothing. It must not call Close, Drain or Stop and expect them to wait for it.
type Stopper interface{ Stopping(c *ActorContext) }

// ActorFunc is an Actor without a state of its own.
type ActorFunc func(c *ActorContext, m any)

// Receive calls f.
func (f ActorFunc) Receive(c *ActorContext, m any) { f(c, m) }

// Spec says how an actor is made and supervised.
type Spec struct {
	// Name is the last element of its path; printable, without spaces and
	// slashes, and no sibling may have it. Empty: a number is given.
	Name string
	// Group is the node below the connection under which it stands, with a supervisor
	// of its own that the first of the group brings; as Name. Empty: "actors". A drain
	// ends those of other groups before those of "actors". A child has none: it stands
	// below its parent.
	Group string
	// New makes the actor, at its start and at each restart: state that must
	// outlive a failure belongs outside. It runs in the actor, and fails as
	// Receive does. Never nil.
	New func() Actor
	// Policy says what happens when it fails; the message is not delivered again.
	// If every field is unset it is that of handlers: Restart at once, and Stop at the 101st failure
	// within one second. Stop ends the actor and its subscriptions, Escalate the
	// parent's incarnation as the parent's policy wants it, or the connection.
	Policy Policy
	// MailboxMax bounds the messages of Send that wait; the one in Receive does
	// not count. Zero is 8,192. Subscriptions have limits of their own.
	MailboxMax int
	// LinkChanges has Receive get a LinkChange, in the order of Send, whenever the
	// link is lost or there is another, and when a drain begins. False for none.
	LinkChanges bool
	// Progress returns counters of the actor's own for its node in Tree, behind
	// "handled" and "refused", which are the messages of Receive and those that found
	// no room. It is called by whoever takes a snapshot, at any time and several at
	// once, and must not block or use the tree. If it panics the node is Degraded. Nil
	// for none.
	Progress func() []Counter
}

// LinkChange tells an actor about the link of its connection; see Spec.LinkChanges.
type LinkChange = actors.LinkChange

// Counter is one named number of a Node.
type Counter = supervisor.Counter

// Level says how well an actor is; see Conn.Health.
type Level = supervisor.Level

// The levels.
const (
	// Well is the zero value: the actor does its work, or has done it.
	Well = supervisor.Well
	// Degraded: it works, but worse than it should.
	Degraded = supervisor.Degraded
	// Down: it does not work now.
	Down = supervisor.Down
)

// ActorRef is a handle to an actor; see actors.ActorRef for Send, SendContext,
// Stop and Path.
type ActorRef = actors.ActorRef

// ActorContext is an actor's view of itself, in one incarnation. It is safe for
// concurrent use.
type ActorContext struct {
	nc   *Conn
	life *actors.Incarnation
}

// Self returns the actor's ref.
func (c *ActorContext) Self() *ActorRef { return c.life.Self() }

// Conn returns the connection that the actor belongs to.
func (c *ActorContext) Conn() *Conn { return c.nc }

// Context is cancelled when the incarnation ends, and as soon as the actor, or
// the connection, is told to stop.
func (c *ActorContext) Context() context.Context { return c.life.Context() }

// Restarts returns how many incarnations there were before this one.
func (c *ActorContext) Restarts() int { return c.life.Restarts() }

// After sends m to the actor in d, unless the incarnation ends first. It is not
// subject to MailboxMax. stop takes it back, and reports whether it was in time.
func (c *ActorContext) After(d time.Duration, m any) (stop func() bool) { return c.life.After(d, m) }

// Become shows in Tree and Health what state the actor is in, how good that is, and
// why: one StateChanged event tells of each change, with the reason as its Message. The
// empty state is that of an actor that says nothing: "idle" or "busy". A restart forgets it; an incarnation that has ended changes nothing. A level beyond
// Down is Down.
func (c *ActorContext) Become(state string, level Level, reason string) {
	c.life.Become(state, level, reason)
}

// Spawn starts a child. It begins when the present call of Receive has returned,
// and ends with this incarnation of its parent. Errors are those of Conn.Spawn,
// and ErrActorStopped when the incarnation has ended.
func (c *ActorContext) Spawn(spec Spec) (*ActorRef, error) {
	core, err := c.nc.actorSpec(spec)
	if err != nil {
		return nil, err
	}
	if spec.Group != "" {
		return nil, badArg("Spec.Group", "is not for children")
	}
	return c.life.Spawn(core)
}

// Spawn starts an actor in the tree of the connection, below connection/actors or
// another Group.
// It does not wait for its start; messages do. It lives until Stop, until its
// Policy gives it up, or until the connection closes. A drain lets it finish
// what waits for it, the last started first.
//
// Errors: ErrInvalidConnection; ErrInvalidArg for a bad name or bound;
// ErrInvalidCallback without New; ErrBadPolicy; ErrActorExists for a name, or a group,
// that the tree has already;
// ErrConnectionDraining; ErrConnectionClosed.
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
		return core, badPolicy("Spec.Policy", &PolicyError{Field: "Scope", Reason: "is one-for-one for actors of the user's"})
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

// unset reports whether a policy says nothing.
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

// SubscribeActor delivers each message on subject, which may have wildcards, to
// an actor's Receive as a *Msg: in order, and never two at once, however many
// subscriptions the actor has. What waits is bounded by the subscription's own
// PendingLimits and OnOverflow, where RestartEmpty restarts the actor; the
// actor's mailbox holds none of it. Messages of Send get their turn in between.
//
// Unsubscribe leaves the actor alone. When the actor ends, its subscriptions end
// with an ErrActorStopped. An actor of a system of the user's own (a ref of
// actors.PIDRef) gets each message sent as a *Msg, into a mailbox of its own.
//
// Errors are those of Subscribe; ErrActorStopped; ErrActorElsewhere for an actor
// of another connection; ErrInvalidArg for a nil ref, for Concurrency, OrderedBy,
// OnPanic and OnBlocked, which would contradict the actor, and for Borrow with a PID.
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
