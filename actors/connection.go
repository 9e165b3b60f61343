package actors

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/troupe-go/troupe/supervisor"
)

// connection.go - the root of one connection's tree.
//
//	            linkUp                 linkDown
//	connecting ────────► connected ◄──────────► reconnecting
//	     │                   │                       │
//	     └──────────────► closed ◄───────────────────┘   closeDown, or the link gave up
//
// It starts the tree and ends it in order; the data that the tree works on is in Conn.

// Messages, in the order of connection.Receive.
type (
	connectionMsg interface{ isConnectionMsg() }

	// start builds the tree; it is the first message of every incarnation.
	start struct{}

	// linkUp follows each completed handshake.
	linkUp struct {
		url   string
		again bool // there was a link before
	}

	// linkDown follows each loss of a live link.
	linkDown struct{ cause error }

	// closeDown ends the tree in order: the link first, the callbacks last.
	closeDown struct{}

	// eventsDelivered is the last message of the callbacks actor after closeDown.
	eventsDelivered struct{}

	// startUsers asks for the supervisor of a group of users' actors.
	startUsers struct{ group *group }

	// systemCheckDue checks whether an adopted actor system has been shut down.
	systemCheckDue struct{}
)

func (start) isConnectionMsg()           {}
func (linkUp) isConnectionMsg()          {}
func (linkDown) isConnectionMsg()        {}
func (closeDown) isConnectionMsg()       {}
func (eventsDelivered) isConnectionMsg() {}
func (startUsers) isConnectionMsg()      {}
func (systemCheckDue) isConnectionMsg()  {}

type connection struct {
	conn    *Conn
	closing bool
}

// Receive handles one message.
func (a *connection) Receive(c *Context, m connectionMsg) {
	switch m := m.(type) {
	case start:
		a.onStart(c)
	case linkUp:
		a.onLinkUp(c, m)
	case linkDown:
		a.onLinkDown(c, m)
	case closeDown:
		a.onCloseDown(c)
	case eventsDelivered:
		a.onEventsDelivered(c)
	case startUsers:
		a.onStartUsers(c, m.group)
	case systemCheckDue:
		a.onSystemCheckDue(c)
	default:
		panic(fmt.Sprintf("connection: unhandled message %T", m))
	}
}

// own is the policy of actors without user code: a panic in one is a defect of this
// library, answered with a restart of the smallest part.
var own = supervisor.Policy{
	Directive: supervisor.Restart,
	Intensity: supervisor.Intensity{Max: 20, Within: 10 * time.Second},
	Exceeded:  supervisor.Escalate,
	Backoff:   supervisor.Backoff{Initial: supervisor.NoDelay},
}

func (a *connection) onStart(c *Context) {
	conn := a.conn
	conn.root.set(Ref[connectionMsg]{c.host.box})
	c.Become("connecting", "")
	notes := spawn(c, Spec{Name: "callbacks", Kind: "callbacks", Policy: conn.events.policy(), user: true, data: callbacksMsg(deliverEvents{})},
		func() Actor[callbacksMsg] { return &callbacks{conn: conn} })
	conn.events.attach(notes.box)
	conn.reqsBox.set(spawn(c, Spec{Name: "requests", Kind: "requests", Policy: own},
		func() Actor[requestsMsg] { return &requestsActor{conn: conn} }))
	conn.subsBox.set(spawn(c, Spec{Name: "subscriptions", Kind: "subscriptions", Policy: own, MailboxMax: 1 << 20, OnStopped: conn.subscriptionsStopped, first: subscriptionsMsg(revive{})},
		func() Actor[subscriptionsMsg] { return &subscriptions{conn: conn} }))
	conn.linkBox.set(spawn(c, Spec{Name: "link", Kind: "link", Policy: conn.linkPolicy(), begins: "live", first: linkMsg(open{}), OnStopped: conn.linkStopped},
		func() Actor[linkMsg] { return &link{conn: conn} }))
	for _, g := range conn.company.list() {
		a.onStartUsers(c, g)
	}
	if conn.sys.adopted {
		c.After(systemCheckEvery, systemCheckDue{})
	}
	if conn.isClosing() {
		a.onCloseDown(c)
	}
}

