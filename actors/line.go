package actors

import (
	"crypto/tls"
	"net"
	"sync/atomic"

	"github.com/troupe-go/troupe/protocol"
)

// line is one socket with the actors that work on it. A link has one, and a second
// one while the connection moves.
type line struct {
	attempt uint32
	server  *server
	socket  net.Conn
	info    *protocol.Info // last one
	tls     *tls.ConnectionState
	pulse   pulse
	// side is 0 or 1. Two lines that exist at the same time have different sides, so that
	// each reader has its own notes in a subscription.
	side  uint8
	ahead atomic.Bool // not in use yet: its server knows some of the other line's subscriptions
	// news is the latest INFO that link has not handled; nil without one, and then no
	// informed is under way. However fast they come, only one waits. It points to an
	// immutable value.
	news atomic.Pointer[protocol.Info]

	reader    Ref[readerMsg]
	writer    Ref[writerMsg]
	heartbeat Ref[heartbeatMsg] // none before the line is in use
}

// open makes a line from a greeting, which it takes over. Its reader and writer wait for
// a first message.
func (l *link) open(c *Context, attempt uint32, s *server, g *greeting) *line {
	conn := l.conn
	n := &line{attempt: attempt, server: s, socket: g.conn, info: g.info, tls: g.tls}
	n.pulse.socket = g.conn
	if l.line != nil {
		n.side = 1 - l.line.side
		n.ahead.Store(true)
	}
	name := decimal(uint64(attempt))
	n.reader = spawn(c, Spec{Name: "reader-" + name, Kind: "reader", Policy: escalating, Dedicated: true,
		OnStopped: func(error) { _ = conn.linkBox.must(quiet{n}) }},
		func() Actor[readerMsg] { return newReader(conn, n, g.rest) })
	n.writer = spawn(c, Spec{Name: "writer-" + name, Kind: "writer", Policy: escalating, Dedicated: true},
		func() Actor[writerMsg] { return newWriter(conn, n) })
	return n
}

// watchOver starts the heartbeat of a line that is in use.
func (l *link) watchOver(c *Context, n *line) {
	conn := l.conn
	n.heartbeat = spawn(c, Spec{Name: "heartbeat-" + decimal(uint64(n.attempt)), Kind: "heartbeat", Policy: own, first: heartbeatMsg(pingDue{})},
		func() Actor[heartbeatMsg] { return &heartbeat{conn: conn, attempt: n.attempt, pulse: &n.pulse} })
}

// forOutbox returns what the outbox needs to know of a line.
func (n *line) forOutbox() socket {
	return socket{
		link: n.attempt, info: n.info, try: tryWriter(n.socket),
		kick:  func() { _ = n.writer.Send(drainOutbox{}) },
		watch: func() { _ = n.heartbeat.Send(watch{}) },
	}
}

// abandon closes a line that is no longer in use, or never was. Its reader ends last: see
// link.leaving.
func (l *link) abandon(c *Context, n *line) {
	n.socket.Close()
	for _, box := range []*mailbox{n.reader.box, n.writer.box, n.heartbeat.box} {
		if box != nil {
			c.stop(box, nil)
		}
	}
	l.leaving = n
}

// Values of Event.Before for LinkRestored.
const (
	FirstLink = "connecting"
	AgainLink = "reconnecting"
)

func firstOrAgain(again bool) string {
	if again {
		return AgainLink
	}
	return FirstLink
}
