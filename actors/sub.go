package actors

import (
	"context"
	"sync"
	"sync/atomic"

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
	// goroutine; the messages behind it are delivered all the same.
	Call(k int)
}

// SubSpec describes a subscription.
type SubSpec struct {
	Subject  string
	Queue    string
	Limits   Limits
	Overflow Overflow
	Policy   supervisor.Policy
	// Consumer makes what runs the user's handler; nil for a subscription that
	// is read with Next. It is called once, or once per worker.
	Consumer func() Consumer
	// Workers above 1 run that many consumers at once.
	Workers int
	// Key makes messages of one key keep their order among Workers; nil for any order.
	Key func(*Raw) uint64
	// Ended runs once when the subscription has ended, after its last handler
	// call, on the callbacks actor; cause is nil for a normal end.
	Ended func(s *Sub, cause error)
	// Tag is the caller's, for Notice.Sub.
	Tag any
}

// gather is the reader's note of what a subscription gets from one read.
type gather struct {
	round      uint64
	head, tail uint32
	n          uint32
	bytes      int64
}

// delivery is where a dispatcher or worker stands in a run. It outlives
// incarnations, so that a restart goes on with the next message.
type delivery struct {
	sub      *Sub
	from     *lane // the subscription's, or the worker's own
	most     int   // messages taken at once
	consumer Consumer
	run      run
	left     int // messages of the run not built yet
	built    int
	called   int // of the built ones
}

// Sub is one subscription: what the server knows about it, its lane, and the
// dispatcher that works on it. It belongs to Conn and outlives sockets. Safe
// for concurrent use.
type Sub struct {
	Subject string
	Queue   string

	conn   *Conn
	sid    uint64
	mux    bool   // the reply inbox: bypasses the lane
	gather gather // the reader's alone

	lane     lane
	delivery delivery  // the dispatcher's alone
	workers  []*worker // with Workers > 1, made at the first activation

	box   atomic.Pointer[mailbox] // of the dispatcher; nil while it sleeps
	awake atomic.Bool             // a dispatcher runs or is being started

	draining atomic.Bool
	once     sync.Once // end
	cause    error     // why it ended; written in end, before the lane is shut
	last     sync.Once // ended
	next     nextWaiters
	spec     *SubSpec
}

// Subscribe adds a subscription; its subject and queue have passed the checks of package protocol.
func (c *Conn) Subscribe(spec *SubSpec) (*Sub, error) {
	s := &Sub{Subject: spec.Subject, Queue: spec.Queue, conn: c, spec: spec}
	s.lane.limits, s.lane.overflow = spec.Limits, spec.Overflow
	s.lane.consumers = max(1, spec.Workers)
	s.lane.waiting = true
	if spec.Overflow == Block {
		s.lane.wake = s.wakeInPush
	}
	return s, c.enlist(s)
}

// enlist numbers s and tells the server.
func (c *Conn) enlist(s *Sub) error {
	c.out.mu.Lock()
	switch c.out.state {
	case outClosed:
		c.out.mu.Unlock()
		return c.out.why
	case outDrained:
		c.out.mu.Unlock()
		return ErrConnectionDraining
	}
	if c.out.noSubs {
		c.out.mu.Unlock()
		return ErrConnectionDraining
	}
	c.subs.add(s)
	kick := c.out.controlLocked(func(dst []byte) []byte { return s.announce(dst) })
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
	s.lane.announced = s.lane.received
	left, limited := s.lane.max-s.lane.received, s.lane.max > 0
	s.lane.mu.Unlock()
	if limited {
		dst = protocol.AppendUnsub(dst, s.sid, int(left))
	}
	return dst
}

// unannounce appends the frame that ends the server's interest.
func (s *Sub) unannounce(dst []byte) []byte { return protocol.AppendUnsub(dst, s.sid, 0) }

// restore appends the frames of all subscriptions, in subscription order.
func (c *Conn) restore(dst []byte) []byte {
	c.subs.all(func(s *Sub) {
		if !s.draining.Load() {
			dst = s.announce(dst)
		}
	})
	return dst
}

// receive queues a segment; called by the reader.
func (s *Sub) receive(seg segment, w *wakeUps) {
	p := s.lane.push(seg)
	if p.began || p.dropped > 0 {
		s.overflowed(p)
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
		s.conn.setLastError(ErrSlowConsumer)
		s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.SlowConsumerBegan, Path: s.Path(),
			Count: uint64(p.dropped), Cause: s.SlowConsumer()}})
	}
	if p.idle {
		s.giveBack(0, 0)
	}
	switch s.lane.overflow {
	case RestartEmpty:
		_ = s.conn.subsBox.must(restartDispatcher{s})
	case StopSubscription:
		s.conn.unlist(s)
		s.end(s.SlowConsumer())
	case EscalateOverflow:
		go s.conn.fail(s.SlowConsumer())
	}
}

