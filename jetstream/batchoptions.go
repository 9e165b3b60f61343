package jetstream

import (
	"encoding/json"
	"fmt"

	"github.com/troupe-go/troupe/api"
)

// BatchOpt is an option of NewBatchPublisher and PublishMsgBatch. A nil one is skipped.
type BatchOpt func(*batchOptions) error

// batchOptions are what the options have set.
type batchOptions struct {
	limits     batchLimits
	noFirstAck bool
	ackEvery   int
	abandoned  func(BatchAbandoned)
}

func readBatchOptions(opts []BatchOpt) (batchOptions, error) {
	o := batchOptions{limits: batchLimits{msgs: DefaultBatchMessagesMax}}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}

// BatchNoFirstAck makes the first Add return without waiting until the stream has taken the
// message. A refusal is then reported by the commit, possibly only as
// ErrAtomicPublishIncompleteBatch. Default: it waits.
func BatchNoFirstAck() BatchOpt {
	return func(o *batchOptions) error {
		o.noFirstAck = true
		return nil
	}
}

// BatchAckEvery makes the stream confirm every n-th message, so that a refusal is reported before
// the commit. Add waits only while two confirmations are outstanding. Default: none.
// ErrInvalidOption unless positive.
func BatchAckEvery(n int) BatchOpt {
	return func(o *batchOptions) error {
		if n <= 0 {
			return &OptionError{Option: "BatchAckEvery", Reason: "is not positive"}
		}
		o.ackEvery = n
		return nil
	}
}

// BatchMessagesMax sets how many messages a batch may have, for servers that are configured for
// more or fewer than DefaultBatchMessagesMax. ErrInvalidOption unless positive.
func BatchMessagesMax(n int) BatchOpt {
	return func(o *batchOptions) error {
		if n <= 0 {
			return &OptionError{Option: "BatchMessagesMax", Reason: "is not positive"}
		}
		o.limits.msgs = n
		return nil
	}
}

// BatchForStream checks messages against the stream's configuration, as well as the rules of
// batches, before they are sent. Default: only the stream checks its configuration.
// ErrAtomicPublishDisabled for a stream without AllowAtomicPublish.
func BatchForStream(config StreamConfig) BatchOpt {
	return func(o *batchOptions) error {
		if err := checkStreamName(config.Name); err != nil {
			return err
		}
		if !config.AllowAtomicPublish {
			return &OptionError{Option: "BatchForStream", Reason: "got a stream without AllowAtomicPublish", Err: ErrAtomicPublishDisabled}
		}
		o.limits.stream, o.limits.knowsMsg = config.Name, true
		o.limits.msgSize = config.MaxMsgSize
		if config.MaxMsgSize == 0 {
			o.limits.msgSize = -1
		}
		o.limits.ttl = config.AllowMsgTTL || config.SubjectDeleteMarkerTTL > 0
		o.limits.rollup = (config.AllowRollup || config.AllowMsgSchedules || config.SubjectDeleteMarkerTTL > 0) && !config.DenyPurge
		o.limits.counter, o.limits.scheduling = config.AllowMsgCounter, config.AllowMsgSchedules
		return nil
	}
}

// BatchAbandonedHandler calls handler when the server abandons the batch: it was idle for too
// long, messages of it were lost, or it is too large. The batch has ended then. The handler runs
// like that of a subscription, without any lock held. Nil is an ErrHandlerRequired.
func BatchAbandonedHandler(handler func(BatchAbandoned)) BatchOpt {
	return func(o *batchOptions) error {
		if handler == nil {
			return ErrHandlerRequired
		}
		o.abandoned = handler
		return nil
	}
}

// BatchAbandoned is the notice of a server that it has abandoned a batch.
type BatchAbandoned struct {
	// Stream is the stream that the batch was for.
	Stream string `json:"stream"`
	// BatchID is the id of the batch.
	BatchID string `json:"batch"`
	// Reason is timeout, large, incomplete, or unsupported.
	Reason string `json:"reason"`
}

// abandonedSubject is where servers report abandoned batches.
const abandonedSubject = "$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.*"

// listen subscribes to the notices of abandoned batches.
func (b *batchPublisher) listen() error {
	b.notice = true
	return b.subscribe(abandonedSubject, func(m *api.Msg) {
		var notice BatchAbandoned
		if err := json.Unmarshal(m.Data, &notice); err != nil || notice.BatchID != b.id {
			return
		}
		b.failed.CompareAndSwap(nil, &BatchError{
			BatchID: b.id, Stream: notice.Stream, Size: b.Size(), Outcome: BatchRejected,
			Err: fmt.Errorf("%w: %s", ErrBatchAbandoned, notice.Reason),
		})
		b.close()
		b.opts.abandoned(notice)
	})
}

// withPublishOptions returns a message with what the options say in its header. The
// message itself is not changed.
func withPublishOptions(m *api.Msg, opts []PublishOpt) (*api.Msg, error) {
	if len(opts) == 0 {
		return m, nil
	}
	var o publishOptions
	o.begin()
	if err := o.apply(opts); err != nil {
		return nil, err
	}
	if o.stallWait != 0 || o.retryAttempts != DefaultPubRetryAttempts || o.retryWait != DefaultPubRetryWait {
		return nil, &OptionError{Option: "WithStallWait, WithRetryAttempts or WithRetryWait", Reason: "does not go with a batch"}
	}
	header := o.merge(m.Header, make(api.Header, len(m.Header)+len(o.fields)))
	return &api.Msg{Subject: m.Subject, Reply: m.Reply, Header: header, Data: m.Data}, nil
}
