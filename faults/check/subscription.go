package check

import (
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// Promise is what a subscription promises about the values that are meant for it.
type Promise uint8

// The promises.
const (
	AtMostOnce  Promise = iota // core NATS: each value at most once, in the order in which it left
	AtLeastOnce                // a consumer whose messages are acked: each value, until it is acked
	InOrder                    // an ordered consumer, a watcher: each value once, in the order of the stream
)

// String returns the promise in plain words.
func (p Promise) String() string {
	return [...]string{"at most once", "at least once", "in order"}[min(p, InOrder)]
}

// guarantee returns the guarantee that is broken by a subscription that does not keep its
// promise.
func (p Promise) guarantee() Guarantee {
	if p == AtMostOnce {
		return G6
	}
	return G7
}

// Group is a set of subscriptions that share deliveries: a queue group, or all readers of
// one consumer, one after the other or at the same time.
type Group struct {
	h       *History
	name    string
	subject string
	promise Promise
	members []*Subscription
	tracks  []*track // by publisher; nil if the subject does not match
}

// track is what a group got from one publisher.
type track struct {
	seen  bits
	done  bits   // acked by the group, and confirmed by the server
	begin uint32 // the first value that was published when the group was known to the server
	end   uint32 // the first value that it no longer has to get
	count uint32 // distinct values
}

// noEnd is the end of a track whose group goes on.
const noEnd = ^uint32(0)

// Group adds a group that reads a subject, wildcards included. Unless
// [Subscription.Active] is called, every value is meant for it, from the first on.
func (h *History) Group(name, subject string, promise Promise) *Group {
	h.record()
	defer h.mu.Unlock()
	return h.newGroup(name, subject, promise)
}

func (h *History) newGroup(name, subject string, promise Promise) *Group {
	g := &Group{h: h, name: name, subject: subject, promise: promise}
	h.groups = append(h.groups, g)
	for _, p := range h.publishers {
		g.meet(p)
	}
	return g
}

// meet creates the track for a publisher, in the order in which publishers are created.
func (g *Group) meet(p *Publisher) {
	var t *track
	if protocol.Match(g.subject, p.subject) {
		t = &track{end: noEnd}
		if g.ended() {
			t.end = 0
		}
	}
	g.tracks = append(g.tracks, t)
}

func (g *Group) ended() bool {
	for _, s := range g.members {
		if s.state == running {
			return false
		}
	}
	return len(g.members) > 0
}

// Subscription is one subscription, consumer or watcher of the client under test.
type Subscription struct {
	h      *History
	group  *Group
	name   string
	state  subState
	gone   time.Duration // when it ended
	last   uint64        // and at which turn
	effort *effort
	orders []order // by publisher
	seq    uint64  // the highest delivered one

	delivered, repeated, strange int
}

type subState uint8

const (
	running subState = iota
	ending
	ended
)

// Member adds a subscription to the group.
func (g *Group) Member(name string) *Subscription {
	g.h.record()
	defer g.h.mu.Unlock()
	return g.member(name)
}

func (g *Group) member(name string) *Subscription {
	s := &Subscription{h: g.h, group: g, name: name, effort: g.h.newEffort(name)}
	g.members = append(g.members, s)
	g.h.members = append(g.h.members, s)
	for _, t := range g.tracks {
		if t != nil {
			t.end = noEnd // it goes on
		}
	}
	return s
}

// Subscription adds a subscription that is in no group.
func (h *History) Subscription(name, subject string, promise Promise) *Subscription {
	h.record()
	defer h.mu.Unlock()
	return h.newGroup(name, subject, promise).member(name)
}

// Active says that the server now knows the subscription, and that only what is published
// from now on is meant for it. Without this call everything is meant for it, as for a
// consumer that begins at the first message.
func (s *Subscription) Active() {
	s.h.record()
	defer s.h.mu.Unlock()
	for i, t := range s.group.tracks {
		if t != nil && len(s.group.members) == 1 {
			t.begin = s.h.publishers[i].next
		}
	}
}

// Ending says that the subscription is about to be ended: what is published from now on
// need not arrive any more.
func (s *Subscription) Ending() {
	s.h.record()
	defer s.h.mu.Unlock()
	if s.state == running {
		s.state = ending
		s.close()
	}
}

// close ends the tracks of the group when it has no members left.
func (s *Subscription) close() {
	if !s.group.ended() {
		return
	}
	for i, t := range s.group.tracks {
		if t != nil {
			t.end = s.h.publishers[i].next
		}
	}
}

// Ended says that the call that ends the subscription has returned: nothing may be
// delivered any more.
func (s *Subscription) Ended() {
	turn := s.h.turns.Add(1)
	at := s.h.record()
	defer s.h.mu.Unlock()
	if s.state == running {
		s.state = ending
		s.close()
	}
	s.state, s.gone, s.last = ended, at, turn
	s.effort.check(at)
	s.effort.rest()
}

// Abandoned is [Subscription.Ended] for a subscription that was cut off: values that it
// did not get are not missed, if it was the last of its group.
func (s *Subscription) Abandoned() {
	s.Ended()
	s.h.record()
	defer s.h.mu.Unlock()
	if !s.group.ended() {
		return
	}
	for _, t := range s.group.tracks {
		if t != nil {
			t.end = 0
		}
	}
}

// Pending says that there is something for the subscription to get: from now on it must
// make progress whenever a healthy server can be reached. Each delivery is progress.
func (s *Subscription) Pending() {
	at := s.h.record()
	defer s.h.mu.Unlock()
	s.effort.want(at)
}

// Done says that there is nothing left for the subscription to get.
func (s *Subscription) Done() {
	at := s.h.record()
	defer s.h.mu.Unlock()
	s.effort.finish(at, true)
	s.effort.rest()
}

// Delivered records a message that the client delivered, by its payload, which is read
// but not kept.
func (s *Subscription) Delivered(payload []byte) { s.DeliveredSeq(payload, 0) }

// DeliveredSeq records a message of a stream that the client delivered, with its
// sequence in the stream, or the revision of a key.
func (s *Subscription) DeliveredSeq(payload []byte, seq uint64) {
	turn := s.h.turns.Add(1)
	m := read(payload)
	at := s.h.record()
	defer s.h.mu.Unlock()
	p := s.deliver(at, m, seq)
	if p != nil && s.state == ended && turn > s.last {
		s.h.breach(s.group.promise.guarantee(), at, "%s got %s-%d %v after it had ended", s.name, p.name, m.n, at-s.gone)
	}
}

// deliver returns the publisher of the message, nil if the message is not meant for the
// subscription.
func (s *Subscription) deliver(at time.Duration, m message, seq uint64) *Publisher {
	h, n := s.h, m.n
	h.deliveries++
	s.delivered++
	s.effort.progress(at)
	p, cause := h.find(m)
	if p != nil && s.group.tracks[p.index] == nil {
		p, cause = nil, "published to "+p.subject
	}
	if p == nil {
		h.stray(s, at, m.payload, cause)
		return nil
	}
	t := s.group.tracks[p.index]
	fresh := t.seen.add(n)
	if fresh {
		t.count++
	} else {
		s.repeated++
	}
	*p.cells.at(n) |= arrived
	switch s.group.promise {
	case AtMostOnce:
		s.once(p, n, fresh)
	case AtLeastOnce:
		if !fresh && t.done.has(n) {
			h.breach(G7, at, "%s got %s-%d again after the server had confirmed its ack", s.name, p.name, n)
		}
	case InOrder:
		if seq == 0 {
			s.inTurn(at, p, n, fresh)
		} else {
			s.next(at, p, n, seq)
		}
	}
	return p
}

// once records copies and order for an at-most-once subscription. Who is to blame shows
// only when the second path is known.
func (s *Subscription) once(p *Publisher, n uint32, fresh bool) {
	if !fresh {
		*p.cells.at(n) |= arrivedTwice
		return
	}
	if s.late(p, n) {
		*p.cells.at(n) |= arrivedLate
	}
}

// late reports whether a value, seen for the first time, arrives after one that left
// later.
func (s *Subscription) late(p *Publisher, n uint32) bool {
	for len(s.orders) <= p.index {
		s.orders = append(s.orders, order{})
	}
	return s.orders[p.index].late(p, n)
}

// next checks that sequences only increase. Gaps show at the end, by the values that are
// missing.
func (s *Subscription) next(at time.Duration, p *Publisher, n uint32, seq uint64) {
	if seq <= s.seq {
		s.h.breach(G7, at, "%s got %s-%d at sequence %d after %d", s.name, p.name, n, seq, s.seq)
		return
	}
	s.seq = seq
}

// inTurn is next for values without recorded sequences: it uses the order in which they
// left.
func (s *Subscription) inTurn(at time.Duration, p *Publisher, n uint32, fresh bool) {
	switch {
	case !fresh && !p.resends:
		s.h.breach(G7, at, "%s got %s-%d again", s.name, p.name, n)
	case fresh && s.late(p, n) && !p.unordered:
		s.h.breach(G7, at, "%s got %s-%d after one that was published later", s.name, p.name, n)
	}
}

// Acked records that the client acked a message, and that the server confirmed the ack:
// it may not be delivered again. Do not record an ack without a confirmation.
func (s *Subscription) Acked(payload []byte) {
	m := read(payload)
	s.h.record()
	defer s.h.mu.Unlock()
	if p, _ := s.h.find(m); p != nil && s.group.tracks[p.index] != nil {
		s.group.tracks[p.index].done.add(m.n)
	}
}
