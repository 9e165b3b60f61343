package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// messages.go - a consumer's messages, one per call of Next.
//
//	subscription ──► put ──► buffer ──► Next
//	                               ▲
//	     puller ── errors ─────────┘

// MessagesContext iterates over a consumer's messages. It is safe for concurrent use: each
// message goes to one caller of Next.
type MessagesContext interface {
	// Next returns the next message, and waits for it as long as the options say: without one,
	// forever. Messages are requested only while a call waits.
	//
	// Errors: ErrTimeout, or that of the context; ErrNoHeartbeat, after which it can be called
	// again; once, the error that ended the messages, such as ErrConsumerDeleted; from then on,
	// and after Stop, ErrMsgIteratorClosed, which is also an ErrConnectionClosed if the
	// connection is closed; ErrInvalidOption.
	Next(opts ...NextOpt) (Msg, error)
	// NextWithContext is Next that waits until ctx is done. It is the cheapest of the calls.
	NextWithContext(ctx context.Context) (Msg, error)
	// All yields messages until there are no more. An error is yielded with a nil message; errors
	// after which Next can be called again do not end it. After a break, All and Next can be
	// called again.
	All(ctx context.Context) iter.Seq2[Msg, error]
	// Stop ends the messages at once: queued ones are discarded.
	Stop()
	// Drain ends them once the messages that have arrived are taken.
	Drain()
	// Closed returns a channel that is closed when no more messages can arrive. After a Drain,
	// messages that arrived earlier can still be taken.
	Closed() <-chan struct{}
}

// NextOpt is an option of MessagesContext.Next.
type NextOpt interface{ configureNext(*nextOpts) }

type nextOpts struct {
	timeout time.Duration
	ctx     context.Context
}

type nextOpt func(*nextOpts)

func (f nextOpt) configureNext(o *nextOpts) { f(o) }

// NextMaxWait limits how long Next waits; zero or less means no limit.
func NextMaxWait(timeout time.Duration) NextOpt {
	return nextOpt(func(o *nextOpts) { o.timeout = timeout })
}

// NextContext makes Next wait until ctx is done. ErrInvalidOption with NextMaxWait.
func NextContext(ctx context.Context) NextOpt {
	return nextOpt(func(o *nextOpts) { o.ctx = ctx })
}

// bufferMax is the maximum of messages in the buffer of an iterator. More wait in the
// subscription.
const bufferMax = 4096

// iterator implements MessagesContext, on a puller.
type iterator struct {
	p       *puller
	subject string        // of pulls, as it was at the beginning
	buffer  chan *jsMsg   // closed after the last message
	errs    chan error    // errors that interrupt one Next; capacity 1
	stopped chan struct{} // closed by Stop
	stop    sync.Once
	cut     chan struct{} // closed with the connection
	cutting sync.Once

	waiters atomic.Int64 // calls of Next that wait
	parked  atomic.Bool  // nothing is requested, because no call waited
	failure atomic.Pointer[error]
}

// Messages returns the consumer's messages.
func (c *pullConsumer) Messages(options ...PullMessagesOpt) (MessagesContext, error) {
	o, err := parseMessagesOpts(false, options)
	if err != nil {
		return nil, err
	}
	p, err := c.newPuller(o)
	if err != nil {
		return nil, err
	}
	p.buffer = newIterator(p)
	if err := p.begin(); err != nil {
		return nil, err
	}
	return p.buffer, nil
}

func newIterator(p *puller) *iterator {
	return &iterator{p: p, subject: p.subject, buffer: make(chan *jsMsg, min(p.opts.maxMessages, bufferMax)), errs: make(chan error, 1),
		stopped: make(chan struct{}), cut: make(chan struct{})}
}

// put is called by the subscription. It waits while the buffer is full, unless the connection is
// closed.
func (it *iterator) put(m *jsMsg) {
	select {
	case it.buffer <- m:
		return
	default:
	}
	select {
	case it.buffer <- m:
	case <-it.stopped:
	case <-it.cut:
	}
}

