package actors

import (
	"slices"
	"sync"
)

// linknews.go - sends changes of the link to the actors that ask for them.

// LinkChange is a message to an actor about the current state of its connection's link.
// Each incarnation may assume at the beginning that it is connected: if not, the first
// message says so. The messages come in the order of the changes, none is lost, and
// MailboxMax does not apply to them.
type LinkChange struct {
	// Connected is false from the loss of a link until the next one is in use. What is
	// published after a message with true reaches the server after the subscriptions.
	// What is published after one with false waits for the next link, within
	// Options.ReconnectBufSize.
	Connected bool
	// Moved says that the connection has moved to another server without losing its link.
	// A subscription may have missed messages sent meanwhile: neither server has it
	// between its end at the old one and its beginning at the new one, unless it is a
	// member of a queue group or was made with Overlap. What was published has arrived,
	// and requests get their replies; but requests that were published with a
	// subscription as the reply subject must be repeated.
	Moved bool
	// Draining says that a drain has begun. Subscriptions no longer get what is published
	// after it, and no new ones are possible, so do not ask for anything more. The actor
	// ends when its subscriptions, and then the messages sent to it, have been handled.
	Draining bool
}

// linkNews holds the actors that want LinkChanges. Its lock comes before those of actors.
type linkNews struct {
	mu      sync.Mutex
	now     LinkChange
	readers []*userActor
}

// join registers an actor. Call it before the actor can begin, as an incarnation starts
// from the last LinkChange.
func (l *linkNews) join(u *userActor) {
	if !u.spec.LinkChanges {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.link = l.now
	l.readers = append(l.readers, u)
}

func (l *linkNews) leave(u *userActor) {
	if !u.spec.LinkChanges {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers = slices.DeleteFunc(l.readers, func(other *userActor) bool { return other == u })
}

// tell applies a change to the current state and sends the result.
func (l *linkNews) tell(change func(now *LinkChange)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Moved = false
	change(&l.now)
	for _, u := range l.readers {
		_ = u.deliver(l.now, beyond) // refused by an actor that was asked to stop
	}
}

// down reports a loss, once the outbox has no socket.
func (l *linkNews) down() { l.tell(func(now *LinkChange) { now.Connected = false }) }

// up reports a new socket, once the outbox has it.
func (l *linkNews) up(moved bool) {
	l.tell(func(now *LinkChange) { now.Connected, now.Moved = true, moved })
}

// drain reports a drain.
func (l *linkNews) drain() { l.tell(func(now *LinkChange) { now.Draining = true }) }

// late reports whether a new incarnation has to be sent c first, because it must not
// assume that all is well.
func (c LinkChange) late() bool { return !c.Connected || c.Draining }
