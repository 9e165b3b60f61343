package simnet

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Addr is the address of one end: it prints as "client:1" or "s1:4222".
type Addr string

// Network returns "sim".
func (Addr) Network() string { return "sim" }

// String returns the address.
func (a Addr) String() string { return string(a) }

// Conn is one end of a connection in memory. It fulfils the contract of net.Conn and
// behaves like a TCP connection on Linux: a Write returns when its bytes have found room
// in the other end's window, and a Close lets the other end read what was written, then
// io.EOF. If the closed end has unread bytes, the other end gets a reset in place of the
// EOF.
//
// Errors are *net.OpError around net.ErrClosed, os.ErrDeadlineExceeded,
// syscall.ECONNRESET or syscall.EPIPE; io.EOF is not wrapped. Safe for concurrent use;
// the bytes of one Write stay together. All waiting is durable in the sense of
// testing/synctest, so that virtual time advances.
type Conn struct {
	pipe          *pipe
	local, remote Addr
	in, out       *stream

	// Guarded by the pipe's lock.
	closed                      bool
	readDeadline, writeDeadline time.Time
}

var _ net.Conn = (*Conn)(nil)

// Read reads what waits, and blocks if nothing does.
func (c *Conn) Read(b []byte) (int, error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	for {
		if err := c.ready(c.readDeadline); err != nil {
			return 0, c.failed("read", err)
		}
		if n := c.in.take(b); n > 0 || len(b) == 0 {
			return n, nil
		}
		if c.in.end != nil {
			return 0, c.failed("read", c.in.end)
		}
		c.in.wait(c.readDeadline)
	}
}

// Write returns when all of b has found room, or with the number of bytes that have.
func (c *Conn) Write(b []byte) (int, error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if err := c.turn(); err != nil {
		return 0, c.failed("write", err)
	}
	defer c.over()
	written := 0
	for {
		if err := c.ready(c.writeDeadline); err != nil {
			return written, c.failed("write", err)
		}
		n, err := c.out.write(b[written:])
		if written += n; err != nil {
			return written, c.failed("write", err)
		}
		if written == len(b) {
			return written, nil
		}
		c.out.wait(c.writeDeadline)
	}
}

// turn waits until other Writes have ended.
func (c *Conn) turn() error {
	for c.out.writing {
		if err := c.ready(c.writeDeadline); err != nil {
			return err
		}
		c.out.wait(c.writeDeadline)
	}
	c.out.writing = true
	return nil
}

func (c *Conn) over() {
	c.out.writing = false
	c.out.moved.Broadcast()
}

// ready returns the error that prevents any operation on this end, nil if there is none.
func (c *Conn) ready(deadline time.Time) error {
	if c.closed {
		return net.ErrClosed
	}
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// CloseWrite tells the other end that nothing more follows (FIN). This end can still
// read. On a connection that was reset it returns that error.
func (c *Conn) CloseWrite() error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return c.failed("shutdown", net.ErrClosed)
	}
	if c.out.fail == syscall.ECONNRESET {
		return c.failed("shutdown", c.out.fail)
	}
	c.out.finish(io.EOF, syscall.EPIPE)
	return nil
}

// Close closes this end. A second call, and calls in progress on other goroutines, return
// net.ErrClosed. It never blocks.
func (c *Conn) Close() error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return c.failed("close", net.ErrClosed)
	}
	c.closed = true
	if c.in.abandon() {
		c.out.finish(syscall.ECONNRESET, nil)
	}
	c.out.finish(io.EOF, syscall.EPIPE)
	return nil
}

// Reset breaks the connection (RST): this end gets ECONNRESET from now on and loses what
// it has not read; the other end gets ECONNRESET after what had already arrived there.
// Both ends still have to be closed. On a closed end it resets the other end and returns
// net.ErrClosed.
func (c *Conn) Reset() error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	c.in.reset()
	c.out.cut()
	if c.closed {
		return c.failed("reset", net.ErrClosed)
	}
	return nil
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets the deadlines of Read and Write, also for calls that already wait; the
// zero time is none.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readDeadline, &c.writeDeadline)
}

// SetReadDeadline sets the deadline of Read.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readDeadline) }

// SetWriteDeadline sets the deadline of Write. The bytes that an interrupted Write has
// put into the window stay there.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeDeadline) }

func (c *Conn) setDeadlines(t time.Time, deadlines ...*time.Time) error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return c.failed("set", net.ErrClosed)
	}
	for _, d := range deadlines {
		*d = t
	}
	c.in.moved.Broadcast() // waiters take the new deadline
	c.out.moved.Broadcast()
	return nil
}

// failed wraps an error as package net does.
func (c *Conn) failed(op string, err error) error {
	if err == io.EOF {
		return err
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}
