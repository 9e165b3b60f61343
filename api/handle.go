package api

import (
	"context"
	"errors"
	"strings"

	"github.com/troupe-go/troupe/supervisor"
)

// ContextHandler is called for each message of a subscription, like a MsgHandler.
//
// ctx is cancelled when the subscription has ended, by Unsubscribe, by a policy or at the end
// of a drain, and when the connection closes; context.Cause says why. A handler that waits
// should return when ctx is done, so that the end does not have to wait for it. During a
// drain ctx stays valid until the drain has finished or its deadline has passed. When
// OnBlocked gives up a call, only the ctx of that call is cancelled, with the cause. ctx has
// no deadline and no values, and many messages share it.
//
// An error that the handler returns is reported as a HandlerFailed with a *HandlerError, and
// the next message is delivered. The error of ctx itself is not reported once ctx has ended.
// When a handler fails more than 100 times within one second, one event reports the others of
// that second, with their count and the last error.
type ContextHandler func(ctx context.Context, msg *Msg) error

// Handle is Subscribe for a handler that takes a context and returns an error. Errors
// are those of Subscribe.
func (nc *Conn) Handle(subject string, handler ContextHandler, options ...SubOption) (*Subscription, error) {
	return nc.handle(subject, "", handler, options)
}

// QueueHandle is Handle as a member of a queue group: each message goes to one member.
// An empty queue means no group. An invalid name is an ErrBadQueueName.
func (nc *Conn) QueueHandle(subject, queue string, handler ContextHandler, options ...SubOption) (*Subscription, error) {
	return nc.handle(subject, queue, handler, options)
}

func (nc *Conn) handle(subject, queue string, handler ContextHandler, options []SubOption) (*Subscription, error) {
	if err := nc.checkSubscribe(subject, queue); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, nc.refuseNil("Handle", "")
	}
	sub := &Subscription{Subject: subject, Queue: queue, nc: nc, typ: AsyncSubscription, failing: &failing{handler: handler}}
	sub.failing.ctx, sub.failing.cancel = context.WithCancelCause(context.Background())
	return nc.enlistHandler(sub, options)
}

// failing is what a subscription of Handle has in place of a MsgHandler.
type failing struct {
	handler ContextHandler
	ctx     context.Context // of the subscription; those of its consumers are below it
	cancel  context.CancelCauseFunc
}

// caller returns the function that a consumer of the subscription calls with each message,
// and one that tells the handler that its call was given up.
func (s *Subscription) caller() (call MsgHandler, giveUp context.CancelCauseFunc) {
	if s.failing == nil {
		return s.handler, func(error) {}
	}
	ctx, cancel := context.WithCancelCause(s.failing.ctx)
	return func(m *Msg) { s.callWith(ctx, m) }, cancel
}

// callWith calls the handler and reports its error. Without an error it allocates
// nothing.
func (s *Subscription) callWith(ctx context.Context, m *Msg) {
	subject := m.Subject // the handler may change the message
	err := s.failing.handler(ctx, m)
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return
	}
	s.bound().Failed(&supervisor.HandlerError{Subject: strings.Clone(subject), Err: err})
}

// cancel ends the context of the handler, if it has one.
func (s *Subscription) cancel(cause error) {
	if s.failing != nil {
		s.failing.cancel(cause)
	}
}
