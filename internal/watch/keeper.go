package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/supervisor"
)

// keeper.go - the actor of a watcher: it asks the server when nothing comes, and shows the state.
//
//	            ready
//	loading ◄──────────► live
//	   │ ▲                │ ▲
//	   ▼ │ a consumer     ▼ │
//	recovering ◄────────► gone: there is no stream
//	   │
//	   ▼
//	ended: with an error, which stays here for five minutes
//
// Events do not pass through it, except a Ready that it asked the server for.

// Letters to a keeper, in the order of Receive.
type (
	// poked says that the watcher has changed: a consumer, a Ready, the end.
	poked struct{}

	// troubled is an error that the consumer reports. It may come late.
	troubled struct{ err error }

	// lookDue says that nothing has come in the expected time.
	lookDue struct{ turn uint64 }

	// probed is the server's answer about the consumer.
	probed struct {
		info *jetstream.ConsumerInfo
		err  error
	}

	// surveyed is the result of a survey, after which a Passed may follow.
	surveyed struct {
		consumer        string // when it was asked for
		stream, watched uint64
		err             error
	}

	// leaveDue ends the time for which an error is shown.
	leaveDue struct{}
)

// The states.
const (
	stateLoading    = "loading"
	stateLive       = "live"
	stateRecovering = "recovering"
	stateGone       = "gone"
	stateEnded      = "ended"
)

const (
	// quiet is how long nothing must come before the server is asked; it grows each time.
	quiet    = 250 * time.Millisecond
	quietMax = 10 * time.Second
	// heldMax bounds how far the pause grows while the handler waits for room, because it may
	// continue at any moment.
	heldMax = 2
	// remainsFor is how long a failed watcher stays in the tree, unless it is stopped.
	remainsFor = 5 * time.Minute
)

// keeper is the actor of a watcher, in one incarnation.
type keeper[T any] struct {
	w       *Watcher[T]
	offline bool
	trouble error // error of the consumer, until there is another one, or the server says that it exists
	asking  bool
	looking bool
	turn    uint64
	tries   int // looks in a row since which nothing had come

	consumer string // at the last look
	taken    uint64
	leaving  bool
}

// Started begins an incarnation.
func (k *keeper[T]) Started(c *api.ActorContext) { k.onPoked(c) }

// Receive handles one letter.
func (k *keeper[T]) Receive(c *api.ActorContext, m any) {
	switch m := m.(type) {
	case poked:
		k.onPoked(c)
	case troubled:
		k.onTroubled(c, m)
	case lookDue:
		k.onLookDue(c, m)
	case probed:
		k.onProbed(c, m)
	case surveyed:
		k.onSurveyed(c, m)
	case api.LinkChange:
		k.onLink(c, m)
	case leaveDue:
		k.leave(c)
	default:
		panic(fmt.Sprintf("keeper: unhandled message %T", m))
	}
}

// Stopping ends the watcher with the connection. After any other end, the watcher stops the
// keeper.
func (k *keeper[T]) Stopping(c *api.ActorContext) {
	switch nc := c.Conn(); {
	case nc.IsClosed():
		k.w.end(api.ErrConnectionClosed, false)
	case nc.IsDraining():
		k.w.end(api.ErrConnectionDraining, false)
	}
}

// view is what the keeper sees of a watcher.
type view struct {
	consumer string
	taken    uint64
	ready    bool
	awaited  bool // a caller waits for a revision: see Reach
	blocked  bool // nothing comes because nothing is taken
	over     bool
	stopped  bool // by the user
	err      error
}

func (w *Watcher[T]) view() view {
	w.mu.Lock()
	defer w.mu.Unlock()
	return view{consumer: w.machine.consumer, taken: w.machine.taken, ready: w.machine.ready, awaited: w.awaited > w.machine.last,
		blocked: w.full() || w.sink != nil && w.sink.busy, over: w.over, stopped: w.stopped.Load() || w.err == nil, err: w.err}
}

func (k *keeper[T]) onPoked(c *api.ActorContext) {
	v := k.w.view()
	if v.over {
		k.over(c, v)
		return
	}
	if v.consumer != k.consumer {
		k.consumer, k.taken = v.consumer, v.taken
		k.trouble, k.tries = nil, 0
	}
	k.show(c, v)
	k.look(c, v)
}

// onTroubled shows the error until it is over. It ignores errors of single requests of the
// consumer.
func (k *keeper[T]) onTroubled(c *api.ActorContext, m troubled) {
	var fetch *jetstream.FetchError
	if errors.As(m.err, &fetch) && !errors.Is(m.err, jetstream.ErrNotFound) || errors.Is(m.err, jetstream.ErrStreamRegressed) {
		return
	}
	k.trouble = m.err
	k.onPoked(c)
}

