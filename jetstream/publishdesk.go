package jetstream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// publishdesk.go - what the asynchronous publishes have in the connection: a way out, the
// subscription for answers, and the actors.

// desk is made with the first message, and again after CleanupPublisher.
type desk struct {
	p       *publisher
	outlet  *api.Outlet
	replies string // of the outlet
	sub     *api.Subscription
	acks    ackReader                    // the dispatcher's
	actor   atomic.Pointer[api.ActorRef] // nil until it is spawned
	caller  *api.ActorRef                // runs the handlers; nil without any

	// Guarded by the publisher's lock.
	facts []func(*publisher) // about the link, in order, for the actor
	poked bool               // the actor was told to look, and has not
	wake  time.Duration      // when it looks by itself; 0 for never
	asked bool               // the caller was told of calls, and has not looked
	over  bool               // the caller has ended
}

// consumersGroup is the node of the tree below which the actors of JetStream stand.
const consumersGroup = "consumers"

// keepGoing restarts an actor that fails, as often as it does.
func keepGoing() api.Policy {
	return api.Policy{Directive: api.Restart, Backoff: api.Backoff{Initial: api.NoDelay, Max: time.Second}}
}

// open makes the desk, if there is none.
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

// staff makes the subscription and the actors.
func (d *desk) staff(nc *api.Conn) (err error) {
	// An answer for each message that waits, and as many late ones.
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

// answerBytes is what an answer may take on the average before the rest is dropped.
const answerBytes = 512

// close takes everything back. The messages have been ended.
func (d *desk) close() {
	d.outlet.Close()
	if d.sub != nil {
		_ = d.sub.Unsubscribe() // it may have ended with the connection
	}
	// Not awaited: one of them may be who calls.
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

// look has the actor look. It costs nothing when that is under way.
func (d *desk) look() {
	if actor := d.actor.Load(); actor != nil {
		_ = actor.Send(look{}) // refused: it has ended, and has ended the messages
	}
}

// dueLocked returns the desk if its actor would look too late for s, which it then has to
// be told.
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

// told notes a fact for the actor.
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

// callSoonLocked has the caller look at what there is to call.
func (d *desk) callSoonLocked() {
	if d.asked {
		return
	}
	d.asked = true
	_ = d.caller.Send(makeCalls{}) // refused: it has ended, and who ends the messages makes the calls
}

// makeCalls has the caller make the calls that wait.
type makeCalls struct{}

// calling is the actor that runs the handlers.
type calling struct{ d *desk }

// Started makes the calls that an incarnation before this one has left.
func (a *calling) Started(*api.ActorContext) { a.d.p.runCalls(a.d) }

// Receive makes the calls that wait.
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

// runCalls tells the handlers of messages that have ended, oldest first. The caller of a desk
// that was cleaned up may still be at it: it goes on then.
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
			p.desk.callSoonLocked() // who has called may be of another desk, and does not come back
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
