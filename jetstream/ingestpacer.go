package jetstream

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// ingestpacer.go - the actor that does for a FastPublisher what nobody has called for:
// it asks a server that is silent, goes on after a lost link, and shows the state.

// Messages of the pacer.
type (
	// ingestDue comes every now and then.
	ingestDue struct{}
	// ingestSoon says that there will be something to do.
	ingestSoon struct{ in time.Duration }
	// ingestNow says that there is something to do, or to show.
	ingestNow struct{}
	// ingestTell says that there is something to tell the handlers.
	ingestTell struct{}
	// ingestStop ends the actor.
	ingestStop struct{}
)

// ingestSoonWait is how long an outlet is given to have room again.
const ingestSoonWait = 5 * time.Millisecond

// ingestTickMin is the least time between two looks.
const ingestTickMin = 10 * time.Millisecond

// ingestPacer is the actor; all its state is the publisher's.
type ingestPacer struct {
	p     *fastPublisher
	shown ingestState
}

// Started begins the clock.
func (a *ingestPacer) Started(c *api.ActorContext) { a.later(c) }

// Receive handles one message.
func (a *ingestPacer) Receive(c *api.ActorContext, m any) {
	switch m := m.(type) {
	case ingestDue:
		a.onDue(c)
	case ingestNow:
		a.onNow(c)
	case ingestSoon:
		a.onSoon(c, m)
	case ingestStop:
		stopSelf(c)
	default:
		panic(fmt.Sprintf("ingest: unhandled message %T", m))
	}
}

// Stopping ends a publisher that ends with its connection.
func (a *ingestPacer) Stopping(c *api.ActorContext) {
	cause := endOf(c.Conn())
	if cause == nil {
		return
	}
	a.p.do(func(s *ingestMachine) {
		if s.state != ingestOver {
			s.abandon(cause)
		}
	})
	a.p.mu.Lock()
	mute := a.p.mute
	a.p.mu.Unlock()
	if mute {
		a.p.tellAll(false)
	}
}

func (a *ingestPacer) later(c *api.ActorContext) {
	c.After(max(min(a.p.opts.AckTimeout/3, ingestIdle)/2, ingestTickMin), ingestDue{})
}

func (a *ingestPacer) onDue(c *api.ActorContext) {
	a.onNow(c)
	a.later(c)
}

func (a *ingestPacer) onSoon(c *api.ActorContext, m ingestSoon) { c.After(m.in, ingestNow{}) }

func (a *ingestPacer) onNow(c *api.ActorContext) {
	var state ingestState
	a.p.do(func(s *ingestMachine) {
		a.p.pump(s.work)
		state = s.state
	})
	if state == a.shown {
		return
	}
	a.shown = state
	switch state {
	case ingestChecking:
		c.Become(state.String(), api.Degraded, "the link or the leader was lost: the server is asked what it has")
	case ingestOver:
		c.Become(state.String(), api.Well, "closed, or failed")
	default:
		c.Become(state.String(), api.Well, "")
	}
}

// progress shows how far the publisher is.
func (p *fastPublisher) progress() []api.Counter {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.machine
	return []api.Counter{
		{Name: "added", Value: s.queue.last}, {Name: "acked", Value: s.acked}, {Name: "kept_bytes", Value: uint64(s.queue.size)},
	}
}

// ingestTeller is the actor that calls the handlers.
type ingestTeller struct{ p *fastPublisher }

// Started goes on where an incarnation before this one has failed.
func (a *ingestTeller) Started(*api.ActorContext) { a.p.tellAll(false) }

// Receive handles one message.
func (a *ingestTeller) Receive(c *api.ActorContext, m any) {
	a.p.tellAll(false)
	if _, over := m.(ingestStop); over {
		stopSelf(c)
	}
}

// Stopping leaves what is still to be told to the pacer, if the connection ends.
func (a *ingestTeller) Stopping(c *api.ActorContext) {
	if endOf(c.Conn()) != nil {
		a.p.tellAll(true)
	}
}

// tellAll calls the handlers for all that is to be told. The last one to do so leaves what
// comes later to the pacer.
func (p *fastPublisher) tellAll(last bool) {
	for {
		p.mu.Lock()
		p.asked = false
		var err error
		var acked uint64
		switch {
		case len(p.reports) > 0:
			err, p.reports = p.reports[0], p.reports[1:]
		case p.opts.onAck != nil && p.machine.acked > p.told:
			acked = p.machine.acked
			p.told = acked
		default:
			p.mute = p.mute || last
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		if err != nil {
			p.opts.onError(err)
			continue
		}
		p.opts.onAck(acked)
	}
}

// onAnswer handles what servers say.
func (p *fastPublisher) onAnswer(m *api.Msg) {
	p.do(func(s *ingestMachine) {
		a, ok := readIngestAnswer(m, s.prefix)
		if !ok || s.prefix == "" {
			return
		}
		before := s.state
		s.take(a, m.Data, time.Now())
		p.pump(s.pump)
		switch {
		case s.state != before && s.state == ingestChecking:
			_ = p.pacer.Send(ingestNow{})
		case s.state == ingestResting && s.next <= s.queue.last:
			_ = p.pacer.Send(ingestSoon{ingestRetryWait})
		}
	})
}

// onLost is told of a lost link.
func (p *fastPublisher) onLost(loss api.OutletLoss) {
	p.note(func(s *ingestMachine) { s.lost(loss) })
}

// onLinked is told of a new link.
func (p *fastPublisher) onLinked() { p.note(func(s *ingestMachine) { s.linked = true }) }

// onRefused is told what a server does not permit.
func (p *fastPublisher) onRefused(subject, reply string, err error) {
	p.note(func(s *ingestMachine) { s.denied(subject, reply, err) })
}

// note runs f, and leaves to the pacer what has come of it: the outlet, which calls, must
// not be called.
func (p *fastPublisher) note(f func(s *ingestMachine)) {
	p.mu.Lock()
	f(&p.machine)
	pacer := p.pacer
	p.mu.Unlock()
	_ = pacer.Send(ingestNow{})
}

// stopSelf ends an actor from inside, where it is not waited for.
func stopSelf(c *api.ActorContext) { _ = c.Self().Stop(c.Context()) }
