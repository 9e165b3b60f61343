package jetstream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/supervisor"
)

// pushwatcher.go - the actor that watches over a push consumer.
//
//	            no link, no heartbeat, no consumer
//	listening ◄───────────────────────────────────► waiting, suspect, failed
//
// It counts what arrives, not what is handled. It calls the error handler itself.

// Messages to a pushWatcher, besides api.LinkChange and gaps.
type (
	// heartbeatDue checks whether anything arrived.
	heartbeatDue struct{}

	// missingDue checks for a missing consumer.
	missingDue struct{}

	// said is a status that is not a heartbeat.
	said struct {
		kind   error
		final  bool
		status int
		text   string
	}
)

// pushWatcher is one incarnation.
type pushWatcher struct {
	p       *pusher
	pulse   pulse
	arrived uint64 // as of the last look
	state   string
	due     bool // missingDue is scheduled
	tries   int  // to find the consumer again, or to create it again
}

// The states of a consumer in the tree.
const (
	listening = "listening" // messages come, or heartbeats
	waiting   = "waiting"   // for a link
	suspect   = "suspect"   // no heartbeat came
	failed    = "failed"    // the consumer does not exist
)

func (p *pusher) watcherSpec() api.Spec {
	return api.Spec{LinkChanges: true, Progress: p.progress, Policy: pullerPolicy(), New: func() api.Actor {
		return &pushWatcher{p: p, pulse: pulse{every: p.cfg.IdleHeartbeat}}
	}}
}

// progress counts received messages, statuses included, acknowledgements, answers to flow
// control, and gaps.
func (p *pusher) progress() []api.Counter {
	return []api.Counter{
		{Name: "received", Value: p.arrivals()},
		{Name: "acked", Value: p.acks.final.Load()},
		{Name: "flow control", Value: p.answers.Load()},
		{Name: "gaps", Value: p.gaps.Load()},
	}
}

// arrivals counts what has arrived.
func (p *pusher) arrivals() uint64 {
	sub := p.sub.Load()
	if sub == nil {
		return 0
	}
	all, _, _ := sub.Received() // 0 when it has ended
	return all
}

// Started implements api.Starter.
func (w *pushWatcher) Started(c *api.ActorContext) {
	w.become(c, listening, api.Well, "")
	w.pulse.start(time.Now())
	w.schedule(c)
}

func (w *pushWatcher) schedule(c *api.ActorContext) {
	if w.pulse.every > 0 {
		c.After(w.pulse.every, heartbeatDue{})
	}
}

// Receive implements api.Actor.
func (w *pushWatcher) Receive(c *api.ActorContext, m any) {
	switch m := m.(type) {
	case heartbeatDue:
		w.onHeartbeatDue(c)
	case api.LinkChange:
		w.onLinkChange(c, m)
	case missingDue:
		w.onMissingDue(c)
	case said:
		w.onSaid(c, m)
	case *ConsumerSequenceMismatchError:
		w.p.failed(m)
	}
}

func (w *pushWatcher) onHeartbeatDue(c *api.ActorContext) {
	now := time.Now()
	if n := w.p.arrivals(); n != w.arrived {
		w.arrived = n
		w.pulse.beat(now)
		if !w.pulse.paused {
			w.become(c, listening, api.Well, "")
		}
	}
	if w.pulse.missed(now) {
		w.p.failed(ErrNoHeartbeat)
		w.probe(c, suspect)
	}
	w.schedule(c)
}

func (w *pushWatcher) onLinkChange(c *api.ActorContext, m api.LinkChange) {
	switch {
	case m.Draining:
		w.pulse.paused = true
		w.p.stopped.Store(true) // as by Drain
	case !m.Connected:
		w.pulse.paused = true
		w.become(c, waiting, api.Degraded, "no link")
	default:
		w.pulse.start(time.Now())
		w.probe(c, listening)
	}
}

