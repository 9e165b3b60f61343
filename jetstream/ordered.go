package jetstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// ordered.go - a Consumer that creates its underlying consumers itself.

// orderedConsumer implements Consumer.
type orderedConsumer struct {
	source *orderedSource

	mu      sync.Mutex
	use     orderedUse
	running func() bool // whether the last use is still running; nil before the first
}

// orderedUse is what an ordered consumer is used for. It does not change once set.
type orderedUse uint8

const (
	orderedUnused orderedUse = iota
	orderedConsume
	orderedFetch
)

// OrderedConsumer implements StreamConsumerManager.
func (js *jetStream) OrderedConsumer(ctx context.Context, stream string, cfg OrderedConsumerConfig) (Consumer, error) {
	return js.orderedConsumer(ctx, &orderedSource{js: js, stream: stream, cfg: cfg, prefix: cfg.NamePrefix})
}

// orderedConsumer creates the first consumer.
func (js *jetStream) orderedConsumer(ctx context.Context, s *orderedSource) (Consumer, error) {
	s.policy = s.cfg.DeliverPolicy
	s.cfg.FilterSubjects = slices.Clone(s.cfg.FilterSubjects)
	if s.prefix == "" {
		s.prefix = nuid.Next()
	}
	ctx, cancel := js.bound(ctx)
	defer cancel()
	for {
		_, err := s.renew(ctx, time.Time{})
		if errors.Is(err, ErrConsumerExists) && ctx.Err() == nil {
			continue // the name is taken by another client
		}
		if err != nil {
			s.close()
			return nil, err
		}
		return &orderedConsumer{source: s}, nil
	}
}

// OrderedConsumer implements ConsumerManager.
func (s *stream) OrderedConsumer(ctx context.Context, cfg OrderedConsumerConfig) (Consumer, error) {
	return s.js.orderedConsumer(ctx, &orderedSource{js: s.js, stream: s.name, cfg: cfg, prefix: cfg.NamePrefix, created: s.CachedInfo().Created})
}

// begin makes the caller the user, if there is no other. It calls start, which returns a function
// that reports whether the use is still running.
func (c *orderedConsumer) begin(use orderedUse, start func() (running func() bool, err error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case use == orderedConsume && c.use == orderedFetch:
		return ErrOrderConsumerUsedAsFetch
	case use == orderedFetch && c.use == orderedConsume:
		return ErrOrderConsumerUsedAsConsume
	case c.running != nil && c.running():
		return ErrOrderedConsumerConcurrentRequests
	}
	running, err := start()
	if err == nil {
		c.use, c.running = use, running
	}
	return err
}

// Consume calls handler with each message, in order and without a gap.
func (c *orderedConsumer) Consume(handler MessageHandler, options ...PullConsumeOpt) (ConsumeContext, error) {
	if handler == nil {
		return nil, ErrHandlerRequired
	}
	return c.consume(func(p *puller) { p.call = func(m *jsMsg) { handler(m) } }, options)
}

// ConsumeFunc is Consume for a handler with a context and an error.
func (c *orderedConsumer) ConsumeFunc(handler HandlerFunc, options ...PullConsumeOpt) (ConsumeContext, error) {
	if handler == nil {
		return nil, ErrHandlerRequired
	}
	return c.consume(func(p *puller) { p.withContext = handler }, options)
}

