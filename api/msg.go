package api

import (
	"bytes"
	"maps"
	"slices"
	"strconv"

	"github.com/troupe-go/troupe/protocol"
)

// Header holds the fields of a message. Names keep their case and are compared
// with it; each may have several values, in order.
type Header = protocol.Header

// DecodeHeadersMsg decodes a header block as it is on the wire. It copies what it
// keeps. ErrBadHeaderMsg for a block that cannot be read.
func DecodeHeadersMsg(data []byte) (Header, error) { return protocol.ParseHeader(data) }

// MsgHandler is called for each message of a subscription, one at a time and in
// order unless the subscription is concurrent.
type MsgHandler func(msg *Msg)

// Msg is one message: delivered by a subscription, returned by a request, or
// made to be published.
//
// A delivered message belongs to whoever gets it and may be kept. Messages that
// arrive together share memory, so one that is kept keeps its neighbours: in all
// at most about 2 KiB, or eight times the message's own size if that is more.
// Under Borrow a message is valid until the handler returns; Clone keeps it.
type Msg struct {
	Subject string
	Reply   string // subject that answers go to; empty without
	Header  Header // nil without fields
	Data    []byte
	Sub     *Subscription // where it came from; nil for one to be published
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

// Status returns the code of the first line of the message's header, or 0. Servers
// set it in messages of their own: 503 says that nobody is subscribed; 404, 408 and 409
// are about a pull. The header has it as the field Status, which a message that a
// client published could have, too.
func (m *Msg) Status() int {
	if m == nil {
		return 0
	}
	code, err := strconv.Atoi(m.Header.Get(protocol.StatusKey))
	if err != nil || code < 0 {
		return 0
	}
	return code
}

// Description returns the text behind the status, empty without one.
func (m *Msg) Description() string {
	if m == nil {
		return ""
	}
	return m.Header.Get(protocol.DescriptionKey)
}

// Clone returns a copy that shares no memory with m. It is how a handler keeps a
// borrowed message, or a small part of a large delivery.
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

// Respond publishes data to the message's reply subject. It returns
// ErrMsgNotBound for a message that no subscription delivered, ErrMsgNoReply
// without a reply subject, or what Publish returns. It also works when the
// subscription has ended.
func (m *Msg) Respond(data []byte) error {
	nc, err := m.responder()
	if err != nil {
		return err
	}
	return nc.Publish(m.Reply, data)
}

// RespondMsg publishes answer to the message's reply subject, which replaces
// the answer's own subject. Errors are those of Respond and PublishMsg.
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
