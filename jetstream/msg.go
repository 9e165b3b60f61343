package jetstream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// Msg is a message of a stream, delivered by a consumer. It belongs to whoever gets it
// and is safe for concurrent use.
//
// It is acknowledged once: the call that acknowledges it finally decides, and each
// later one returns ErrMsgAlreadyAckd. InProgress may be repeated. A call that failed
// has not acknowledged, and may be repeated. Every acknowledgement returns ErrMsgNotBound
// for a message without a connection, ErrMsgNoReply without a reply subject, and what
// Publish of the connection returns. While there is no server they are kept and sent
// to the next one.
//
// The acknowledgement names the delivery: one that comes after the consumer's AckWait
// acknowledges the message all the same if the server still waits for one. Those of the
// Double kind wait for the server's word, and are the only ones that can tell.
type Msg interface {
	// Metadata returns what the server says of this delivery. ErrMsgNotBound and
	// ErrMsgNoReply; ErrNotJSMessage for a message that no consumer delivered. It costs
	// one allocation.
	Metadata() (*MsgMetadata, error)
	// Data returns the message's payload, which is the caller's.
	Data() []byte
	// Headers returns the message's header; nil without one.
	Headers() api.Header
	// Subject returns the subject that the message was published to.
	Subject() string
	// Reply returns the subject that acknowledgements go to.
	Reply() string

	// Ack says that the message is done with. It does not wait for the server.
	Ack() error
	// DoubleAck is Ack that waits until the server has confirmed it. A ctx without a
	// deadline gets the default timeout; nil is allowed. Beside the others it
	// returns the errors of a request: ErrTimeout and ErrDisconnected when the outcome is
	// unknown, ErrNoResponders when there is no such consumer any more. After these it
	// may be called again.
	DoubleAck(ctx context.Context) error
	// Nak asks for the message to be delivered again, at once. BackOff and AckWait of
	// the consumer have no part in it.
	Nak() error
	// NakWithDelay is Nak for a delivery after a delay; zero or less is at once.
	NakWithDelay(delay time.Duration) error
	// DoubleNak is NakWithDelay that waits for the server, as DoubleAck does.
	DoubleNak(ctx context.Context, delay time.Duration) error
	// InProgress says that the message is being worked on: the time of AckWait begins
	// anew. It can be repeated.
	InProgress() error
	// DoubleInProgress is InProgress that waits for the server, as DoubleAck does.
	DoubleInProgress(ctx context.Context) error
	// Term says that the message shall never be delivered again.
	Term() error
	// TermWithReason is Term with a reason, which is in the server's advisory. Servers
	// before 2.10.4 ignore it altogether. An empty one is none.
	TermWithReason(reason string) error
	// DoubleTerm is TermWithReason that waits for the server, as DoubleAck does.
	DoubleTerm(ctx context.Context, reason string) error
	// AckNext is Ack that asks for the consumer's next message with the same packet, and
	// waits for it until ctx is done: one round trip for each message of a loop. A ctx
	// without a deadline gets the default timeout; nil is allowed. The message is
	// acknowledged when the request has been sent. Errors are those of Ack, and those of
	// a Next of the consumer: ErrTimeout when there is no message in time.
	AckNext(ctx context.Context) (Msg, error)
}

// MessageHandler is called for each message that a consumer delivers.
type MessageHandler func(msg Msg)

// jsMsg implements Msg.
type jsMsg struct {
	msg *api.Msg
	js  *jetStream
	// state is stateOpen until a final acknowledgement begins. One that fails opens it again.
	state atomic.Uint32
	sent  *ackCounts // counts acknowledgements; nil for nobody
}

// What has become of a message.
const (
	stateOpen uint32 = iota
	stateAcked
)

// msgSlab makes jsMsgs, several of them with one allocation. Messages of one slab keep
// each other, so it is bounded in what the messages take together. The zero value is
// ready; it is for one goroutine at a time.
type msgSlab struct {
	free  []jsMsg
	bytes int // what the messages of the slab take
}

// Bounds of a slab, in messages and their bytes. They are about those of the slabs
// that the messages lie in.
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