func (c *orderedConsumer) consume(use func(*puller), options []PullConsumeOpt) (ConsumeContext, error) {
	o, err := parseConsumeOpts(true, options)
	if err != nil {
		return nil, err
	}
	p, err := c.start(o, use)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Messages returns the messages, in order and without a gap.
func (c *orderedConsumer) Messages(options ...PullMessagesOpt) (MessagesContext, error) {
	o, err := parseMessagesOpts(true, options)
	if err != nil {
		return nil, err
	}
	p, err := c.start(o, func(p *puller) { p.buffer = newIterator(p) })
	if err != nil {
		return nil, err
	}
	return p.buffer, nil
}

// start starts a puller that runs through all generations.
func (c *orderedConsumer) start(o *consumeOpts, use func(*puller)) (p *puller, err error) {
	if o.more.workers > 0 {
		return nil, &OptionError{Option: "Concurrency", Reason: "is not for ordered consumers"}
	}
	err = c.begin(orderedConsume, func() (func() bool, error) {
		s := c.source
		fresh := s.take()
		if p, err = s.current().newPuller(o); err != nil {
			return nil, err
		}
		p.ordered = &orderedRun{source: s}
		o.quietHeartbeats = true
		p.missing = fresh == nil // it creates one first
		use(p)
		s.reuse(o.stopAfter, o.more.restart)
		if err = p.begin(); err != nil {
			return nil, err
		}
		return p.unfinished, nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// reuse restarts the count of delivered messages.
func (s *orderedSource) reuse(stop int, restart *orderedRestart) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.taken, s.cursor.stop, s.closed = 0, stop, false
	s.restart = restart
}

// unfinished reports whether more messages may be delivered.
func (p *puller) unfinished() bool {
	select {
	case <-p.closed:
		return false
	default:
		return true
	}
}

// orderedPull decides what one fetch of an ordered consumer delivers.
type orderedPull struct {
	source *orderedSource
	batch  atomic.Pointer[batch]
}

// admits decides whether to deliver a message; a gap ends the batch.
func (o *orderedPull) admits(b *batch, m *api.Msg) bool {
	var meta MsgMetadata
	if !parseAckSubject(m.Reply, &meta) {
		return false
	}
	switch o.source.admit(&meta) {
	case orderedDeliver, orderedLast:
		return true
	case orderedGap:
		b.end(FetchRefused, &ConsumerSequenceMismatchError{Stream: meta.Stream, Consumer: meta.Consumer,
			LastConsumerSequence: meta.Sequence.Consumer - 1, ConsumerSequence: uint64(b.came)})
	}
	return false
}

func (o *orderedPull) unfinished() bool {
	b := o.batch.Load()
	return b != nil && b.Reason() == FetchOpen
}

// fetch creates a consumer, unless the first one is still unused, and calls f to fetch from it.
func (c *orderedConsumer) fetch(ctx context.Context, f func(*pullConsumer, *orderedPull) error) error {
	pull := &orderedPull{source: c.source}
	var from *pullConsumer
	busy := new(atomic.Bool)
	err := c.begin(orderedFetch, func() (func() bool, error) {
		busy.Store(true)
		return func() bool { return busy.Load() || pull.unfinished() }, nil
	})
	if err != nil {
		return err
	}
	defer busy.Store(false)
	c.source.reuse(0, nil)
	if from = c.source.take(); from == nil {
		bound, cancel := c.source.js.bound(ctx)
		defer cancel()
		if _, err := c.source.renew(bound, time.Time{}); err != nil {
			return err
		}
		from = c.source.take()
	}
	return f(from, pull)
}

func (c *orderedConsumer) batch(o fetchOpts, options []FetchOpt) (b MessageBatch, err error) {
	err = c.fetch(context.Background(), func(from *pullConsumer, pull *orderedPull) error {
		o.ordered = pull
		got, err := from.fetchWith(o, options)
		if err == nil {
			b = got
		}
		return err
	})
	return b, err
}

// Fetch asks for messages. Each call creates its own consumer: Consume and Messages cost less.
func (c *orderedConsumer) Fetch(batch int, options ...FetchOpt) (MessageBatch, error) {
	return c.batch(fetchOpts{pullRequest: pullRequest{batch: batch}, sizable: true}, options)
}

// FetchBytes asks for up to maxBytes of messages.
func (c *orderedConsumer) FetchBytes(maxBytes int, options ...FetchOpt) (MessageBatch, error) {
	if err := atLeast("FetchBytes", maxBytes, 1); err != nil {
		return nil, err
	}
	return c.batch(fetchOpts{pullRequest: pullRequest{batch: bytesOnlyBatch, maxBytes: maxBytes}}, options)
}

// FetchNoWait asks for the messages that are available.
func (c *orderedConsumer) FetchNoWait(batch int) (MessageBatch, error) {
	return c.batch(fetchOpts{pullRequest: pullRequest{batch: batch, noWait: true}}, nil)
}

// Next asks for one message, and waits for it.
func (c *orderedConsumer) Next(options ...FetchOpt) (Msg, error) {
	b, err := c.batch(fetchOpts{pullRequest: pullRequest{batch: 1}}, options)
	if err != nil {
		return nil, err
	}
	if m, ok := <-b.Messages(); ok {
		return m, nil
	}
	return nil, b.(*batch).nothing()
}

// FetchWithContext asks for messages, and waits for them.
func (c *orderedConsumer) FetchWithContext(ctx context.Context, batch int, options ...FetchOpt) ([]Msg, error) {
	return c.collect(ctx, fetchOpts{pullRequest: pullRequest{batch: batch}, sizable: true}, options)
}

// NextWithContext asks for one message, and waits for it.
func (c *orderedConsumer) NextWithContext(ctx context.Context, options ...FetchOpt) (Msg, error) {
	msgs, err := c.collect(ctx, fetchOpts{pullRequest: pullRequest{batch: 1}}, options)
	if err != nil {
		return nil, err
	}
	return msgs[0], nil
}

func (c *orderedConsumer) collect(ctx context.Context, o fetchOpts, options []FetchOpt) (msgs []Msg, err error) {
	if ctx == nil {
		return nil, api.ErrInvalidContext
	}
	err = c.fetch(ctx, func(from *pullConsumer, pull *orderedPull) error {
		o.ordered = pull
		msgs, err = from.collect(ctx, o, options)
		return err
	})
	return msgs, err
}

// Info asks for the info of the current underlying consumer.
func (c *orderedConsumer) Info(ctx context.Context) (*ConsumerInfo, error) {
	handle := c.source.current()
	if handle == nil {
		return nil, ErrOrderedConsumerNotCreated
	}
	return handle.Info(ctx)
}

// CachedInfo returns the latest info; nil before the first consumer.
func (c *orderedConsumer) CachedInfo() *ConsumerInfo {
	handle := c.source.current()
	if handle == nil {
		return nil
	}
	return handle.CachedInfo()
}
