package actors

import (
	"context"
	"slices"

	"github.com/troupe-go/troupe/protocol"
)

// overlap.go - subscriptions that two servers know while the connection moves.
//
//	                     old server          new server
//	overlapping          all                 inbox, queue groups, Overlap
//	sealed               none                the same
//	attached             -                   all
//
// The cluster gives each message to one member of a queue group, so a member that two
// servers know misses nothing and gets nothing twice. A plain subscription would get
// everything twice: it switches when the old server has nothing more for it.

// overlap is guarded by the outbox's lock.
type overlap struct {
	link uint32 // the next socket; 0 for none
	subs []*Sub // that it knows, in the order of subscribing
}

// beginOverlap returns the frames of the subscriptions that the next socket gets before
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

// endOverlap ends the wait of drains: the next socket is in use, or gone.
func (c *Conn) endOverlap() {
	if over := c.moving.Swap(nil); over != nil {
		close(*over)
	}
	c.out.mu.Lock()
	c.overlap = overlap{}
	c.out.mu.Unlock()
}

// awaitMove waits until a subscription's messages come only from the server that a flush
// goes to.
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

// overlaps reports whether two servers may know the subscription at once. A subscription
// with a message limit is excluded, since both servers would send that many; so is one
// without echo, since each server would treat the other socket as a different connection.
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

// tellAheadLocked sends frames to the next server, if there is one. It is called with the
// outbox's lock.
func (c *Conn) tellAheadLocked(frames []byte) {
	if c.overlap.link != 0 {
		_ = c.linkBox.must(tellAhead{c.overlap.link, frames})
	}
}

// withdrawLocked ends a subscription at the next server, too: as a member of a group it
// would be chosen for messages that nobody handles. It is called with the outbox's lock.
func (c *Conn) withdrawLocked(s *Sub) {
	if i := slices.Index(c.overlap.subs, s); i >= 0 {
		c.overlap.subs = slices.Delete(c.overlap.subs, i, i+1)
		c.tellAheadLocked(s.unannounce(nil))
	}
}

// confirm appends what the new server, which has the subscription, does not know of it
// yet.
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

// take returns the subscriptions that the socket of link knows, and forgets them.
func (o *overlap) take(link uint32) (known []*Sub) {
	if o.link == link {
		known = o.subs
	}
	*o = overlap{}
	return known
}

// endedUpTo appends the UNSUBs of those in known that come before next: next is in the
// table, but they no longer are. A nil next means all.
func endedUpTo(dst []byte, known []*Sub, next *Sub) ([]byte, []*Sub) {
	for len(known) > 0 && (next == nil || known[0].sid < next.sid) {
		dst = known[0].unannounce(dst)
		known = known[1:]
	}
	return dst, known
}

// deniedAhead removes a subscription that the next server refuses from those that it
// knows: it is refused again, and reported, when that server is in use. It returns false
// if the refusal names none.
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
