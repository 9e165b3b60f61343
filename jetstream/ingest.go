package jetstream

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/api"
)

// ingest.go - publishes without an acknowledgement for each message.
//
//	Add ──► queue ──► outlet ──► stream
//	          ▲                    │ one acknowledgement for hundreds of messages
//	          └──── pacer ◄────────┘
//
// What was sent is kept until it is acknowledged. When a link is lost, or the stream has a
// new leader, the server is asked how far it has come, and is sent the rest.

// FastPublisher publishes to a stream with AllowBatchPublish much faster than Publish
// and PublishAsync do: the stream acknowledges hundreds of messages at a time. Messages are
// stored as they come, and in the order of Add. It is safe for concurrent use. Make it
// with NewFastPublisher and end it with Close or Commit.
//
// Each message has a number, from 1 on. Acknowledgements are for all messages up to a
// number. What is still to be acknowledged is kept, up to 16 MiB, and sent again when it was
// lost with its link or with the leader of the stream. What may have been stored is
// never stored twice: the stream is asked, and where it has forgotten, only messages with a
// Msg-Id are sent again.
//
// A message that the stream refuses ends the publisher, so that there is no gap among
// the messages that are stored; see WithFastPublisherContinueOnGap for the alternative.
type FastPublisher interface {
	// Add publishes data to subject. It waits while as many messages are to be acknowledged
	// as may be, until ctx is done, and for the default timeout if that has no deadline.
	// Data may be changed when it returns. An error says that the message was not taken;
	// when the publisher has ended, it is the reason: see Err.
	Add(ctx context.Context, subject string, data []byte, opts ...PublishOpt) (FastPubAck, error)
	// AddMsg is Add for a message with a header. ErrInvalidOption for a field that fast
	// batches cannot have: ExpectedLastMsgIDHeader, which servers would overlook, and those
	// of atomic batches.
	AddMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (FastPubAck, error)
	// Commit publishes the last message and ends the publisher when all is stored. Count of
	// the acknowledgement is that of all messages. When ctx is done before, all goes on,
	// and Close waits again.
	Commit(ctx context.Context, subject string, data []byte, opts ...PublishOpt) (*PubAck, error)
	// CommitMsg is Commit for a message with a header.
	CommitMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (*PubAck, error)
	// Flush waits until all that was added is stored. The stream does not acknowledge single
	// messages: after the last of many, this is how to know; or after a few seconds
	// without an Add. ErrEmptyBatch when nothing was added.
	Flush(ctx context.Context) (*PubAck, error)
	// Close is Flush that ends the publisher. When ctx is done before, all goes on, and Close
	// can be called again. When the publisher has failed it returns that error.
	Close(ctx context.Context) (*PubAck, error)
	// Acked returns the number up to which messages are acknowledged.
	Acked() uint64
	// Err returns why the publisher has ended, nil while it has not, or was closed.
	Err() error
	// IsClosed reports whether the publisher takes nothing more.
	IsClosed() bool
}

// FastPubAck is the place of a message among those of its publisher.
type FastPubAck struct {
	// BatchSequence is the message's number, from 1 on.
	BatchSequence uint64
	// AckSequence is the number up to which all messages are acknowledged.
	AckSequence uint64
}

// FastPublisherOpt is an option of NewFastPublisher. A nil one is skipped.
type FastPublisherOpt interface{ configure(*fastOptions) error }

// FastPublishFlowControl says how far a FastPublisher may run ahead of the stream's
// acknowledgements. It is an option of NewFastPublisher.
type FastPublishFlowControl struct {
	// Flow is after how many messages the stream acknowledges; a server uses at most 500,
	// and less with many publishers at a time. 0 means 500.
	Flow uint16
	// MaxOutstandingAcks is how many acknowledgements are waited for before Add waits. 0
	// means 4.
	MaxOutstandingAcks uint16
	// AckTimeout is how long the stream may be silent before it counts as gone, when nobody
	// answers for it. A third of it is after how much silence it is asked. 0 means the
	// default timeout of the JetStream; negative is an ErrInvalidOption.
	AckTimeout time.Duration
}

func (c FastPublishFlowControl) configure(o *fastOptions) error {
	if c.AckTimeout < 0 {
		return &OptionError{Option: "FastPublishFlowControl.AckTimeout", Reason: "is negative"}
	}
	o.FastPublishFlowControl = c
	return nil
}

// fastOption is an option that is a function.
type fastOption func(*fastOptions) error

func (f fastOption) configure(o *fastOptions) error { return f(o) }

// fastOptions are what the options have set.
type fastOptions struct {
	FastPublishFlowControl
	gaps    bool
	onError func(error)
	onAck   func(uint64)
}

// WithFastPublisherContinueOnGap has the publisher go on when a message is refused or was
// lost. The handler of WithFastPublisherErrorHandler is told. Default: false.
//
//style:allow params orbit.go's signature
func WithFastPublisherContinueOnGap(continueOnGap bool) FastPublisherOpt {
	return fastOption(func(o *fastOptions) error {
		o.gaps = continueOnGap
		return nil
	})
}

// WithFastPublisherErrorHandler has handler told of messages that are not stored, one
// by one: a *FastMsgError for one that the stream has refused, a *FastGapError for some that
// were lost on the way, a *FastUnknownError for some that may have been stored. Calls come
// one after the other, on an actor of the publisher, and may do anything. Nil is an
// ErrHandlerRequired.
func WithFastPublisherErrorHandler(handler func(error)) FastPublisherOpt {
	return fastOption(func(o *fastOptions) error {
		if handler == nil {
			return ErrHandlerRequired
		}
		o.onError = handler
		return nil
	})
}

// WithFastPublisherAckHandler has handler told up to which number messages are
// acknowledged, when that changes; calls are those of WithFastPublisherErrorHandler. Nil
// is an ErrHandlerRequired.
func WithFastPublisherAckHandler(handler func(acked uint64)) FastPublisherOpt {
	return fastOption(func(o *fastOptions) error {
		if handler == nil {
			return ErrHandlerRequired
		}
		o.onAck = handler
		return nil
	})
}

// What the fields of FastPublishFlowControl are when they are zero.
const (
	flowDefault           = 500
	outstandingAckDefault = 4
)

// NewFastPublisher makes a FastPublisher; nothing is sent before the first Add. It is an
// actor below its connection, which it ends with. ErrInvalidOption; ErrHandlerRequired; those
// of api.Conn's Subscribe.
func NewFastPublisher(js JetStream, opts ...FastPublisherOpt) (FastPublisher, error) {
	own, err := ownJetStream(js)
	if err != nil {
		return nil, err
	}
	var o fastOptions
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt.configure(&o); err != nil {
			return nil, err
		}
	}
	if o.Flow == 0 {
		o.Flow = flowDefault
	}
	if o.MaxOutstandingAcks == 0 {
		o.MaxOutstandingAcks = outstandingAckDefault
	}
	if o.AckTimeout == 0 {
		o.AckTimeout = own.opts.DefaultTimeout
	}
	return startIngest(own, o)
}
