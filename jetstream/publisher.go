package jetstream

import (
	"context"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
)

// publisher.go - the publishers of one JetStream: their calls, options and handlers.
//
//	Publish ─────────────────────────────────────────► request, answer       publishsync.go
//	PublishAsync ─► credit ─► slot ─► outlet ─► server                        publishasync.go, publishslot.go
//	                            ▲                 │
//	             deadlines, ────┤   acknowledgement: slot and use in its token
//	             lost links     └──────◄──────────┘                           publishactor.go

const (
	// DefaultPublishAsyncMaxPending is how many messages of PublishAsync may wait for their
	// acknowledgement at a time.
	DefaultPublishAsyncMaxPending = 4000

	// DefaultPublishAsyncTimeout is how long each of them waits.
	DefaultPublishAsyncTimeout = 30 * time.Second

	// DefaultDuplicateWindow is a stream's window for duplicates if its config does not set
	// another.
	DefaultDuplicateWindow = 2 * time.Minute

	defaultStallWait = 200 * time.Millisecond
)

// MsgErrHandler receives a message of PublishAsync that was not acknowledged; err is a
// *PublishError. Handlers are called one at a time, on their own goroutine: they may block, and
// may publish. After a panic, which is reported, the next call follows.
type MsgErrHandler func(JetStream, *api.Msg, error)

// MsgAckHandler receives a message of PublishAsync that was acknowledged. It is called like
// MsgErrHandler.
type MsgAckHandler func(JetStream, *api.Msg, *PubAck)

// Publisher publishes messages to streams. See PublishOpt for the options of a message, and
// PublishError for the errors. Messages and data are copied and not modified; the caller may
// change them as soon as a call returns.
type Publisher interface {
	// Publish publishes to the stream that takes subject, and waits for its acknowledgement:
	// until ctx is done, or for the default timeout if ctx has no deadline. If no stream answers
	// it tries again; see WithRetryAttempts. Within that time a message with an id is sent again
	// if the acknowledgement does not come or the link is lost; then PubAck.Duplicate may be set,
	// and the message is in the stream once.
	//
	// Errors: a *PublishError, which errors.Is matches with the ErrAPI of a refusal; with
	// ErrNoStreamResponse; or, if the stream may have the message anyway, with ErrPublishUnknown
	// and the cause: api.ErrTimeout, api.ErrDisconnected, ErrInvalidJSAck. Nothing was sent for
	// an ErrInvalidOption and for the errors of api.Conn.Publish.
	Publish(ctx context.Context, subject string, payload []byte, opts ...PublishOpt) (*PubAck, error)
	// PublishMsg is Publish for a message with a header. Its Reply is ignored.
	PublishMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (*PubAck, error)
	// PublishAsync publishes and does not wait: the future receives the outcome. Every future
	// ends once, within WithPublishAsyncTimeout: acknowledged, refused, or unknown. While there
	// is no link, messages wait for the next one. A message with an id is sent again when that is
	// safe; one without an id that may have been sent ends as soon as the link is lost, with
	// ErrPublishUnknown and api.ErrDisconnected. Messages that are sent again may be stored after
	// later ones.
	//
	// While WithPublishAsyncMaxPending messages wait for their acknowledgement it waits, for at
	// most WithStallWait, and then returns ErrTooManyStalledMsgs. Other errors are those of
	// api.Conn.Publish, and ErrInvalidOption. With an error nothing was sent, and there is no
	// future.
	PublishAsync(subject string, payload []byte, opts ...PublishOpt) (PubAckFuture, error)
	// PublishMsgAsync is PublishAsync for a message with a header.
	// ErrAsyncPublishReplySubjectSet if it has a reply subject.
	PublishMsgAsync(msg *api.Msg, opts ...PublishOpt) (PubAckFuture, error)
	// PublishAsyncContext is PublishAsync that waits until ctx is done while
	// WithPublishAsyncMaxPending messages wait for their acknowledgement. Once it has returned,
	// ctx does not affect the message.
	PublishAsyncContext(ctx context.Context, subject string, payload []byte, opts ...PublishOpt) (PubAckFuture, error)
	// PublishMsgAsyncContext is PublishAsyncContext for a message with a header.
	PublishMsgAsyncContext(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (PubAckFuture, error)
	// PublishAsyncPending returns how many messages of PublishAsync have no outcome yet.
	PublishAsyncPending() int
	// PublishAsyncComplete returns a channel that is closed when all messages of PublishAsync
	// have an outcome and all calls of handlers have returned; at once if that is already so. A
	// call that waits for room does not count.
	PublishAsyncComplete() <-chan struct{}
	// CleanupPublisher ends every pending message of PublishAsync with an
	// ErrJetStreamPublisherClosed, and the subscription for acknowledgements. The next message
	// creates another one.
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

// WithPublishAsyncErrHandler sets the handler for messages of PublishAsync that were not
// acknowledged. Nil, the default, means none.
func WithPublishAsyncErrHandler(cb MsgErrHandler) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		o.publisher.onErr = cb
		return nil
	}
}

