package natsserver

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// gate is passed by all in-memory connections to one incarnation of a server. It is open
// until Pause, and again from Resume on.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed while the gate is open. Guarded by mu
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

// way returns a channel that is closed as soon as the gate is open.
func (g *gate) way() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *gate) isOpen() bool { return closed(g.way()) }

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if closed(g.open) {
		g.open = make(chan struct{})
	}
}

func (g *gate) lift() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !closed(g.open) {
		close(g.open)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// alarm is a deadline that can be waited for.
type alarm struct {
	mu    sync.Mutex
	timer *time.Timer   // fires at the deadline; may be nil. Guarded by mu
	rung  chan struct{} // closed when the deadline has passed. Guarded by mu
}

func newAlarm() *alarm { return &alarm{rung: make(chan struct{})} }

// over returns a channel that is closed when the deadline has passed, even if the
// deadline changes meanwhile.
func (a *alarm) over() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rung
}

// set makes t the deadline; the zero time is none.
func (a *alarm) set(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil && !a.timer.Stop() {
		<-a.rung // the timer has fired
	}
	a.timer = nil
	left := time.Until(t)
	ahead := t.IsZero() || left > 0
	if closed(a.rung) == ahead {
		a.flip()
	}
	if rung := a.rung; ahead && !t.IsZero() {
		a.timer = time.AfterFunc(left, func() { close(rung) })
	}
}

// flip turns a closed channel into an open one, and the other way round.
func (a *alarm) flip() {
	if closed(a.rung) {
		a.rung = make(chan struct{})
		return
	}
	close(a.rung)
}

// conn is a client's end of an in-memory connection. While its gate is shut nothing can
// be read from it and writes wait: it then looks like a connection to a process that was
// stopped.
type conn struct {
	gate        *gate
	dial        func() (net.Conn, error)
	read, write *alarm
	ended       chan struct{} // closed by Close
	end         sync.Once

	mu      sync.Mutex
	inner   net.Conn  // nil until the server could accept. Guarded by mu
	err     error     // of dial. Guarded by mu
	readBy  time.Time // the deadlines, for inner. Guarded by mu
	writeBy time.Time // Guarded by mu
	kept    []byte    // read while the gate was shut, for a read whose deadline had passed. Guarded by mu
}

var _ net.Conn = (*conn)(nil)

func newConn(g *gate, dial func() (net.Conn, error)) *conn {
	return &conn{gate: g, dial: dial, read: newAlarm(), write: newAlarm(), ended: make(chan struct{})}
}

// connect connects to the server, once.
func (c *conn) connect() (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case closed(c.ended):
		return nil, io.ErrClosedPipe
	case c.inner != nil || c.err != nil:
		return c.inner, c.err
	}
	if c.inner, c.err = c.dial(); c.err != nil {
		return nil, c.err
	}
	_ = c.inner.SetReadDeadline(c.readBy) // an open pipe accepts every deadline
	_ = c.inner.SetWriteDeadline(c.writeBy)
	return c.inner, nil
}

// pass waits until the gate is open.
func (c *conn) pass(a *alarm) error {
	way := c.gate.way()
	if closed(way) {
		return nil
	}
	select {
	case <-way:
		return nil
	case <-c.ended:
		return io.ErrClosedPipe
	case <-a.over():
		return os.ErrDeadlineExceeded
	}
}

// Read reads what the server sent. What arrives while the gate is shut is read when the
// gate is open again.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.pass(c.read); err != nil {
		return 0, err
	}
	inner, err := c.connect()
	if err != nil {
		return 0, endOf(err)
	}
	if n := c.takeKept(p); n > 0 {
		return n, nil
	}
	n, err := inner.Read(p)
	if late := c.pass(c.read); late != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.kept = append(c.kept, p[:n]...)
		return 0, late
	}
	return n, err
}

// endOf is the read error if the server ended before it could accept.
func endOf(err error) error {
	if err == io.ErrClosedPipe {
		return err
	}
	return io.EOF
}

func (c *conn) takeKept(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := copy(p, c.kept)
	c.kept = slices.Delete(c.kept, 0, n)
	return n
}

// Write writes to the server, once the gate is open.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.pass(c.write); err != nil {
		return 0, err
	}
	inner, err := c.connect()
	if err != nil {
		return 0, io.ErrClosedPipe
	}
	return inner.Write(p)
}

// Close closes the connection, and ends calls that wait on it.
func (c *conn) Close() error {
	c.end.Do(func() { close(c.ended) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		return nil
	}
	return c.inner.Close()
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	// Both are set, even if the other end has already closed.
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline bounds Read, including one that waits at the gate.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	if c.inner == nil {
		return nil
	}
	return c.inner.SetReadDeadline(t)
}

// SetWriteDeadline bounds Write, including one that waits at the gate.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.write.set(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeBy = t
	if c.inner == nil {
		return nil
	}
	return c.inner.SetWriteDeadline(t)
}

// LocalAddr returns an address that stands for a connection without a socket.
func (c *conn) LocalAddr() net.Addr { return memory{} }

// RemoteAddr returns an address that stands for a connection without a socket.
func (c *conn) RemoteAddr() net.Addr { return memory{} }

// memory is the address of both ends.
type memory struct{}

// Network returns "pipe".
func (memory) Network() string { return "pipe" }

// String returns "pipe".
func (memory) String() string { return "pipe" }

// Pause freezes the server like a stopped process: nothing is read, answered or accepted
// any more, and connections stay open. It needs [Options.DontListen]; the error is
// [ErrSockets] for a server that listens and [ErrDown] for one that is down. On a paused
// server it does nothing.
//
// Unlike a stopped process, the server keeps running inside. If it has to send something
// to a client, if only a PING, that client counts as slow after 10 s, and after Resume
// finds its connection closed; time passes for everything that expires. What a client was
// writing at the moment of the pause may still be read, and is not answered.
func (s *Server) Pause() error {
	return s.whileUp(func() error {
		if !s.opts.DontListen || s.opts.WebSocket {
			return ErrSockets
		}
		s.gate.shut()
		return nil
	})
}

// Resume ends a pause. On a server that is not paused it does nothing; the error is
// [ErrDown] for one that is down.
func (s *Server) Resume() error {
	return s.whileUp(func() error {
		s.gate.lift()
		return nil
	})
}

// whileUp runs f on a server that is up, with its lock held.
func (s *Server) whileUp(f func() error) error {
	s.change <- struct{}{}
	defer func() { <-s.change }()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone:
		return ErrShutdown
	case s.down || !s.srv.Running():
		return ErrDown
	}
	return f()
}
