package actors

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// writer.go - takes what waits in the outbox and writes it to one socket. It
// has a goroutine of its own, because a write blocks.

// Messages, in the order of writer.Receive.
type (
	writerMsg interface{ isWriterMsg() }

	// drainOutbox says that frames wait. At most one is on its way at a time.
	drainOutbox struct{}
)

func (drainOutbox) isWriterMsg() {}

type writer struct {
	conn    *Conn
	attempt uint32
	socket  net.Conn
	timeout time.Duration
	failed  bool
}

func newWriter(conn *Conn, attempt uint32, socket net.Conn) *writer {
	return &writer{conn: conn, attempt: attempt, socket: socket, timeout: conn.cfg.WriteTimeout}
}

// Receive handles one message; it blocks while the socket does.
func (w *writer) Receive(_ *Context, m writerMsg) {
	switch m.(type) {
	case drainOutbox:
		w.onDrainOutbox()
	default:
		panic(fmt.Sprintf("writer: unhandled message %T", m))
	}
}

// onDrainOutbox writes until nothing waits: one write for all that came
// together during the last one.
func (w *writer) onDrainOutbox() {
	out := w.conn.out
	for !w.failed {
		job := out.begin(w.attempt)
		if job.frames == nil {
			return
		}
		n, err := w.write(job.frames[job.n:])
		job.n += n
		if err != nil {
			w.failed = true
			w.lose(job, err)
			return
		}
		out.end(job)
	}
}

func (w *writer) write(frames []byte) (int, error) {
	if w.timeout > 0 {
		if err := w.socket.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
			return 0, err
		}
	}
	return w.socket.Write(frames)
}

// lose accounts for a failed write and ends the link.
func (w *writer) lose(job write, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ErrWriteTimeout, err)
	}
	w.conn.out.abort(job)
	_ = w.conn.linkBox.Send(lost{attempt: w.attempt, cause: &LinkError{URL: w.conn.serverName(), Phase: "write", Err: err}})
}