// WithPublishAsyncAckHandler sets the handler for messages of PublishAsync that were
// acknowledged. Nil, the default, means none.
func WithPublishAsyncAckHandler(cb MsgAckHandler) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		o.publisher.onAck = cb
		return nil
	}
}

// publishAsyncPendingMax is the number of slots that a token of an acknowledgement can
// distinguish.
const publishAsyncPendingMax = 1 << 24

// WithPublishAsyncMaxPending sets how many messages of PublishAsync may wait for their
// acknowledgement, and for the handlers. Default: DefaultPublishAsyncMaxPending, 4,000. Each
// holds a copy of its data until then. ErrInvalidOption below 1 and above 16,777,216.
func WithPublishAsyncMaxPending(max int) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		if max < 1 || max > publishAsyncPendingMax {
			return &OptionError{Option: "WithPublishAsyncMaxPending", Reason: "is not between 1 and 16777216"}
		}
		o.publisher.pendingMax = max
		return nil
	}
}

// WithPublishAsyncTimeout sets how long a message of PublishAsync waits for its acknowledgement,
// counted from the call, however often it is sent. Zero means DefaultPublishAsyncTimeout, 30 s.
// ErrInvalidOption for a negative value.
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

// WithIdempotentRetry gives each message without an id a generated one, so that all messages can
// safely be sent again, and are: when an acknowledgement does not come, when the link is lost,
// when a stream has no leader or is overloaded. The retries end with the time of the call;
// DefaultPubRetryAttempts does not apply. Messages of a batch are not affected.
func WithIdempotentRetry() JetStreamOpt {
	return func(o *JetStreamOptions) error {
		o.publisher.idempotent = true
		return nil
	}
}

// WithDuplicateWindow tells the publisher the shortest StreamConfig.Duplicates of the streams
// that it publishes to. Default: DefaultDuplicateWindow, two minutes. No message is sent again
// once three quarters of it have passed. ErrInvalidOption unless it is positive.
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

	opening sync.Mutex // held while a desk is created
	drafts  sync.Pool  // *draft

	// mu guards all below, and is held while a frame is put into the outlet, so that the
	// order of slots is that of frames.
	mu      sync.Mutex
	desk    *desk // nil before the first message, and after a cleanup
	slots   []slot
	free    []uint32  // free slots
	credits int       // in use: one for each busy slot, each call that waits for a handler, each promise to a waiter
	pending int       // busy slots
	waiters []*waiter // for credits, oldest first
	order   uint64    // of the newest message
	subject string    // of the newest message: the publisher's own copy

	holding   bool // new messages wait, because there is no link or older ones wait
	heldBytes int  // in slots that wait for a link

	calls    []*pubAckFuture // ended, for the handlers
	calling  int             // handlers that have not returned
	complete chan struct{}   // nil until requested

	counts publisherCounts
}

// publisherCounts are the counters of the publishers.
type publisherCounts struct {
	acked, duplicates, refused, unknown, unsent uint64 // outcomes; duplicates are among the acked
	resent                                      uint64 // frames after the first of each message
	late                                        uint64 // acknowledgements that came too late
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

// completeLocked notifies callers that wait for the end of all messages, if all have ended.
func (p *publisher) completeLocked() {
	if p.complete != nil && p.pending == 0 && p.calling == 0 && len(p.calls) == 0 {
		close(p.complete)
		p.complete = nil
	}
}

// CleanupPublisher ends every pending message.
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
