package jetstream

import (
	"context"

	"github.com/troupe-go/troupe/api"
)

// PubAckFuture receives the outcome of one message of PublishAsync. It is safe for concurrent
// use.
type PubAckFuture interface {
	// Ok returns a channel that receives the acknowledgement, once; nothing if there is none.
	Ok() <-chan *PubAck
	// Err returns a channel that receives the error, once; nothing if the message was
	// acknowledged. It is a *PublishError; see Publisher.Publish.
	Err() <-chan error
	// Msg returns the message: for PublishMsgAsync, the one that was passed.
	Msg() *api.Msg
	// Wait returns the outcome as soon as there is one, any number of times. If ctx is done
	// earlier, it returns the context's error, which does not affect the message. A nil context
	// never ends.
	Wait(ctx context.Context) (*PubAck, error)
}

// pubAckFuture implements PubAckFuture. Until there is an outcome the publisher's lock guards its
// fields.
type pubAckFuture struct {
	p     *publisher
	msg   *api.Msg
	own   api.Msg // target of msg if the caller passed no message
	ended bool
	ack   PubAck // valid if ended and err is nil
	err   error
	ok    chan *PubAck // nil until requested, like the two below
	errs  chan error
	done  chan struct{}
}

// Ok returns the channel of the acknowledgement.
func (f *pubAckFuture) Ok() <-chan *PubAck {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if f.ok == nil {
		f.ok = make(chan *PubAck, 1)
		if f.ended && f.err == nil {
			f.ok <- &f.ack
		}
	}
	return f.ok
}

// Err returns the channel of the error.
func (f *pubAckFuture) Err() <-chan error {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if f.errs == nil {
		f.errs = make(chan error, 1)
		if f.ended && f.err != nil {
			f.errs <- f.err
		}
	}
	return f.errs
}

// Msg returns the message.
func (f *pubAckFuture) Msg() *api.Msg { return f.msg }

// Wait waits for the outcome.
func (f *pubAckFuture) Wait(ctx context.Context) (*PubAck, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	f.p.mu.Lock()
	if f.done == nil {
		f.done = make(chan struct{})
		if f.ended {
			close(f.done)
		}
	}
	done := f.done
	f.p.mu.Unlock()
	select {
	case <-done:
	default:
		select {
		case <-done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	return &f.ack, nil
}

// endLocked notifies the waiting callers. ack and err have been set.
func (f *pubAckFuture) endLocked() {
	f.ended = true
	if f.ok != nil && f.err == nil {
		f.ok <- &f.ack
	}
	if f.errs != nil && f.err != nil {
		f.errs <- f.err
	}
	if f.done != nil {
		close(f.done)
	}
}
