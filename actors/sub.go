package actors

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Consumer turns messages into the form that user code gets, and calls it. Its methods
// are called on one goroutine at a time, which changes between calls.
type Consumer interface {
	// Build prepares between 1 and n messages at the cursor and returns how many; the
	// cursor is after them then, or at the latest when the last of them has been called.
	// It copies what it keeps of them, unless the consumer promises its user only
	// borrowed messages.
	Build(at *Cursor, n int) int
	// Call delivers the k-th of the prepared messages. It may panic or end its goroutine;
	// the messages after it are delivered all the same. When it takes too long it may be
	// given up: its messages stay valid until it returns, and another consumer gets those
	// after it. If the Consumer has a method GivenUp(cause error), it is then called.
	Call(k int)
}

// SubSpec describes a subscription.
type SubSpec struct {
	Subject  string
	Queue    string
	Limits   Limits
	Overflow Overflow
	// BlockedAfter is how long one call of the handler may take before Blocked is
	// applied; zero means no limit.
	BlockedAfter time.Duration
	Blocked      supervisor.Directive
	// Refused says what happens when the server refuses the subscription: Stop,
	// Escalate, or anything else to keep it marked and try it again on the next link.
	Refused supervisor.Directive
	// Overlap subscribes a subscription without a queue group at both servers for a
	// moment while the connection moves: messages may come twice, but none is missed.
	Overlap bool
	Policy  supervisor.Policy
	// Changed is called for each change of the state, in order; nil for none. It must not
	// block, and must not call the Sub.
	Changed func(s *Sub, to SubState)
	// Consumer makes what runs the user's handler; nil for a subscription that
	// is read with Next. It is called once, or once per worker.
	Consumer func() Consumer
	// Deliver hands each message to a user's channel, without waiting, instead of queuing
	// it; the slices of m are borrowed. It must not call the Sub. Nil for none.
	Deliver func(m *Raw) Handed
	// Lost is called for each message that came but will not be delivered: it found no
	// room, or waited when the subscription ended, or came before the server knew of the
	// end, or the key function failed on it. The slices of m are borrowed. It is called
	// with locks held, possibly concurrently: it must not block, and must not call the
	// Sub. Nil for none.
	Lost func(m *Raw, ended bool)
	// Actor reads the subscription in its own turn, in place of a dispatcher; nil for
	// none. Consumer then passes messages to the function that Conn.Handoff returned.
	Actor *ActorRef
	// Workers, if above 1, is how many consumers run concurrently.
	Workers int
	// Key keeps messages with the same key in order among Workers; nil for any order.
	Key func(*Raw) uint64
	// Ended runs once when the subscription has ended, after its last handler
	// call, on the callbacks actor; cause is nil for a normal end.
	Ended func(s *Sub, cause error)
	// Made gets the Sub before its first message and its first change; nil for none.
	Made func(s *Sub)
	// Tag is a value for the caller; see Sub.Tag.
	Tag any
}

// muxRound, in place of a read's number, marks the reply inbox, in a field that the
// reader reads anyway.
const muxRound = math.MaxUint64

// gather is the reader's record of what a subscription gets from one read.
type gather struct {
	round      uint64
	head, tail uint32
	n          uint32
	bytes      uint32 // 32 bits, like offsets in a chunk
}

// Sub is one subscription: what the server knows about it, its lane, and the
// dispatcher that works on it. It belongs to Conn and outlives sockets. Safe
// for concurrent use.
type Sub struct {
	Subject string
	Queue   string

	conn   *Conn
	sid    uint64
	gather [2]gather // one for the reader of each side, see line; used by that reader only

	lane    lane
	seat              // of the dispatcher; empty while the subscription sleeps
	workers []*worker // with Workers > 1, made at the first activation

	awake     atomic.Bool  // a dispatcher runs or is being started
	abandoned atomic.Int32 // calls that were given up and have not returned

	draining atomic.Bool
	mux      bool      // the reply inbox: bypasses the lane
	once     sync.Once // end
	cause    error     // why it ended; written in end, before the lane is shut
	last     sync.Once // ended
	next     nextWaiters
	spec     *SubSpec
	actor    *userActor               // reads the lane; nil for a dispatcher
	failures atomic.Pointer[failures] // made at the first
}

// Subscribe adds a subscription; its subject and queue must already have been checked by
// package protocol.
func (c *Conn) Subscribe(spec *SubSpec) (*Sub, error) {
	s := &Sub{Subject: spec.Subject, Queue: spec.Queue, conn: c, spec: spec}
	s.lane.limits, s.lane.overflow = spec.Limits, spec.Overflow
	s.lane.account.of = c.budget
	s.lane.consumers = max(1, spec.Workers)
	s.lane.waiting = true
	s.lane.turned, s.lane.deliver, s.lane.lost = s.turned, spec.Deliver, spec.Lost
	if spec.Overflow == Block {
		s.lane.wake = s.wakeInPush
	}
	if spec.Made != nil {
		spec.Made(s)
	}
	if spec.Actor != nil {
		return s, c.enlistFor(spec.Actor.user, s)
	}
	return s, c.enlist(s)
}

