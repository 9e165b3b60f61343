package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// ref.go - how an actor gets its messages: by Send, called letters here, and from the
// lanes of subscriptions.

// ActorRef is a handle to an actor: one that Spawn started, or one of the user's own
// actor system (see PIDRef). A zero or nil ActorRef behaves like that of a stopped actor.
// Safe for concurrent use.
type ActorRef struct {
	user   *userActor
	system *actor.ActorSystem // of pid
	pid    *actor.PID         // nil unless PIDRef made it
}

// PIDRef makes a ref of an actor of the user's own actor system, to subscribe it
// or to send to it. Its mailbox is its own business: without a bound of its own
// it grows with what it is sent. Messages are sent one by one, as they are.
// When system is shut down or pid, which is local, has ended, Send returns an
// ErrActorStopped and subscriptions end with it at their next message.
func PIDRef(system *ProtoSystem, pid *ProtoPID) *ActorRef {
	if system == nil || pid == nil {
		return &ActorRef{}
	}
	return &ActorRef{system: system, pid: pid}
}

// Path is the actor's place in the tree, or the PID as text.
func (r *ActorRef) Path() string {
	switch {
	case r == nil || r.user == nil && r.pid == nil:
		return ""
	case r.pid != nil:
		return r.pid.String()
	}
	return r.user.path
}

// Send puts m into the actor's mailbox and does not wait. Errors: a *MailboxFullError,
// which matches ErrMailboxFull, and an *ActorStoppedError, which matches ErrActorStopped;
// in both cases the actor does not get m.
func (r *ActorRef) Send(m any) error {
	switch {
	case r == nil || r.user == nil && r.pid == nil:
		return &ActorStoppedError{}
	case r.pid != nil:
		return r.sendPID(m)
	}
	return r.user.deliver(m, bounded)
}

// SendContext is like Send, but waits for room until ctx is done: the error then matches
// ErrMailboxFull, and is also a *TimeoutError or *CanceledError. Called by the actor
// itself it does not wait, as nothing would make room. A nil ctx is an ErrInvalidContext.
func (r *ActorRef) SendContext(ctx context.Context, m any) error {
	if ctx == nil {
		return ErrInvalidContext
	}
	if r == nil || r.user == nil {
		return r.Send(m)
	}
	return r.user.deliverWaiting(ctx, m)
}

// Stop ends the actor and waits until it has ended, or until ctx is done: a *TimeoutError
// or *CanceledError then. The current message is finished, waiting ones are discarded and
// counted in a MessagesDropped event, and its subscriptions end with an ErrActorStopped.
// Called by the actor itself, or by one below it, Stop does not wait. Stopping an actor
// that has ended is not an error. For a PID, Stop only requests the end and does not
// wait. A nil ctx is an ErrInvalidContext.
func (r *ActorRef) Stop(ctx context.Context) error {
	switch {
	case ctx == nil:
		return ErrInvalidContext
	case r == nil || r.user == nil && r.pid == nil:
		return nil
	case r.pid != nil:
		if r.alive() {
			r.system.Root.Stop(r.pid)
		}
		return nil
	}
	r.user.stop()
	if ctx.Err() == nil && r.user.inside() {
		return nil
	}
	began := time.Now()
	if r.user.moved.awaitClosed(ctx) != nil {
		return Interrupted(ctx, "stop", r.user.path, began)
	}
	return nil
}

func (r *ActorRef) sendPID(m any) error {
	if !r.alive() {
		return &ActorStoppedError{Path: r.Path()}
	}
	r.system.Root.Send(r.pid, m)
	return nil
}

// alive reports whether the system still knows the PID.
func (r *ActorRef) alive() bool {
	if r.system.IsStopped() {
		return false
	}
	_, found := r.system.ProcessRegistry.Get(r.pid)
	return found
}

