package jetstream

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// pullerlife.go - a puller's place in the tree, what it shows there, and its end.

// pullerName is the name of a puller, or of another actor of a consumer, in the tree. The end of the inbox makes it one of its own.
func pullerName(stream, consumer, inbox string) string {
	const most, tail = 100, 6
	name := stream + "." + consumer
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "")
	}
	return name + "-" + inbox[max(len(inbox)-tail, 0):]
}

// spawn brings the puller to life. Its subscription is there, and gets nothing yet.
func (p *puller) spawn() error {
	ref, err := p.js.nc.Spawn(api.Spec{
		Name: pullerName(p.consumer.stream, p.consumer.name, p.inbox), Group: "consumers",
		New: func() api.Actor { return p }, Policy: pullerPolicy(), LinkChanges: true, Progress: p.counters,
	})
	if err == nil {
		p.self.Store(ref) // letters wait for the beginning
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

// note reads the sequences of the last messages and lets go of these.
func (p *puller) note() {
	var meta MsgMetadata
	if m := p.last.Swap(nil); m != nil && parseAckSubject(m.Reply, &meta) {
		p.lastSeq.Store(meta.Sequence.Stream)
	}
	if m := p.acks.last.Swap(nil); m != nil && parseAckSubject(m.Reply, &meta) {
		p.ackedSeq.Store(meta.Sequence.Stream)
	}
}

// Stop ends consuming at once: what waits is discarded. A handler that runs is not
// waited for; Closed is.
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

// Drain ends consuming when what has come is handled.
func (p *puller) Drain() {
	if p.stopping.Swap(true) {
		return
	}
	p.post(endWanted{})
	_ = p.sub.Drain() // ended already, if it fails
}

// Stopping ends what waits for room in an iterator when the connection is closed.
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
		_ = p.js.UnpinConsumer(ctx, p.consumer.stream, p.consumer.name, p.opts.priority.group) // it runs out
	}()
}

// finish ends consuming for good: the last thing that the error handler is told. What remains
// is shown for a while.
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

// unsubscribe ends the subscription. It fails when that has ended, or is about to.
func (p *puller) unsubscribe() { _ = p.sub.Unsubscribe() }

// onEndWanted asks for nothing any more. A puller that has failed has nothing to wait for.
func (p *puller) onEndWanted(c *api.ActorContext) {
	p.leaving = true
	if p.over {
		p.leave(c)
	}
}

// onSubEnded follows the last message, whoever ended the subscription.
func (p *puller) onSubEnded(c *api.ActorContext, m subEnded) {
	if p.over {
		return // and shown
	}
	if p.stopping.Load() || c.Conn().IsClosed() { // ended has told of it
		p.leave(c)
		return
	}
	p.finish(c, m.err)
}

// leave ends the actor.
func (p *puller) leave(c *api.ActorContext) {
	p.leaving = true
	_ = c.Self().Stop(c.Context()) // itself: it is not waited for
}

// Closed returns a channel that is closed when nothing is handed on any more.
func (p *puller) Closed() <-chan struct{} { return p.closed }

// escalated is what a puller fails with to close the connection.
type escalated struct{ err error }

func (e escalated) Error() string { return e.err.Error() }
func (e escalated) Unwrap() error { return e.err }

// pullerPolicy is that of handlers, but for failures that are meant.
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
