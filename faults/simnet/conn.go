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

// Conn is one end of a connection in memory. It keeps the promises of a net.Conn and
// behaves as a TCP connection of Linux does: a Write returns when its bytes have found
// room in the other end's window, a Close lets the other end read what was written,
// then io.EOF; if unread bytes are left at the end that is closed, the other gets a
// reset in place of the EOF.
//
// Errors are *net.OpError around net.ErrClosed, os.ErrDeadlineExceeded,
// syscall.ECONNRESET or syscall.EPIPE; io.EOF comes bare. Safe for concurrent use;
// the bytes of one Write stay together. Waiting is durable in the sense of
// testing/synctest, so that virtual time goes on.
type Conn struct {
	pipe          *pipe
	local, remote Addr
	in, out       *stream

	// Guarded by the pipe's lock.
	closed                      bool
	readDeadline, writeDeadline time.Time
}

var _ net.Conn = (*Conn)(nil)

// Read reads what waits, and waits if nothing does.
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

// Write returns when all of b has found room, or with how much of it has.
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

// turn waits for the end of other Writes.
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

// ready says why nothing can be done on this end at all, as for the time being.
func (c *Conn) ready(deadline time.Time) error {
	if c.closed {
		return net.ErrClosed
	}
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// CloseWrite tells the other end that nothing more comes (FIN). It can still be read
// from. On a connection that was reset it returns that.
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

// Close ends this end. The second call, and what goes on in other goroutines, gets
// net.ErrClosed. It never waits.
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

// Reset breaks the connection (RST): this end gets ECONNRESET from now on, and what it
// did not read yet is lost; the other end gets it behind what had come to it before. The
// ends have to be closed all the same. On an end that is closed it resets the other one
// and returns net.ErrClosed.
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

// SetDeadline sets the deadlines of Read and Write, also for calls that wait already;
// the zero time is none.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readDeadline, &c.writeDeadline)
}

// SetReadDeadline sets the deadline of Read.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readDeadline) }

// SetWriteDeadline sets the deadline of Write. What a Write that it ends has put into
// the window stays there.
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
	c.in.moved.Broadcast() // who waits takes the new one
	c.out.moved.Broadcast()
	return nil
}

// failed gives an error the form that it has in package net.
func (c *Conn) failed(op string, err error) error {
	if err == io.EOF {
		return err
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}
