package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/supervisor"
)

// subscriptions.go - the supervisor of all dispatchers, one-for-one.
//
// A subscription sleeps until its first message: then a dispatcher is started for it. Ten
// thousand idle subscriptions thus cost ten thousand table entries and not a single
// actor; the tree lists them all the same.

// Messages, in the order of subscriptions.Receive.
type (
	subscriptionsMsg interface{ isSubscriptionsMsg() }

	// revive is the first message of every incarnation: the dispatchers of the previous
	// one are gone, but their subscriptions are not.
	revive struct{}

	// activate asks for dispatchers.
	activate struct{ subs []*Sub }

	// retire ends the dispatcher of a subscription that has ended.
	retire struct {
		sub   *Sub
		cause error
	}

	// restartDispatcher is the answer to a full lane under the policy RestartEmpty.
	restartDispatcher struct{ sub *Sub }

	// dispatcherGone follows the end of each dispatcher.
	dispatcherGone struct {
		sub    *Sub
		box    *mailbox
		reason error
	}
)

func (revive) isSubscriptionsMsg()            {}
func (activate) isSubscriptionsMsg()          {}
func (retire) isSubscriptionsMsg()            {}
func (restartDispatcher) isSubscriptionsMsg() {}
func (dispatcherGone) isSubscriptionsMsg()    {}

type subscriptions struct{ conn *Conn }

// Receive handles one message.
func (a *subscriptions) Receive(c *Context, m subscriptionsMsg) {
	switch m := m.(type) {
	case revive:
		a.onRevive(c)
	case activate:
		a.onActivate(c, m)
	case retire:
		a.onRetire(c, m)
	case restartDispatcher:
		a.onRestartDispatcher(c, m)
	case handlerBlocked:
		m.sub.onBlocked(c, m)
	case dispatcherGone:
		a.onDispatcherGone(c, m)
	default:
		panic(fmt.Sprintf("subscriptions: unhandled message %T", m))
	}
}

func (a *subscriptions) onRevive(c *Context) {
	var sleepless []*Sub
	for _, s := range a.conn.present() { // including those that the server no longer knows
		if s.awake.Load() && s.box.Load() == nil {
			sleepless = append(sleepless, s)
		}
	}
	a.onActivate(c, activate{sleepless})
}

func (a *subscriptions) onActivate(c *Context, m activate) {
	for _, s := range m.subs {
		if s.box.Load() == nil && !s.lane.closed.Load() {
			a.wake(c, s)
		}
	}
}

// wake starts the dispatcher of s.
func (a *subscriptions) wake(c *Context, s *Sub) {
	s.prepare()
	s.sit(c, &s.seat, nil)
}

// sit starts an actor on a seat, in place of an earlier one if before is set; in the turn
// of its supervisor.
func (s *Sub) sit(c *Context, at *seat, before *host) {
	d := at.delivery.Load()
	spec := Spec{Name: s.name(), Kind: "dispatcher", Policy: s.spec.Policy, data: dispatcherMsg(deliver{}), sub: s, about: d.about, after: before}
	if at.number > 0 {
		spec.Name, spec.Kind = at.workerName(), "worker"
	}
	if at.spawned++; at.spawned > 1 {
		spec.id = spec.Name + "~" + decimal(at.spawned) // the earlier one may not have ended
	}
	box := newMailbox(c.host.tree.system, spec)
	box.dataReady = true // data may have been offered to the earlier one
	spec.adopted = box
	spec.OnStopped = func(reason error) { s.stood(box, d, reason) }
	at.box.Store(box)
	spawn(c, spec, func() Actor[dispatcherMsg] {
		if d.from == nil {
			return &router{sub: s}
		}
		return &dispatcher{delivery: d}
	})
}

// stood follows the end of the actor on a seat.
func (s *Sub) stood(box *mailbox, d *delivery, reason error) {
	switch {
	case d.call.Load() == callGivenUp:
		s.abandonedReturned(d, box.host.failed)
	case d.at.number > 0:
		s.workerStopped(reason)
	case !s.box.CompareAndSwap(box, nil):
	case s.lane.closed.Load():
		s.ended() // not through the mailbox, which is no longer read during a Close
	default:
		_ = s.conn.subsBox.must(dispatcherGone{s, box, reason})
	}
}

// prepare makes the parts that outlive the incarnations of the dispatcher.
func (s *Sub) prepare() {
	if s.delivery.Load() != nil {
		return
	}
	if s.spec.Workers > 1 {
		s.workers = newWorkers(s)
		s.delivery.Store(&delivery{sub: s, at: &s.seat})
		return
	}
	most := runMax
	if s.spec.Overflow == Block || s.spec.Lost != nil {
		most = 1 // the reader may wait for the room of a single message, or Lost must be called for it
	}
	s.delivery.Store(s.newDelivery(&s.seat, &s.lane, most))
}

func (a *subscriptions) onRetire(c *Context, m retire) {
	if box := m.sub.box.Load(); box != nil {
		c.stop(box, m.cause)
		return
	}
	m.sub.ended()
}

func (a *subscriptions) onRestartDispatcher(c *Context, m restartDispatcher) {
	if box := m.sub.box.Load(); box != nil {
		strategy{c.host}.answer(c.proto.(actor.Supervisor), &failure{host: box.host, cause: m.sub.SlowConsumer(), text: m.sub.Subject}, nil)
	}
}

// subscriptionsStopped runs when this supervisor, or one of users' actors, has ended.
// During a Close, once all of them have ended, no handler runs any more, and only the
// queued events remain.
func (c *Conn) subscriptionsStopped(error) {
	if !c.isClosing() || c.subsBox.live() || c.company.live() {
		return // the root restarts, or another supervisor has yet to stop
	}
	for _, s := range c.ending() {
		s.ended()
	}
	c.events.finish()
}

// onDispatcherGone distinguishes an end on request, one that the policy decided, and one
// that a restart of this actor caused.
func (a *subscriptions) onDispatcherGone(c *Context, m dispatcherGone) {
	switch {
	case m.sub.lane.closed.Load():
		m.sub.ended()
	case m.reason != nil:
		a.conn.unlist(m.sub)
		m.sub.awake.Store(false)
		a.conn.observe(Notice{Sub: m.sub, Event: supervisor.Event{Kind: supervisor.ActorStopped, Path: m.sub.Path(), Cause: m.reason}})
		m.sub.end(m.reason)
	case m.sub.box.Load() == nil:
		a.wake(c, m.sub)
	}
}
