package jetstream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Consumer is a pull consumer by its name: it delivers when it is asked to. It is safe
// for concurrent use.
type Consumer interface {
	// Info asks the server for the consumer's info, which CachedInfo returns from then on.
	// Errors: ErrConsumerNotFound; ErrNotPullConsumer if it has become a push consumer.
	Info(ctx context.Context) (*ConsumerInfo, error)
	// CachedInfo returns the info that came last, with the consumer or with Info. It is
	// not to be changed. Nothing is sent.
	CachedInfo() *ConsumerInfo

	// Consume calls handler with each message, one at a time and in order unless
	// Concurrency says otherwise. It keeps asking for messages, through the loss of servers,
	// until it is stopped, until the consumer is gone, or until an option wants it to end.
	//
	// Errors: ErrHandlerRequired; ErrInvalidOption; ErrConnectionDraining;
	// ErrConnectionClosed. What goes wrong later is told to ConsumeErrHandler.
	Consume(handler MessageHandler, opts ...PullConsumeOpt) (ConsumeContext, error)
	// ConsumeFunc is Consume for a handler with a context and an error. Without an error the
	// message is acknowledged; with one it is delivered again after a delay: see Attempts.
	ConsumeFunc(handler HandlerFunc, opts ...PullConsumeOpt) (ConsumeContext, error)
	// Messages returns the messages for a loop of the caller's. They are asked for while
	// Next is called. Errors are those of Consume.
	Messages(opts ...PullMessagesOpt) (MessagesContext, error)

	// Fetch asks once for up to batch messages, and returns at once. The batch ends when all
	// have come, after FetchMaxWait (30 s unless set), or with an error; that there were
	// fewer messages is none. Errors: ErrInvalidOption; those of Publish of the connection.
	Fetch(batch int, opts ...FetchOpt) (MessageBatch, error)
	// FetchBytes is Fetch for as many messages as take up to maxBytes: subject, reply, header
	// and data.
	FetchBytes(maxBytes int, opts ...FetchOpt) (MessageBatch, error)
	// FetchNoWait is Fetch for up to batch of the messages that there are: it waits for none.
	FetchNoWait(batch int) (MessageBatch, error)
	// Next is Fetch for one message. ErrTimeout when there was none in time.
	Next(opts ...FetchOpt) (Msg, error)

	// FetchWithContext is Fetch that waits for the batch, until ctx is done at the latest. A
	// ctx without a deadline gets that of FetchMaxWait. It returns what has come, without an
	// error if that is anything; otherwise a *FetchError says why there was nothing:
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

// CachedInfo returns the info that came last.
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

// remake makes the consumer, or takes one of its name that somebody else has made. It goes
// on with the first message that u has as not acknowledged. A stream that only takes
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

// compare forgets what was handed on if the stream has been made since then: its numbers mean
// other messages.
func (c *consumerHandle) compare(ctx context.Context, u *unacked, since time.Time) error {
	info, err := c.js.streamInfo(ctx, request{op: "stream info", subject: "STREAM.INFO." + c.stream, stream: c.stream})
	switch {
	case errors.Is(err, ErrNotFound):
		return err
	case err != nil: // it may be forbidden to ask
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

// mustPull is an ErrNotPullConsumer for a push consumer.
func mustPull(info *ConsumerInfo) error {
	if info.Config.DeliverSubject != "" {
		return &ConsumerTypeError{Stream: info.Stream, Consumer: info.Name, Err: ErrNotPullConsumer}
	}
	return nil
}
