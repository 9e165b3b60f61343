package actors

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/supervisor"
)

// Actor is one actor that understands messages of type M. Receive handles one
// message to completion; no two calls overlap. It must not block unless its
// Spec asks for a goroutine of its own.
type Actor[M any] interface {
	Receive(c *Context, m M)
}

// stopper is implemented by actors that hold something to release. Stopping runs before
// the children are stopped, at a stop and at a restart.
type stopper interface {
	Stopping(c *Context)
}

// Spec says how an actor is made and supervised.
type Spec struct {
	// Name is the last element of the path; unique among its siblings.
	Name string
	// Kind is its role: link, reader, dispatcher.
	Kind string
	// Policy decides what its supervisor does when it fails.
	Policy supervisor.Policy
	// MailboxMax bounds the waiting control messages; zero means MailboxDefault.
	MailboxMax int
	// Dedicated gives the actor a goroutine of its own, for actors that block in I/O.
	Dedicated bool
	// OnStopped runs after the actor's end with the reason, nil after a normal
	// stop. It must not block.
	OnStopped func(reason error)

	begins  string        // state in which its work begins; empty: it begins at the start
	user    bool          // runs user code: a panic in it is the handler's, not ours
	about   func() string // names the message in hand, for reports; nil: its type
	first   any           // message that every incarnation gets first; nil for none
	data    any           // see mailbox.data
	sub     *Sub          // whose handler it runs; nil when there is none
	adopted *mailbox      // mailbox that outlives the actor; nil for a new one
	member  *userActor    // a user's actor; nil for ours
	id      string        // its name in the actor library; empty: Name
	after   *host         // actor that it replaces, whose history it inherits; nil for none
}

// failure is what an actor's supervisor gets. As a panic value it is how an actor fails
// on purpose (Context.Fail).
type failure struct {
	host  *host
	cause error
	stack []byte
	text  string
}

// String says what failed, for a logger of the actor library, which would otherwise print
// all fields.
func (f *failure) String() string { return "failed at " + f.text }

// host stands between protoactor and one of our actors: it keeps what outlives
// an incarnation (name, mailbox, state, history) and turns protoactor's
// lifecycle into ours.
type host struct {
	tree    *tree
	spec    Spec
	path    string
	box     *mailbox
	parent  *host
	produce func() (receive func(*Context, any), stopping func(*Context))

	receive  func(*Context, any)
	stopping func(*Context)
	ctx      Context

	history *supervisor.History // made at the first failure; used by its supervisor only
	reason  error               // why it was asked to stop
	failed  error               // failure of its last message; in its own turn only
	told    bool                // it was asked to stop; used by its supervisor only
	ending  bool                // it is stopping or restarting; its own turn only

	mu       sync.Mutex
	children []*host
	state    string
	since    time.Time
	began    time.Time // when this incarnation entered the state spec.begins
	why      string
	restarts int
	timers   map[*alarm]struct{}
	pid      atomic.Pointer[actor.PID]
}

// Context is an actor's view of its place: who it is, its children, timers.
// It is valid inside Receive and Stopping only.
type Context struct {
	host  *host
	proto actor.Context
}

// Ref is a handle to send an actor messages of type M. The zero Ref refuses
// every message. Safe for concurrent use.
type Ref[M any] struct{ box *mailbox }

// Send queues a message. It returns ErrMailboxFull or ErrActorStopped when the
// actor will not get it.
func (r Ref[M]) Send(m M) error {
	if r.box == nil {
		return ErrActorStopped
	}
	return r.box.post(m)
}

// must is Send for facts that must not be lost: each comes once, and their number is
// bounded by their subject. Only an actor that has ended refuses them.
func (r Ref[M]) must(m M) error {
	if r.box == nil {
		return ErrActorStopped
	}
	return r.box.must(m)
}

// place holds the Ref of an actor to which other goroutines may send while a restart
// replaces it. The zero place refuses every message.
type place[M any] struct{ box atomic.Pointer[mailbox] }

// Send queues a message for the current actor.
func (p *place[M]) Send(m M) error { return Ref[M]{p.box.Load()}.Send(m) }

func (p *place[M]) must(m M) error { return Ref[M]{p.box.Load()}.must(m) }

// live reports whether there is an actor.
func (p *place[M]) live() bool {
	box := p.box.Load()
	return box != nil && !box.dead()
}

func (p *place[M]) set(r Ref[M]) { p.box.Store(r.box) }

// spawn makes a child of the actor behind c.
func spawn[M any](c *Context, spec Spec, produce func() Actor[M]) Ref[M] {
	h := newHost(c.host.tree, c.host, spec)
	h.produce = adapt(produce)
	h.start(c.proto)
	return Ref[M]{h.box}
}

