package jetstream

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// ingestpacer.go - the actor that does the background work of a FastPublisher: it asks a silent
// server, continues after a lost link, and reports the state.

// Messages of the pacer.
type (
	// ingestDue is the periodic tick.
	ingestDue struct{}
	// ingestSoon announces work after a delay.
	ingestSoon struct{ in time.Duration }
	// ingestNow announces work, or a state to report.
	ingestNow struct{}
	// ingestTell says that there is something to report to the handlers.
	ingestTell struct{}
	// ingestStop ends the actor.
	ingestStop struct{}
)

// ingestSoonWait is the wait before a full outlet is tried again.
const ingestSoonWait = 5 * time.Millisecond

// ingestTickMin is the least time between two ticks.
const ingestTickMin = 10 * time.Millisecond

// ingestPacer is the actor; all its state is the publisher's.
type ingestPacer struct {
	p     *fastPublisher
	shown ingestState
}

// Started schedules the first tick.
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
		c.Become(state.String(), api.Degraded, "the link or the leader was lost: asking the server what it has stored")
	case ingestOver:
		c.Become(state.String(), api.Well, "closed, or failed")
	default:
		c.Become(state.String(), api.Well, "")
	}
}

// progress returns the counters of the publisher.
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

// Started continues where an earlier incarnation has failed.
func (a *ingestTeller) Started(*api.ActorContext) { a.p.tellAll(false) }

// Receive handles one message.
func (a *ingestTeller) Receive(c *api.ActorContext, m any) {
	a.p.tellAll(false)
	if _, over := m.(ingestStop); over {
		stopSelf(c)
	}
}

// Stopping leaves pending reports to the pacer, if the connection ends.
func (a *ingestTeller) Stopping(c *api.ActorContext) {
	if endOf(c.Conn()) != nil {
		a.p.tellAll(true)
	}
}

// tellAll calls the handlers for all pending reports. With last, later reports are left to the
// pacer.
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

// onAnswer handles answers of servers.
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

// onLost is called when the link is lost.
func (p *fastPublisher) onLost(loss api.OutletLoss) {
	p.note(func(s *ingestMachine) { s.lost(loss) })
}

// onLinked is called when there is a new link.
func (p *fastPublisher) onLinked() { p.note(func(s *ingestMachine) { s.linked = true }) }

// onRefused is called when a server does not permit a message.
func (p *fastPublisher) onRefused(subject, reply string, err error) {
	p.note(func(s *ingestMachine) { s.denied(subject, reply, err) })
}

// note runs f, and leaves the consequences to the pacer: the caller is the outlet, which must not
// be called back.
func (p *fastPublisher) note(f func(s *ingestMachine)) {
	p.mu.Lock()
	f(&p.machine)
	pacer := p.pacer
	p.mu.Unlock()
	_ = pacer.Send(ingestNow{})
}

// stopSelf ends an actor from within; it does not wait for the end.
func stopSelf(c *api.ActorContext) { _ = c.Self().Stop(c.Context()) }
