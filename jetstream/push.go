package jetstream

import (
	"context"
	"sync/atomic"

	"github.com/troupe-go/troupe/api"
)

// PushConsumer is a handle to a push consumer, whose messages the server delivers to a subject.
// It is safe for concurrent use.
type PushConsumer interface {
	// Consume calls the handler with each message that the server delivers, one at a time,
	// until it is stopped or the connection closes. Messages delivered while nobody consumes are
	// lost, unless the consumer needs acknowledgements.
	//
	// Requests of the server are answered independently of the handler, so that a slow handler
	// does not look like a lost heartbeat. With FlowControl the server may send more while less
	// than 32 MiB are queued, so that at most 64 MiB are; with AckFlowControlPolicy an answer
	// acknowledges the messages that the handler has finished, and waits for it.
	//
	// OnMissing says what happens when the consumer is gone. Without it, these errors of
	// ConsumeErrHandler end the consuming: ErrConsumerDeleted, api.ErrBadSubscription if failures
	// of the handler ended it, and ErrConnectionClosed. These do not: ErrNoHeartbeat, each time
	// that nothing has come for two IdleHeartbeats; ErrConsumerNotFound if the consumer does not
	// exist after that, or after a reconnect; a *ConsumerSequenceMismatchError, once for each
	// gap; ErrConsumerLeadershipChanged.
	//
	// Errors: ErrHandlerRequired; ErrConsumerAlreadyConsuming, as only one Consume of this handle
	// may run; ErrInvalidOption; those of Subscribe and Spawn of the connection.
	Consume(handler MessageHandler, opts ...PushConsumeOpt) (ConsumeContext, error)
	// Info asks the server for the consumer's info, which CachedInfo returns from then on.
	// Errors: ErrConsumerNotFound; ErrNotPushConsumer if it has become a pull consumer.
	Info(ctx context.Context) (*ConsumerInfo, error)
	// CachedInfo returns the latest info, from the creation of the handle or from Info. It must
	// not be modified. Nothing is sent.
	CachedInfo() *ConsumerInfo
}

// PushConsumeOpt is an option of PushConsumer.Consume. A nil one is skipped.
type PushConsumeOpt interface {
	configurePushConsume(*pushOptions) error
}

// pushOptions are the options of one Consume.
type pushOptions struct {
	failed       ConsumeErrHandler // nil for none
	missing      Missing
	answers      bool // missing is set
	subscription []api.SubOption
}

func (h ConsumeErrHandler) configurePushConsume(o *pushOptions) error {
	o.failed = h
	return nil
}

type pushOption func(*pushOptions) error

func (f pushOption) configurePushConsume(o *pushOptions) error { return f(o) }

// PushSubscription sets options of the subscription to which the server delivers:
// api.PendingLimits, api.OnOverflow, api.OnPanic, api.OnBlocked, api.OnRefused. Borrow and
// Concurrency are not allowed: the handler owns messages, and gets one at a time. With
// FlowControl a limit below 64 MiB may lose messages.
func PushSubscription(options ...api.SubOption) PushConsumeOpt {
	return pushOption(func(o *pushOptions) error {
		o.subscription = append(o.subscription, options...)
		return nil
	})
}

// pushConsumer implements PushConsumer.
type pushConsumer struct {
	consumerHandle
	consuming atomic.Bool
}

func newPushConsumer(js *jetStream, info *ConsumerInfo) *pushConsumer {
	c := &pushConsumer{consumerHandle: consumerHandle{js: js, stream: info.Stream, name: info.Name}}
	c.info.Store(info)
	return c
}

// Info asks for the consumer's info.
func (c *pushConsumer) Info(ctx context.Context) (*ConsumerInfo, error) {
	return c.refresh(ctx, mustPush)
}

// mustPush returns ErrNotPushConsumer for a pull consumer.
func mustPush(info *ConsumerInfo) error {
	if info.Config.DeliverSubject == "" {
		return &ConsumerTypeError{Stream: info.Stream, Consumer: info.Name, Err: ErrNotPushConsumer}
	}
	return nil
}

// Consume implements PushConsumer.
func (c *pushConsumer) Consume(handler MessageHandler, opts ...PushConsumeOpt) (ConsumeContext, error) {
	if handler == nil {
		return nil, ErrHandlerRequired
	}
	var o pushOptions
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt.configurePushConsume(&o); err != nil {
			return nil, err
		}
	}
	if !c.consuming.CompareAndSwap(false, true) {
		return nil, ErrConsumerAlreadyConsuming
	}
	p := newPusher(c, handler, o)
	if err := p.begin(); err != nil {
		c.consuming.Store(false)
		return nil, err
	}
	return p, nil
}
