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
// Sent messages are kept until they are acknowledged. When a link is lost, or the stream has a
// new leader, the publisher asks the server how far it got, and sends the rest again.

// FastPublisher publishes to a stream with AllowBatchPublish much faster than Publish
// and PublishAsync do: the stream acknowledges hundreds of messages at a time. Messages are
// stored as they arrive, in the order of Add. It is safe for concurrent use. Create it with
// NewFastPublisher and end it with Close or Commit.
//
// Each message has a number, from 1 on. An acknowledgement covers all messages up to a number.
// Unacknowledged messages are kept, up to 16 MiB, and sent again if they were lost with the link
// or the leader of the stream. No message is stored twice: the stream is asked what it has, and
// if it has forgotten the batch, only messages with a Msg-Id are sent again.
//
// A refused message ends the publisher, so that there is no gap in the stored messages; see
// WithFastPublisherContinueOnGap for the alternative.
type FastPublisher interface {
	// Add publishes data to subject. It waits while the maximum of messages is unacknowledged,
	// until ctx is done, or for the default timeout if ctx has no deadline. Data may be changed
	// when it returns. An error means that the message was not accepted; if the publisher has
	// ended, it is the reason: see Err.
	Add(ctx context.Context, subject string, data []byte, opts ...PublishOpt) (FastPubAck, error)
	// AddMsg is Add for a message with a header. ErrInvalidOption for a field that fast
	// batches cannot have: ExpectedLastMsgIDHeader, which servers would ignore, and those of
	// atomic batches.
	AddMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (FastPubAck, error)
	// Commit publishes the last message and ends the publisher when all is stored. Count of the
	// acknowledgement covers all messages. If ctx is done earlier, publishing continues, and
	// Close waits again.
	Commit(ctx context.Context, subject string, data []byte, opts ...PublishOpt) (*PubAck, error)
	// CommitMsg is Commit for a message with a header.
	CommitMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (*PubAck, error)
	// Flush waits until all added messages are stored. The stream does not acknowledge single
	// messages: without Flush, the last ones are acknowledged only after a few seconds without an
	// Add. ErrEmptyBatch if nothing was added.
	Flush(ctx context.Context) (*PubAck, error)
	// Close is Flush that ends the publisher. If ctx is done earlier, publishing continues, and
	// Close can be called again. If the publisher has failed it returns that error.
	Close(ctx context.Context) (*PubAck, error)
	// Acked returns the number up to which messages are acknowledged.
	Acked() uint64
	// Err returns why the publisher has failed; nil while it is open and after Close.
	Err() error
	// IsClosed reports whether the publisher accepts no more messages.
	IsClosed() bool
}

// FastPubAck is the position of a message among those of its publisher.
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
	// Flow is how many messages one acknowledgement covers; a server uses at most 500, and fewer
	// with many concurrent publishers. 0 means 500.
	Flow uint16
	// MaxOutstandingAcks is how many acknowledgements may be outstanding before Add waits. 0
	// means 4.
	MaxOutstandingAcks uint16
	// AckTimeout is how long no server may answer for the stream before it counts as gone. A
	// silent stream is asked after a third of it. 0 means the default timeout of the JetStream;
	// negative is an ErrInvalidOption.
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

// WithFastPublisherContinueOnGap lets the publisher continue when a message was refused or lost.
// It is reported to the handler of WithFastPublisherErrorHandler. Default: false.
//
//style:allow params orbit.go's signature
func WithFastPublisherContinueOnGap(continueOnGap bool) FastPublisherOpt {
	return fastOption(func(o *fastOptions) error {
		o.gaps = continueOnGap
		return nil
	})
}

// WithFastPublisherErrorHandler reports messages that are not stored to handler, one error at a
// time: a *FastMsgError for one that the stream has refused, a *FastGapError for messages lost in
// transit, a *FastUnknownError for messages that may have been stored. handler runs on an actor
// of the publisher and may block. Nil is an ErrHandlerRequired.
func WithFastPublisherErrorHandler(handler func(error)) FastPublisherOpt {
	return fastOption(func(o *fastOptions) error {
		if handler == nil {
			return ErrHandlerRequired
		}
		o.onError = handler
		return nil
	})
}

// WithFastPublisherAckHandler reports to handler, when it changes, the number up to which
// messages are acknowledged; handler runs like that of WithFastPublisherErrorHandler. Nil is an
// ErrHandlerRequired.
func WithFastPublisherAckHandler(handler func(acked uint64)) FastPublisherOpt {
	return fastOption(func(o *fastOptions) error {
		if handler == nil {
			return ErrHandlerRequired
		}
		o.onAck = handler
		return nil
	})
}

// Values of the zero fields of FastPublishFlowControl.
const (
	flowDefault           = 500
	outstandingAckDefault = 4
)

// NewFastPublisher creates a FastPublisher; nothing is sent before the first Add. It is an actor
// below its connection, and ends with it. ErrInvalidOption; ErrHandlerRequired; those of
// api.Conn's Subscribe.
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
