package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// batch.go - messages that a stream stores all together, or not at all.
//
//	        Add: the rules hold                Commit: PubAck
//	open ───────────────────────► open ──────────────────────► committed
//	  │ refused, Discard            │ refused, incomplete, unknown
//	  └─────────────► closed ◄──────┘

// BatchPublisher publishes messages that a stream stores all together when the batch is
// committed, or not at all. Create one with NewBatchPublisher for each batch. It is safe for
// concurrent use; messages are stored in the order in which Add is called.
//
// Messages are sent at once, and kept by the server until the commit. The server abandons a batch
// that sends nothing for ten seconds.
type BatchPublisher interface {
	// Add publishes data to subject as the next message of the batch. A message that
	// breaks a rule of atomic batches is a *BatchMsgError: nothing of it was sent and the batch
	// continues without it. Any other error ends the batch: it is a *BatchError. The first Add
	// waits until the stream has taken the message, so that a refusal is reported at once; see
	// BatchNoFirstAck. Data may be changed afterwards.
	Add(ctx context.Context, subject string, data []byte, opts ...PublishOpt) error
	// AddMsg is Add for a message with a header. The message is not changed.
	AddMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) error
	// Commit publishes the last message, and makes the stream store the whole batch. The error is
	// a *BatchMsgError for a message that breaks a rule, after which the batch is still open, and
	// otherwise a *BatchError, whose Outcome says whether the batch may have been stored.
	Commit(ctx context.Context, subject string, data []byte, opts ...PublishOpt) (*PubAck, error)
	// CommitMsg is Commit for a message with a header.
	CommitMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (*PubAck, error)
	// CommitAdded makes the stream store what was added, without a last message. It needs server
	// 2.14: ErrRequiredAPILevel. ErrEmptyBatch when nothing was added.
	CommitAdded(ctx context.Context) (*PubAck, error)
	// Resolve finds out whether a batch of an unknown outcome was stored: it looks for its last
	// message. If that is not found, because nothing was stored or another message has followed
	// on its subject, the batch's *BatchError is returned again, as it is for any other failed
	// batch. ErrNoBatchFailed for a batch that has not failed.
	Resolve(ctx context.Context) (*PubAck, error)
	// Discard abandons the batch. The server is notified, and drops it at once. ErrBatchClosed if
	// the batch has already ended.
	Discard() error
	// ID returns the id of the batch, which its messages have in their headers.
	ID() string
	// Size returns how many messages the batch has.
	Size() int
	// IsClosed reports whether the batch has ended, one way or another.
	IsClosed() bool
}

// batchPublisher implements BatchPublisher.
type batchPublisher struct {
	js   *jetStream
	opts batchOptions
	id   string

	turn   chan struct{} // holds one token while nobody uses the fields below
	rules  batchRules
	fields api.Header // of messages without a header of their own
	last   string     // subject of the last message
	acks   *batchAcks // nil unless there are acks on the way; its subscription is among subs
	began  uint64     // reconnects of the connection when the first message was sent

	size   atomic.Int64
	failed atomic.Pointer[BatchError] // why the batch has ended; nil while it is open
	ended  atomic.Bool
	notice bool // there is a subscription for the BatchAbandonedHandler; only in turn
	mu     sync.Mutex
	subs   []*api.Subscription // for as long as the batch lasts
}

// NewBatchPublisher begins a batch; nothing is sent. ErrInvalidOption.
func NewBatchPublisher(js JetStream, opts ...BatchOpt) (BatchPublisher, error) {
	own, err := ownJetStream(js)
	if err != nil {
		return nil, err
	}
	o, err := readBatchOptions(opts)
	if err != nil {
		return nil, err
	}
	return newBatch(own, o), nil
}

func newBatch(js *jetStream, o batchOptions) *batchPublisher {
	b := &batchPublisher{js: js, opts: o, id: nuid.Next(), turn: make(chan struct{}, 1), rules: batchRules{limits: o.limits}}
	b.rules.limits.payload = js.nc.MaxPayload()
	b.turn <- struct{}{}
	return b
}

func (b *batchPublisher) ID() string     { return b.id }
func (b *batchPublisher) Size() int      { return int(b.size.Load()) }
func (b *batchPublisher) IsClosed() bool { return b.ended.Load() }

func (b *batchPublisher) Add(ctx context.Context, subject string, data []byte, opts ...PublishOpt) error {
	return b.AddMsg(ctx, &api.Msg{Subject: subject, Data: data}, opts...)
}

func (b *batchPublisher) AddMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) error {
	ctx, cancel := b.js.bound(ctx)
	defer cancel()
	m, err := b.enter(ctx, msg, opts)
	if err != nil {
		return err
	}
	defer b.leave()
	if err := b.send(ctx, b.frame(m, "")); err != nil {
		return b.end(BatchRejected, err)
	}
	return nil
}