// Subscribable returns why the connection accepts no subscriptions, nil if it does.
func (c *Conn) Subscribable() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.subscribableLocked()
}

func (c *Conn) subscribableLocked() error {
	switch {
	case c.out.state == outClosed:
		return c.out.why
	case c.out.state == outDrained, c.out.noSubs:
		return ErrConnectionDraining
	}
	return nil
}

// enlist numbers s and subscribes it at the server.
func (c *Conn) enlist(s *Sub) error {
	c.out.mu.Lock()
	if err := c.subscribableLocked(); err != nil {
		c.out.mu.Unlock()
		return err
	}
	c.subs.add(s)
	c.out.lastSub = s.sid
	kick := c.out.controlLocked(func(dst []byte) []byte { return s.announce(dst) })
	if s.mux { // during a move, a reply may come to the next server
		if frames, err := protocol.AppendSub(nil, s.Subject, "", s.sid); err == nil {
			c.tellAheadLocked(frames)
		}
	}
	c.out.mu.Unlock()
	if kick != nil {
		kick()
	}
	return nil
}

// announce appends the frames that register the subscription, as it is now, with a
// server.
func (s *Sub) announce(dst []byte) []byte {
	dst, err := protocol.AppendSub(dst, s.Subject, s.Queue, s.sid)
	if err != nil {
		return dst // checked at Subscribe
	}
	s.lane.mu.Lock()
	s.lane.announced, s.lane.ahead = s.lane.received, 0
	s.lane.retried = s.lane.refusal != nil
	left, limited := s.lane.max-s.lane.received, s.lane.max > 0
	s.lane.mu.Unlock()
	if limited {
		dst = protocol.AppendUnsub(dst, s.sid, int(left))
	}
	return dst
}

// unannounce appends the frame that ends the subscription at a server.
func (s *Sub) unannounce(dst []byte) []byte { return protocol.AppendUnsub(dst, s.sid, 0) }

// restore appends the frames that register all subscriptions with the server, in
// subscription order. It is called with the outbox's lock, when link is its new socket.
func (c *Conn) restore(dst []byte) []byte {
	again := false
	c.heardLocked()
	known := c.overlap.take(c.out.link)
	c.subs.all(func(s *Sub) {
		dst, known = endedUpTo(dst, known, s)
		switch {
		case len(known) > 0 && known[0] == s:
			known = known[1:]
			dst = s.confirm(dst)
		case !s.draining.Load():
			again = s.refused() || again
			dst = s.announce(dst)
		}
	})
	dst, _ = endedUpTo(dst, known, nil)
	if again {
		dst = c.retry(dst)
	}
	return dst
}

// receive queues a segment; called by the reader.
func (s *Sub) receive(seg segment, w *wakeUps) { s.pushed(s.lane.push(seg), w) }

// pushed acts on the result of a push.
func (s *Sub) pushed(p pushed, w *wakeUps) {
	if p.freed {
		s.conn.budget.freed()
	}
	if p.beyond > 0 {
		s.conn.strays.Add(uint64(p.beyond))
	}
	if p.refused {
		s.proven()
	}
	if p.began || p.dropped > 0 {
		s.overflowed(p)
	}
	s.recovered(p.ended)
	s.conn.reached(p.reached)
	if p.gone {
		s.conn.unlist(s)
		s.end(ErrChannelClosed)
	}
	if p.last {
		// The UNSUB is for servers whose count differs from ours: after a reconnect, or
		// above the highest number that an UNSUB can carry.
		s.conn.unlist(s)
		if p.empty {
			s.end(nil)
		}
	}
	if !p.wake {
		return
	}
	s.wake(w)
}

// wake makes the consumer of the lane runnable.
func (s *Sub) wake(w *wakeUps) {
	if s.spec.Consumer == nil {
		s.next.signal()
	} else if s.actor != nil {
		s.actor.feed(s, w)
	} else if box := s.box.Load(); box != nil {
		w.offer(box)
	} else if s.awake.CompareAndSwap(false, true) {
		w.asleep = append(w.asleep, s)
	}
}

// wakeInPush wakes the consumers while the reader waits inside a push.
func (s *Sub) wakeInPush() {
	var w wakeUps
	s.wake(&w)
	w.flush(s.conn)
}

// overflowed reports the first drop of an episode and applies the policies
// that go beyond dropping.
func (s *Sub) overflowed(p pushed) {
	if p.began {
		slow := s.SlowConsumer()
		s.conn.setLastError(slow)
		s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.SlowConsumerBegan, Path: s.Path(),
			Count: uint64(p.dropped), Cause: slow}})
	}
	if p.idle {
		s.giveBack(part{})
	}
	switch s.lane.overflow {
	case RestartEmpty:
		s.restart()
	case StopSubscription:
		s.conn.unlist(s)
		s.end(s.SlowConsumer())
	case EscalateOverflow:
		go s.conn.fail(s.SlowConsumer())
	}
}