// Handoff returns the function that hands messages of a subscription to the actor of ref.
// For an actor of this connection it runs in the actor's own turn (see SubSpec.Actor),
// for a PID in the subscription's dispatcher. It returns an *ActorStoppedError or
// ErrActorElsewhere.
func (c *Conn) Handoff(ref *ActorRef) (func(m any), error) {
	switch {
	case ref == nil || ref.user == nil && ref.pid == nil:
		return nil, &ActorStoppedError{}
	case ref.pid != nil && !ref.alive():
		return nil, &ActorStoppedError{Path: ref.Path()}
	case ref.pid != nil:
		return ref.handPID, nil
	case ref.user.conn != c:
		return nil, fmt.Errorf("%w: %s", ErrActorElsewhere, ref.Path())
	}
	ref.user.mu.Lock()
	defer ref.user.mu.Unlock()
	if ref.user.stopping {
		return nil, ref.user.stoppedLocked()
	}
	return ref.user.receive, nil
}

// handPID is the handler of a subscription for a PID. Its failure ends the subscription.
func (r *ActorRef) handPID(m any) {
	if err := r.sendPID(m); err != nil {
		panic(&failure{cause: err})
	}
}

// IsPID reports whether PIDRef made the ref.
func (r *ActorRef) IsPID() bool { return r != nil && r.pid != nil }

// feed says that one of the actor's lanes has messages; called by the reader.
func (u *userActor) feed(s *Sub, w *wakeUps) {
	u.mu.Lock()
	u.ready.push(s)
	box := u.box
	u.mu.Unlock()
	w.offer(box)
}

// enlistFor enlists s for an actor; u is nil for a PID.
func (c *Conn) enlistFor(u *userActor, s *Sub) error {
	if u == nil {
		return c.enlist(s)
	}
	s.actor = u
	s.prepare()
	if err := c.enlist(s); err != nil {
		return err
	}
	if err := u.attach(s); err != nil {
		c.unlist(s)
		s.end(nil)
		return err
	}
	return nil
}

// attach records that the actor reads the lane of s.
func (u *userActor) attach(s *Sub) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stopping {
		return u.stoppedLocked()
	}
	if u.feeds == nil {
		u.feeds = make(map[*Sub]struct{})
	}
	u.feeds[s] = struct{}{}
	return nil
}

// restart is the answer to a full lane under the policy RestartEmpty.
func (s *Sub) restart() {
	if s.actor == nil {
		_ = s.conn.subsBox.must(restartDispatcher{s})
		return
	}
	s.actor.mu.Lock()
	defer s.actor.mu.Unlock()
	_ = s.actor.box.must(userMsg(feedOverflowed{s}))
}

// release takes s from the actor, which reports the end of s after any current call. It
// returns false when there is no actor to do that.
func (u *userActor) release(s *Sub) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.feeds, s)
	return u.box.must(userMsg(feedEnded{s})) == nil
}

// room says whether a letter is subject to the mailbox bound.
type room bool

const (
	bounded room = true  // refused by a full mailbox
	beyond  room = false // for letters that come once, in a number that the actor itself decides
)

// deliver queues a letter without waiting.
func (u *userActor) deliver(m any, need room) error {
	u.mu.Lock()
	switch {
	case u.stopping:
		defer u.mu.Unlock()
		return u.stoppedLocked()
	case need == bounded && u.letters.len() >= u.spec.MailboxMax:
		u.refused++
		u.mu.Unlock()
		return &MailboxFullError{Path: u.path, Limit: u.spec.MailboxMax}
	}
	u.letters.push(m)
	box := u.box
	u.mu.Unlock()
	if box.offerData() {
		box.schedule(box)
	}
	return nil
}

// deliverWaiting queues a letter when there is room for it.
func (u *userActor) deliverWaiting(ctx context.Context, m any) error {
	began := time.Now()
	for {
		moved := u.moved.channel()
		err := u.deliver(m, bounded)
		var full *MailboxFullError
		if !errors.As(err, &full) || u.inside() {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			full.Cause = Interrupted(ctx, "send", u.path, began)
			return full
		}
	}
}

// inside reports whether the caller is the actor itself or one below it.
func (u *userActor) inside() bool {
	box := u.conn.sys.exec.current()
	if box == nil {
		return false
	}
	for h := box.owner(); h != nil; h = h.parent {
		if h.spec.member == u {
			return true
		}
	}
	return false
}
