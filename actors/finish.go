package actors

import (
	"context"

	"github.com/troupe-go/troupe/protocol"
)

// finish.go - ends of a subscription that wait for its messages: after a number of
// messages, and by a drain.

// AutoUnsubscribe ends the subscription when the server has sent max messages
// since it began, however many of them were dropped here.
func (s *Sub) AutoUnsubscribe(max uint64) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.lane.mu.Lock()
	if s.lane.max > 0 && s.lane.received >= s.lane.max {
		max = min(max, s.lane.max) // the server has ended it: no more will come
	}
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

// finishWhenEmpty ends the subscription now if nothing waits; otherwise the finish of the
// last message does.
func (s *Sub) finishWhenEmpty() {
	s.lane.mu.Lock()
	s.lane.finishing = true
	empty := s.lane.queued+s.lane.inflight == 0
	s.lane.mu.Unlock()
	if empty {
		s.end(nil)
	}
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

// BeginDrain is the part of Drain that does not wait: the server gets the UNSUB before
// anything that is published after this call. It reports true when the subscription has
// ended already. FinishDrain does the rest.
func (s *Sub) BeginDrain() (done bool, err error) {
	if s.conn.Status() == Closed {
		return false, s.conn.closedError()
	}
	if s.lane.closed.Load() {
		return true, nil
	}
	s.beginDraining()
	s.endInterest()
	return false, nil
}

// endInterest tells the server, and the next one during a move, to send no more messages.
func (s *Sub) endInterest() {
	out := s.conn.out
	out.mu.Lock()
	s.conn.withdrawLocked(s)
	kick := out.controlLocked(s.unannounce)
	out.mu.Unlock()
	if kick != nil {
		kick()
	}
}

// FinishDrain waits until what came before BeginDrain has been handled and ends
// the subscription.
func (s *Sub) FinishDrain(ctx context.Context) error {
	if err := s.conn.awaitMove(ctx); err != nil {
		return err
	}
	if err := s.conn.out.flush(ctx); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	s.conn.forget(s)
	s.finishWhenEmpty()
	return s.next.awaitClosed(ctx)
}
