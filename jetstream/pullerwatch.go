package jetstream

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/supervisor"
)

// pullerwatch.go - what a puller does periodically, and about a consumer in doubt.

// ageWatch knows the age of queued messages, and how fast they are delivered.
type ageWatch struct {
	ackWait time.Duration // 0 for no watch
	active  bool          // messages are queued, or were at the last look
	stamps  []stamp       // oldest first
	last    time.Time     // of the last look
	calls   uint64        // of handlers, then
	waited  bool          // messages were queued then
	each    time.Duration // for one message; 0 if not known
}

// stamp says how many messages had arrived by a time.
type stamp struct {
	at  time.Time
	all uint64
}

// lookParts is how often per AckWait the queued messages are checked.
const lookParts = 8

// look notes how many messages have arrived and how many were passed to handlers. It returns the
// number of the last one that is too old, 0 for none.
func (w *ageWatch) look(now time.Time, received, calls uint64, waiting int) (expired uint64) {
	if w.waited && waiting > 0 && now.After(w.last) {
		w.measure(now.Sub(w.last), calls-w.calls)
	}
	w.last, w.calls, w.waited = now, calls, waiting > 0
	w.active = waiting > 0
	if n := len(w.stamps); n == 0 || w.stamps[n-1].all != received {
		w.stamps = append(w.stamps, stamp{at: now, all: received})
	}
	for len(w.stamps) > 0 && now.Sub(w.stamps[0].at) >= w.limit() {
		expired = w.stamps[0].all
		w.stamps = w.stamps[1:]
	}
	return expired
}

// limit is the age from which a message could not be handled before its AckWait ends, if its
// handler takes as long as the last ones and there is no look in between. A handler that takes
// longer than half of AckWait still gets messages.
func (w *ageWatch) limit() time.Duration {
	return max(w.ackWait-w.each-w.ackWait/lookParts, w.ackWait/2)
}

// measure takes a new value into account: by a quarter, or fully if the handler has become
// slower.
func (w *ageWatch) measure(d time.Duration, calls uint64) {
	each := d / time.Duration(max(calls, 1))
	if each < w.each {
		each = (3*w.each + each) / 4
	}
	w.each = each
}

// watch begins to check queued messages.
func (p *puller) watch(c *api.ActorContext, now time.Time) {
	p.look(now)
	p.age.active = true
	p.tick(c, now)
}

// look notes how many messages have arrived, and how old they are.
func (p *puller) look(now time.Time) {
	received, dropped, err := p.sub.Received()
	if err != nil {
		return
	}
	if received > p.received {
		p.received = received
		p.beat.beat(now)
	}
	if at := time.Unix(0, p.beatAt.Load()); at.After(p.beat.seen) {
		p.beat.beat(at)
	}
	p.note()
	if p.age.ackWait <= 0 {
		return
	}
	waiting, _, err := p.sub.Pending()
	if err != nil {
		return
	}
	if expired := p.age.look(now, received-dropped, p.calls.Load(), waiting); expired > uint64(p.opts.more.workers) {
		p.expired.Store(expired - uint64(p.opts.more.workers))
	}
	p.l.bound(prefetch(p.age.ackWait, p.age.each, p.opts.maxMessages))
}

// onTick checks everything that changes with time.
func (p *puller) onTick(c *api.ActorContext, m tickDue, now time.Time) {
	if m.turn != p.turn || p.over {
		return
	}
	before := p.received
	p.look(now)
	p.l.expire(now, p.waiting())
	p.extend(now)
	p.expect(now)
	switch {
	case p.offline || p.missing || p.leaving:
	case p.beat.missed(now):
		p.onMissed(c, now)
	case p.state == stateSuspect && p.beat.misses == 0 && !p.held && p.received > before:
		p.onLife(c, now)
	case p.state == statePulling && p.received > before:
		p.become(c, stateDelivering, api.Well, "")
	case p.state == stateDelivering && p.received == before:
		p.become(c, statePulling, api.Well, "")
	}
	if !p.age.active && p.received == before {
		p.quiet.Store(p.age.ackWait > 0 || p.opts.more.extend > 0)
	}
	p.tick(c, now)
}

// expect watches for signs of life only while the server owes some: when everything that was
// asked for has arrived and waits for handlers, it owes none.
func (p *puller) expect(now time.Time) {
	waiting := p.waiting()
	if owes := p.l.left > waiting && (!p.byBytes || waiting == 0); !owes {
		p.beat.seen = now
	}
}

// tick sets the time of the next look.
func (p *puller) tick(c *api.ActorContext, now time.Time) {
	d := p.opts.heartbeat / 2
	if !p.beat.paused {
		d = min(d, p.beat.due().Sub(now))
	}
	if p.age.active {
		d = min(d, p.age.ackWait/lookParts)
	}
	if p.opts.more.extend > 0 && p.ackWait > 0 {
		d = min(d, p.ackWait/extendParts)
	}
	p.turn++
	c.After(max(d, time.Millisecond), tickDue{turn: p.turn})
}

// extendParts is how often per AckWait messages are reported as in progress.
const extendParts = 3

// extend reports messages in handlers as in progress.
func (p *puller) extend(now time.Time) {
	if p.opts.more.extend <= 0 {
		return
	}
	for _, m := range p.running.since(now, p.opts.more.extend) {
		_ = m.InProgress() // acknowledged meanwhile, or the connection is closed
	}
}

