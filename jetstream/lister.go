package jetstream

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// lister.go - lists through channels, as in nats.go.
//
// Nothing is sent before the channel is requested. Its goroutine ends with the list, with the
// context, with the connection, or when nothing is received from the channel for DefaultTimeout
// while the context has no deadline: a reader that stops early leaks nothing.

// Listers give what a list yields through a channel.
type (
	// StreamInfoLister lists streams.
	StreamInfoLister interface {
		// Info returns the channel of the streams, the same each time. It is closed at the
		// end of the list or at the first error.
		Info() <-chan *StreamInfo
		// Err returns why the channel was closed early, nil if it was not: an *IncompleteError
		// when a part is missing. It is nil until the channel is closed.
		Err() error
	}
	// StreamNameLister lists the names of streams.
	StreamNameLister interface {
		// Name returns the channel of the names, the same each time. It is closed at the
		// end of the list or at the first error.
		Name() <-chan string
		// Err returns why the channel was closed early, nil if it was not. It is nil until the
		// channel is closed.
		Err() error
	}
	// ConsumerInfoLister lists the consumers of a stream.
	ConsumerInfoLister interface {
		// Info returns the channel of the consumers, the same each time. It is closed at
		// the end of the list or at the first error.
		Info() <-chan *ConsumerInfo
		// Err returns why the channel was closed early, nil if it was not: an *IncompleteError
		// when a part is missing. It is nil until the channel is closed.
		Err() error
	}
	// ConsumerNameLister lists the names of a stream's consumers.
	ConsumerNameLister interface {
		// Name returns the channel of the names, the same each time. It is closed at the
		// end of the list or at the first error.
		Name() <-chan string
		// Err returns why the channel was closed early, nil if it was not. It is nil until the
		// channel is closed.
		Err() error
	}
)

// listerBuffer is how many items wait in a lister's channel: a page.
const listerBuffer = 256

// lister feeds a channel from a sequence.
type lister[T any] struct {
	js      *jetStream
	ctx     context.Context
	list    iter.Seq2[T, error]
	items   chan T
	started atomic.Bool
	err     atomic.Pointer[error] // set before items is closed
}

func newLister[T any](ctx context.Context, js *jetStream, list iter.Seq2[T, error]) *lister[T] {
	return &lister[T]{js: js, ctx: orBackground(ctx), list: list, items: make(chan T, listerBuffer)}
}

// Err returns why the channel was closed.
func (l *lister[T]) Err() error {
	if err := l.err.Load(); err != nil {
		return *err
	}
	return nil
}

// channel returns the channel, and begins to feed it the first time.
func (l *lister[T]) channel() <-chan T {
	if l.started.CompareAndSwap(false, true) {
		go l.feed()
	}
	return l.items
}

// feed puts the list into the channel.
func (l *lister[T]) feed() {
	defer close(l.items)
	for item, err := range l.list {
		if err == nil {
			err = l.put(item)
		}
		if err != nil {
			l.err.Store(&err)
			return
		}
	}
}

// put waits until there is room for an item.
func (l *lister[T]) put(item T) error {
	select {
	case l.items <- item:
		return nil
	default:
	}
	var idle <-chan time.Time
	if _, ok := l.ctx.Deadline(); !ok {
		timer := time.NewTimer(l.js.opts.DefaultTimeout)
		defer timer.Stop()
		idle = timer.C
	}
	select {
	case l.items <- item:
		return nil
	case <-idle:
		return &api.TimeoutError{Op: "take a listed item", After: l.js.opts.DefaultTimeout, Elapsed: l.js.opts.DefaultTimeout}
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
}

// infoLister is a lister of infos.
type infoLister[T any] struct{ *lister[T] }

// Info returns the channel.
func (l infoLister[T]) Info() <-chan T { return l.channel() }

// nameLister is a lister of names.
type nameLister struct{ *lister[string] }

// Name returns the channel.
func (l nameLister) Name() <-chan string { return l.channel() }

// StreamListOpt is an option of a list of streams.
type StreamListOpt func(*streamsRequest) error

// streamsRequest asks for a page of streams.
type streamsRequest struct {
	Offset  int    `json:"offset"`
	Subject string `json:"subject,omitempty"`
}

// WithStreamListSubject lists only streams that take messages of the subject, which may
// have wildcards. ErrInvalidSubject if it is not valid.
func WithStreamListSubject(subject string) StreamListOpt {
	return func(r *streamsRequest) error {
		if err := checkSubject(subject); err != nil {
			return err
		}
		r.Subject = subject
		return nil
	}
}

// streamPager returns the pager of a list of streams.
func streamPager[T any](js *jetStream, r request, opts []StreamListOpt) (pager[T], error) {
	var page streamsRequest
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&page); err != nil {
			return pager[T]{}, err
		}
	}
	return pager[T]{js: js, r: r, body: func(offset int) any {
		next := page
		next.Offset = offset
		return next
	}}, nil
}

// failedList yields an error and nothing else.
func failedList[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

// AllStreams yields the streams of the account.
func (js *jetStream) AllStreams(ctx context.Context, opts ...StreamListOpt) iter.Seq2[*StreamInfo, error] {
	p, err := streamPager[*StreamInfo](js, request{op: "list streams", subject: "STREAM.LIST"}, opts)
	if err != nil {
		return failedList[*StreamInfo](err)
	}
	p.name = func(info *StreamInfo) (string, bool) {
		if info == nil {
			return "", false
		}
		return info.Config.Name, true
	}
	return p.all(ctx)
}

// AllStreamNames yields the names of the streams of the account.
func (js *jetStream) AllStreamNames(ctx context.Context, opts ...StreamListOpt) iter.Seq2[string, error] {
	p, err := streamPager[string](js, request{op: "list stream names", subject: "STREAM.NAMES"}, opts)
	if err != nil {
		return failedList[string](err)
	}
	p.name = itself
	return p.all(ctx)
}

func itself(name string) (string, bool) { return name, name != "" }

// ListStreams lists the streams of the account.
func (js *jetStream) ListStreams(ctx context.Context, opts ...StreamListOpt) StreamInfoLister {
	return infoLister[*StreamInfo]{newLister(ctx, js, js.AllStreams(ctx, opts...))}
}

// StreamNames lists the names of the streams of the account.
func (js *jetStream) StreamNames(ctx context.Context, opts ...StreamListOpt) StreamNameLister {
	return nameLister{newLister(ctx, js, js.AllStreamNames(ctx, opts...))}
}
