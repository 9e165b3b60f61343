package actors

import (
	"errors"
	"fmt"
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

	// say is written as it is: what a new server has to know before the outbox uses
	// the socket. said follows.
	say struct{ frames []byte }

	// gatherDue ends the wait for more frames.
	gatherDue struct{}
)

func (drainOutbox) isWriterMsg() {}
func (say) isWriterMsg()         {}
func (gatherDue) isWriterMsg()   {}

// A write takes a few microseconds, in which a busy publisher makes a few
// kilobytes: written at once, a stream goes out in many small pieces that socket,
// lock and peer pay for each. So after streamWrites writes of at least
// streamBytes in a row the writer goes to sleep and leaves a stream to its
// publishers, who write whenever gatherBytes wait. It looks every gatherFor
// whether the stream goes on, and writes what is left if not. A stream that was
// none is not believed again during the next gatherRest writes.
const (
	streamBytes  = 4 << 10
	streamWrites = 4
	gatherBytes  = 32 << 10
	gatherFor    = 250 * time.Microsecond
	gatherRest   = 256
)

type writer struct {
	conn    *Conn
	line    *line
	timeout time.Duration
	failed  bool
	job     write       // being written, or failed to be; without frames: none
	stream  int         // writes of a stream in a row
	rest    int         // writes until the next gathering
	looked  int         // times in a row that the stream was found to go on
	timer   *time.Timer // sends gatherDue; nil before the first gathering
}

func newWriter(conn *Conn, l *line) *writer {
	return &writer{conn: conn, line: l, timeout: conn.cfg.WriteTimeout}
}

// Receive handles one message; it blocks while the socket does.
func (w *writer) Receive(c *Context, m writerMsg) {
	switch m := m.(type) {
	case drainOutbox:
		w.onDrainOutbox(c)
	case say:
		w.onSay(m)
	case gatherDue:
		w.onGatherDue(c)
	default:
		panic(fmt.Sprintf("writer: unhandled message %T", m))
	}
}

func (w *writer) onGatherDue(c *Context) {
	if w.conn.out.streaming() {
		w.looked++
		w.arm(c)
		return
	}
	if w.looked == 0 {
		w.rest = gatherRest
	}
	w.stream, w.looked = 0, 0
	w.onDrainOutbox(c)
}

// onDrainOutbox writes until nothing waits: one write for all that came
// together during the last one.
func (w *writer) onDrainOutbox(c *Context) {
	out := w.conn.out
	if w.timer != nil {
		w.timer.Stop()
	}
	for !w.failed {
		w.job = out.begin(w.line.attempt)
		if w.job.frames == nil {
			return
		}
		n, err := w.write(w.job.frames[w.job.n:])
		w.job.n += n
		if err != nil {
			w.failed = true
			w.lose(err)
			return
		}
		job := w.job
		w.job = write{}
		out.end(job)
		if w.streaming(n) && out.gather() {
			w.arm(c)
			return
		}
	}
}

func (w *writer) onSay(m say) {
	if _, err := w.write(m.frames); err != nil {
		w.failed = true
		w.lose(err)
		return
	}
	_ = w.conn.linkBox.must(said{w.line.attempt})
}

// streaming reports, after a write of n bytes, whether to wait for more.
func (w *writer) streaming(n int) bool {
	w.rest = max(0, w.rest-1)
	w.stream++
	if n < streamBytes {
		w.stream = 0
	}
	return w.stream >= streamWrites && w.rest == 0
}

func (w *writer) arm(c *Context) {
	if w.timer != nil {
		w.timer.Reset(gatherFor)
		return
	}
	box := c.host.box
	w.timer = time.AfterFunc(gatherFor, func() { _ = box.post(writerMsg(gatherDue{})) })
}

// Stopping ends the timer and a write that is not complete. After a panic in the
// socket nobody knows how much of it left.
func (w *writer) Stopping(*Context) {
	if job := w.job; job.frames != nil {
		if !w.failed {
			job.n = len(job.frames)
		}
		w.conn.out.abort(job)
	}
	if w.timer != nil {
		w.timer.Stop()
	}
}

// pieceBytes is how much is written at once: a slow line, which takes long for all of
// a large message, is seen to take something.
const pieceBytes = 32 << 10

// write writes all of frames, with a deadline for each piece.
func (w *writer) write(frames []byte) (n int, err error) {
	for n < len(frames) && err == nil {
		if w.timeout > 0 {
			err = w.line.socket.SetWriteDeadline(time.Now().Add(w.timeout))
			if err != nil {
				return n, err
			}
		}
		var k int
		k, err = w.line.socket.Write(frames[n:min(n+pieceBytes, len(frames))])
		n += k
		w.line.pulse.writes.Add(1)
	}
	return n, err
}

// lose reports a failed write. It stays begun until the link has ended, so that
// nobody else writes behind what left of it.
func (w *writer) lose(err error) {
	broken := !errors.Is(err, os.ErrDeadlineExceeded)
	if !broken {
		err = fmt.Errorf("%w: %w", ErrWriteTimeout, err)
	}
	_ = w.conn.linkBox.must(lost{attempt: w.line.attempt, broken: broken,
		cause: &LinkError{URL: redacted(w.line.server.url), Phase: "write", Err: err}})
}