// enter waits for its turn, and notes the message as the next of the batch.
func (b *batchPublisher) enter(ctx context.Context, msg *api.Msg, opts []PublishOpt) (*api.Msg, error) {
	if msg == nil {
		return nil, api.ErrInvalidMsg
	}
	m, err := withPublishOptions(msg, opts)
	if err != nil {
		return nil, err
	}
	if err := b.take(ctx); err != nil {
		return nil, err
	}
	if err := b.start(ctx); err != nil {
		b.leave()
		return nil, err
	}
	if err := b.rules.take(m); err != nil {
		b.leave()
		return nil, err
	}
	b.size.Add(1)
	b.last = m.Subject
	return m, nil
}

// take waits for its turn in a batch that is open.
func (b *batchPublisher) take(ctx context.Context) error {
	if b.ended.Load() {
		return b.closedError()
	}
	select {
	case <-b.turn:
	case <-ctx.Done():
		return b.tooLate(ctx)
	}
	switch {
	case b.ended.Load():
		b.leave()
		return b.closedError()
	case ctx.Err() != nil: // ctx and turn may both have been ready
		b.leave()
		return b.tooLate(ctx)
	}
	return nil
}

// tooLate is the error for a message that is not sent because its context has ended.
func (b *batchPublisher) tooLate(ctx context.Context) error {
	return &BatchError{BatchID: b.id, Outcome: BatchOpen, Err: context.Cause(ctx)}
}

func (b *batchPublisher) leave() { b.turn <- struct{}{} }

// closedError is the error of calls after the end.
func (b *batchPublisher) closedError() error {
	if failed := b.failed.Load(); failed != nil {
		return failed
	}
	return ErrBatchClosed
}

// start does what comes before the first message.
func (b *batchPublisher) start(ctx context.Context) error {
	if b.rules.count > 0 {
		return nil
	}
	if err := b.js.needLevel(ctx, request{op: "publish batch", level: level212, feature: "an atomic batch"}); err != nil {
		return err
	}
	b.began = b.js.nc.Stats().Reconnects
	if b.opts.abandoned != nil && !b.notice {
		return b.listen()
	}
	return nil
}

// frame returns the message as it is sent. The header of one that has none is the
// batch's own, which is valid only until the next message.
func (b *batchPublisher) frame(m *api.Msg, commit string) *api.Msg {
	header := b.fields
	if len(m.Header) > 0 {
		header = make(api.Header, len(m.Header)+3)
		for key, values := range m.Header {
			header[key] = values
		}
		header[batchIDField], header[batchSeqHeader] = []string{b.id}, []string{""}
	} else if header == nil {
		header = api.Header{batchIDField: {b.id}, batchSeqHeader: {""}}
		b.fields = header
	}
	header[batchSeqHeader][0] = strconv.Itoa(b.rules.count)
	if commit != "" {
		header[batchCommitHeader] = []string{commit}
	}
	return &api.Msg{Subject: m.Subject, Header: header, Data: m.Data}
}

// send publishes a message that is not the last, and has its reception confirmed if
// the options want it.
func (b *batchPublisher) send(ctx context.Context, m *api.Msg) error {
	switch {
	case b.rules.count == 1 && !b.opts.noFirstAck:
		answer, err := b.js.nc.RequestMsgWithContext(ctx, m)
		if err != nil {
			return noStream(err)
		}
		return b.accepted(answer.Data)
	case b.opts.ackEvery > 0 && b.rules.count%b.opts.ackEvery == 0:
		return b.sendAcked(ctx, m)
	default:
		return b.js.nc.PublishMsg(m)
	}
}

// accepted reads the answer to a message that is not the last: nothing, or a refusal.
func (b *batchPublisher) accepted(answer []byte) error {
	if len(answer) == 0 {
		return nil
	}
	if err := b.refusal(answer); err != nil {
		return err
	}
	return &ResponseError{Err: ErrInvalidBatchAck} // whoever answered does not know batches
}

// refusal returns the error in an answer, nil if there is none.
func (b *batchPublisher) refusal(answer []byte) error {
	return b.js.refused(request{op: "publish batch", stream: b.rules.limits.stream}, answer)
}

func (b *batchPublisher) Commit(ctx context.Context, subject string, data []byte, opts ...PublishOpt) (*PubAck, error) {
	return b.CommitMsg(ctx, &api.Msg{Subject: subject, Data: data}, opts...)
}

func (b *batchPublisher) CommitMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (*PubAck, error) {
	ctx, cancel := b.js.bound(ctx)
	defer cancel()
	m, err := b.enter(ctx, msg, opts)
	if err != nil {
		return nil, err
	}
	defer b.leave()
	return b.commit(ctx, b.frame(m, commitWithMsg))
}

