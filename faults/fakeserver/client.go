package fakeserver

import (
	"cmp"
	"errors"
	"net"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/protocol"
)

// Client is one connection, from its accept on. All methods are safe for concurrent use,
// and may be called after the connection has ended.
type Client struct {
	server  *Server
	number  int
	conn    net.Conn
	refused string        // an -ERR sent after the greeting; empty for none. Immutable
	wake    chan struct{} // capacity 1: wakes the writer
	stop    chan struct{} // closed when the end has begun: nothing more is queued
	deaf    chan struct{} // closed when nothing more is read
	over    chan struct{} // closed when the writer has closed conn

	// mu is a leaf: nothing is locked below it.
	mu         sync.Mutex
	out        []byte            // bytes that wait for the writer
	writing    int               // bytes that the writer has taken and not yet written
	silent     bool              // answers are not sent
	connect    *protocol.Connect // nil before CONNECT was accepted
	in         bool              // CONNECT was accepted
	ponged     bool              // the first PING after CONNECT was answered
	transcript transcript
	end        *ClientError // nil while connected
	abort      bool         // conn is reset when it is closed
}

func newClient(s *Server, number int, conn net.Conn) *Client {
	return &Client{server: s, number: number, conn: conn,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), deaf: make(chan struct{}), over: make(chan struct{})}
}

// Number returns the client's number, counted from 1 in the order of arrival.
func (c *Client) Number() int { return c.number }

// Connect returns the content of the client's last CONNECT, nil before that. It belongs
// to the caller.
func (c *Client) Connect() *protocol.Connect {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connect == nil {
		return nil
	}
	connect := *c.connect
	return &connect
}

// Frames returns the last frames that the client has sent, oldest first, dropped ones
// included: at most Options.TranscriptMax, and at most 1 MiB in total. The slice belongs
// to the caller.
func (c *Client) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.transcript.frames)
}

// Received returns how many frames the client has sent, including those no longer stored.
func (c *Client) Received() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.transcript.total
}

// Subscriptions returns the client's subscriptions as the server knows them, in the order
// of their numbers. A client that has ended has none. The slice belongs to the caller.
func (c *Client) Subscriptions() []Subscription {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	var all []Subscription
	for _, sub := range c.server.interest.clients[c] {
		all = append(all, sub.Subscription)
	}
	slices.SortFunc(all, func(a, b Subscription) int { return cmp.Compare(a.SID, b.SID) })
	return all
}

// Lose makes the server silently forget subscriptions of the client, or all of them if
// none is given.
func (c *Client) Lose(sids ...uint64) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	for sid, sub := range c.server.interest.clients[c] {
		if len(sids) == 0 || slices.Contains(sids, sid) {
			c.server.interest.remove(sub)
		}
	}
}

// Send queues raw bytes after what is already queued, between two frames of the server's
// own. They need not be NATS. It does not wait until they are written. If the client has
// ended the error is a *[ClientError], if the queue is full a *[QueueFullError]; then
// nothing is sent. raw is copied.
func (c *Client) Send(raw []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(raw)
}

// queue is Send for the server's own messages, which a silent server does not send.
func (c *Client) queue(raw []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent {
		return nil
	}
	return c.add(raw)
}

// answer is queue for answers to this client: a client that leaves too many unread is
// cut.
func (c *Client) answer(raw []byte) {
	if err := c.queue(raw); errors.Is(err, ErrQueueFull) {
		c.cut(ErrQueueFull)
	}
}

// add appends to the writer's bytes. The caller holds mu.
func (c *Client) add(raw []byte) error {
	if c.end != nil {
		return c.end
	}
	queued, limit := len(c.out)+c.writing, c.server.options.QueueMax
	if queued+len(raw) > limit {
		return &QueueFullError{Client: c.number, Size: len(raw), Queued: queued, Limit: limit}
	}
	c.out = append(c.out, raw...)
	c.signal()
	return nil
}

// signal wakes the writer.
func (c *Client) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Close ends the connection after what is queued. The client has a second to read that;
// then the connection is cut.
func (c *Client) Close() { c.finish(&ClientError{Client: c.number, Cause: ErrCut}) }

// Reset cuts the connection at once: what is queued is lost, and the client gets a reset
// (RST) in place of an end of the stream if its connection can tell the two apart, as TCP
// and InProcessConn can.
func (c *Client) Reset() {
	c.mu.Lock()
	c.abort, c.out = true, nil
	c.mu.Unlock()
	c.cut(ErrCut)
}

// Done returns a channel that is closed when the connection has ended and is closed.
func (c *Client) Done() <-chan struct{} { return c.over }

// Err returns why the connection has ended, a *[ClientError]; nil while it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil {
		return nil
	}
	return c.end
}

// cut ends the connection at once.
func (c *Client) cut(cause error) {
	c.finish(&ClientError{Client: c.number, Cause: cause})
	c.hangUp()
}

// hangUp closes the connection; further calls do nothing.
func (c *Client) hangUp() {
	c.mu.Lock()
	abort := c.abort
	c.mu.Unlock()
	if abort {
		reset(c.conn)
		return
	}
	c.conn.Close()
}

// sayErr ends the connection with an -ERR, which is left out if there is no room for it.
func (c *Client) sayErr(text string, cause error) {
	_ = c.queue(protocol.AppendErr(nil, text))
	c.finish(&ClientError{Client: c.number, Said: text, Cause: cause})
}

// finish begins the end: nothing more is queued, and the writer closes the connection
// after what already is. The first reason counts.
func (c *Client) finish(end *ClientError) {
	c.mu.Lock()
	first := c.end == nil
	if first {
		c.end = end
	}
	c.mu.Unlock()
	if !first {
		return
	}
	// From here on the client gets no messages and does not count as connected.
	c.server.mu.Lock()
	c.server.interest.leave(c)
	c.server.changed()
	c.server.mu.Unlock()
	close(c.stop)
	c.signal()
}

// hello returns the content of CONNECT; before that, the server's defaults.
func (c *Client) hello() protocol.Connect {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connect == nil {
		return protocol.Connect{Verbose: true, Pedantic: true, Echo: true}
	}
	return *c.connect
}

// letIn reports whether CONNECT was accepted.
func (c *Client) letIn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in
}

// wantsInfo reports whether the client understands an INFO after the first one.
func (c *Client) wantsInfo() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in && c.connect.Protocol >= 1
}

// infoOf returns info as it is sent to this client.
func (c *Client) infoOf(info protocol.Info) *protocol.Info {
	info.ClientID = cmp.Or(info.ClientID, uint64(c.number))
	return &info
}