// cutOff ends the wait for room.
func (it *iterator) cutOff() { it.cutting.Do(func() { close(it.cut) }) }

func (it *iterator) len() int { return len(it.buffer) }

// interrupt makes one Next return an error. It is dropped if another is still pending.
func (it *iterator) interrupt(err error) {
	select {
	case it.errs <- err:
	default:
	}
}

// fail makes one Next return the error that ended the messages, after those that have arrived.
func (it *iterator) fail(err error) { it.failure.Store(&err) }

// discard ends the messages at once.
func (it *iterator) discard() { it.stop.Do(func() { close(it.stopped) }) }

// close is called after the last message.
func (it *iterator) close() { close(it.buffer) }

// Next returns the next message.
func (it *iterator) Next(options ...NextOpt) (Msg, error) {
	if len(options) == 0 {
		return it.next(context.Background(), 0)
	}
	var o nextOpts
	for _, option := range options {
		if option != nil {
			option.configureNext(&o)
		}
	}
	if o.timeout > 0 && o.ctx != nil {
		return nil, &OptionError{Option: "NextMaxWait", Reason: "is given together with NextContext"}
	}
	if o.ctx == nil {
		o.ctx = context.Background()
	}
	return it.next(o.ctx, o.timeout)
}

// NextWithContext returns the next message.
func (it *iterator) NextWithContext(ctx context.Context) (Msg, error) {
	if ctx == nil {
		return nil, api.ErrInvalidContext
	}
	return it.next(ctx, 0)
}

// next returns a buffered message, or waits for one.
func (it *iterator) next(ctx context.Context, timeout time.Duration) (Msg, error) {
	select {
	case <-it.stopped:
		return nil, it.over()
	default:
	}
	select {
	case m, ok := <-it.buffer:
		return it.taken(m, ok)
	default:
		return it.wait(ctx, timeout)
	}
}

// wait waits for a message, and makes the puller ask for some.
func (it *iterator) wait(ctx context.Context, timeout time.Duration) (Msg, error) {
	it.waiters.Add(1)
	defer it.waiters.Add(-1)
	if it.parked.CompareAndSwap(true, false) {
		it.p.post(refillDue{})
	}
	var late <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case m, ok := <-it.buffer:
		return it.taken(m, ok)
	case err := <-it.errs:
		return nil, err
	case <-it.stopped:
		return nil, it.over()
	case <-late:
		return nil, &api.TimeoutError{Op: "next message", Subject: it.subject, After: timeout, Elapsed: timeout}
	case <-ctx.Done():
		return nil, interruption(ctx)
	}
}

// interruption says that a context has ended, and why.
func interruption(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// taken counts a message, and ends the messages with the last one of StopAfter.
func (it *iterator) taken(m *jsMsg, ok bool) (Msg, error) {
	if !ok {
		return nil, it.over()
	}
	it.p.took(m.msg)
	it.p.stopAfter()
	return m, nil
}

// over returns why there are no more messages; one caller gets the failure.
func (it *iterator) over() error {
	if err := it.failure.Swap(nil); err != nil {
		return *err
	}
	return errIteratorOver(it.p.js.nc)
}

// All yields the messages.
func (it *iterator) All(ctx context.Context) iter.Seq2[Msg, error] {
	return func(yield func(Msg, error) bool) {
		for {
			m, err := it.NextWithContext(ctx)
			if errors.Is(err, ErrMsgIteratorClosed) && !errors.Is(err, ErrConnectionClosed) || !yield(m, err) || ends(err, ctx) {
				return
			}
		}
	}
}

// ends reports whether an error of Next is the last one.
func ends(err error, ctx context.Context) bool {
	return err != nil && (ctx == nil || ctx.Err() != nil || errors.Is(err, ErrMsgIteratorClosed))
}

// Stop ends the messages at once.
func (it *iterator) Stop() { it.p.Stop() }

// Drain ends the messages once those that have arrived are taken.
func (it *iterator) Drain() { it.p.Drain() }

// Closed returns a channel that is closed when no more messages can arrive.
func (it *iterator) Closed() <-chan struct{} { return it.p.closed }
