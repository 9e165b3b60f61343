package fakeserver

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// end is one end of a connection in memory that can be reset.
type end struct {
	net.Conn
	mine, theirs *atomic.Bool // set when this end, or the other one, was reset
}

// pipe returns the two ends of a connection. It has no buffer: a write waits for
// reads.
func pipe() (near, far net.Conn) {
	a, b := net.Pipe()
	var first, second atomic.Bool
	return &end{Conn: a, mine: &first, theirs: &second}, &end{Conn: b, mine: &second, theirs: &first}
}

// Reset closes the connection; the other end gets an ECONNRESET.
func (e *end) Reset() error {
	e.mine.Store(true)
	return e.Conn.Close()
}

func (e *end) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	return n, e.told("read", err)
}

func (e *end) Write(p []byte) (int, error) {
	n, err := e.Conn.Write(p)
	return n, e.told("write", err)
}

// told turns the end of a connection into a reset error if it was one.
func (e *end) told(op string, err error) error {
	if err == nil || !e.theirs.Load() || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Addr: e.RemoteAddr(), Err: os.NewSyscallError(op, syscall.ECONNRESET)}
}
