package jetstream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Consumer is a handle to a pull consumer, which delivers on request. It is safe for concurrent
// use.
type Consumer interface {
	// Info asks the server for the consumer's info, which CachedInfo returns from then on.
	// Errors: ErrConsumerNotFound; ErrNotPullConsumer if it has become a push consumer.
	Info(ctx context.Context) (*ConsumerInfo, error)
	// CachedInfo returns the latest info, from the creation of the handle or from Info. It must
	// not be modified. Nothing is sent.
	CachedInfo() *ConsumerInfo

	// Consume calls handler with each message, one at a time and in order unless
	// Concurrency says otherwise. It keeps asking for messages, also across reconnects, until it
	// is stopped, the consumer is gone, or an option ends it.
	//
	// Errors: ErrHandlerRequired; ErrInvalidOption; ErrConnectionDraining;
	// ErrConnectionClosed. Later errors are reported to ConsumeErrHandler.
	Consume(handler MessageHandler, opts ...PullConsumeOpt) (ConsumeContext, error)
	// ConsumeFunc is Consume for a handler with a context and an error. Without an error the
	// message is acknowledged; with one it is delivered again after a delay: see Attempts.
	ConsumeFunc(handler HandlerFunc, opts ...PullConsumeOpt) (ConsumeContext, error)
	// Messages returns the messages one by one, for the caller's own loop. They are asked for
	// while Next is called. Errors are those of Consume.
	Messages(opts ...PullMessagesOpt) (MessagesContext, error)

	// Fetch asks once for up to batch messages, and returns at once. The batch ends when all have
	// arrived, after FetchMaxWait (default 30 s), or with an error; fewer messages are not an
	// error. Errors: ErrInvalidOption; those of Publish of the connection.
	Fetch(batch int, opts ...FetchOpt) (MessageBatch, error)
	// FetchBytes is Fetch for as many messages as take up to maxBytes: subject, reply, header
	// and data.
	FetchBytes(maxBytes int, opts ...FetchOpt) (MessageBatch, error)
	// FetchNoWait is Fetch for up to batch of the messages that are available now: it does not
	// wait for more.
	FetchNoWait(batch int) (MessageBatch, error)
	// Next is Fetch for one message. ErrTimeout when there was none in time.
	Next(opts ...FetchOpt) (Msg, error)

	// FetchWithContext is Fetch that waits for the batch, until ctx is done at the latest. A
	// ctx without a deadline gets that of FetchMaxWait. It returns what has arrived, without an
	// error if there is at least one message; otherwise a *FetchError says why there is none:
	// ErrFetchTimeout, ErrNoMessages, ErrDisconnected, or what else ended it.
	FetchWithContext(ctx context.Context, batch int, opts ...FetchOpt) ([]Msg, error)
	// NextWithContext is FetchWithContext for one message.
	NextWithContext(ctx context.Context, opts ...FetchOpt) (Msg, error)
}

// consumerHandle is what pull and push consumers have in common.
type consumerHandle struct {
	js           *jetStream
	stream, name string
	info         atomic.Pointer[ConsumerInfo] // never nil
}

// CachedInfo returns the latest info.
func (c *consumerHandle) CachedInfo() *ConsumerInfo { return c.info.Load() }

// refresh asks for the info, and keeps it if it is of the kind that the handle is for.
func (c *consumerHandle) refresh(ctx context.Context, kind func(*ConsumerInfo) error) (*ConsumerInfo, error) {
	info, err := c.js.consumerInfo(ctx, c.stream, c.name)
	if err != nil {
		return nil, err
	}
	if err := kind(info); err != nil {
		return nil, err
	}
	cached := *info
	c.info.Store(&cached)
	return info, nil
}

// remake creates the consumer, or takes one of its name that another client has created. It
// continues with the first message that u has as not acknowledged. A stream that only takes
// consumers from its beginning does not keep what was acknowledged.
func (c *consumerHandle) remake(ctx context.Context, u *unacked) error {
	info, err := c.putAnew(ctx, u)
	if errors.Is(err, ErrConsumerExists) {
		info, err = c.js.consumerInfo(ctx, c.stream, c.name)
	}
	if err == nil {
		c.info.Store(info)
	}
	return err
}

func (c *consumerHandle) putAnew(ctx context.Context, u *unacked) (*ConsumerInfo, error) {
	cached := c.CachedInfo()
	cfg := cached.Config
	if cfg.name() == "" {
		cfg.Name = c.name
	}
	if err := c.compare(ctx, u, cached.Created); err != nil {
		return nil, err
	}
	if first := u.first(); first > 0 {
		from := cfg
		from.DeliverPolicy, from.OptStartSeq, from.OptStartTime = DeliverByStartSequencePolicy, first, nil
		info, err := c.js.putConsumer(ctx, c.stream, from, consumerCreate)
		if !errors.Is(err, ErrWorkQueueNotDeliverAll) {
			return info, err
		}
	}
	return c.js.putConsumer(ctx, c.stream, cfg, consumerCreate)
}

// compare forgets what was delivered if the stream was created since then: its sequences mean
// other messages.
func (c *consumerHandle) compare(ctx context.Context, u *unacked, since time.Time) error {
	info, err := c.js.streamInfo(ctx, request{op: "stream info", subject: "STREAM.INFO." + c.stream, stream: c.stream})
	switch {
	case errors.Is(err, ErrNotFound):
		return err
	case err != nil: // asking may not be permitted
	case info.Created.After(since):
		u.forget()
	}
	return nil
}

// pullConsumer implements Consumer.
type pullConsumer struct {
	consumerHandle
	pins    sync.Map                   // of fetches: *pin by group
	idle    atomic.Pointer[fetchInbox] // for the next fetch; nil for none
	fetched atomic.Bool
}

func newPullConsumer(js *jetStream, info *ConsumerInfo) *pullConsumer {
	c := &pullConsumer{consumerHandle: consumerHandle{js: js, stream: info.Stream, name: info.Name}}
	c.info.Store(info)
	return c
}

// Info asks for the consumer's info.
func (c *pullConsumer) Info(ctx context.Context) (*ConsumerInfo, error) {
	return c.refresh(ctx, mustPull)
}

// mustPull returns ErrNotPullConsumer for a push consumer.
func mustPull(info *ConsumerInfo) error {
	if info.Config.DeliverSubject != "" {
		return &ConsumerTypeError{Stream: info.Stream, Consumer: info.Name, Err: ErrNotPullConsumer}
	}
	return nil
}