// probe asks whether the consumer exists. If so the watcher enters that state.
func (w *pushWatcher) probe(c *api.ActorContext, state string) {
	p := w.p
	ctx, cancel := p.consumer.js.bound(c.Context())
	defer cancel()
	_, err := p.consumer.js.consumerInfo(ctx, p.consumer.stream, p.consumer.name)
	switch {
	case errors.Is(err, ErrConsumerNotFound), errors.Is(err, ErrStreamNotFound):
		w.onMissing(c, err)
	case err != nil && w.state == failed:
		w.again(c)
	case state == listening:
		w.become(c, listening, api.Well, "")
	default:
		w.become(c, suspect, api.Degraded, "no heartbeat")
	}
}

// onMissing answers the end of the consumer, as the option wants it.
func (w *pushWatcher) onMissing(c *api.ActorContext, err error) {
	if w.p.opts.answers && w.p.opts.missing == MissingEscalate {
		panic(escalated{err})
	}
	first := w.state != failed
	w.become(c, failed, api.Down, "the consumer does not exist")
	if first {
		w.tries = 0
		w.p.failed(err)
	}
	switch {
	case !w.p.opts.answers: // checked again at the next missed heartbeat, or the next link
	case w.p.opts.missing == MissingStop:
		w.p.Stop()
	case first && w.p.opts.missing == MissingRecreate:
		w.recreate(c)
	default:
		w.again(c)
	}
}

// again checks for the consumer after a pause, unless a check is scheduled.
func (w *pushWatcher) again(c *api.ActorContext) {
	if w.due || !w.p.opts.answers {
		return
	}
	w.due = true
	w.tries++
	c.After(supervisor.Backoff{Initial: pauseInitial, Max: pauseMax}.Ceiling(w.tries), missingDue{})
}

func (w *pushWatcher) onMissingDue(c *api.ActorContext) {
	w.due = false
	switch {
	case w.state != failed: // found, or there is no link
	case w.p.opts.missing == MissingRecreate:
		w.recreate(c)
	default:
		w.probe(c, listening)
	}
}

// recreate creates the consumer again, once.
func (w *pushWatcher) recreate(c *api.ActorContext) {
	p := w.p
	p.anew.Store(true)
	if err := p.consumer.remake(c.Context(), &p.unacked); err != nil {
		w.become(c, failed, api.Down, err.Error())
		w.again(c)
		return
	}
	w.pulse.start(time.Now())
	w.become(c, listening, api.Well, "the consumer was created again")
}

func (w *pushWatcher) onSaid(c *api.ActorContext, m said) {
	err := &FetchError{Stream: w.p.consumer.stream, Consumer: w.p.consumer.name, Status: m.status, Description: m.text, Err: m.kind}
	if w.p.opts.answers && errors.Is(err, ErrNotFound) {
		w.onMissing(c, err)
		return
	}
	w.p.failed(err)
	if m.final {
		w.become(c, failed, api.Down, m.kind.Error())
		w.p.Stop()
	}
}

func (w *pushWatcher) become(c *api.ActorContext, state string, level api.Level, reason string) {
	w.state = state
	c.Become(state, level, reason)
}

// failed calls the user's error handler.
func (p *pusher) failed(err error) {
	if p.opts.failed != nil {
		p.opts.failed(p, err)
	}
}

// over runs once, after the end of the subscription.
func (p *pusher) over() {
	p.ended.Do(p.finish)
}

func (p *pusher) finish() {
	p.consumer.consuming.Store(false)
	if p.stopped.CompareAndSwap(false, true) {
		_, _, err := p.sub.Load().Pending()
		if nc := p.consumer.js.nc; nc.IsClosed() {
			err = ErrConnectionClosed
		}
		if err != nil && !p.consumer.js.nc.IsDraining() {
			p.failed(err)
		}
	}
	close(p.closed)
	p.dismiss()
}

// dismiss stops the watcher and does not wait: it may be in the user's error handler.
func (p *pusher) dismiss() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.watcher.Stop(ctx)
}

// spawnConsumer starts an actor under the name, with a number appended if the name is taken.
func spawnConsumer(nc *api.Conn, name string, spec api.Spec) (*api.ActorRef, error) {
	spec.Group = "consumers"
	for n := 1; ; n++ {
		spec.Name = name
		if n > 1 {
			spec.Name += "~" + strconv.Itoa(n)
		}
		ref, err := nc.Spawn(spec)
		if !errors.Is(err, api.ErrActorExists) {
			return ref, err
		}
	}
}

// decimal returns n in digits.
func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
