package simnet

import (
	"sync"
	"syscall"
	"time"
)

// WindowDefault is the default window, in bytes for each direction.
const WindowDefault = 64 << 10

// Pipe returns the two ends of a connection in memory. Up to window bytes wait in each
// direction until they are read, and a Write waits for room; 0 or less means
// [WindowDefault]. It has no goroutine, and a timer only while a call waits with a
// deadline.
func Pipe(window int) (a, b *Conn) { return pipeBetween("a", "b", window) }

func pipeBetween(first, second Addr, window int) (a, b *Conn) {
	if window <= 0 {
		window = WindowDefault
	}
	p := &pipe{}
	there, back := newStream(p, window), newStream(p, window)
	return &Conn{pipe: p, local: first, remote: second, in: back, out: there},
		&Conn{pipe: p, local: second, remote: first, in: there, out: back}
}

// pipe is what both ends share: one lock for both directions, so that a reset hits them
// at the same time.
type pipe struct{ mu sync.Mutex }

// stream is one direction of a pipe. All fields are guarded by the pipe's lock.
//
//	writer ─► buf, at most window bytes ─► reader
//
// Calls that wait for bytes, for room, or for another writer wait at moved, which is
// broadcast on every change.
type stream struct {
	pipe   *pipe
	window int
	moved  sync.Cond

	// buf[head:] waits for the reader. Invariant: 0 <= len(buf)-head <= window.
	buf  []byte
	head int

	// end is what the reader gets after the last byte: io.EOF after a FIN, ECONNRESET
	// after a reset; nil while there may be more.
	end error
	// fail is what the writer gets; nil as long as it may write.
	fail error
	// deaf says that the reader is gone and had read everything: the next bytes are lost,
	// and the answer to them is a reset.
	deaf bool
	// writing says that a Write is in progress: its bytes stay together.
	writing bool
}

func newStream(p *pipe, window int) *stream {
	s := &stream{pipe: p, window: window}
	s.moved.L = &p.mu
	return s
}

// waiting is the number of bytes that wait for the reader.
func (s *stream) waiting() int { return len(s.buf) - s.head }

// take moves bytes to b and makes room.
func (s *stream) take(b []byte) int {
	n := copy(b, s.buf[s.head:])
	s.head += n
	if s.head == len(s.buf) {
		s.buf, s.head = s.buf[:0], 0
	}
	if n > 0 {
		s.moved.Broadcast()
	}
	return n
}

// put takes as many bytes of b as there is room for.
func (s *stream) put(b []byte) int {
	n := min(len(b), s.window-s.waiting())
	if n == 0 {
		return 0
	}
	if s.head > 0 && len(s.buf)+n > cap(s.buf) {
		s.buf, s.head = s.buf[:copy(s.buf, s.buf[s.head:])], 0
	}
	s.buf = append(s.buf, b[:n]...)
	s.moved.Broadcast()
	return n
}

// finish ends the stream on the writer's side; what waits can still be read.
func (s *stream) finish(end, fail error) {
	if s.end == nil {
		s.end = end
	}
	if s.fail == nil {
		s.fail = fail
	}
	s.moved.Broadcast()
}

// abandon ends the stream on the reader's side. It reports whether bytes are lost.
func (s *stream) abandon() (lost bool) {
	lost = s.waiting() > 0
	s.buf, s.head = nil, 0
	switch {
	case s.fail != nil:
	case lost:
		s.fail = syscall.ECONNRESET
	default:
		s.deaf = true
	}
	s.moved.Broadcast()
	return lost
}

// reset ends the stream on both sides, and what waits is lost.
func (s *stream) reset() {
	s.buf, s.head = nil, 0
	s.cut()
}

// cut ends the stream on both sides; what waits can still be read.
func (s *stream) cut() {
	s.deaf = false
	s.end, s.fail = syscall.ECONNRESET, syscall.ECONNRESET
	s.moved.Broadcast()
}

// wait waits until something has changed or the deadline has come; the zero deadline
// never comes. The caller holds the lock, and checks its condition again.
func (s *stream) wait(deadline time.Time) {
	if deadline.IsZero() {
		s.moved.Wait()
		return
	}
	timer := time.AfterFunc(time.Until(deadline), func() {
		s.pipe.mu.Lock() // only after the wait has begun
		defer s.pipe.mu.Unlock()
		s.moved.Broadcast()
	})
	s.moved.Wait()
	timer.Stop()
}

// write is one step of a Write: it takes what there is room for.
func (s *stream) write(b []byte) (n int, err error) {
	if s.fail != nil {
		return 0, s.fail
	}
	if s.deaf && len(b) > 0 {
		s.deaf, s.fail = false, syscall.EPIPE
		return len(b), nil
	}
	return s.put(b), nil
}