// onMissed reacts to missing signs of life, as the policy says.
func (p *puller) onMissed(c *api.ActorContext, now time.Time) {
	p.misses.Add(1)
	err := ErrNoHeartbeat
	d := supervisor.Decide(p.opts.more.onHeartbeat, p.history, supervisor.Failure{
		Path: c.Self().Path(), Kind: "puller", State: p.state, Cause: err}, now)
	p.history = d.History
	switch d.Directive {
	case supervisor.Stop:
		p.finish(c, err)
		return
	case supervisor.Escalate, supervisor.Crash:
		panic(escalated{err})
	}
	p.troubled.Store(true)
	p.become(c, stateSuspect, api.Degraded, p.silence())
	if p.buffer == nil {
		p.report(c, err)
	} else if !p.opts.quietHeartbeats {
		p.buffer.interrupt(err)
	}
	if d.Directive == supervisor.Restart {
		p.reset(now)
		p.resume()
		if d.Delay > 0 {
			p.held = true
			c.After(d.Delay, pullDue{turn: p.pauseTurn})
		}
	}
	p.inDoubt(c, now)
}

// inDoubt checks whether the consumer exists. An ordered one is created again.
func (p *puller) inDoubt(c *api.ActorContext, now time.Time) {
	if p.ordered != nil {
		p.lost(c, nil, now)
		return
	}
	p.probe(c)
}

// silence describes the missing signs of life.
func (p *puller) silence() string {
	text := fmt.Sprintf("no heartbeat within %v", 2*p.opts.heartbeat)
	if p.beat.misses > 1 {
		text += fmt.Sprintf(", %d times in a row", p.beat.misses)
	}
	return text
}

// probe asks the server for the consumer's info. Only one request is in flight.
func (p *puller) probe(c *api.ActorContext) {
	if p.probing || p.offline {
		return
	}
	p.probing = true
	ctx, self := c.Context(), c.Self()
	go func() {
		info, err := p.js.consumerInfo(ctx, p.consumer.stream, p.consumer.name)
		_ = self.Send(probed{info: info, err: err}) // ended meanwhile
	}()
}

// onProbed handles the server's answer about the consumer.
func (p *puller) onProbed(c *api.ActorContext, m probed, now time.Time) {
	p.probing = false
	switch {
	case p.over || p.leaving:
	case m.err == nil:
		p.onFound(c, m.info, now)
	case errors.Is(m.err, ErrNotFound):
		p.onMissing(c, m.err)
	case p.missing:
		p.again(c)
	}
}

// onFound continues with a consumer that exists.
func (p *puller) onFound(c *api.ActorContext, info *ConsumerInfo, now time.Time) {
	p.consumer.info.Store(info)
	if !p.missing {
		return // a sign of life ends the doubt
	}
	p.missing = false
	p.reset(now)
	p.resume()
	p.become(c, statePulling, api.Well, "the consumer is there")
}

// onMissing reacts to a missing consumer, as the option says.
func (p *puller) onMissing(c *api.ActorContext, err error) {
	if p.ordered != nil {
		p.lost(c, err, time.Now())
		return
	}
	first := !p.missing
	switch p.opts.more.missing {
	case MissingStop:
		p.finish(c, err)
		return
	case MissingEscalate:
		panic(escalated{err})
	}
	p.missing = true
	p.beat.start(time.Now())
	if first {
		p.report(c, err)
		p.resume()
		p.become(c, stateRecovering, api.Down, err.Error())
	}
	if first && p.opts.more.missing == MissingRecreate {
		p.recreate(c)
		return
	}
	p.again(c)
}

// again checks for the consumer after a pause.
func (p *puller) again(c *api.ActorContext) {
	p.tries++
	d := supervisor.Backoff{Initial: pauseInitial, Max: pauseMax}.Ceiling(p.tries)
	c.After(d, recoverDue{})
}

// onRecoverDue takes the next step: one request for the info, or one attempt to create the
// consumer.
func (p *puller) onRecoverDue(c *api.ActorContext) {
	switch {
	case !p.missing || p.over || p.leaving:
	case p.ordered != nil:
		p.renew(c)
	case p.offline:
		p.again(c)
	case p.opts.more.missing == MissingRecreate:
		p.recreate(c)
	default:
		p.probe(c)
	}
}

// recreate creates the consumer again, once. Its name makes it the same one, if there is one
// after all.
func (p *puller) recreate(c *api.ActorContext) {
	if p.probing {
		return
	}
	p.probing = true
	ctx, self := c.Context(), c.Self()
	go func() {
		_ = self.Send(remade{err: p.consumer.remake(ctx, &p.unacked)}) // ended meanwhile
	}()
}

// onRemade continues, or tries again after a pause.
func (p *puller) onRemade(c *api.ActorContext, m remade, now time.Time) {
	p.probing = false
	if p.over || p.leaving || !p.missing {
		return
	}
	if m.err != nil {
		p.become(c, stateRecovering, api.Down, m.err.Error())
		p.again(c)
		return
	}
	p.recreated.Add(1)
	p.missing = false
	p.reset(now)
	p.resume()
	p.become(c, statePulling, api.Well, "the consumer was created again")
}
