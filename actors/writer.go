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

	// say holds frames that a new server must get before the outbox uses the socket; they
	// are written as they are. said follows.
	say struct{ frames []byte }

	// gatherDue ends the wait for more frames.
	gatherDue struct{}
)

func (drainOutbox) isWriterMsg() {}
func (say) isWriterMsg()         {}
func (gatherDue) isWriterMsg()   {}

// A write takes a few microseconds, in which a busy publisher produces a few kilobytes:
// written at once, a stream would go out in many small pieces, each with its cost for
// socket, lock and peer. So after streamWrites writes in a row of at least streamBytes,
// the writer goes to sleep and leaves the stream to its publishers, which write whenever
// gatherBytes wait. Every gatherFor it checks whether the stream goes on, and if not
// writes what is left. After a stream that turned out to be none, it does not try again
// for gatherRest writes.
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
	grows   bool        // pieces may grow, as the kernel can be asked for the progress
	job     write       // being written, or failed; without frames: none
	stream  int         // writes of a stream in a row
	rest    int         // writes until the next gathering
	looked  int         // checks in a row that found the stream going on
	timer   *time.Timer // sends gatherDue; nil before the first gathering
}

func newWriter(conn *Conn, l *line) *writer {
	_, grows := askKernel(l.socket)
	return &writer{conn: conn, line: l, timeout: conn.cfg.WriteTimeout, grows: grows}
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

// onDrainOutbox writes until nothing waits: each write takes all frames that came during
// the last one.
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

// Stopping ends the timer and a write that is not complete. After a panic in the socket
// it is unknown how much of it was sent.
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

// A large message is written in pieces, so that progress is visible on a slow line that
// takes long for all of it. Each piece is twice as large as the one before, if that took
// less than pieceQuick.
const (
	pieceBytes    = 32 << 10
	pieceBytesMax = 256 << 10
	pieceQuick    = 5 * time.Millisecond
)

// write writes all of frames, with a deadline for each piece: WriteTimeout for pieceBytes.
func (w *writer) write(frames []byte) (n int, err error) {
	for piece := pieceBytes; n < len(frames) && err == nil; {
		began, size := time.Now(), min(piece, len(frames)-n)
		if w.timeout > 0 {
			err = w.line.socket.SetWriteDeadline(began.Add(w.timeout * time.Duration((size-1)/pieceBytes+1)))
			if err != nil {
				return n, err
			}
		}
		var k int
		k, err = w.line.socket.Write(frames[n : n+size])
		n += k
		w.line.pulse.writes.Add(1)
		if n < len(frames) && w.grows {
			piece = nextPiece(piece, time.Since(began))
		}
	}
	return n, err
}

// nextPiece returns the size of the piece after one that took this long.
func nextPiece(piece int, took time.Duration) int {
	if took >= pieceQuick {
		return pieceBytes
	}
	return min(2*piece, pieceBytesMax)
}

// lose reports a failed write. The write stays open until the link has ended, so that
// nothing else is written after the part that was sent.
func (w *writer) lose(err error) {
	broken := !errors.Is(err, os.ErrDeadlineExceeded)
	if !broken {
		err = fmt.Errorf("%w: %w", ErrWriteTimeout, err)
	}
	_ = w.conn.linkBox.must(lost{attempt: w.line.attempt, broken: broken,
		cause: &LinkError{URL: redacted(w.line.server.url), Phase: "write", Err: err}})
}
