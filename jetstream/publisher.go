package jetstream

import (
	"context"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
)

// publisher.go - the publishers of one JetStream: what they are asked for, and how they
// are told.
//
//	Publish ─────────────────────────────────────────► request, answer       publishsync.go
//	PublishAsync ─► credit ─► slot ─► outlet ─► server                        publishasync.go, publishslot.go
//	                            ▲                 │
//	             deadlines, ────┤   acknowledgement: slot and use in its token
//	             lost links     └──────◄──────────┘                           publishactor.go

const (
	// DefaultPublishAsyncMaxPending is how many messages of PublishAsync may wait for their
	// acknowledgement.
	DefaultPublishAsyncMaxPending = 4000

	// DefaultPublishAsyncTimeout is how long each of them waits.
	DefaultPublishAsyncTimeout = 30 * time.Second

	// DefaultDuplicateWindow is the window for duplicates of a stream whose config does not
	// say otherwise.
	DefaultDuplicateWindow = 2 * time.Minute

	defaultStallWait = 200 * time.Millisecond
)

// MsgErrHandler is told of a message of PublishAsync that was not acknowledged; err is an
// *PublishError. Handlers are called one at a time, apart from everything else: they may
// block, and may publish. A panic is reported, and the next is called.
type MsgErrHandler func(JetStream, *api.Msg, error)

// MsgAckHandler is told of a message of PublishAsync that was acknowledged. It is called
// as MsgErrHandler is.
type MsgAckHandler func(JetStream, *api.Msg, *PubAck)

// Publisher publishes messages to streams. See PublishOpt for what can be said of each,
// and PublishError for what can go wrong. Messages and data are copied, and not changed; what they
// hold may be changed as soon as a call returns.
type Publisher interface {
	// Publish publishes to the stream that takes subject, and waits for its
	// acknowledgement: until ctx is done, or for the default timeout if ctx has no deadline.
	// Without anybody to answer it tries again; see WithRetryAttempts. A message with an id
	// is sent again, within that time, when the acknowledgement does not come or the link is
	// lost; then PubAck.Duplicate may be set, and the message is in the stream once.
	//
	// Errors: a *PublishError, of which errors.Is asks: the ErrAPI that the stream refused it
	// with; ErrNoStreamResponse; ErrPublishUnknown if the stream may have it all the same,
	// together with what happened: api.ErrTimeout, api.ErrDisconnected, ErrInvalidJSAck.
	// Nothing was sent with an ErrInvalidOption and with the errors of api.Conn.Publish.
	Publish(ctx context.Context, subject string, payload []byte, opts ...PublishOpt) (*PubAck, error)
	// PublishMsg is Publish for a message with a header. Its Reply is ignored.
	PublishMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (*PubAck, error)
	// PublishAsync publishes and does not wait: the future is told. Every future ends once,
	// within WithPublishAsyncTimeout: acknowledged, refused, or unknown. While there is no
	// link messages wait for the next one. A message with an id is sent again when that is
	// safe, and what may have left without one ends as soon as the link is lost, with
	// ErrPublishUnknown and api.ErrDisconnected. Messages that are sent again may be stored
	// behind later ones.
	//
	// When WithPublishAsyncMaxPending messages wait for their acknowledgement it waits for
	// WithStallWait, then ErrTooManyStalledMsgs is returned. Other errors are those of
	// api.Conn.Publish, and ErrInvalidOption. Nothing was sent, and there is no future.
	PublishAsync(subject string, payload []byte, opts ...PublishOpt) (PubAckFuture, error)
	// PublishMsgAsync is PublishAsync for a message with a header.
	// ErrAsyncPublishReplySubjectSet if it has a reply subject.
	PublishMsgAsync(msg *api.Msg, opts ...PublishOpt) (PubAckFuture, error)
	// PublishAsyncContext is PublishAsync that waits until ctx is done when as many messages
	// as may wait for their acknowledgement. Once the message is on its way ctx is of no
	// meaning to it.
	PublishAsyncContext(ctx context.Context, subject string, payload []byte, opts ...PublishOpt) (PubAckFuture, error)
	// PublishMsgAsyncContext is PublishAsyncContext for a message with a header.
	PublishMsgAsyncContext(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (PubAckFuture, error)
	// PublishAsyncPending returns how many messages of PublishAsync have no outcome yet.
	PublishAsyncPending() int
	// PublishAsyncComplete returns a channel that is closed when no message of PublishAsync
	// is without an outcome and no handler is yet to be told; at once if that is so. A call
	// that waits for room does not count.
	PublishAsyncComplete() <-chan struct{}
	// CleanupPublisher gives up on every message of PublishAsync, with an
	// ErrJetStreamPublisherClosed, and its subscription with them. The next one makes
	// another.
	CleanupPublisher()
}

// publisherOptions are the options of the publishers.
type publisherOptions struct {
	onErr      MsgErrHandler
	onAck      MsgAckHandler
	pendingMax int
	timeout    time.Duration
	window     time.Duration // for duplicates
	idempotent bool
}

func defaultPublisherOptions() publisherOptions {
	return publisherOptions{pendingMax: DefaultPublishAsyncMaxPending, timeout: DefaultPublishAsyncTimeout, window: DefaultDuplicateWindow}
}

// WithPublishAsyncErrHandler sets who is told of messages of PublishAsync that were not
// acknowledged. Nil for nobody.
func WithPublishAsyncErrHandler(cb MsgErrHandler) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		o.publisher.onErr = cb
		return nil
	}
}

// WithPublishAsyncAckHandler sets who is told of messages of PublishAsync that were
// acknowledged. Nil for nobody.
func WithPublishAsyncAckHandler(cb MsgAckHandler) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		o.publisher.onAck = cb
		return nil
	}
}

