package jetstream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// Msg is a message of a stream, delivered by a consumer. The receiver owns it. It is safe for
// concurrent use.
//
// It is acknowledged once: after a final acknowledgement each later call returns
// ErrMsgAlreadyAckd. InProgress may be repeated. A call that failed has not acknowledged, and may
// be repeated. Every acknowledgement returns ErrMsgNotBound for a message without a connection,
// ErrMsgNoReply without a reply subject, and what Publish of the connection returns. While the
// connection is lost they are buffered, and sent after the reconnect.
//
// The acknowledgement refers to the delivery: one that arrives after the consumer's AckWait still
// counts if the server is still waiting for one. Only the Double calls wait for the server's
// confirmation and so know the outcome.
type Msg interface {
	// Metadata returns the server's data about this delivery. ErrMsgNotBound; ErrMsgNoReply;
	// ErrNotJSMessage for a message that was not delivered by a consumer. It allocates once.
	Metadata() (*MsgMetadata, error)
	// Data returns the message's payload, which the caller owns.
	Data() []byte
	// Headers returns the message's header; nil if it has none.
	Headers() api.Header
	// Subject returns the subject that the message was published to.
	Subject() string
	// Reply returns the subject that acknowledgements go to.
	Reply() string

	// Ack acknowledges the message. It does not wait for the server.
	Ack() error
	// DoubleAck is Ack that waits until the server has confirmed it. A ctx without a
	// deadline gets the default timeout; nil is allowed. In addition to those of Ack it returns
	// the errors of a request: ErrTimeout and ErrDisconnected if the outcome is unknown,
	// ErrNoResponders if the consumer no longer exists. After these it may be called again.
	DoubleAck(ctx context.Context) error
	// Nak asks for the message to be delivered again, at once. BackOff and AckWait of the
	// consumer do not apply.
	Nak() error
	// NakWithDelay is Nak for a delivery after a delay; zero or less is at once.
	NakWithDelay(delay time.Duration) error
	// DoubleNak is NakWithDelay that waits for the server, as DoubleAck does.
	DoubleNak(ctx context.Context, delay time.Duration) error
	// InProgress reports that the message is being worked on: AckWait starts over. It can be
	// repeated.
	InProgress() error
	// DoubleInProgress is InProgress that waits for the server, as DoubleAck does.
	DoubleInProgress(ctx context.Context) error
	// Term asks the server never to deliver the message again.
	Term() error
	// TermWithReason is Term with a reason, which the server's advisory contains. Servers before
	// 2.10.4 ignore the whole call. An empty reason is none.
	TermWithReason(reason string) error
	// DoubleTerm is TermWithReason that waits for the server, as DoubleAck does.
	DoubleTerm(ctx context.Context, reason string) error
	// AckNext is Ack that also asks for the consumer's next message, and waits for it until ctx
	// is done: one round trip for each message of a loop. A ctx without a deadline gets the
	// default timeout; nil is allowed. The message is acknowledged when the request has been
	// sent. Errors are those of Ack, and those of Consumer.Next: ErrTimeout if there is no
	// message in time.
	AckNext(ctx context.Context) (Msg, error)
}

// MessageHandler is called for each message that a consumer delivers.
type MessageHandler func(msg Msg)

// jsMsg implements Msg.
type jsMsg struct {
	msg *api.Msg
	js  *jetStream
	// state is stateOpen until a final acknowledgement begins. A failed one opens it again.
	state atomic.Uint32
	sent  *ackCounts // counts acknowledgements; nil if not needed
}

// States of a message.
const (
	stateOpen uint32 = iota
	stateAcked
)

// msgSlab allocates several jsMsgs at once. Messages of one slab keep each other in memory, so
// their total size is limited. The zero value is ready; it is for one goroutine at a time.
type msgSlab struct {
	free  []jsMsg
	bytes int // of the messages of the slab
}

// Limits of a slab, in messages and their bytes. They are about the same as those of the slabs
// that hold the api messages.
const (
	slabMsgsMax  = 8
	slabBytesMax = 2048
)

// next returns an empty jsMsg for a message of that many bytes.
func (s *msgSlab) next(size int) *jsMsg {
	s.bytes += size
	if len(s.free) == 0 || s.bytes > slabBytesMax {
		n := slabMsgsMax
		if size > slabBytesMax/2 {
			n = 1
		}
		s.free, s.bytes = make([]jsMsg, n), size
	}
	m := &s.free[0]
	s.free = s.free[1:]
	return m
}

// newMsg wraps one message.
func newMsg(js *jetStream, msg *api.Msg) *jsMsg { return &jsMsg{msg: msg, js: js} }

// Metadata implements Msg.
func (m *jsMsg) Metadata() (*MsgMetadata, error) {
	if err := m.bound(); err != nil {
		return nil, err
	}
	meta := new(MsgMetadata)
	if !parseAckSubject(m.msg.Reply, meta) {
		return nil, ErrNotJSMessage
	}
	return meta, nil
}

// Data implements Msg.
func (m *jsMsg) Data() []byte { return m.msg.Data }

// Headers implements Msg.
func (m *jsMsg) Headers() api.Header { return m.msg.Header }

// Subject implements Msg.
func (m *jsMsg) Subject() string { return m.msg.Subject }

// Reply implements Msg.
func (m *jsMsg) Reply() string { return m.msg.Reply }

// bound returns why the message cannot be acknowledged.
func (m *jsMsg) bound() error {
	if m == nil || m.msg == nil || m.msg.Sub == nil || m.js == nil {
		return ErrMsgNotBound
	}
	if m.msg.Reply == "" {
		return ErrMsgNoReply
	}
	return nil
}
