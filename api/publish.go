package api

import (
	"github.com/troupe-go/troupe/protocol"
)

// headerRoom is how many bytes of header are encoded on the caller's stack.
const headerRoom = 512

// Publish sends data to subject. It returns when the message is accepted: data has been
// copied and may be changed. While there is no server, messages are kept, up to
// ReconnectBufSize.
//
// Errors: ErrInvalidConnection, ErrBadSubject, ErrMaxPayload, ErrReconnectBufExceeded,
// ErrConnectionDraining in the last phase of a drain, ErrConnectionClosed. With an error
// nothing was sent.
//
// It allocates nothing and needs no goroutine switch. It waits if the socket cannot keep up.
func (nc *Conn) Publish(subject string, data []byte) error {
	if nc == nil || nc.core == nil {
		return ErrInvalidConnection
	}
	return nc.core.Publish(subject, "", nil, data)
}

// PublishRequest sends data to subject with a reply subject; the caller receives the answers
// with a subscription of its own. Errors are those of Publish; an empty or malformed reply is
// an ErrBadSubject.
func (nc *Conn) PublishRequest(subject, reply string, data []byte) error {
	if nc == nil || nc.core == nil {
		return ErrInvalidConnection
	}
	if err := protocol.CheckReplySubject(reply); err != nil {
		return err
	}
	return nc.core.Publish(subject, reply, nil, data)
}

// PublishMsg sends a message with its header and reply subject, if it has them. Everything is
// copied before it returns. Errors are those of Publish; ErrInvalidMsg for nil;
// ErrBadHeaderMsg for a field that cannot be encoded (a bad name, a line end in a value);
// ErrHeadersNotSupported.
//
// A header of up to 512 encoded bytes costs no allocation.
func (nc *Conn) PublishMsg(m *Msg) error {
	if m == nil {
		return ErrInvalidMsg
	}
	if nc == nil || nc.core == nil {
		return ErrInvalidConnection
	}
	if m.Reply != "" {
		if err := protocol.CheckReplySubject(m.Reply); err != nil {
			return err
		}
	}
	if len(m.Header) == 0 {
		return nc.core.Publish(m.Subject, m.Reply, nil, m.Data)
	}
	// Encoded here, outside all locks; the outbox copies it.
	var room [headerRoom]byte
	block, err := protocol.AppendHeader(room[:0], m.Header)
	if err != nil {
		return err
	}
	return nc.core.Publish(m.Subject, m.Reply, block, m.Data)
}