func (b *batchPublisher) CommitAdded(ctx context.Context) (*PubAck, error) {
	ctx, cancel := b.js.bound(ctx)
	defer cancel()
	if err := b.take(ctx); err != nil {
		return nil, err
	}
	defer b.leave()
	if b.rules.count == 0 {
		return nil, ErrEmptyBatch
	}
	if err := b.js.needLevel(ctx, request{op: "commit batch", level: level214, feature: "a commit without a message"}); err != nil {
		return nil, err
	}
	m := b.frame(&api.Msg{Subject: b.last}, commitWithoutMsg)
	m.Header[batchSeqHeader][0] = strconv.Itoa(b.rules.count + 1)
	return b.commit(ctx, m)
}

// commit publishes the message that ends the batch, and reads the answer.
func (b *batchPublisher) commit(ctx context.Context, m *api.Msg) (*PubAck, error) {
	answer, err := b.js.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, b.end(outcomeOf(err), noStream(err))
	}
	if err := b.refusal(answer.Data); err != nil {
		return nil, b.end(BatchRejected, b.withLoss(err))
	}
	var ack PubAck
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return nil, b.end(BatchUnknown, &ResponseError{Err: err})
	}
	if ack.BatchID != b.id || ack.Count != b.rules.count {
		return nil, b.end(BatchUnknown, &ResponseError{Err: fmt.Errorf("%w: %q with %d messages", ErrInvalidBatchAck, ack.BatchID, ack.Count)})
	}
	b.close()
	return &ack, nil
}

// withLoss adds the loss of the link to a refusal, if the link was lost while the batch was sent.
func (b *batchPublisher) withLoss(err error) error {
	if b.js.nc.Stats().Reconnects == b.began {
		return err
	}
	return &lostBatchError{err}
}

// end notes why the batch has ended.
func (b *batchPublisher) end(outcome BatchOutcome, err error) error {
	e := &BatchError{BatchID: b.id, Stream: b.rules.limits.stream, Size: b.rules.count, Outcome: outcome, Err: err}
	b.failed.CompareAndSwap(nil, e)
	b.close()
	return e
}

// close releases everything that a batch has besides its messages.
func (b *batchPublisher) close() {
	if !b.ended.CompareAndSwap(false, true) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, sub := range b.subs {
		_ = sub.Unsubscribe() // or the connection has ended it
	}
	b.subs = nil
}

// subscribe makes a subscription that ends with the batch.
func (b *batchPublisher) subscribe(subject string, handler api.MsgHandler) error {
	sub, err := b.js.nc.Subscribe(subject, handler)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended.Load() {
		_ = sub.Unsubscribe()
		return nil
	}
	b.subs = append(b.subs, sub)
	return nil
}

func (b *batchPublisher) Discard() error {
	if err := b.take(context.Background()); err != nil {
		return ErrBatchClosed
	}
	defer b.leave()
	b.close()
	if b.rules.count == 0 {
		return nil
	}
	// A commit with a value that no server knows ends the batch there. If it does not arrive, the
	// server abandons the batch later.
	m := b.frame(&api.Msg{Subject: b.last}, "discard")
	return b.js.nc.PublishMsg(m)
}

func (b *batchPublisher) Resolve(ctx context.Context) (*PubAck, error) {
	failed := b.failed.Load()
	switch {
	case failed == nil:
		return nil, ErrNoBatchFailed
	case failed.Outcome != BatchUnknown:
		return nil, failed
	}
	ctx, cancel := b.js.bound(ctx)
	defer cancel()
	ack, err := b.js.findBatch(ctx, placedBatch{id: b.id, stream: b.rules.limits.stream, last: b.last, size: b.rules.count})
	if ack == nil && err == nil {
		return nil, failed
	}
	return ack, err
}

// placedBatch is what a batch can be found by.
type placedBatch struct {
	id, stream, last string
	size             int
}

// findBatch looks for the last message of a batch, which has its id. Nil if it is not there.
func (js *jetStream) findBatch(ctx context.Context, p placedBatch) (*PubAck, error) {
	if p.stream == "" {
		names, err := call[struct {
			Streams []string `json:"streams"`
		}](ctx, js, request{op: "find batch", subject: "STREAM.NAMES", body: map[string]string{"subject": p.last}})
		if err != nil || len(names.Streams) == 0 {
			return nil, err
		}
		p.stream = names.Streams[0]
	}
	found, err := call[struct {
		Message struct {
			Seq    uint64 `json:"seq"`
			Header []byte `json:"hdrs"`
		} `json:"message"`
	}](ctx, js, request{op: "find batch", subject: "STREAM.MSG.GET." + p.stream, stream: p.stream, body: map[string]string{"last_by_subj": p.last}})
	if err != nil {
		return nil, notFoundIsNil(err)
	}
	if !strings.Contains(string(found.Message.Header), batchIDField+": "+p.id+"\r\n") {
		return nil, nil
	}
	return &PubAck{Stream: p.stream, Sequence: found.Message.Seq, BatchID: p.id, Count: p.size}, nil
}