// adapt wraps a typed producer into the untyped form that protoactor needs.
func adapt[M any](produce func() Actor[M]) func() (func(*Context, any), func(*Context)) {
	return func() (func(*Context, any), func(*Context)) {
		a := produce()
		stopping := func(*Context) {}
		if s, ok := a.(stopper); ok {
			stopping = s.Stopping
		}
		return func(c *Context, m any) { a.Receive(c, m.(M)) }, stopping
	}
}

func newHost(t *tree, parent *host, spec Spec) *host {
	if spec.MailboxMax == 0 {
		spec.MailboxMax = MailboxDefault
	}
	h := &host{tree: t, spec: spec, parent: parent, path: spec.Name, state: "starting", since: time.Now()}
	if parent != nil {
		h.path = parent.path + "/" + spec.Name
	}
	if before := spec.after; before != nil {
		h.history, h.restarts = before.history, before.restarts+1
		h.spec.after = nil
	}
	h.box = spec.adopted
	if h.box == nil {
		h.box = newMailbox(t.system, spec)
	}
	h.box.setHost(h)
	return h
}

func newMailbox(s *System, spec Spec) *mailbox {
	m := &mailbox{controlMax: spec.MailboxMax, data: spec.data}
	if !spec.Dedicated {
		m.schedule = s.exec.submit
		return m
	}
	m.schedule = newLoop().schedule
	return m
}

// start spawns the protoactor actor. A child is spawned in its parent's turn.
func (h *host) start(parent actor.SpawnerContext) {
	props := actor.PropsFromProducer(func() actor.Actor { return h },
		actor.WithMailbox(func() actor.Mailbox { return h.box }),
		actor.WithSupervisor(strategy{h}))
	h.tree.add(h)
	id := h.spec.id
	if id == "" {
		id = h.spec.Name
	}
	pid, err := parent.SpawnNamed(props, id)
	if err != nil {
		panic(fmt.Sprintf("actors: %s: %v", h.path, err))
	}
	h.pid.Store(pid)
}

// Receive is protoactor's entry point: it handles lifecycle messages and passes
// everything else to the actor.
func (h *host) Receive(proto actor.Context) {
	switch m := proto.Message().(type) {
	case *actor.Started:
		h.onStarted(proto)
	case *actor.Restarting:
		h.onStopping()
	case *actor.Stopping:
		h.onStopping()
	case *actor.Stopped:
		h.onStopped()
	case *actor.Terminated:
		h.onTerminated()
	case restartDue:
		h.onRestartDue(proto, m)
	default:
		h.onMessage(m)
	}
}

// onTerminated does nothing: a child's own OnStopped reports its end.
func (h *host) onTerminated() {}

func (h *host) onRestartDue(proto actor.Context, m restartDue) {
	if !m.child.told && !h.ending {
		proto.(actor.Supervisor).RestartChildren(m.child.pid.Load())
	}
}

func (h *host) onStarted(proto actor.Context) {
	h.ctx = Context{host: h, proto: proto}
	receive, stopping := h.produce()
	h.receive, h.stopping = h.tree.system.interpose(h.spec.Kind, receive), stopping
	h.ending = false
	h.box.setStopping(false)
	h.incarnated()
	if h.spec.first != nil {
		_ = h.box.post(h.spec.first)
	}
	if h.spec.data != nil {
		h.box.offerData() // an earlier incarnation may have left something
	}
}

// incarnated begins a new incarnation and, unless it is the first, reports it.
func (h *host) incarnated() {
	h.mu.Lock()
	before, restarts := h.state, h.restarts
	h.began = time.Time{}
	h.mu.Unlock()
	h.become("running", "")
	if restarts > 0 && !h.tree.alone(h) {
		h.observe(supervisor.Event{Kind: supervisor.ActorRestarted, Path: h.path, Before: before, After: "running", Attempt: restarts})
	}
}

func (h *host) onMessage(m any) {
	h.failed = nil
	h.receive(&h.ctx, m)
}

// onStopping lets the actor release what it holds. A panic here must not reach
// protoactor, which would revive the actor.
func (h *host) onStopping() {
	h.ending = true
	h.box.setStopping(true)
	h.stopTimers()
	defer func() {
		if v := recover(); v != nil {
			h.observe(supervisor.Event{Kind: supervisor.ActorFailed, Path: h.path,
				Cause: &supervisor.PanicError{Value: v, Message: "Stopping"}})
		}
	}()
	if h.stopping != nil {
		h.stopping(&h.ctx)
	}
}