// publishAsyncPendingMax is what the tokens of acknowledgements have room for.
const publishAsyncPendingMax = 1 << 24

// WithPublishAsyncMaxPending sets how many messages of PublishAsync may wait for their
// acknowledgement, and for the handlers: DefaultPublishAsyncMaxPending unless set. Each
// takes memory for its data until then. ErrInvalidOption below 1 and above 16,777,216.
func WithPublishAsyncMaxPending(max int) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		if max < 1 || max > publishAsyncPendingMax {
			return &OptionError{Option: "WithPublishAsyncMaxPending", Reason: "is not between 1 and 16777216"}
		}
		o.publisher.pendingMax = max
		return nil
	}
}

// WithPublishAsyncTimeout sets how long a message of PublishAsync waits for its
// acknowledgement, from the call on and however often it is sent. Zero is
// DefaultPublishAsyncTimeout. ErrInvalidOption for less.
func WithPublishAsyncTimeout(dur time.Duration) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		if dur < 0 {
			return &OptionError{Option: "WithPublishAsyncTimeout", Reason: "is negative"}
		}
		if dur > 0 {
			o.publisher.timeout = dur
		}
		return nil
	}
}

// WithIdempotentRetry gives each message without an id one of its own, so that all of them
// can be sent again safely: when an acknowledgement does not come, when a link is lost,
// when a stream has no leader or too much to do. They are, for as long as they have time,
// and DefaultPubRetryAttempts is of no meaning. Messages that belong to a batch are left alone.
func WithIdempotentRetry() JetStreamOpt {
	return func(o *JetStreamOptions) error {
		o.publisher.idempotent = true
		return nil
	}
}

// WithDuplicateWindow says what the shortest StreamConfig.Duplicates of the streams is that
// are published to: DefaultDuplicateWindow unless set. No message is sent again when three
// quarters of it have passed. ErrInvalidOption unless it is positive.
func WithDuplicateWindow(window time.Duration) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		if window <= 0 {
			return &OptionError{Option: "WithDuplicateWindow", Reason: "is not positive"}
		}
		o.publisher.window = window
		return nil
	}
}

// publisher is the state of the asynchronous publishes of one JetStream. It outlives the
// incarnations of its actor.
type publisher struct {
	js    *jetStream
	opts  publisherOptions
	began time.Time // times below are since then

	opening sync.Mutex // held by who makes a desk
	drafts  sync.Pool  // *draft

	// mu guards all below, and is held while a frame is put into the outlet, so that the
	// order of slots is that of frames.
	mu      sync.Mutex
	desk    *desk // nil before the first message, and when cleaned up
	slots   []slot
	free    []uint32  // slots that are
	credits int       // in use: one for each busy slot, each call that waits for a handler, each that is promised
	pending int       // busy slots
	waiters []*waiter // for credits, oldest first
	order   uint64    // of the newest message
	subject string    // of the newest message: a copy of our own

	holding   bool // new messages wait: there is no link, or older ones wait
	heldBytes int  // in slots that wait for a link

	calls    []*pubAckFuture // ended, for the handlers
	calling  int             // handlers that have not returned
	complete chan struct{}   // nil while nobody has asked

	counts publisherCounts
}

// publisherCounts is what the publishers have done.
type publisherCounts struct {
	acked, duplicates, refused, unknown, unsent uint64 // outcomes; duplicates are among the acked
	resent                                      uint64 // frames beyond the first of each message
	late                                        uint64 // acknowledgements that nobody waited for any more
	stalled                                     uint64 // calls that found no room in time
}

func newPublisher(js *jetStream, opts publisherOptions) *publisher {
	return &publisher{js: js, opts: opts, began: time.Now()}
}

// now returns the time since the publisher began.
func (p *publisher) now() time.Duration { return time.Since(p.began) }

// resendUntil is how long after its first frame a message may be sent again.
func (p *publisher) resendUntil() time.Duration { return p.opts.window / 4 * 3 }

// progress returns the counters for the tree.
func (p *publisher) progress() []api.Counter {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.counts
	return []api.Counter{
		{Name: "pending", Value: uint64(p.pending)}, {Name: "acked", Value: c.acked}, {Name: "duplicates", Value: c.duplicates},
		{Name: "rejected", Value: c.refused}, {Name: "unknown", Value: c.unknown}, {Name: "unsent", Value: c.unsent},
		{Name: "resent", Value: c.resent}, {Name: "late", Value: c.late}, {Name: "stalled", Value: c.stalled},
	}
}

// PublishAsyncPending returns how many messages have no outcome yet.
func (js *jetStream) PublishAsyncPending() int {
	js.pub.mu.Lock()
	defer js.pub.mu.Unlock()
	return js.pub.pending
}

// PublishAsyncComplete returns a channel that is closed when every message has its outcome.
func (js *jetStream) PublishAsyncComplete() <-chan struct{} {
	p := js.pub
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.complete == nil {
		p.complete = make(chan struct{})
	}
	complete := p.complete
	p.completeLocked()
	return complete
}

// completeLocked tells those who wait for the end of all messages, if that is now.
func (p *publisher) completeLocked() {
	if p.complete != nil && p.pending == 0 && p.calling == 0 && len(p.calls) == 0 {
		close(p.complete)
		p.complete = nil
	}
}

// CleanupPublisher gives up on every message.
func (js *jetStream) CleanupPublisher() {
	p := js.pub
	p.mu.Lock()
	d := p.desk
	p.endAllLocked(ErrJetStreamPublisherClosed)
	p.desk, p.holding = nil, false
	p.mu.Unlock()
	if d != nil {
		d.close()
	}
}
