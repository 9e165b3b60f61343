package actors

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Consumer turns messages into what user code gets and calls it. Its methods
// are called on one goroutine at a time, which changes between calls.
type Consumer interface {
	// Build prepares between 1 and n messages at the cursor and returns how
	// many; the cursor is behind them then, or when the last of them has been
	// called. What it keeps of them it copies,
	// unless the consumer promises its user no more than a borrowed message.
	Build(at *Cursor, n int) int
	// Call delivers the k-th of the prepared messages. It may panic or end its
	// goroutine; the messages behind it are delivered all the same. When it takes too
	// long it may be given up: its messages are valid until it returns, and another
	// consumer is called with those behind it. A method GivenUp(cause error) hears of it.
	Call(k int)
}

// SubSpec describes a subscription.
type SubSpec struct {
	Subject  string
	Queue    string
	Limits   Limits
	Overflow Overflow
	// BlockedAfter is how long one call of the handler may take before Blocked is the
	// answer; zero for any time.
	BlockedAfter time.Duration
	Blocked      supervisor.Directive
	// Refused says what happens when the server refuses the subscription: Stop,
	// Escalate, or anything else to keep it marked and try it again on the next link.
	Refused supervisor.Directive
	// Overlap has a subscription without a queue group subscribed at both servers
	// for a moment while the connection moves: messages may come twice, none is missed.
	Overlap bool
	Policy  supervisor.Policy
	// Changed is told of each change of the state, in order. It must not block,
	// and must not call the Sub.
	Changed func(s *Sub, to SubState)
	// Consumer makes what runs the user's handler; nil for a subscription that
	// is read with Next. It is called once, or once per worker.
	Consumer func() Consumer
	// Deliver hands each message to a channel of the user's, without waiting, in the
	// place of a queue; the slices of m are borrowed. It must not call the Sub. Nil for none.
	Deliver func(m *Raw) Handed
	// Lost hears of each message that came and will not be delivered: it found no room, or
	// waited when the subscription ended, or came before the server knew of that, or the key
	// function failed on it. The slices of m
	// are borrowed. It is called with locks held, by several at once: it must not block, and
	// must not call the Sub. Nil for nobody.
	Lost func(m *Raw, ended bool)
	// Actor reads the subscription in its own turn, in the place of a dispatcher;
	// nil for none. Consumer then hands messages to what Conn.Handoff returned.
	Actor *ActorRef
	// Workers above 1 run that many consumers at once.
	Workers int
	// Key makes messages of one key keep their order among Workers; nil for any order.
	Key func(*Raw) uint64
	// Ended runs once when the subscription has ended, after its last handler
	// call, on the callbacks actor; cause is nil for a normal end.
	Ended func(s *Sub, cause error)
	// Made gets the Sub before its first message and its first change; nil for nobody.
	Made func(s *Sub)
	// Tag is the caller's, for Notice.Sub.
	Tag any
}

// muxRound, in the place of a read's number, marks the reply inbox: the reader sees it
// where it looks anyway.
const muxRound = math.MaxUint64

// gather is the reader's note of what a subscription gets from one read.
type gather struct {
	round      uint64
	head, tail uint32
	n          uint32
	bytes      uint32 // offsets in a chunk are no longer, either
}

// Sub is one subscription: what the server knows about it, its lane, and the
// dispatcher that works on it. It belongs to Conn and outlives sockets. Safe
// for concurrent use.
type Sub struct {
	Subject string
	Queue   string

	conn   *Conn
	sid    uint64
	gather [2]gather // of the reader of each side, see line; that reader's alone

	lane    lane
	seat              // of the dispatcher; nobody sits there while it sleeps
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

// Subscribe adds a subscription; its subject and queue have passed the checks of package protocol.
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

// Subscribable returns why the connection takes no subscription, nil if it does.
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

// enlist numbers s and tells the server.
func (c *Conn) enlist(s *Sub) error {
	c.out.mu.Lock()
	if err := c.subscribableLocked(); err != nil {
		c.out.mu.Unlock()
		return err
	}
	c.subs.add(s)
	c.out.lastSub = s.sid
	kick := c.out.controlLocked(func(dst []byte) []byte { return s.announce(dst) })
	if s.mux { // a reply may come to the next server
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

// announce appends the frames that make the server know the subscription as it
// is now.
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

// unannounce appends the frame that ends the server's interest.
func (s *Sub) unannounce(dst []byte) []byte { return protocol.AppendUnsub(dst, s.sid, 0) }

// restore appends the frames that make the server know all subscriptions, in
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

// pushed does what a push calls for.
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
		// The UNSUB is for servers that count otherwise than we do: after a
		// reconnect, or above the highest number an UNSUB can carry.
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

// wake makes whoever consumes the lane runnable.
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

// Path is the place of the subscription in the tree.
func (s *Sub) Path() string {
	return s.conn.name + "/subscriptions/" + s.name()
}

func (s *Sub) name() string { return "dispatcher-" + decimal(s.sid) }

// Unsubscribe ends the subscription at once: what waits is discarded, and no
// handler call begins after it returned, but for the one whose start had been
// decided: that one counts as running, and is not waited for.
func (s *Sub) Unsubscribe() error {
	if err := s.usable(); err != nil {
		return err
	}
	s.conn.unlist(s)
	s.end(nil)
	return nil
}

// usable returns why nothing can be asked of the subscription any more, or nil.
func (s *Sub) usable() error {
	if s.conn.Status() == Closed {
		return s.conn.closedError()
	}
	return s.EndError()
}

// EndError says that, and why, the subscription has ended: a *BadSubscriptionError,
// or nil if it has not.
func (s *Sub) EndError() error {
	if s.lane.closed.Load() {
		return s.endError()
	}
	return nil
}

// unlist takes s from the table and tells the server.
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
		_, _ = c.out.ping(mark{end: s.sid}) // a link that is lost ends the wait as well
	}
}

// forget takes s from the table when the server has ended it by itself.
func (c *Conn) forget(s *Sub) {
	c.out.mu.Lock()
	c.leaveLocked(s)
	c.out.mu.Unlock()
}

// end closes the lane and the dispatcher, once.
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

// Draining reports whether the subscription finishes what it has.
func (s *Sub) Draining() bool { return s.draining.Load() && !s.Closed() }

// Slow reports whether a slow-consumer episode is on.
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

// giveBack finishes messages, reports the end of a slow episode, and ends
// the subscription after its last message. It reports whether more waits.
func (s *Sub) giveBack(p part) (more bool) { return s.giveBackRun(&run{part: p}) }

// giveBackRun is giveBack for a run, which is forgotten.
func (s *Sub) giveBackRun(r *run) (more bool) {
	f := s.lane.finishRun(r)
	s.recovered(f.ended)
	s.conn.reached(f.reached)
	if f.last {
		s.end(nil)
	}
	return f.more
}
