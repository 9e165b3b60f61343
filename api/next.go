package api

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/troupe-go/troupe/actors"
)

// NextMsg returns the next message of a subscription without a handler. It waits up to
// timeout; zero means that it does not wait. Concurrent calls are allowed: each message goes
// to one of them.
//
// Errors, in this order: ErrBadSubscription for nil; ErrConnectionClosed; ErrMaxMessages
// after the last message of AutoUnsubscribe; ErrBadSubscription when ended;
// ErrSyncSubRequired if there is a handler, and also ErrTypeSubscription for ChanSubscribe;
// ErrBadTimeout for a negative timeout; ErrSlowConsumer once in each episode of drops;
// ErrTimeout; ErrNoResponders in place of a server's message that nobody is subscribed.
func (s *Subscription) NextMsg(timeout time.Duration) (*Msg, error) {
	core, err := s.readable()
	if err != nil {
		return nil, err
	}
	if timeout < 0 {
		return nil, &BadTimeoutError{Op: "next message", Value: timeout}
	}
	if m, err := s.tryNext(core); m != nil || err != nil {
		return m, err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	m, err := s.next(ctx, core)
	if err != nil && errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		return nil, &TimeoutError{Op: "next message", Subject: s.Subject, After: timeout, Elapsed: time.Since(began)}
	}
	return m, err
}

// NextMsgWithContext is NextMsg that waits until ctx is done. The error is then ErrTimeout if
// its deadline has passed, and otherwise context.Canceled; it also wraps the cause of ctx. It
// is ErrInvalidContext for nil.
func (s *Subscription) NextMsgWithContext(ctx context.Context) (*Msg, error) {
	if ctx == nil {
		return nil, ErrInvalidContext
	}
	core, err := s.readable()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if ctx.Err() != nil {
		return nil, actors.Interrupted(ctx, "next message", s.Subject, began)
	}
	if m, err := s.tryNext(core); m != nil || err != nil {
		return m, err
	}
	m, err := s.next(ctx, core)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil, actors.Interrupted(ctx, "next message", s.Subject, began)
	}
	return m, err
}

// readable returns the runtime's part of a subscription that NextMsg can read.
func (s *Subscription) readable() (*actors.Sub, error) {
	core := s.bound()
	if core == nil {
		return nil, ErrBadSubscription
	}
	if err := core.Ended(); err != nil {
		return nil, err
	}
	if s.typ == ChanSubscription {
		return nil, &InvalidArgError{Kind: ErrTypeSubscription, What: "subscription", Reason: "is read from its channel", Err: ErrSyncSubRequired}
	}
	if s.typ != SyncSubscription {
		return nil, ErrSyncSubRequired
	}
	return core, nil
}

// tryNext returns a waiting message, or nil and nil. It first reports an episode of
// drops.
func (s *Subscription) tryNext(core *actors.Sub) (*Msg, error) {
	if core.TakeSlow() {
		return nil, core.SlowConsumer()
	}
	var t taker
	if !core.TryNext(t.take) {
		return nil, nil
	}
	return t.finish(s)
}

// next waits for a message.
func (s *Subscription) next(ctx context.Context, core *actors.Sub) (*Msg, error) {
	var t taker
	if err := core.Next(ctx, t.take); err != nil {
		return nil, err
	}
	return t.finish(s)
}

// taker copies one message out of the read buffer. It must not call the runtime while
// it does, so the rest is left to finish.
type taker struct {
	m         *Msg
	badHeader error
}

func (t *taker) take(raw *actors.Raw) {
	if len(raw.Header) > 0 && noResponders(raw.Header, len(raw.Payload)) {
		return
	}
	t.m = new(Msg)
	t.badHeader = copyMsg(t.m, raw)
}

func (t *taker) finish(s *Subscription) (*Msg, error) {
	if t.m == nil {
		return nil, &NoRespondersError{Subject: s.Subject}
	}
	t.m.Sub = s
	if t.badHeader != nil {
		s.nc.reportBadHeader(s.nc.core, s.bound(), t.badHeader)
	}
	return t.m, nil
}

// Msgs returns the messages of a subscription without a handler as they arrive. The
// sequence ends with the first error, which it yields with a nil message. Errors are those of
// NextMsg.
func (s *Subscription) Msgs() iter.Seq2[*Msg, error] {
	return func(yield func(*Msg, error) bool) {
		for {
			m, err := s.NextMsgWithContext(context.Background())
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// MsgsTimeout is Msgs that yields an ErrTimeout whenever no message has arrived for
// timeout. The sequence continues after it, and ends with any other error. A timeout that
// is not positive is an ErrBadTimeout.
func (s *Subscription) MsgsTimeout(timeout time.Duration) iter.Seq2[*Msg, error] {
	return func(yield func(*Msg, error) bool) {
		if _, err := s.readable(); err == nil && timeout <= 0 {
			yield(nil, &BadTimeoutError{Op: "messages", Value: timeout})
			return
		}
		for {
			m, err := s.NextMsg(timeout)
			if !yield(m, err) || err != nil && !isTimeout(err) {
				return
			}
		}
	}
}

func isTimeout(err error) bool {
	var t *TimeoutError
	return errors.As(err, &t)
}