func (c *Conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// linkPolicy restarts the link, which is a reconnect, until the pool is empty or the
// options end it. The pool paces the attempts, because each server has its own backoff;
// the intensity is far above what the dial limit lets through. A panic of the link itself
// may occur before any dial, where nothing paces it: it is answered like that of any
// other actor.
func (c *Conn) linkPolicy() supervisor.Policy {
	return supervisor.Policy{
		Directive: supervisor.Restart,
		Intensity: supervisor.Intensity{Max: 2 * (DialBurst + 10*DialsPerSecond), Within: 10 * time.Second},
		Exceeded:  supervisor.Escalate,
		Backoff:   supervisor.Backoff{Initial: supervisor.NoDelay},
		Decide: func(f supervisor.Failure) (supervisor.Directive, bool) {
			var end *giveUp
			switch {
			case errors.As(f.Cause, &end):
				return supervisor.Stop, true
			case errors.Is(f.Cause, supervisor.ErrActorPanic) && !errors.Is(f.Cause, supervisor.ErrEscalated):
				return c.linkDefect(f), true
			}
			return supervisor.Restart, true
		},
	}
}

// linkDefect decides about a panic of the link itself.
func (c *Conn) linkDefect(f supervisor.Failure) supervisor.Directive {
	d := supervisor.Decide(own, c.linkDefects, f, time.Now())
	c.linkDefects = d.History
	return d.Directive
}

// giveUp marks a failure of the link that no other attempt can repair.
type giveUp struct{ cause error }

func (g *giveUp) Error() string { return g.cause.Error() }
func (g *giveUp) Unwrap() error { return g.cause }

// linkStopped runs when the link has ended for good.
func (c *Conn) linkStopped(reason error) {
	if reason == nil {
		return
	}
	var end *giveUp
	if errors.As(reason, &end) {
		reason = end.cause
	}
	select {
	case c.first <- reason:
	default:
	}
	c.fail(reason)
}

func (a *connection) onLinkUp(c *Context, m linkUp) {
	c.Become("connected", m.url)
	select {
	case a.conn.first <- nil:
	default:
	}
}

func (a *connection) onLinkDown(c *Context, m linkDown) {
	if a.closing {
		return
	}
	c.Become("reconnecting", m.cause.Error())
}

func (a *connection) onCloseDown(c *Context) {
	if a.closing {
		return
	}
	a.closing = true
	c.Become("closed", "")
	a.conn.tree.cancel()
	// Actors stop before the subscriptions that they read, whose ends then need no
	// report.
	boxes := []*mailbox{a.conn.linkBox.box.Load()}
	for _, g := range slices.Backward(a.conn.company.list()) {
		boxes = append(boxes, g.box.box.Load())
	}
	for _, box := range append(boxes, a.conn.subsBox.box.Load(), a.conn.reqsBox.box.Load()) {
		if box != nil {
			c.stop(box, nil)
		}
	}
	a.conn.subscriptionsStopped(nil)
}

func (a *connection) onEventsDelivered(c *Context) { c.proto.Stop(c.proto.Self()) }

func (a *connection) onStartUsers(c *Context, g *group) {
	if a.closing {
		return // the end of the tree releases those who wait
	}
	if g.box.must(rejoin{}) == nil {
		return
	}
	g.box.set(spawn(c, Spec{Name: g.name, Kind: usersGroup, Policy: own, MailboxMax: 1 << 20,
		OnStopped: a.conn.subscriptionsStopped, first: usersMsg(rejoin{})},
		func() Actor[usersMsg] { return &users{group: g} }))
}

func (a *connection) onSystemCheckDue(c *Context) {
	if a.conn.sys.stopped() {
		a.conn.fail(ErrSystemStopped)
		return
	}
	c.After(systemCheckEvery, systemCheckDue{})
}

// observe numbers an event, keeps it, and queues it for the user.
func (c *Conn) observe(n Notice) {
	if n.Time.IsZero() {
		n.Time = time.Now()
	}
	if entry := c.sys.log.Check(zap.DebugLevel, "event"); entry != nil {
		entry.Write(zap.String("event", n.Event.String()))
	}
	c.events.push(n)
}
