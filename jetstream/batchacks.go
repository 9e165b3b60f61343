package jetstream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// batchAcksMax is how many confirmations of a batch may be outstanding.
const batchAcksMax = 2

// batchAcks counts the confirmations of messages in the middle of a batch.
type batchAcks struct {
	inbox string
	sent  int // only in turn
	came  atomic.Int64
	more  chan struct{} // has a token when came or the batch's failed has changed
}

// sendAcked publishes a message that the server confirms, once fewer than batchAcksMax
// confirmations are outstanding.
func (b *batchPublisher) sendAcked(ctx context.Context, m *api.Msg) error {
	if b.acks == nil {
		if err := b.expectAcks(); err != nil {
			return err
		}
	}
	limit := b.js.opts.DefaultTimeout // a server that has just lost leadership does not answer
	late := time.NewTimer(limit)
	defer late.Stop()
	for b.acks.sent-int(b.acks.came.Load()) >= batchAcksMax {
		select {
		case <-b.acks.more:
		case <-late.C:
			return &api.TimeoutError{Op: "publish batch", Subject: m.Subject, After: limit, Elapsed: limit, Sent: true}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if failed := b.failed.Load(); failed != nil {
			return failed.Err
		}
	}
	b.acks.sent++
	m.Reply = b.acks.inbox
	return b.js.nc.PublishMsg(m)
}

// expectAcks subscribes to the confirmations.
func (b *batchPublisher) expectAcks() error {
	a := &batchAcks{inbox: b.js.nc.NewInbox(), more: make(chan struct{}, 1)}
	err := b.subscribe(a.inbox, func(m *api.Msg) {
		if err := b.confirmed(m); err != nil {
			b.failed.CompareAndSwap(nil, &BatchError{BatchID: b.id, Size: b.Size(), Outcome: BatchRejected, Err: err})
			b.close()
		}
		a.came.Add(1)
		select {
		case a.more <- struct{}{}:
		default:
		}
	})
	if err == nil {
		b.acks = a
	}
	return err
}

// confirmed reads a confirmation.
func (b *batchPublisher) confirmed(m *api.Msg) error {
	if m.Status() == 503 && len(m.Data) == 0 {
		return ErrNoStreamResponse
	}
	return b.accepted(m.Data)
}
