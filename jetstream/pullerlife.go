package jetstream

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// pullerlife.go - a puller's place in the tree, its counters there, and its end.

// pullerName is the name of a puller, or of another actor of a consumer, in the tree. The end of
// the inbox makes it unique.
func pullerName(stream, consumer, inbox string) string {
	const most, tail = 100, 6
	name := stream + "." + consumer
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "")
	}
	return name + "-" + inbox[max(len(inbox)-tail, 0):]
}

// spawn starts the puller. Its subscription exists, but receives nothing yet.
func (p *puller) spawn() error {
	ref, err := p.js.nc.Spawn(api.Spec{
		Name: pullerName(p.consumer.stream, p.consumer.name, p.inbox), Group: "consumers",
		New: func() api.Actor { return p }, Policy: pullerPolicy(), LinkChanges: true, Progress: p.counters,
	})
	if err == nil {
		p.self.Store(ref) // messages wait for the start
	}
	return err
}

// counters are the puller's own in the tree.
func (p *puller) counters() []api.Counter {
	p.note()
	return []api.Counter{
		{Name: "pending", Value: uint64(max(p.owed.Load(), 0))},
		{Name: "delivered", Value: p.handed.Load()},
		{Name: "redelivered", Value: p.redelivered.Load()},
		{Name: "acked", Value: p.acks.final.Load()},
		{Name: "last delivered", Value: p.lastSeq.Load()},
		{Name: "last acked", Value: p.ackedSeq.Load()},
		{Name: "overdue", Value: p.overdue.Load()},
		{Name: "failures", Value: p.failures.Load()},
		{Name: "pulls", Value: p.pulls.Load()},
		{Name: "resets", Value: p.resets.Load()},
		{Name: "missed heartbeats", Value: p.misses.Load()},
		{Name: "recreated", Value: p.recreated.Load()},
	}
}

// note reads the sequences of the last messages and releases them.
func (p *puller) note() {
	var meta MsgMetadata
	if m := p.last.Swap(nil); m != nil && parseAckSubject(m.Reply, &meta) {
		p.lastSeq.Store(meta.Sequence.Stream)
	}
	if m := p.acks.last.Swap(nil); m != nil && parseAckSubject(m.Reply, &meta) {
		p.ackedSeq.Store(meta.Sequence.Stream)
	}
}

// Stop ends consuming at once: queued messages are discarded. It does not wait for a running
// handler; Closed does.
func (p *puller) Stop() {
	if p.stopping.Swap(true) {
		return
	}
	p.post(endWanted{})
	if p.buffer != nil {
		p.buffer.discard()
	}
	p.unsubscribe()
}

// Drain ends consuming once the messages that have arrived are handled.
func (p *puller) Drain() {
	if p.stopping.Swap(true) {
		return
	}
	p.post(endWanted{})
	_ = p.sub.Drain() // a failure means that it has already ended
}

// Stopping releases a message that waits for room in an iterator when the connection is closed.
func (p *puller) Stopping(c *api.ActorContext) {
	if p.buffer != nil && c.Conn().IsClosed() {
		p.buffer.cutOff()
	}
}

// giveUpPin gives up the pin, so that another client need not wait for it.
func (p *puller) giveUpPin() {
	if p.pin.Load() == nil || p.js.nc.IsClosed() {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.js.opts.DefaultTimeout)
		defer cancel()
		_ = p.js.UnpinConsumer(ctx, p.consumer.stream, p.consumer.name, p.opts.priority.group) // the pin expires anyway
	}()
}

// finish ends consuming for good, and reports the last error to the error handler. A failed
// puller stays in the tree for a while.
func (p *puller) finish(c *api.ActorContext, err error) {
	if p.over {
		return
	}
	p.become(c, stateStopped, api.Down, err.Error())
	p.over = true
	p.failure.Store(&err)
	if p.buffer != nil {
		p.buffer.fail(err)
	}
	p.report(c, err)
	p.tell(c, p.unsubscribe)
	c.After(remainsFor, endWanted{})
}

// unsubscribe ends the subscription. A failure means that it has ended, or is about to.
func (p *puller) unsubscribe() { _ = p.sub.Unsubscribe() }

// onEndWanted stops asking for messages. A failed puller has nothing to wait for.
func (p *puller) onEndWanted(c *api.ActorContext) {
	p.leaving = true
	if p.over {
		p.leave(c)
	}
}

// onSubEnded is handled after the last message, whoever ended the subscription.
func (p *puller) onSubEnded(c *api.ActorContext, m subEnded) {
	if p.over {
		return // and the tree shows it
	}
	if p.stopping.Load() || c.Conn().IsClosed() { // ended has reported it
		p.leave(c)
		return
	}
	p.finish(c, m.err)
}

// leave ends the actor.
func (p *puller) leave(c *api.ActorContext) {
	p.leaving = true
	_ = c.Self().Stop(c.Context()) // from within: it does not wait for the end
}

// Closed returns a channel that is closed when no more messages are delivered.
func (p *puller) Closed() <-chan struct{} { return p.closed }

// escalated is the error with which a puller fails to close the connection.
type escalated struct{ err error }

func (e escalated) Error() string { return e.err.Error() }
func (e escalated) Unwrap() error { return e.err }

// pullerPolicy is the policy of handlers, except that intended failures escalate.
func pullerPolicy() api.Policy {
	return api.Policy{
		Directive: api.Restart, Backoff: api.Backoff{Initial: api.NoDelay},
		Intensity: api.Intensity{Max: 10, Within: time.Minute}, Exceeded: api.Escalate,
		Decide: func(f api.Failure) (api.Directive, bool) {
			var e escalated
			return api.Escalate, errors.As(f.Cause, &e)
		},
	}
}
