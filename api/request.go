package api

import (
	"context"
	"time"
	"unsafe"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// statusNoResponders is the status of a server's answer when nobody is subscribed.
const statusNoResponders = 503

// Request publishes data to subject and returns the first answer, which the caller owns.
//
// Errors: those of Publish; ErrBadTimeout if the timeout is not positive; ErrTimeout if no
// answer arrived in time; ErrNoResponders if nobody is subscribed; ErrPermissionViolation if
// the server refuses the subject or the inbox for the answer; ErrDisconnected if the link was
// lost while the request waited, because the answer is lost with it. (In the last two cases
// nats.go waits for the timeout.) After ErrTimeout and ErrDisconnected the request may have
// been processed.
//
// While there is no server, a request waits for the next one, within its timeout. It fails at
// once with ErrReconnectBufExceeded if ReconnectBufSize leaves no room to keep it.
func (nc *Conn) Request(subject string, data []byte, timeout time.Duration) (*Msg, error) {
	if !nc.valid() {
		return nil, ErrInvalidConnection
	}
	if timeout <= 0 {
		return nil, &BadTimeoutError{Op: "request", Value: timeout}
	}
	return nc.request(context.Background(), subject, nil, data, timeout)
}

// RequestWithContext is Request that waits until ctx is done. The error is then ErrTimeout if
// its deadline has passed, and otherwise context.Canceled; it also wraps the cause of ctx. It
// is ErrInvalidContext for nil. A deadline is not required.
func (nc *Conn) RequestWithContext(ctx context.Context, subject string, data []byte) (*Msg, error) {
	if ctx == nil {
		return nil, ErrInvalidContext
	}
	if !nc.valid() {
		return nil, ErrInvalidConnection
	}
	return nc.request(ctx, subject, nil, data, actors.NoTimeout)
}

// RequestMsg is Request for a message with a header. Its Reply is ignored.
func (nc *Conn) RequestMsg(m *Msg, timeout time.Duration) (*Msg, error) {
	if m == nil {
		return nil, ErrInvalidMsg
	}
	if !nc.valid() {
		return nil, ErrInvalidConnection
	}
	if timeout <= 0 {
		return nil, &BadTimeoutError{Op: "request", Value: timeout}
	}
	return nc.requestMsg(context.Background(), m, timeout)
}

// RequestMsgWithContext is RequestWithContext for a message with a header. Its
// Reply is ignored.
func (nc *Conn) RequestMsgWithContext(ctx context.Context, m *Msg) (*Msg, error) {
	if err := nc.canRequest(ctx, m); err != nil {
		return nil, err
	}
	return nc.requestMsg(ctx, m, actors.NoTimeout)
}

// RequestMsgWithin is RequestMsgWithContext that also waits for at most timeout, and then
// returns an ErrTimeout. It costs less than a context with a deadline of its own. A timeout
// that is not positive is an ErrBadTimeout.
func (nc *Conn) RequestMsgWithin(ctx context.Context, m *Msg, timeout time.Duration) (*Msg, error) {
	if err := nc.canRequest(ctx, m); err != nil {
		return nil, err
	}
	if timeout <= 0 {
		return nil, &BadTimeoutError{Op: "request", Value: timeout}
	}
	return nc.requestMsg(ctx, m, timeout)
}

// canRequest refuses arguments from which no request can be made.
func (nc *Conn) canRequest(ctx context.Context, m *Msg) error {
	switch {
	case ctx == nil:
		return ErrInvalidContext
	case m == nil:
		return ErrInvalidMsg
	case !nc.valid():
		return ErrInvalidConnection
	}
	return nil
}

func (nc *Conn) requestMsg(ctx context.Context, m *Msg, timeout time.Duration) (*Msg, error) {
	if len(m.Header) == 0 {
		return nc.request(ctx, m.Subject, nil, m.Data, timeout)
	}
	var room [headerRoom]byte
	block, err := protocol.AppendHeader(room[:0], m.Header)
	if err != nil {
		return nil, err
	}
	return nc.request(ctx, m.Subject, block, m.Data, timeout)
}

// request waits until ctx is done, and for at most timeout.
//
//style:allow params the parts of a request; a struct would have to be filled for each
func (nc *Conn) request(ctx context.Context, subject string, block, data []byte, timeout time.Duration) (*Msg, error) {
	if ctx.Err() != nil {
		return nil, actors.Interrupted(ctx, "request", subject, time.Now())
	}
	reply, err := nc.core.Request(ctx, subject, block, data, timeout)
	if err != nil {
		return nil, err
	}
	m, err := nc.replyMsg(&reply)
	if err != nil {
		return nil, &NoRespondersError{Subject: subject}
	}
	return m, nil
}

// replyMsg turns a reply into a message, which takes over the memory of the reply.
func (nc *Conn) replyMsg(r *actors.Reply) (*Msg, error) {
	replyAt := r.SubjectLen
	headerAt := replyAt + r.ReplyLen
	dataAt := headerAt + r.HeaderLen
	m := &Msg{
		Subject: stringOf(r.Data[:replyAt]),
		Reply:   stringOf(r.Data[replyAt:headerAt]),
		Data:    r.Data[dataAt:len(r.Data):len(r.Data)],
		Sub:     nc.mux,
	}
	if r.Payload != nil {
		m.Data = r.Payload
	}
	if r.HeaderLen == 0 {
		return m, nil
	}
	block := r.Data[headerAt:dataAt]
	if noResponders(block, len(m.Data)) {
		return nil, ErrNoResponders
	}
	header, err := ownedHeader(block)
	if err != nil {
		nc.reportBadHeader(nc.core, nil, err)
	}
	m.Header = header
	return m, nil
}

// noResponders reports whether a message is a server's answer that nobody is
// subscribed: status 503 and no data.
func noResponders(block []byte, dataLen int) bool {
	if dataLen != 0 {
		return false
	}
	code, _, ok := protocol.ParseStatus(block)
	return ok && code == statusNoResponders
}

// stringOf returns b as a string without a copy: b is not written to any more, or the
// string is documented as borrowed.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
