package actors

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// reader.go - reads one socket and distributes what came.
//
//	read ─► one socket read ─► parse all of it ─► one segment per touched
//	        subscription ─► read
//
// Each turn is one read, so that a failure costs at most one read. The reader has a
// goroutine of its own, because a read blocks.

// Messages, in the order of reader.Receive.
type (
	readerMsg interface{ isReaderMsg() }

	// read asks for one socket read. The reader sends it to itself after each.
	read struct{}
)

func (read) isReaderMsg() {}

// shrinkAfter is how many reads in a row must leave most of the buffer empty
// before it shrinks.
const shrinkAfter = 64

type reader struct {
	conn    *Conn
	attempt uint32
	line    *line
	side    uint8 // side of line
	parser  *protocol.Parser
	frame   protocol.Frame

	chunk  *chunk // being filled
	filled int    // bytes in chunk
	parsed int    // of these, parsed
	size   int    // of the next chunk
	sparse int    // reads in a row that filled little
	begun  bool   // the bytes left over from the handshake have been parsed

	touched []*Sub // subscriptions with messages in chunk, in order of arrival
	round   uint64 // number of the current read, for Sub.gather
	msgs    uint64 // of this read
	bytes   uint64
	pongs   int // of this read; see confirm
}

func newReader(conn *Conn, l *line, rest []byte) *reader {
	r := &reader{
		conn: conn, attempt: l.attempt, line: l, side: l.side,
		parser: protocol.NewServerParser(protocol.Limits{}),
		size:   chunkBytesMin,
		round:  uint64(l.attempt) << 40, // no two readers use the same round numbers
	}
	r.chunk = conn.chunks.get(max(r.size, len(rest)))
	r.filled = copy(r.chunk.buf, rest)
	return r
}

// Receive handles one message; it blocks until bytes come.
func (r *reader) Receive(c *Context, m readerMsg) {
	switch m.(type) {
	case read:
		r.onRead(c)
	default:
		panic(fmt.Sprintf("reader: unhandled message %T", m))
	}
}

func (r *reader) onRead(c *Context) {
	// The handshake may have read beyond its PONG: those bytes come first.
	if (r.begun || r.filled == 0) && !r.fill() {
		return
	}
	r.begun = true
	r.round++
	err := r.parse()
	r.handOut()
	r.confirm()
	if err != nil {
		r.lose("parse", err)
		return
	}
	r.carryOver()
	_ = c.host.box.post(readerMsg(read{}))
}

// fill reads once from the socket.
func (r *reader) fill() bool {
	n, err := r.line.pulse.read(r.chunk.buf[r.filled:])
	r.filled += n
	r.adapt(n)
	if n > 0 {
		return true // an error will be returned again
	}
	if err == nil {
		return true
	}
	if r.filled > r.parsed && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // in the middle of a frame
	}
	r.lose("read", readCause(err))
	return false
}

// adapt chooses the size of the next buffer from how full this read was.
func (r *reader) adapt(n int) {
	switch {
	case r.filled == len(r.chunk.buf):
		r.size = min(2*len(r.chunk.buf), chunkBytesMax)
		r.sparse = 0
	case n < len(r.chunk.buf)/8 && r.size > chunkBytesMin:
		if r.sparse++; r.sparse >= shrinkAfter {
			r.size /= 2
			r.sparse = 0
		}
	default:
		r.sparse = 0
	}
}

// parse parses what was read, frame by frame.
func (r *reader) parse() error {
	buf := r.chunk.buf[:r.filled]
	f := &r.frame
	for r.parsed < len(buf) {
		n, err := r.parser.Next(buf[r.parsed:], f)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if f.Op == protocol.OpMsg || f.Op == protocol.OpHMsg {
			r.message(f, uint32(r.parsed))
		} else {
			r.control(f, buf[r.parsed:])
		}
		r.parsed += n
		if f.Op == protocol.OpErr && r.chunk.refs.Load() > 1 {
			r.carryOver() // a chunk that was handed out must not be appended to
			buf = r.chunk.buf[:r.filled]
		}
	}
	return nil
}

// message adds one message to the segment of its subscription.
func (r *reader) message(f *protocol.Frame, base uint32) {
	size := int64(f.Header.Len() + f.Payload.Len())
	r.msgs++
	r.bytes += uint64(size)
	s := r.conn.subs.get(f.SID)
	if s == nil {
		r.conn.strays.Add(1)
		if s = r.conn.unheardOf(f.SID); s == nil {
			return
		}
	}
	g := &s.gather[r.side]
	if g.round == muxRound {
		r.conn.reqs.reply(f, r.chunk.buf[r.parsed:], r.line)
		return
	}
	at := r.chunk.add(f, base)
	if g.round != r.round {
		*g = gather{round: r.round, head: at, tail: at, n: 1, bytes: uint32(size)}
		r.touched = append(r.touched, s)
		return
	}
	r.chunk.views[g.tail].next = at
	g.tail = at
	g.n++
	g.bytes += uint32(size)
}

