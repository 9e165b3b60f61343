package actors

import (
	"context"
	"slices"

	"github.com/troupe-go/troupe/protocol"
)

// overlap.go - the subscriptions that two servers know while the connection moves.
//
//	                     old server          new server
//	overlapping          all                 inbox, queue groups, Overlap
//	sealed               none                the same
//	attached             -                   all
//
// A member of a queue group gets each message once, wherever it is known, so that
// being known twice loses nothing and doubles nothing. A plain subscription would
// get everything twice: it changes over when the old server has nothing more for it.

// overlap is guarded by the outbox's lock.
type overlap struct {
	link uint32 // the next socket; 0 for none
	subs []*Sub // that it knows, in the order of subscribing
}

// beginOverlap appends the frames of the subscriptions that the next socket gets ahead of
// the others.
func (c *Conn) beginOverlap(link uint32) (frames []byte) {
	over := make(chan struct{})
	c.moving.Store(&over)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.overlap = overlap{link: link}
	c.subs.all(func(s *Sub) {
		if s.mux || s.overlaps() {
			frames = s.announceAhead(frames)
			c.overlap.subs = append(c.overlap.subs, s)
		}
	})
	return protocol.AppendPing(frames)
}

// endOverlap ends the time in which drains wait. The next socket is in use, or gone.
func (c *Conn) endOverlap() {
	if over := c.moving.Swap(nil); over != nil {
		close(*over)
	}
	c.out.mu.Lock()
	c.overlap = overlap{}
	c.out.mu.Unlock()
}

// awaitMove waits until the server that sends messages of a subscription is the one
// that a flush asks.
func (c *Conn) awaitMove(ctx context.Context) error {
	over := c.moving.Load()
	if over == nil {
		return nil
	}
	select {
	case <-*over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// overlaps reports whether two servers may know the subscription. One that has a
// limit of messages may not: both would send as many. Nor may one that gets
// nothing of its own connection: each server would take the other's for another.
func (s *Sub) overlaps() bool {
	if s.Queue == "" && !s.spec.Overlap || !s.conn.cfg.Hello.Echo || s.draining.Load() {
		return false
	}
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	return s.lane.max == 0 && s.lane.refusal == nil
}

// announceAhead appends the SUB for the next socket.
func (s *Sub) announceAhead(dst []byte) []byte {
	s.lane.mu.Lock()
	s.lane.ahead = 0
	s.lane.mu.Unlock()
	frames, err := protocol.AppendSub(dst, s.Subject, s.Queue, s.sid)
	if err != nil {
		return dst // checked at Subscribe
	}
	return frames
}

// tellAheadLocked has the next server told, if there is one; with the outbox's lock.
func (c *Conn) tellAheadLocked(frames []byte) {
	if c.overlap.link != 0 {
		_ = c.linkBox.must(tellAhead{c.overlap.link, frames})
	}
}

// withdrawLocked ends a subscription at the next server, too: as a member of a group
// it would be chosen for messages that nobody handles. With the outbox's lock.
func (c *Conn) withdrawLocked(s *Sub) {
	if i := slices.Index(c.overlap.subs, s); i >= 0 {
		c.overlap.subs = slices.Delete(c.overlap.subs, i, i+1)
		c.tellAheadLocked(s.unannounce(nil))
	}
}

// confirm appends what the new server, which knows the subscription, does not know
// of it yet.
func (s *Sub) confirm(dst []byte) []byte {
	s.lane.mu.Lock()
	s.lane.announced = s.lane.received - min(s.lane.ahead, s.lane.received)
	left, limited := s.lane.max-s.lane.announced, s.lane.max > 0
	s.lane.mu.Unlock()
	switch {
	case s.draining.Load():
		return s.unannounce(dst)
	case limited:
		return protocol.AppendUnsub(dst, s.sid, int(left))
	}
	return dst
}

// take returns what the socket of link knows, and forgets it.
func (o *overlap) take(link uint32) (known []*Sub) {
	if o.link == link {
		known = o.subs
	}
	*o = overlap{}
	return known
}

// endedUpTo appends the ends of those in known that come before next, which is in
// the table, as they are not. Nil for all.
func endedUpTo(dst []byte, known []*Sub, next *Sub) ([]byte, []*Sub) {
	for len(known) > 0 && (next == nil || known[0].sid < next.sid) {
		dst = known[0].unannounce(dst)
		known = known[1:]
	}
	return dst, known
}

// deniedAhead takes a subscription that the next server refuses from those that it
// knows: it is refused again, and told of, when that server is in use. It returns
// false if the refusal names none.
func (c *Conn) deniedAhead(e *protocol.ServerError) bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for i, s := range c.overlap.subs {
		if s.Subject == e.Subject && s.Queue == e.Queue {
			c.overlap.subs = slices.Delete(c.overlap.subs, i, i+1)
			return true
		}
	}
	return false
}

// farewell appends the frames that end all subscriptions at the old server.
func (c *Conn) farewell(dst []byte) []byte {
	c.subs.all(func(s *Sub) { dst = s.unannounce(dst) })
	return dst
}
