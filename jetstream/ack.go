package jetstream

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// ack.go - how a consumer's messages are acknowledged.

// The bodies of acknowledgements.
const (
	ackAck      = "+ACK"
	ackNak      = "-NAK"
	ackProgress = "+WPI"
	ackTerm     = "+TERM"
)

// ackNext begins the body of an acknowledgement that is a pull, too.
const ackNext = "+NXT "

// ackNextSlack is the fraction of AckNext's time that is kept for the round trip: a tenth.
const ackNextSlack = 10

// ackCounts counts the acknowledgements of one consumer's messages.
type ackCounts struct {
	final   atomic.Uint64           // acks, naks and terms that were sent
	last    atomic.Pointer[api.Msg] // the last message that got one
	unacked *unacked                // nil if nobody needs it
}

// Ack implements Msg.
func (m *jsMsg) Ack() error { return m.finish([]byte(ackAck)) }

// DoubleAck implements Msg.
func (m *jsMsg) DoubleAck(ctx context.Context) error { return m.confirm(ctx, []byte(ackAck)) }

// Nak implements Msg.
func (m *jsMsg) Nak() error { return m.finish([]byte(ackNak)) }

// NakWithDelay implements Msg.
func (m *jsMsg) NakWithDelay(delay time.Duration) error { return m.finish(nakBody(delay)) }

// DoubleNak implements Msg.
func (m *jsMsg) DoubleNak(ctx context.Context, delay time.Duration) error {
	return m.confirm(ctx, nakBody(delay))
}

// InProgress implements Msg.
func (m *jsMsg) InProgress() error {
	if err := m.open(); err != nil {
		return err
	}
	return m.js.nc.Publish(m.msg.Reply, []byte(ackProgress))
}

// DoubleInProgress implements Msg.
func (m *jsMsg) DoubleInProgress(ctx context.Context) error {
	if err := m.open(); err != nil {
		return err
	}
	return m.request(ctx, []byte(ackProgress))
}

// Term implements Msg.
func (m *jsMsg) Term() error { return m.finish([]byte(ackTerm)) }

// TermWithReason implements Msg.
func (m *jsMsg) TermWithReason(reason string) error { return m.finish(termBody(reason)) }

// DoubleTerm implements Msg.
func (m *jsMsg) DoubleTerm(ctx context.Context, reason string) error {
	return m.confirm(ctx, termBody(reason))
}

// AckNext implements Msg. The next message arrives on its own subject, so a shared inbox could
// not match it to the request: it gets an inbox of its own.
func (m *jsMsg) AckNext(ctx context.Context) (Msg, error) {
	if err := m.bound(); err != nil {
		return nil, err
	}
	ctx, cancel := m.js.bound(ctx)
	defer cancel()
	if err := m.take(); err != nil {
		return nil, err
	}
	next, sent, err := m.next(ctx)
	m.settle([]byte(ackNext), sent)
	return next, err
}

// next sends the acknowledgement that is a pull, and waits for a message.
func (m *jsMsg) next(ctx context.Context) (next Msg, sent bool, err error) {
	nc := m.js.nc
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = sub.Unsubscribe() }() // it ends with the connection at the latest
	body := append(make([]byte, 0, 64), ackNext...)
	body = append(body, `{"batch":1,"expires":`...)
	deadline, _ := ctx.Deadline()
	left := max(time.Until(deadline), time.Millisecond)
	body = strconv.AppendInt(body, (left - left/ackNextSlack).Nanoseconds(), 10)
	if err := nc.PublishRequest(m.msg.Reply, sub.Subject, append(body, '}')); err != nil {
		return nil, false, err
	}
	for {
		answer, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, true, err
		}
		if !isStatus(answer) {
			return newMsg(m.js, answer), true, nil
		}
		if meaningOf(fromConsumer, answer.Status(), answer.Description()).ends {
			return nil, true, statusFetchError(answer)
		}
	}
}

// finish sends a final acknowledgement.
func (m *jsMsg) finish(body []byte) error {
	if err := m.take(); err != nil {
		return err
	}
	err := m.js.nc.Publish(m.msg.Reply, body)
	m.settle(body, err == nil)
	return err
}

// confirm sends a final acknowledgement and waits for the server's confirmation.
func (m *jsMsg) confirm(ctx context.Context, body []byte) error {
	if err := m.take(); err != nil {
		return err
	}
	err := m.request(ctx, body)
	m.settle(body, err == nil)
	return err
}

func (m *jsMsg) request(ctx context.Context, body []byte) error {
	ctx, cancel := m.js.bound(ctx)
	defer cancel()
	_, err := m.js.nc.RequestWithContext(ctx, m.msg.Reply, body)
	return err
}

// open returns why the message cannot be acknowledged, or can no longer be.
func (m *jsMsg) open() error {
	if err := m.bound(); err != nil {
		return err
	}
	if m.state.Load() != stateOpen {
		return ErrMsgAlreadyAckd
	}
	return nil
}

// take claims the final acknowledgement for the caller, which then calls settle.
func (m *jsMsg) take() error {
	if err := m.bound(); err != nil {
		return err
	}
	if !m.state.CompareAndSwap(stateOpen, stateAcked) {
		return ErrMsgAlreadyAckd
	}
	return nil
}

// settle ends what take began. An acknowledgement that was not sent, or whose outcome is unknown,
// may be tried again.
func (m *jsMsg) settle(body []byte, done bool) {
	if !done {
		m.state.Store(stateOpen)
		return
	}
	if m.sent == nil {
		return
	}
	m.sent.final.Add(1)
	m.sent.last.Store(m.msg)
	if u := m.sent.unacked; u != nil && body[0] != ackNak[0] {
		u.remove(m.msg.Reply)
	}
}

// nakBody returns the body that asks for another delivery after a delay.
func nakBody(delay time.Duration) []byte {
	if delay <= 0 {
		return []byte(ackNak)
	}
	body := append(make([]byte, 0, 48), ackNak...)
	body = append(body, ` {"delay": `...)
	body = strconv.AppendInt(body, delay.Nanoseconds(), 10)
	return append(body, '}')
}

// termBody returns the body that ends the deliveries of a message.
func termBody(reason string) []byte {
	if reason == "" {
		return []byte(ackTerm)
	}
	body := append(make([]byte, 0, len(ackTerm)+1+len(reason)), ackTerm...)
	body = append(body, ' ')
	return append(body, reason...)
}
