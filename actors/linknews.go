package actors

import (
	"slices"
	"sync"
)

// linknews.go - tells the actors that want to know how the link is.

// LinkChange is a letter to an actor about the link of its connection, and how it
// is now. Each incarnation may begin as if it were connected: if not, that is the first
// that it is told. Letters come in the order of what they tell, none is lost, and
// MailboxMax does not apply to them.
type LinkChange struct {
	// Connected is false from the loss of a link until the next one is in use. What is
	// published after a letter that says true reaches the server behind the
	// subscriptions. What is published after one that says false waits for the next
	// link, within Options.ReconnectBufSize.
	Connected bool
	// Moved says that the connection has gone to another server without a loss.
	// Messages to subscriptions may be missing that others have sent meanwhile: between
	// the end of a subscription at the old server and its beginning at the new one nobody
	// knows it, unless it is a member of a queue group or was made with Overlap. What was
	// published has arrived, and requests get their answers; but what was asked for with
	// a subscription as the reply subject is to be asked again.
	Moved bool
	// Draining says that a drain has begun. Subscriptions get nothing any more that
	// is published after it, and no new one is possible: it is time to ask for nothing
	// more. The actor ends when its subscriptions, and then what it was sent, are done with.
	Draining bool
}

// linkNews is who wants LinkChanges. Its lock comes before those of actors.
type linkNews struct {
	mu      sync.Mutex
	now     LinkChange
	readers []*userActor
}

// join has an actor told from here on; before it can begin, as an incarnation goes by what it was told last.
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

// tell changes what is so now, and tells it.
func (l *linkNews) tell(change func(now *LinkChange)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Moved = false
	change(&l.now)
	for _, u := range l.readers {
		_ = u.deliver(l.now, beyond) // refused by who is told to stop
	}
}

// down tells of a loss, once the outbox has no socket.
func (l *linkNews) down() { l.tell(func(now *LinkChange) { now.Connected = false }) }

// up tells of a new socket, once the outbox has it.
func (l *linkNews) up(moved bool) {
	l.tell(func(now *LinkChange) { now.Connected, now.Moved = true, moved })
}

// drain tells of a drain.
func (l *linkNews) drain() { l.tell(func(now *LinkChange) { now.Draining = true }) }

// late reports whether an incarnation has to be told how the link was at the letter
// before.
func (c LinkChange) late() bool { return !c.Connected || c.Draining }
