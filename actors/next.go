package actors

import (
	"context"
	"sync"
)

// next.go - reads a subscription without a consumer: one message per call, by any number
// of concurrent callers, each message by one of them.

// Next takes one message of a subscription without a consumer. deliver gets it; its
// slices are borrowed until deliver returns. Next returns ErrBadSubscription when the
// subscription has ended, ErrMaxMessages after its last message, or ctx's error.
func (s *Sub) Next(ctx context.Context, deliver func(m *Raw)) error {
	for {
		wake := s.next.channel()
		if s.TryNext(deliver) {
			return nil
		}
		if err := s.nextError(); err != nil {
			return err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ended returns the error that Next returns once the subscription has ended; nil if it
// has not ended.
func (s *Sub) Ended() error {
	if !s.lane.closed.Load() && s.conn.Status() != Closed {
		return nil
	}
	return s.nextError()
}

// nextError returns why no message will come; nil if one may.
func (s *Sub) nextError() error {
	ended := s.lane.closed.Load() // read first: a Close sets the status before it ends lanes
	s.lane.mu.Lock()
	limited := s.lane.max > 0 && s.lane.received >= s.lane.max
	s.lane.mu.Unlock()
	switch {
	case s.conn.Status() == Closed:
		return s.conn.closedError()
	case ended && limited:
		return ErrMaxMessages
	case ended:
		return s.endError()
	}
	return s.Refusal()
}

// endError returns why the subscription has ended; call it only then.
func (s *Sub) endError() error {
	return &BadSubscriptionError{Subject: s.Subject, Queue: s.Queue, SID: s.sid, Cause: s.cause}
}

// TryNext takes a message if one waits, and reports whether it did.
func (s *Sub) TryNext(deliver func(m *Raw)) bool {
	if last := s.lane.last.Load(); last > 0 && s.lane.started.Load() >= last {
		s.end(nil)
		return false
	}
	var r run
	if !s.lane.take(&r, 1) {
		return false
	}
	var m Raw
	at := r.Cursor
	at.Next(&m)
	// Count first: of two callers at the limit only one gets a message.
	n, last := s.lane.started.Add(1), s.lane.last.Load()
	if last == 0 || n <= last {
		deliver(&m)
	} else {
		s.lane.started.Add(^uint64(0))
		r.release()
		s.giveBack(r.part)
		return false
	}
	r.release()
	if s.giveBack(r.part) {
		s.next.signal() // another caller may wait for the next message
	}
	if n == last {
		s.end(nil)
	}
	return true
}

// TakeSlow reports each slow-consumer episode once, for callers of Next.
func (s *Sub) TakeSlow() bool {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	if !s.lane.slow || s.lane.slowReported || s.lane.closed.Load() {
		return false
	}
	s.lane.slowReported = true
	return true
}

// nextWaiters is where callers of Next wait. The zero value is ready.
type nextWaiters struct {
	mu     sync.Mutex
	wake   chan struct{} // closed and forgotten at each signal; nil without waiters
	closed bool
}

func (w *nextWaiters) signal() {
	w.mu.Lock()
	if w.wake != nil {
		close(w.wake)
		w.wake = nil
	}
	w.mu.Unlock()
}

func (w *nextWaiters) close() {
	w.mu.Lock()
	w.closed = true
	if w.wake != nil {
		close(w.wake)
		w.wake = nil
	}
	w.mu.Unlock()
}

// channel returns a channel that the next signal closes, nil when closed.
func (w *nextWaiters) channel() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	if w.wake == nil {
		w.wake = make(chan struct{})
	}
	return w.wake
}

func (w *nextWaiters) awaitClosed(ctx context.Context) error {
	for {
		ch := w.channel()
		if ch == nil {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