// SlowConsumer describes how far behind the subscription is.
func (s *Sub) SlowConsumer() *SlowConsumerError {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	msgs, bytes := s.lane.pending()
	return &SlowConsumerError{Subject: s.Subject, Queue: s.Queue, SID: s.sid, PendingMsgs: msgs, PendingBytes: bytes,
		LimitMsgs: s.lane.limits.Msgs, LimitBytes: s.lane.limits.Bytes, Dropped: s.lane.dropped, DroppedBytes: s.lane.droppedBytes}
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
	if s.lane.closed.Load() {
		return ErrBadSubscription
	}
	return nil
}

// unlist takes s from the table and tells the server.
func (c *Conn) unlist(s *Sub) {
	c.out.mu.Lock()
	var kick func()
	if c.leaveLocked(s) {
		kick = c.out.controlLocked(func(dst []byte) []byte { return protocol.AppendUnsub(dst, s.sid, 0) })
	}
	c.out.mu.Unlock()
	if kick != nil {
		kick()
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
		s.conn.left(s, cause)
		s.next.close()
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
		s.delivery.abandon()
		for _, w := range s.workers {
			w.delivery.abandon()
			w.lane.shut()
		}
		s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.SubscriptionStopped, Path: s.Path(), Cause: s.cause,
			Count: s.undelivered()}})
	})
}

// AutoUnsubscribe ends the subscription when the server has sent max messages
// since it began, however many of them were dropped here.
func (s *Sub) AutoUnsubscribe(max uint64) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.lane.mu.Lock()
	reached, announced := max <= s.lane.received, s.lane.announced
	s.lane.max = max
	done := max <= s.lane.started.Load()
	s.lane.last.Store(max)
	s.lane.mu.Unlock()
	if done {
		s.conn.unlist(s)
		s.end(nil)
		return nil
	}
	if reached {
		s.conn.unlist(s)
		s.finishWhenEmpty()
		return nil
	}
	s.conn.out.control(func(dst []byte) []byte { return protocol.AppendUnsub(dst, s.sid, int(max-announced)) })
	return nil
}

// finishWhenEmpty ends the subscription now if nothing waits, and otherwise
// leaves that to whoever takes the last message.
func (s *Sub) finishWhenEmpty() {
	s.lane.mu.Lock()
	s.lane.finishing = true
	empty := s.lane.queued+s.lane.inflight == 0
	s.lane.mu.Unlock()
	if empty {
		s.end(nil)
	}
}

// Counts is what a subscription has seen.
type Counts struct {
	PendingMsgs  int
	PendingBytes int64
	PeakMsgs     int
	PeakBytes    int64
	Delivered    uint64 // handed to the handler, or returned by Next
	Dropped      uint64
	DroppedBytes uint64
	Received     uint64 // sent by the server
	Limits       Limits
}

// Counts returns a snapshot of the counters.
func (s *Sub) Counts() Counts {
	l := &s.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	n := Counts{PeakMsgs: l.peakMsgs, PeakBytes: l.peakBytes, Delivered: l.started.Load(),
		Dropped: l.dropped, DroppedBytes: l.droppedBytes, Received: l.received, Limits: l.limits}
	n.PendingMsgs, n.PendingBytes = l.pending()
	return n
}

// ClearPeak resets the high-water marks.
func (s *Sub) ClearPeak() {
	s.lane.mu.Lock()
	s.lane.peakMsgs, s.lane.peakBytes = 0, 0
	s.lane.mu.Unlock()
}

// SetLimits changes the pending limits; negative means unlimited.
func (s *Sub) SetLimits(msgs, bytes int) {
	s.lane.mu.Lock()
	s.lane.limits.Msgs, s.lane.limits.Bytes = msgs, bytes
	s.lane.mu.Unlock()
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

// Drain stops the flow of new messages, lets the handler finish what came
// before, and then ends the subscription. It returns when that has happened,
// or with ctx's error.
func (s *Sub) Drain(ctx context.Context) error {
	done, err := s.BeginDrain()
	if done || err != nil {
		return err
	}
	return s.FinishDrain(ctx)
}

// BeginDrain is the part of Drain that does not wait: the server gets the word
// before anything that is published after this call. It reports true when the
// subscription has ended already. FinishDrain does the rest.
func (s *Sub) BeginDrain() (done bool, err error) {
	if s.conn.Status() == Closed {
		return false, s.conn.closedError()
	}
	if s.lane.closed.Load() {
		return true, nil
	}
	s.draining.Store(true)
	s.conn.out.control(func(dst []byte) []byte { return protocol.AppendUnsub(dst, s.sid, 0) })
	return false, nil
}

// FinishDrain waits until what came before BeginDrain has been handled and ends
// the subscription.
func (s *Sub) FinishDrain(ctx context.Context) error {
	if err := s.conn.out.flush(ctx); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	s.conn.forget(s)
	s.finishWhenEmpty()
	return s.next.awaitClosed(ctx)
}

// giveBack finishes n messages, reports the end of a slow episode, and ends
// the subscription after its last message. It reports whether more waits.
func (s *Sub) giveBack(n int, bytes int64) (more bool) {
	f := s.lane.finish(n, bytes)
	if f.ended {
		s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.SlowConsumerEnded, Path: s.Path(),
			Count: f.lost, Bytes: f.lostBytes}})
	}
	if f.last {
		s.end(nil)
	}
	return f.more
}