// onStopped ends the actor for good and reports what it left in its mailbox.
func (h *host) onStopped() {
	leftover := h.box.terminate()
	for _, m := range leftover {
		discard(m)
	}
	h.become("stopped", "")
	if len(leftover) > 0 && h.spec.member == nil && h.tree.ctx.Err() == nil { // at the end of the tree they are only our own stop messages
		h.observe(supervisor.Event{Kind: supervisor.MessagesDropped, Path: h.path, Cause: ErrActorStopped, Count: uint64(len(leftover))})
	}
	if h.spec.OnStopped != nil {
		h.spec.OnStopped(h.reason)
	}
	h.tree.remove(h)
}

// escalate reports a failure of this actor to its supervisor.
func (h *host) escalate(f *failure, message any) {
	f.host, h.failed = h, f.cause
	if f.text == "" {
		f.text = h.describe(message)
	}
	if h.parent == nil {
		h.tree.rootFailed(f)
		return
	}
	h.box.invoker.EscalateFailure(f, f.text)
}

// describe names a message in a report without printing its contents.
func (h *host) describe(message any) (text string) {
	text = fmt.Sprintf("%T", message)
	if h.spec.about == nil {
		return text
	}
	// This runs where failures are handled: nothing is left to handle a failure here.
	defer func() { _ = recover() }()
	return h.spec.about()
}

// observe publishes an event of this actor.
func (h *host) observe(e supervisor.Event) { h.tree.observe(e, h.spec.sub) }

// become records a state for snapshots and, when it changed, publishes an event.
func (h *host) become(state, why string) {
	h.mu.Lock()
	before := h.state
	h.state, h.why, h.since = state, why, time.Now()
	if state == h.spec.begins {
		h.began = h.since
	}
	h.mu.Unlock()
	if before != state && h.spec.sub == nil && h.spec.member == nil {
		h.observe(supervisor.Event{Kind: supervisor.StateChanged, Path: h.path, Before: before, After: state})
	}
}

func (h *host) stopTimers() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for t := range h.timers {
		t.Stop()
	}
	h.timers = nil
}

// Become shows the actor's state, and the reason for it, in the tree and in the event
// stream.
func (c *Context) Become(state, why string) { c.host.become(state, why) }

// After sends m to this actor after d, unless the actor stops or restarts first.
func (c *Context) After(d time.Duration, m any) *alarm { return c.host.after(d, m) }

func (h *host) after(d time.Duration, m any) *alarm {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timers == nil {
		h.timers = make(map[*alarm]struct{})
	}
	t := newAlarm(d, func(t *alarm) {
		h.mu.Lock()
		_, live := h.timers[t]
		delete(h.timers, t)
		h.mu.Unlock()
		if live {
			_ = h.box.must(m)
		}
	})
	h.timers[t] = struct{}{}
	return t
}

// Go runs f, which may call user code, on a goroutine of its own and sends its result to
// this actor; after a panic or Goexit in f it sends the result of failed. A result that
// comes after the actor's end is discarded.
func (c *Context) Go(f func() any, failed func(cause error) any) {
	h := c.host
	h.tree.taskBegan()
	go func() {
		defer h.tree.taskEnded()
		var m any
		returned := false
		defer func() {
			if !returned {
				m = failed(taskFailure(recover()))
			}
			if h.box.must(m) != nil {
				discard(m)
			}
		}()
		m = f()
		returned = true
	}()
}

// taskFailure is the error for a recovered value, nil for a Goexit.
func taskFailure(value any) error {
	if value == nil {
		return &supervisor.GoexitError{}
	}
	return &supervisor.PanicError{Value: value, Stack: debug.Stack()}
}

// discarder is implemented by messages that hold something to release when nobody handles
// them.
type discarder interface{ discard() }

// discard releases what a message holds that was not handled, or not completely.
func discard(m any) {
	if d, ok := m.(discarder); ok {
		d.discard()
	}
}

// Fail ends the current turn: the actor's supervisor decides what happens.
func (c *Context) Fail(cause error) { panic(&failure{cause: cause}) }

// disown stops a busy child without waiting for it. Neither a restart nor the end of this
// actor waits for it; only the end of the tree does.
func (c *Context) disown(box *mailbox) {
	c.stop(box, nil)
	c.host.tree.leave(box.host)
	c.host.box.PostSystemMessage(&actor.Terminated{Who: box.host.pid.Load()})
}

// stop asks a child to stop with a reason that its OnStopped gets. The first reason is
// kept: the child may be reading it.
func (c *Context) stop(box *mailbox, reason error) {
	if box.host.told {
		return
	}
	box.host.reason, box.host.told = reason, true
	if pid := box.host.pid.Load(); pid != nil {
		c.proto.Stop(pid)
	}
}
