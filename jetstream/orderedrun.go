package jetstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/supervisor"
)

// orderedrun.go - the part of a puller that delivers messages in order.
//
//	gap, silence, no consumer, another link ──► lost ──► renew ──► pulls from the next one
//	                                             ▲         │
//	                                             └─ pause ─┘ failed
//
// The generation ends at the gap, in the subscription's goroutine: later messages are dropped.
// Everything else happens in the puller.

// Messages to a puller.
type (
	// gapFound says that a delivery of the consumer with that name was lost.
	gapFound struct{ consumer string }

	// renewed is the result of an attempt to create the next consumer.
	renewed struct {
		renewal *Renewal
		err     error
	}
)

// orderedSteady is how long a generation must live for the next one to be created without a
// pause.
const orderedSteady = 5 * time.Second

// orderedRun is what a puller knows about its generations; only the actor uses it, except source
// and pulls.
type orderedRun struct {
	source *orderedSource
	pulls  atomic.Uint64 // pulls up to this one are of earlier generations
	since  time.Time     // of the current generation, or of the last
	alive  time.Time     // the last sign of life of a lost generation; zero for none
	row    int           // generations that did not live long
	failed int           // attempts to create the next one
	told   string        // the last reported error of such an attempt
}

// admit decides whether to deliver a message; in the subscription's goroutine.
func (o *orderedRun) admit(p *puller, m *api.Msg) bool {
	var meta MsgMetadata
	if !parseAckSubject(m.Reply, &meta) {
		return false
	}
	switch o.source.admit(&meta) {
	case orderedDeliver, orderedLast:
		return true
	case orderedGap:
		p.post(gapFound{meta.Consumer})
	}
	return false
}

// onHeartbeat detects losses after the last message that arrived; in the subscription's
// goroutine.
func (o *orderedRun) onHeartbeat(p *puller, w pullWord, m *api.Msg) {
	last, ok := parseCount(m.Header.Get(lastConsumerHeader))
	if ok && w.id > o.pulls.Load() && o.source.behind(last) {
		p.post(gapFound{o.source.name()})
	}
}

// name returns the name of the current consumer, empty if its generation has ended.
func (s *orderedSource) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor.consumer
}

// onGap starts the next generation, unless that has been done.
func (p *puller) onGap(c *api.ActorContext, m gapFound, now time.Time) {
	if m.consumer == p.consumer.name {
		p.lost(c, nil, now)
	}
}

// lost ends the generation, and creates the next one: at once, unless the last ones were
// short-lived. The cause, if there is one, is reported.
func (p *puller) lost(c *api.ActorContext, cause error, now time.Time) {
	o := p.ordered
	if p.missing || p.over || p.leaving {
		return
	}
	if cause != nil {
		p.report(c, cause)
	}
	p.missing = true
	p.beat.paused = true
	reason := "messages were lost in transit"
	if cause != nil {
		reason = cause.Error()
	}
	p.become(c, stateRecovering, api.Degraded, reason)
	o.silent(&p.beat)
	if now.Sub(o.since) >= orderedSteady {
		o.row = 0
	}
	o.row++
	if o.row == 1 {
		p.renew(c)
		return
	}
	p.renewLater(c, o.row)
}

// silent notes the time of the last sign of life, at the first loss since the generation began.
func (o *orderedRun) silent(p *pulse) {
	if o.alive.IsZero() {
		o.alive = p.life()
	}
}

// renewLater creates the next consumer after a pause.
func (p *puller) renewLater(c *api.ActorContext, n int) {
	d := supervisor.Backoff{Initial: pauseInitial, Max: pauseMax}.Delay(n, pauseLeast+(1-pauseLeast)*rand.Float64())
	c.After(d, recoverDue{})
}

// renew creates the next consumer; a renewed message follows. One attempt is made at a time.
func (p *puller) renew(c *api.ActorContext) {
	if p.probing || p.over || p.leaving {
		return
	}
	if p.offline { // it is created with the next link
		return
	}
	p.probing = true
	ctx, self, source, js, alive := c.Context(), c.Self(), p.ordered.source, p.js, p.ordered.alive
	go func() {
		bound, cancel := context.WithTimeout(ctx, js.opts.DefaultTimeout)
		defer cancel()
		renewal, err := source.renew(bound, alive)
		_ = self.Send(renewed{renewal, err}) // ended meanwhile
	}()
}

// onRenewed pulls from the next consumer, or tries again.
func (p *puller) onRenewed(c *api.ActorContext, m renewed, now time.Time) {
	o := p.ordered
	p.probing = false
	if p.over || p.leaving {
		return
	}
	if m.err != nil {
		p.onNotRenewed(c, m.err)
		return
	}
	if regressed := m.renewal.regressed(); regressed != nil {
		p.report(c, regressed)
	}
	if f := p.opts.more.renewed; f != nil {
		f(*m.renewal)
	}
	p.recreated.Add(1)
	p.adopt(c, now)
	p.become(c, statePulling, api.Well, "created again")
	o.failed, o.told = 0, ""
}

// adopt makes the puller pull from the source's consumer.
func (p *puller) adopt(_ *api.ActorContext, now time.Time) {
	o := p.ordered
	p.missing = false
	o.since, o.alive = now, time.Time{}
	p.consumer = o.source.current()
	o.source.take()
	p.subject = p.js.nextSubject(p.consumer.stream, p.consumer.name)
	p.resets.Add(1)
	o.pulls.Store(p.l.last)
	kept := 0 // messages queued in the subscription are of older generations
	if p.buffer != nil {
		kept = p.buffer.len()
	}
	p.l.reset(kept)
	p.beat.start(now)
	p.resume()
}

// onNotRenewed tries again after a pause, as often as the config allows.
func (p *puller) onNotRenewed(c *api.ActorContext, err error) {
	o := p.ordered
	if p.offline {
		return
	}
	o.failed++
	if most := o.source.cfg.MaxResetAttempts; most > 0 && o.failed >= most {
		p.finish(c, errors.Join(ErrOrderedConsumerReset, err))
		return
	}
	if reason := causeOf(err); reason != o.told {
		o.told = reason
		p.report(c, err)
	}
	p.become(c, stateRecovering, api.Down, err.Error())
	p.renewLater(c, o.failed)
}

// causeOf says why a call failed, without the names: each attempt has another consumer name.
func causeOf(err error) string {
	var refused *APIError
	if errors.As(err, &refused) {
		return refused.Description
	}
	var unanswered *CallError
	if errors.As(err, &unanswered) {
		return unanswered.Err.Error()
	}
	return err.Error()
}

// resumeOrdered continues with a new link: what was in flight on the old one is lost.
func (p *puller) resumeOrdered(c *api.ActorContext, now time.Time) {
	if p.missing {
		p.renew(c)
		return
	}
	p.lost(c, nil, now)
}