// pathOf is the place of the dispatcher, or of a worker.
func (s *Sub) pathOf(at *seat) string {
	if at.number == 0 {
		return s.Path()
	}
	return s.Path() + "/" + at.workerName()
}

// SID returns the subscription's number on its connection.
func (s *Sub) SID() uint64 { return s.sid }

// Conn returns the connection of the subscription.
func (s *Sub) Conn() *Conn { return s.conn }

// Tag returns what the SubSpec carried for the caller.
func (s *Sub) Tag() any { return s.spec.Tag }

// Path returns the place of the subscription in the tree.
func (s *Sub) Path() string {
	return s.conn.name + "/subscriptions/" + s.name()
}

func (s *Sub) name() string { return "dispatcher-" + decimal(s.sid) }

// Unsubscribe ends the subscription at once: what waits is discarded, and no handler call
// begins after it has returned, except one that was about to start: that counts as
// running, and Unsubscribe does not wait for it.
func (s *Sub) Unsubscribe() error {
	if err := s.usable(); err != nil {
		return err
	}
	s.conn.unlist(s)
	s.end(nil)
	return nil
}

// usable returns why the subscription can no longer be used, or nil.
func (s *Sub) usable() error {
	if s.conn.Status() == Closed {
		return s.conn.closedError()
	}
	return s.EndError()
}

// EndError returns why the subscription has ended, as a *BadSubscriptionError, or nil if
// it has not.
func (s *Sub) EndError() error {
	if s.lane.closed.Load() {
		return s.endError()
	}
	return nil
}

// unlist takes s from the table and ends it at the server.
func (c *Conn) unlist(s *Sub) {
	c.out.mu.Lock()
	var kick func()
	ask := false
	if c.leaveLocked(s) {
		c.withdrawLocked(s)
		kick = c.out.controlLocked(func(dst []byte) []byte { return protocol.AppendUnsub(dst, s.sid, 0) })
		ask = c.untilHeardLocked(s)
	}
	c.out.mu.Unlock()
	if kick != nil {
		kick()
	}
	if ask {
		_, _ = c.out.ping(mark{end: s.sid}) // a lost link ends the wait as well
	}
}

// forget takes s from the table when the server has ended it by itself.
func (c *Conn) forget(s *Sub) {
	c.out.mu.Lock()
	c.leaveLocked(s)
	c.out.mu.Unlock()
}

// end closes the lane and ends the dispatcher, once.
func (s *Sub) end(cause error) {
	s.once.Do(func() {
		s.cause = cause
		s.lane.shut()
		s.endFailures()
		s.ending()
		s.conn.left(s, cause)
		s.next.close()
		if s.actor != nil && s.actor.release(s) {
			return
		}
		if s.spec.Consumer != nil && s.awake.Load() {
			if s.conn.subsBox.must(retire{s, cause}) == nil {
				return
			}
		}
		s.ended()
	})
}

// ended reports the end, once, after the last handler call.
func (s *Sub) ended() {
	s.last.Do(func() {
		s.delivery.Load().abandon()
		for _, w := range s.workers {
			w.delivery.Load().abandon()
			w.lane.shut()
		}
		s.conn.reached(s.lane.leave())
		s.recovered(s.lane.endEpisode())
		s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.SubscriptionStopped, Path: s.Path(), Cause: s.cause,
			Count: s.undelivered()}})
	})
}

// Closed reports whether the subscription has ended.
func (s *Sub) Closed() bool { return s.lane.closed.Load() }

// Draining reports whether the subscription is being drained.
func (s *Sub) Draining() bool { return s.draining.Load() && !s.Closed() }

// Slow reports whether the subscription is in a slow-consumer episode.
func (s *Sub) Slow() bool {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	return s.lane.slow
}

// recovered reports the end of a slow-consumer episode; nil for none.
func (s *Sub) recovered(e *episode) {
	if e != nil {
		s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.SlowConsumerEnded, Path: s.Path(), Count: e.msgs, Bytes: e.bytes}})
	}
}

// giveBack finishes messages, reports the end of a slow episode, and ends the
// subscription after its last message. It returns whether more messages wait.
func (s *Sub) giveBack(p part) (more bool) { return s.giveBackRun(&run{part: p}) }

// giveBackRun is giveBack for a run, which it clears.
func (s *Sub) giveBackRun(r *run) (more bool) {
	f := s.lane.finishRun(r)
	s.recovered(f.ended)
	s.conn.reached(f.reached)
	if f.last {
		s.end(nil)
	}
	return f.more
}
