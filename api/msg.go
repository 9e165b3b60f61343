package api

import (
	"bytes"
	"maps"
	"slices"
	"strconv"

	"github.com/troupe-go/troupe/protocol"
)

// Header holds the fields of a message. Names are case-sensitive; each may have
// several values, in order.
type Header = protocol.Header

// DecodeHeadersMsg decodes a header block in its wire format. It copies what it keeps.
// A block that cannot be read is an ErrBadHeaderMsg.
func DecodeHeadersMsg(data []byte) (Header, error) { return protocol.ParseHeader(data) }

// MsgHandler is called for each message of a subscription, one at a time and in
// order unless the subscription is concurrent.
type MsgHandler func(msg *Msg)

// Msg is a message that was delivered by a subscription, was returned by a request, or is to
// be published.
//
// A delivered message belongs to its receiver and may be kept. Messages that arrive together
// share memory, so keeping one retains its neighbours: in all at most about 2 KiB, or eight
// times the message's own size if that is more. With Borrow a message is valid until the
// handler returns; Clone makes a copy to keep.
type Msg struct {
	Subject string
	Reply   string // subject for answers; empty for none
	Header  Header // nil for none
	Data    []byte
	Sub     *Subscription // where the message came from; nil for one to be published
}

// NewMsg returns a message for subject with an empty header.
func NewMsg(subject string) *Msg { return &Msg{Subject: subject, Header: make(Header)} }

// Equal reports whether both messages have the same subject, reply, header and
// data. The order of a field's values matters; Sub does not. Two nils are equal.
func (m *Msg) Equal(other *Msg) bool {
	if m == other {
		return true
	}
	if m == nil || other == nil {
		return false
	}
	return m.Subject == other.Subject && m.Reply == other.Reply && bytes.Equal(m.Data, other.Data) &&
		maps.EqualFunc(m.Header, other.Header, slices.Equal[[]string])
}

// Size returns the bytes of subject, reply, encoded header and data.
func (m *Msg) Size() int {
	if m == nil {
		return 0
	}
	return len(m.Subject) + len(m.Reply) + protocol.HeaderSize(m.Header) + len(m.Data)
}

// Status returns the status code of the message's header, or 0. Servers set it in messages of
// their own: 503 says that nobody is subscribed; 404, 408 and 409 are about a pull. It is
// stored as the header field Status, which a message published by a client may contain as
// well.
func (m *Msg) Status() int {
	if m == nil {
		return 0
	}
	text := m.Header.Get(protocol.StatusKey)
	if text == "" {
		return 0 // avoids Atoi, which would allocate an error
	}
	code, err := strconv.Atoi(text)
	if err != nil || code < 0 {
		return 0
	}
	return code
}

// Description returns the text that follows the status code, empty without one.
func (m *Msg) Description() string {
	if m == nil {
		return ""
	}
	return m.Header.Get(protocol.DescriptionKey)
}

// Clone returns a copy that shares no memory with m. Use it to keep a borrowed message,
// or one small message of many that arrived together.
func (m *Msg) Clone() *Msg {
	if m == nil {
		return nil
	}
	c := &Msg{Subject: cloneString(m.Subject), Reply: cloneString(m.Reply), Data: bytes.Clone(m.Data), Sub: m.Sub}
	if m.Header == nil {
		return c
	}
	c.Header = make(Header, len(m.Header))
	for key, values := range m.Header {
		copied := make([]string, len(values))
		for i, v := range values {
			copied[i] = cloneString(v)
		}
		c.Header[cloneString(key)] = copied
	}
	return c
}

// cloneString copies s even when it is borrowed memory.
func cloneString(s string) string { return string([]byte(s)) }

// Respond publishes data to the message's reply subject. It also works after the
// subscription has ended. Errors: ErrMsgNotBound for a message that no subscription or
// request delivered; ErrMsgNoReply without a reply subject; those of Publish.
func (m *Msg) Respond(data []byte) error {
	nc, err := m.responder()
	if err != nil {
		return err
	}
	return nc.Publish(m.Reply, data)
}

// RespondMsg publishes answer to the message's reply subject, which it stores as the
// answer's Subject. Errors are those of Respond and PublishMsg.
func (m *Msg) RespondMsg(answer *Msg) error {
	nc, err := m.responder()
	if err != nil {
		return err
	}
	if answer == nil {
		return ErrInvalidMsg
	}
	answer.Subject = m.Reply
	return nc.PublishMsg(answer)
}

func (m *Msg) responder() (*Conn, error) {
	if m == nil || m.Sub == nil || m.Sub.nc == nil {
		return nil, ErrMsgNotBound
	}
	if m.Reply == "" {
		return nil, ErrMsgNoReply
	}
	return m.Sub.nc, nil
}
