package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/api"
)

const (
	// batchTries is how often a batch is sent at most.
	batchTries = 5
	// batchRetryWait is the wait after the first try, and doubles: the sum is about as long as a
	// stream needs to elect a new leader.
	batchRetryWait = 250 * time.Millisecond
)

// PublishMsgBatch publishes messages that a stream stores all together, or not at all.
// They are not modified, and must not be modified until the call returns. All of them are checked
// against the rules of batches before the first is sent.
//
// A batch that was not stored because the server had too many batches in flight, the stream had
// no leader, or messages of it were lost, is sent again with a new id, up to four times within
// four seconds. When the answer to the commit is lost, the stream is asked whether it has the
// batch; if that cannot be determined, the batch is sent again only if a message has a Msg-Id, by
// which a stream recognizes it: the acknowledgement then says Duplicate if the first attempt had
// been stored. If the stream recognizes a message and the batch cannot be found, because others
// have published to the subject of its last message since, the outcome is BatchUnknown, with
// ErrBatchDuplicate.
//
// Errors: ErrEmptyBatch without messages; *BatchMsgError; *BatchError, whose Outcome says
// whether the batch may have been stored; ErrRequiredAPILevel; ErrInvalidOption.
func PublishMsgBatch(ctx context.Context, js JetStream, messages []*api.Msg, opts ...BatchOpt) (*PubAck, error) {
	own, err := ownJetStream(js)
	if err != nil {
		return nil, err
	}
	o, err := readBatchOptions(opts)
	if err != nil {
		return nil, err
	}
	o.noFirstAck = true
	if len(messages) == 0 {
		return nil, ErrEmptyBatch
	}
	check := newBatch(own, o).rules
	identified := false
	for _, m := range messages {
		if m == nil {
			return nil, api.ErrInvalidMsg
		}
		if err := check.take(m); err != nil {
			return nil, err
		}
		identified = identified || field(m, MsgIDHeader) != ""
	}
	ctx, cancel := own.bound(ctx)
	defer cancel()
	r := oneBatch{js: own, opts: o, messages: messages, identified: identified}
	return r.publish(ctx)
}

// oneBatch is one call of PublishMsgBatch.
type oneBatch struct {
	js         *jetStream
	opts       batchOptions
	messages   []*api.Msg
	identified bool
	unknown    []placedBatch // tries that may have been stored
}

// publish tries until the batch is stored, or cannot be.
func (r *oneBatch) publish(ctx context.Context) (*PubAck, error) {
	began := time.Now()
	for try := 1; ; try++ {
		ack, err := r.once(ctx)
		if err == nil {
			return ack, nil
		}
		var failed *BatchError
		if !errors.As(err, &failed) {
			return nil, err
		}
		if ack := r.stored(ctx, failed); ack != nil {
			return ack, nil
		}
		late := len(r.unknown) > 0 && time.Since(began) > r.js.pub.resendUntil()
		if try == batchTries || late || !r.again(failed) || !sleep(ctx, batchRetryWait<<(try-1)) {
			return nil, r.worst(failed)
		}
	}
}

// once sends the whole batch.
func (r *oneBatch) once(ctx context.Context) (*PubAck, error) {
	if r.identified {
		// A server that has just lost leadership does not answer.
		limited, cancel := context.WithTimeout(ctx, r.js.opts.DefaultTimeout/2)
		defer cancel()
		ctx = limited
	}
	b := newBatch(r.js, r.opts)
	defer b.close()
	last := len(r.messages) - 1
	for _, m := range r.messages[:last] {
		if err := b.AddMsg(ctx, m); err != nil {
			return nil, err
		}
	}
	ack, err := b.CommitMsg(ctx, r.messages[last])
	if failed := b.failed.Load(); failed != nil && failed.Outcome == BatchUnknown {
		r.unknown = append(r.unknown, placedBatch{id: b.id, stream: b.rules.limits.stream, last: b.last, size: b.rules.count})
	}
	return ack, err
}

// stored returns the acknowledgement of a try whose answer was lost, nil if none is
// known to have been stored. A duplicate alone does not prove it: it may be of a message that was
// stored earlier.
func (r *oneBatch) stored(ctx context.Context, failed *BatchError) *PubAck {
	if failed.Outcome == BatchRejected && !errors.Is(failed.Err, ErrBatchDuplicate) {
		return nil
	}
	for _, p := range r.unknown {
		ack, err := r.js.findBatch(ctx, p)
		if err != nil {
			return nil
		}
		if ack != nil {
			ack.Duplicate = true
			return ack
		}
	}
	return nil
}

// again reports whether the batch can be sent once more without being stored twice.
func (r *oneBatch) again(failed *BatchError) bool {
	if failed.Outcome == BatchUnknown {
		return r.identified
	}
	for _, passing := range []error{ErrTooManyInflightBatches, ErrAtomicPublishIncompleteBatch, ErrNoStreamResponse} {
		if errors.Is(failed.Err, passing) {
			return true
		}
	}
	return false
}

// worst is the error of the whole call: a try that may have been stored outweighs one that was
// refused.
func (r *oneBatch) worst(failed *BatchError) error {
	if len(r.unknown) > 0 {
		failed.Outcome = BatchUnknown
	}
	return failed
}