// control handles everything that is not a message.
func (r *reader) control(f *protocol.Frame, buf []byte) {
	conn := r.conn
	switch f.Op {
	case protocol.OpPing:
		conn.out.answerPing(r.attempt)
	case protocol.OpPong:
		r.pongs++
	case protocol.OpInfo:
		info, err := protocol.ParseInfo(f.Arg.Of(buf))
		if err != nil {
			conn.setLastError(err)
			conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.ServerErrorReported, Path: conn.name, Cause: err}})
			return
		}
		r.inform(info)
	case protocol.OpErr:
		r.handOut() // first: earlier messages are no proof that this refusal is over
		r.round++
		if e := protocol.ClassifyServerError(f.Arg.Of(buf)); !conn.complained(r.attempt, e) {
			_ = conn.linkBox.Send(refused{attempt: r.attempt, err: e})
		}
	}
}

// inform hands an INFO to the link. It replaces one that still waits: fields that the new
// one leaves out are kept, and so is a lame-duck notice.
func (r *reader) inform(info *protocol.Info) {
	for {
		next, before := *info, r.line.news.Load()
		if before != nil {
			next.Complete(before)
			next.LameDuckMode = next.LameDuckMode || before.LameDuckMode
		}
		if !r.line.news.CompareAndSwap(before, &next) {
			continue // link has just handled the one that waited
		}
		if r.conn.line.Load() == r.line {
			r.conn.out.limits(&next) // the limits in Conn.Info apply at once
		}
		if before == nil {
			_ = r.conn.linkBox.must(informed{r.line})
		}
		return
	}
}

// confirm matches the PONGs of a read. It is called after handOut: callers that wait for
// a PONG, drains above all, rely on the messages before it being in their lanes.
func (r *reader) confirm() {
	conn := r.conn
	for ; r.pongs > 0; r.pongs-- {
		now := time.Now()
		p := conn.out.pong(r.attempt, now)
		if !p.linked || p.last {
			_ = conn.linkBox.Send(ponged{r.attempt})
		}
		if !p.linked {
			continue
		}
		conn.pongsOut.Store(0)
		conn.answered.Store(now.UnixNano())
		if p.end > 0 {
			conn.heard(p.end)
		}
		if p.rtt > 0 {
			conn.rtt.Store(int64(p.rtt))
		}
		conn.confirmed(r.attempt)
	}
}

// handOut gives each touched subscription its segment: one lock and at most one wake-up
// for each, and one access to the run queue for all.
func (r *reader) handOut() {
	conn := r.conn
	conn.inMsgs.Add(r.msgs)
	conn.inBytes.Add(r.bytes)
	r.msgs, r.bytes = 0, 0
	if len(r.touched) == 0 {
		return
	}
	r.chunk.refs.Add(int32(len(r.touched)))
	size := len(r.chunk.buf)
	crowded := conn.chunks.crowded(r.filled, size)
	var w wakeUps
	for i, s := range r.touched {
		g := &s.gather[r.side]
		seg := segment{chunk: r.chunk, head: g.head, n: g.n, bytes: int64(g.bytes)}
		if crowded && seg.bytes < int64(size/4) {
			seg = seg.copied()
		}
		if r.line.ahead.Load() {
			s.pushed(s.lane.pushAhead(seg), &w)
		} else {
			s.receive(seg, &w)
		}
		r.touched[i] = nil
	}
	r.touched = r.touched[:0]
	w.flush(conn)
}

// carryOver moves unparsed bytes to the beginning of a buffer: of a new one if lanes use
// part of the current one.
func (r *reader) carryOver() {
	rest := r.filled - r.parsed
	size := r.size
	if need := r.parser.Need(); need > size {
		// Grow with what has arrived, not with what was announced.
		size = min(need, max(size, 2*rest))
	}
	if rest >= size {
		size = 2 * rest // size may have shrunk while a long line came in small pieces
	}
	old := r.chunk
	if old.refs.Load() == 1 && len(old.buf) == size {
		copy(old.buf, old.buf[r.parsed:r.filled])
		old.views = old.views[:0]
	} else {
		r.chunk = r.conn.chunks.get(size)
		copy(r.chunk.buf, old.buf[r.parsed:r.filled])
		old.release()
	}
	r.filled, r.parsed = rest, 0
}

func (r *reader) lose(phase string, err error) {
	_ = r.conn.linkBox.must(lost{attempt: r.attempt, cause: &LinkError{URL: redacted(r.line.server.url), Phase: phase, Err: err}})
}

// Stopping releases the buffer.
func (r *reader) Stopping(*Context) {
	if r.chunk != nil {
		r.chunk.release()
		r.chunk = nil
	}
}

// wakeUps collects the mailboxes that a read made runnable, and the subscriptions whose
// dispatcher must be started.
type wakeUps struct {
	first, last *mailbox
	n           int
	asleep      []*Sub
}

func (w *wakeUps) add(m *mailbox) {
	if w.first == nil {
		w.first = m
	} else {
		w.last.nextRunnable = m
	}
	w.last = m
	w.n++
}

// offer adds the mailbox if it was idle.
func (w *wakeUps) offer(m *mailbox) {
	if m.offerData() {
		w.add(m)
	}
}

func (w *wakeUps) flush(c *Conn) {
	if w.n > 0 {
		c.sys.exec.submitAll(w.first, w.last, w.n)
	}
	if len(w.asleep) > 0 {
		_ = c.subsBox.must(activate{w.asleep})
	}
}
