package actors

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// connection.go - the root of one connection's tree.
//
//	            linkUp                 linkDown
//	connecting ────────► connected ◄──────────► reconnecting
//	     │                   │                       │
//	     └──────────────► closed ◄───────────────────┘   closeDown, or the link gave up
//
// It starts the tree and keeps its order; what the tree works on is in Conn.

// Messages, in the order of connection.Receive.
type (
	connectionMsg interface{ isConnectionMsg() }

	// start builds the tree; first message of every incarnation.
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

	// eventsDelivered is the callbacks' last word after closeDown.
	eventsDelivered struct{}
)

func (start) isConnectionMsg()           {}
func (linkUp) isConnectionMsg()          {}
func (linkDown) isConnectionMsg()        {}
func (closeDown) isConnectionMsg()       {}
func (eventsDelivered) isConnectionMsg() {}

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
	default:
		panic(fmt.Sprintf("connection: unhandled message %T", m))
	}
}

// own is the policy of actors without user code: a panic in one is a defect of
// ours, answered with the restart of the smallest part.
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
	notes := spawn(c, Spec{Name: "callbacks", Kind: "callbacks", Policy: callbacksPolicy, user: true, data: callbacksMsg(deliverEvents{})},
		func() Actor[callbacksMsg] { return &callbacks{conn: conn} })
	conn.events.attach(notes.box)
	conn.reqsBox.set(spawn(c, Spec{Name: "requests", Kind: "requests", Policy: own},
		func() Actor[requestsMsg] { return &requestsActor{conn: conn} }))
	conn.subsBox.set(spawn(c, Spec{Name: "subscriptions", Kind: "subscriptions", Policy: own, MailboxMax: 1 << 20, OnStopped: conn.subscriptionsStopped, first: subscriptionsMsg(revive{})},
		func() Actor[subscriptionsMsg] { return &subscriptions{conn: conn} }))
	conn.linkBox.set(spawn(c, Spec{Name: "link", Kind: "link", Policy: conn.linkPolicy(), begins: "live", first: linkMsg(open{}), OnStopped: conn.linkStopped},
		func() Actor[linkMsg] { return &link{conn: conn} }))
	if conn.isClosing() {
		a.onCloseDown(c)
	}
}

func (c *Conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// linkPolicy restarts the link, which is a reconnect, until the pool or the
// options say that there is nothing to go on with. The pool paces the attempts,
// because each server has its own backoff; the intensity is far above what the
// dial limit lets through, so that only a defect before the dial reaches it.
func (c *Conn) linkPolicy() supervisor.Policy {
	return supervisor.Policy{
		Directive: supervisor.Restart,
		Intensity: supervisor.Intensity{Max: 2 * (DialBurst + 10*DialsPerSecond), Within: 10 * time.Second},
		Exceeded:  supervisor.Escalate,
		Backoff:   supervisor.Backoff{Initial: supervisor.NoDelay},
		Decide: func(f supervisor.Failure) (supervisor.Directive, bool) {
			var end *giveUp
			if errors.As(f.Cause, &end) {
				return supervisor.Stop, true
			}
			return supervisor.Restart, true
		},
	}
}

// giveUp marks a failure of the link that no other attempt can mend.
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
	subs := a.conn.subsBox.box.Load()
	for _, box := range []*mailbox{a.conn.linkBox.box.Load(), subs, a.conn.reqsBox.box.Load()} {
		if box != nil {
			c.stop(box, nil)
		}
	}
	if subs == nil || subs.dead() {
		a.conn.subscriptionsStopped(nil)
	}
}

func (a *connection) onEventsDelivered(c *Context) { c.proto.Stop(c.proto.Self()) }

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

// reportServerError makes an event of an -ERR that ends nothing.
func (c *Conn) reportServerError(e *protocol.ServerError) {
	c.setLastError(e)
	kind := supervisor.ServerErrorReported
	if errors.Is(e, protocol.ErrPermissionViolation) {
		kind = supervisor.PermissionDenied
	}
	c.observe(Notice{Event: supervisor.Event{Kind: kind, Path: c.name, Cause: e}, Sub: c.deniedSub(e)})
}

// deniedSub finds the subscription that a permission error is about.
func (c *Conn) deniedSub(e *protocol.ServerError) *Sub {
	if e.Op != protocol.RoleSubscribe && e.Op != protocol.RoleQueue {
		return nil
	}
	if e.SID != 0 {
		return c.subs.get(e.SID)
	}
	var found *Sub
	c.out.mu.Lock()
	c.subs.all(func(s *Sub) {
		if found == nil && s.Subject == e.Subject && s.Queue == e.Queue {
			found = s
		}
	})
	c.out.mu.Unlock()
	return found
}