// onLookDue asks the server if nothing has come.
func (k *keeper[T]) onLookDue(c *api.ActorContext, m lookDue) {
	if m.turn != k.turn {
		return
	}
	k.looking = false
	switch v := k.w.view(); {
	case v.taken != k.taken:
		k.taken, k.tries = v.taken, 0
	case v.blocked:
		k.tries = min(k.tries+1, heldMax)
	default:
		k.tries++
		k.ask(c, v)
	}
	k.onPoked(c)
}

// ask asks the server about the consumer, or about the stream if only a revision that a caller
// waits for is in doubt. Only one request is under way at a time.
func (k *keeper[T]) ask(c *api.ActorContext, v view) {
	if k.asking || k.offline {
		return
	}
	k.asking = true
	ctx, self, w := c.Context(), c.Self(), k.w
	if v.ready && k.trouble == nil && v.awaited {
		go func() {
			stream, watched, err := w.survey(ctx, v.consumer)
			_ = self.Send(surveyed{consumer: v.consumer, stream: stream, watched: watched, err: err}) // an error means that it has ended
		}()
		return
	}
	go func() {
		info, err := w.consumer.Info(ctx)
		_ = self.Send(probed{info: info, err: err}) // an error means that it has ended
	}()
}

// onProbed ends a doubt: perhaps nothing more will come, and nothing is wrong.
func (k *keeper[T]) onProbed(c *api.ActorContext, m probed) {
	k.asking = false
	if m.err == nil && m.info.Name == k.w.view().consumer {
		k.trouble = nil
		k.w.settle(m.info)
	}
	k.onPoked(c)
}

// onSurveyed notifies the caller that waits for a revision.
func (k *keeper[T]) onSurveyed(c *api.ActorContext, m surveyed) {
	k.asking = false
	if m.err == nil {
		k.w.pass(m)
	}
	k.onPoked(c)
}

// settle takes the server's answer about the consumer.
func (w *Watcher[T]) settle(info *jetstream.ConsumerInfo) {
	w.mu.Lock()
	if w.over || !w.machine.settle(info.Name, info.NumPending, info.Delivered.Consumer) {
		w.mu.Unlock()
		return
	}
	w.isReady()
	w.handOn(false)
}

// onLink follows the link. A drain ends the watcher: a handler may wait for room.
func (k *keeper[T]) onLink(c *api.ActorContext, m api.LinkChange) {
	if m.Draining {
		k.w.end(api.ErrConnectionDraining, false)
	}
	k.offline = !m.Connected
	k.onPoked(c)
}

// look schedules another look, while the watcher is not live and ready.
func (k *keeper[T]) look(c *api.ActorContext, v view) {
	if k.looking || v.ready && k.trouble == nil && !v.awaited {
		return
	}
	k.looking = true
	k.turn++
	c.After(supervisor.Backoff{Initial: quiet, Max: quietMax}.Ceiling(k.tries+1), lookDue{turn: k.turn})
}

// show shows the state.
func (k *keeper[T]) show(c *api.ActorContext, v view) {
	switch {
	case k.offline:
		c.Become(stateRecovering, api.Degraded, "there is no server")
	case isGone(k.trouble):
		c.Become(stateGone, api.Down, k.trouble.Error())
	case k.trouble != nil:
		c.Become(stateRecovering, api.Degraded, k.trouble.Error())
	case v.ready:
		c.Become(stateLive, api.Well, "")
	default:
		c.Become(stateLoading, api.Well, "")
	}
	k.w.isLive(v.ready && !k.offline && k.trouble == nil)
}

// isGone reports whether an error says that there is no stream.
func isGone(err error) bool { return errors.Is(err, jetstream.ErrStreamNotFound) }

// over shows for a while why the watcher has ended, unless the program stopped it.
func (k *keeper[T]) over(c *api.ActorContext, v view) {
	if v.stopped || errors.Is(v.err, context.Canceled) || c.Conn().IsClosed() || c.Conn().IsDraining() {
		k.leave(c)
		return
	}
	if !k.leaving {
		k.leaving = true
		c.Become(stateEnded, api.Down, v.err.Error())
		c.After(remainsFor, leaveDue{})
	}
}

// leave ends the actor.
func (k *keeper[T]) leave(c *api.ActorContext) {
	_ = c.Self().Stop(c.Context()) // it stops itself, and cannot wait for that
}
