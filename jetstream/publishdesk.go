package jetstream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// publishdesk.go - what asynchronous publishes use of the connection: an outlet, the subscription
// for answers, and the actors.

// desk is created with the first message, and again after CleanupPublisher.
type desk struct {
	p       *publisher
	outlet  *api.Outlet
	replies string // of the outlet
	sub     *api.Subscription
	acks    ackReader                    // the dispatcher's
	actor   atomic.Pointer[api.ActorRef] // nil until it is spawned
	caller  *api.ActorRef                // runs the handlers; nil if there are none

	// Guarded by the publisher's lock.
	facts []func(*publisher) // about the link, in order, for the actor
	poked bool               // a look message to the actor is pending
	wake  time.Duration      // when it checks by itself; 0 for never
	asked bool               // a message to the caller is pending
	over  bool               // the caller has ended
}

// consumersGroup is the node of the tree that holds the actors of JetStream.
const consumersGroup = "consumers"

// keepGoing restarts an actor each time it fails, without limit.
func keepGoing() api.Policy {
	return api.Policy{Directive: api.Restart, Backoff: api.Backoff{Initial: api.NoDelay, Max: time.Second}}
}

// open creates the desk, if there is none.
func (p *publisher) open() error {
	p.opening.Lock()
	defer p.opening.Unlock()
	p.mu.Lock()
	open := p.desk != nil
	p.mu.Unlock()
	if open {
		return nil
	}
	nc, d := p.js.nc, &desk{p: p}
	var err error
	if d.outlet, err = nc.Outlet(api.OutletSpec{Lost: d.onLost, Linked: d.onLinked, Refused: d.onRefused}); err != nil {
		return err
	}
	d.replies = d.outlet.Replies()
	if err := d.staff(nc); err != nil {
		d.close()
		return err
	}
	p.mu.Lock()
	p.desk = d
	p.holding = false
	p.mu.Unlock()
	d.look()
	return nil
}

// staff creates the subscription and the actors.
func (d *desk) staff(nc *api.Conn) (err error) {
	// One answer for each waiting message, and as many late ones.
	limit := 2*d.p.opts.pendingMax + 1024
	d.sub, err = nc.Subscribe(d.replies+"*", d.onReply, api.Borrow(), api.OverlapOnMove(), api.Concurrency(1), api.PendingLimits(limit, limit*answerBytes))
	if err != nil {
		return err
	}
	name := "publisher-" + d.replies[len(d.replies)-7:len(d.replies)-1]
	if d.p.opts.onAck != nil || d.p.opts.onErr != nil {
		d.caller, err = nc.Spawn(api.Spec{Name: name + "-handlers", Group: consumersGroup, Policy: keepGoing(),
			New: func() api.Actor { return &calling{d} }})
		if err != nil {
			return err
		}
	}
	actor, err := nc.Spawn(api.Spec{Name: name, Group: consumersGroup, Policy: keepGoing(), Progress: d.p.progress,
		New: func() api.Actor { return &publishing{p: d.p, d: d} }})
	d.actor.Store(actor)
	return err
}

// answerBytes is the average size up to which no answers are dropped.
const answerBytes = 512

// close releases everything. The messages have been ended.
func (d *desk) close() {
	d.outlet.Close()
	if d.sub != nil {
		_ = d.sub.Unsubscribe() // it may have ended with the connection
	}
	// Not awaited: the caller may be one of them.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, ref := range []*api.ActorRef{d.actor.Load(), d.caller} {
		if ref != nil {
			_ = ref.Stop(ctx)
		}
	}
}

// end ends all messages because the actor has ended.
func (d *desk) end(cause error) {
	p := d.p
	p.mu.Lock()
	mine := p.desk == d
	if mine {
		p.endAllLocked(cause)
		p.desk = nil
	}
	over := d.over
	p.mu.Unlock()
	if mine && over {
		p.runCalls(d)
	}
	if mine {
		d.outlet.Close()
	}
}

// look makes the actor check. It is free if a check is already pending.
func (d *desk) look() {
	if actor := d.actor.Load(); actor != nil {
		_ = actor.Send(look{}) // refused: it has ended, and has ended the messages
	}
}

// dueLocked returns the desk if its actor would check too late for s and must be notified; nil
// otherwise.
func (d *desk) dueLocked(s *slot) *desk {
	next := s.deadline
	if s.due > 0 && s.due < next {
		next = s.due
	}
	if d.poked || d.wake > 0 && d.wake <= next {
		return nil
	}
	d.poked = true
	return d
}

// told queues a fact for the actor.
func (d *desk) told(f func(p *publisher)) {
	d.p.mu.Lock()
	d.facts = append(d.facts, f)
	poke := !d.poked
	d.poked = true
	d.p.mu.Unlock()
	if poke {
		d.look()
	}
}

func (d *desk) onLost(loss api.OutletLoss) { d.told(func(p *publisher) { p.onLost(loss) }) }

func (d *desk) onLinked() { d.told(func(*publisher) {}) }

func (d *desk) onRefused(subject, reply string, err error) {
	d.told(func(p *publisher) { p.onRefused(subject, reply, err) })
}

// callSoonLocked makes the caller run the pending calls.
func (d *desk) callSoonLocked() {
	if d.asked {
		return
	}
	d.asked = true
	_ = d.caller.Send(makeCalls{}) // refused: it has ended, and whoever ends the messages makes the calls
}

// makeCalls makes the caller run the pending calls.
type makeCalls struct{}

// calling is the actor that runs the handlers.
type calling struct{ d *desk }

// Started makes the calls that an earlier incarnation has left.
func (a *calling) Started(*api.ActorContext) { a.d.p.runCalls(a.d) }

// Receive makes the pending calls.
func (a *calling) Receive(*api.ActorContext, any) { a.d.p.runCalls(a.d) }

// Stopping makes the last calls, unless another incarnation does.
func (a *calling) Stopping(c *api.ActorContext) {
	p := a.d.p
	p.mu.Lock()
	over := p.desk != a.d || endOf(c.Conn()) != nil
	a.d.over = over
	p.mu.Unlock()
	if over {
		p.runCalls(a.d)
	}
}

// runCalls reports messages that have ended to the handlers, oldest first. If the caller of a
// cleaned-up desk is still doing so, it continues.
func (p *publisher) runCalls(d *desk) {
	for {
		p.mu.Lock()
		d.asked = false
		if len(p.calls) == 0 || p.calling > 0 {
			p.mu.Unlock()
			return
		}
		f := p.calls[0]
		p.calls[0] = nil
		if p.calls = p.calls[1:]; len(p.calls) == 0 {
			p.calls = nil
		}
		p.calling++
		p.creditLocked() // a handler may publish, also when there is room for one message only
		p.mu.Unlock()
		p.tell(f)
	}
}

// tell calls a handler.
func (p *publisher) tell(f *pubAckFuture) {
	returned := false
	defer func() {
		p.mu.Lock()
		p.calling--
		if !returned && len(p.calls) > 0 && p.desk != nil {
			p.desk.callSoonLocked() // the current caller may belong to another desk, and will not return
		}
		p.completeLocked()
		p.mu.Unlock()
	}()
	if f.err != nil {
		p.opts.onErr(p.js, f.msg, f.err)
	} else {
		p.opts.onAck(p.js, f.msg, &f.ack)
	}
	returned = true
}
