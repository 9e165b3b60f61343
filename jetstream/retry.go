package jetstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/supervisor"
)

// retry.go - how a message whose handler failed is treated.
//
//	failed ──► fewer deliveries than Attempts ──► nak: again after a delay
//	       └─► the last one ──► DeadLetterTo ─► its stream took it ──► term
//	                        └─► no DeadLetterTo ──────────────────► term, with the cause

// Header fields of a message that DeadLetterTo publishes.
const (
	// DeadLetterCauseHeader has the error of the last call of the handler.
	DeadLetterCauseHeader = "Troupe-Dead-Letter-Cause"
	// DeadLetterSubjectHeader has the subject that the message had.
	DeadLetterSubjectHeader = "Troupe-Dead-Letter-Subject"
	// DeadLetterStreamHeader has the stream that the message is in.
	DeadLetterStreamHeader = "Troupe-Dead-Letter-Stream"
	// DeadLetterConsumerHeader has the consumer that delivered it.
	DeadLetterConsumerHeader = "Troupe-Dead-Letter-Consumer"
	// DeadLetterSequenceHeader has its sequence in the stream.
	DeadLetterSequenceHeader = "Troupe-Dead-Letter-Sequence"
	// DeadLetterDeliveriesHeader has the number of its deliveries.
	DeadLetterDeliveriesHeader = "Troupe-Dead-Letter-Deliveries"
)

// The default of RetryBackoff.
const (
	retryInitial = time.Second
	retryMax     = time.Minute
)

// concluded runs after a call of a handler of ConsumeFunc.
func (p *puller) concluded(m *jsMsg, err error) {
	if err != nil {
		p.failed(m, err)
		return
	}
	if p.acked {
		_ = m.Ack() // the handler has already done it, or there is no connection
	}
}

// failed handles a message whose handler failed, unless the handler has acknowledged it.
func (p *puller) failed(m *jsMsg, cause error) {
	p.failures.Add(1)
	if !p.acked || m.open() != nil {
		return
	}
	var meta MsgMetadata
	if !parseAckSubject(m.msg.Reply, &meta) {
		return
	}
	if n := p.opts.more.attempts; n == 0 || meta.NumDelivered < uint64(n) {
		_ = m.NakWithDelay(p.retryDelay(int(min(meta.NumDelivered, 1<<20)))) // on an error it is redelivered after AckWait
		return
	}
	if p.opts.more.deadLetter == "" {
		_ = m.TermWithReason(reasonOf(cause))
		return
	}
	if err := p.bury(m.msg, &meta, cause); err != nil {
		p.post(tell{f: func() { p.told(fmt.Errorf("dead letter: %w", err)) }})
		_ = m.NakWithDelay(p.retryDelay(int(min(meta.NumDelivered, 1<<20))))
		return
	}
	_ = m.TermWithReason(reasonOf(cause)) // if it is lost the message is redelivered and buried again
}

// told calls the user's error handler, if there is one.
func (p *puller) told(err error) {
	if h := p.opts.errHandler; h != nil {
		h(p, err)
	}
}

// retryDelay is the delay of the next delivery.
func (p *puller) retryDelay(delivered int) time.Duration {
	b := p.opts.more.retry
	if b == (api.Backoff{}) {
		b = supervisor.Backoff{Initial: retryInitial, Max: retryMax}
	}
	return b.Delay(delivered, rand.Float64())
}

// reasonMax limits the reason of a term, bytes: it becomes part of an advisory.
const reasonMax = 512

// reasonOf is an error on one line.
func reasonOf(err error) string {
	text := []byte(err.Error())
	if len(text) > reasonMax {
		text = text[:reasonMax]
	}
	for i, b := range text {
		if b < ' ' {
			text[i] = ' '
		}
	}
	return string(text)
}

// bury publishes a message to the subject of dead letters, and waits until a stream has it.
func (p *puller) bury(m *api.Msg, meta *MsgMetadata, cause error) error {
	letter := &api.Msg{Subject: p.opts.more.deadLetter, Data: m.Data, Header: make(api.Header, len(m.Header)+7)}
	for key, values := range m.Header {
		letter.Header[key] = values
	}
	letter.Header.Set(DeadLetterCauseHeader, reasonOf(cause))
	letter.Header.Set(DeadLetterSubjectHeader, m.Subject)
	letter.Header.Set(DeadLetterStreamHeader, meta.Stream)
	letter.Header.Set(DeadLetterConsumerHeader, meta.Consumer)
	letter.Header.Set(DeadLetterSequenceHeader, strconv.FormatUint(meta.Sequence.Stream, 10))
	letter.Header.Set(DeadLetterDeliveriesHeader, strconv.FormatUint(meta.NumDelivered, 10))
	letter.Header.Set(MsgIDHeader, fmt.Sprintf("%s.%s.%d", meta.Stream, meta.Consumer, meta.Sequence.Stream))
	ctx, cancel := p.js.bound(context.Background())
	defer cancel()
	answer, err := p.js.nc.RequestMsgWithContext(ctx, letter)
	if errors.Is(err, api.ErrNoResponders) {
		return ErrNoStreamResponse
	}
	if err != nil {
		return err
	}
	_, err = new(ackReader).read(answer.Data)
	return err
}
