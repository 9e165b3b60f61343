package protocol

import (
	"bytes"
	"encoding/binary"
)

// Parser reads frames from a byte stream that arrives in pieces. It keeps no
// bytes: the caller owns the buffer, and frames are spans into it. The zero value
// is not usable; make one with [NewServerParser] or [NewClientParser]. A Parser
// belongs to one goroutine at a time.
//
//	          whole frame                     LF not there yet: scanned > 0
//	fresh ───────────────────► fresh  fresh ───────────────────────────────► line
//	                                  line, fresh ──────────────────────────► body
//	any ──── broken rule ────► failed            line known, payload short: need > 0
//
// Splitting the stream differently changes neither the frames nor the errors,
// except for the snippet that an error quotes. Nothing is scanned twice, so a
// stream that comes byte by byte costs linear time.
type Parser struct {
	limits Limits // complete: no field is zero
	offset int64  // bytes of all frames consumed since Reset
	dir    direction

	// State of a partial frame. Invariant: resuming iff op != OpNone or need > 0
	// or failed != nil.
	resuming bool
	op       Op     // recognised operation of a line that has not ended yet
	scanned  int    // bytes of that line known to hold no LF
	need     int    // whole length of the frame in pending, once its line was read
	pending  Frame  // valid while need > 0
	failed   *Error // sticky until Reset
	work     int64  // bytes looked at while searching for line ends; for tests
}

// direction holds the differences between the parsers of the two directions.
type direction struct {
	ops            []Op   // the operations known, frequent ones first
	msgOp          Op     // the operation of a message
	headerOp       Op     // the operation of a message with header
	msgWord        uint32 // first four bytes of that, blank included
	headerWord     uint32 // first four bytes of that
	hasSID         bool   // a message's subject is followed by its subscription's number
	controlLineMax int    // default limit, bytes
}

var (
	fromServer = direction{
		ops:   []Op{OpMsg, OpHMsg, OpPing, OpPong, OpOK, OpErr, OpInfo},
		msgOp: OpMsg, msgWord: wordMsg,
		headerOp: OpHMsg, headerWord: wordHMsg,
		hasSID:         true,
		controlLineMax: ServerControlLineMax,
	}
	fromClient = direction{
		ops:   []Op{OpPub, OpHPub, OpSub, OpUnsub, OpPing, OpPong, OpConnect},
		msgOp: OpPub, msgWord: wordPub,
		headerOp: OpHPub, headerWord: wordHPub,
		controlLineMax: ClientControlLineMax,
	}
)

// NewServerParser returns a parser of what a server sends: INFO, MSG, HMSG, PING,
// PONG, +OK, -ERR.
func NewServerParser(limits Limits) *Parser {
	p := &Parser{dir: fromServer}
	p.SetLimits(limits)
	return p
}

// NewClientParser returns a parser of what a client sends: CONNECT, PUB, HPUB,
// SUB, UNSUB, PING, PONG.
func NewClientParser(limits Limits) *Parser {
	p := &Parser{dir: fromClient}
	p.SetLimits(limits)
	return p
}

// SetLimits replaces the limits. A frame whose control line was already read
// keeps those it was admitted under.
func (p *Parser) SetLimits(limits Limits) { p.limits = limits.orDefault(p.dir.controlLineMax) }

// Reset forgets a partial frame, an error and the offset; limits stay. Use it for
// a new stream.
func (p *Parser) Reset() {
	*p = Parser{limits: p.limits, dir: p.dir}
}

// Offset returns how many bytes of whole frames were consumed since Reset: the
// stream offset of the next frame.
func (p *Parser) Offset() int64 { return p.offset }

// Need returns the whole length in bytes of the frame that the last call of Next
// found incomplete, or 0 when its control line has not ended yet. It never exceeds
// the limits on control line and payload plus four bytes for their line ends, so
// a caller may make its buffer that large; whether to do so before the bytes
// arrive is the caller's choice.
func (p *Parser) Need() int { return p.need }

// Head takes the frame whose control line the last call of Next has read, but whose
// payload has not arrived completely: it fills f, returns the length of the whole frame
// from its front, and moves on to the next frame. The spans of f are those of the whole
// frame, so some of them point to bytes that have yet to arrive. It is for callers that
// forward bytes and do not need the payload in one piece; they must check themselves
// that the frame ends in CR LF. It returns 0, and leaves f alone, if there is no such
// frame.
func (p *Parser) Head(f *Frame) int {
	if p.need == 0 {
		return 0
	}
	*f = p.pending
	return p.done(p.need)
}

// next is Next for everything but a whole MSG or PUB in the usual form.
func (p *Parser) next(buf []byte, f *Frame) (int, error) {
	if !p.resuming && len(buf) >= 8 && binary.LittleEndian.Uint32(buf) == p.dir.headerWord {
		if n := p.wholeHeader(buf, f); n > 0 {
			p.offset += int64(n)
			return n, nil
		}
	}
	if p.failed != nil {
		return 0, p.failed
	}
	if p.need > 0 {
		return p.body(buf, f)
	}
	if p.op == OpNone {
		op, state := matchOp(buf, p.dir.ops)
		switch state {
		case opPartial:
			return 0, nil
		case opUnknown:
			return 0, p.fail(p.unknownKind(buf), buf)
		}
		p.op, p.scanned, p.resuming = op, len(opNames[op]), true
	}
	return p.line(buf, f)
}

// line looks for the end of the control line and reads its arguments.
func (p *Parser) line(buf []byte, f *Frame) (int, error) {
	limit := p.lineLimit()
	// limit bytes, CR and LF: beyond that the line is too long, whatever follows.
	window := buf[:min(len(buf), limit+2)]
	if len(window) < p.scanned {
		if p.scanned >= limit+2 { // an operation's name alone exceeds the limit
			return 0, p.failLimit(ErrMaxControlLine, limit, limit+1, buf)
		}
		return 0, nil // the caller broke its promise to keep the bytes
	}
	p.work += int64(len(window) - p.scanned)
	i := bytes.IndexByte(window[p.scanned:], '\n')
	if i < 0 {
		p.scanned = len(window)
		if len(window) == limit+2 {
			return 0, p.failLimit(ErrMaxControlLine, limit, limit+1, buf)
		}
		return 0, nil
	}
	next := p.scanned + i + 1
	end := next - 1
	if buf[end-1] == '\r' {
		end--
	}
	if end > limit {
		return 0, p.failLimit(ErrMaxControlLine, limit, limit+1, buf)
	}
	*f = Frame{Op: p.op}
	size, err := p.arguments(buf[:end], f)
	if err != nil {
		return 0, err
	}
	if size < 0 {
		return p.done(next), nil
	}
	f.Payload.Start += uint32(next)
	f.Payload.End += uint32(next)
	if p.op == p.dir.headerOp {
		f.Header.Start += uint32(next)
		f.Header.End += uint32(next)
	}
	p.pending, p.need = *f, next+size+2
	return p.body(buf, f)
}

// body completes a frame whose control line was read.
func (p *Parser) body(buf []byte, f *Frame) (int, error) {
	n := p.need
	if len(buf) < n {
		return 0, nil
	}
	if buf[n-2] != '\r' || buf[n-1] != '\n' {
		return 0, p.fail(ErrBadFrameEnd, buf)
	}
	*f = p.pending
	return p.done(n), nil
}

// done makes the parser fresh after a frame of n bytes.
func (p *Parser) done(n int) int {
	p.offset += int64(n)
	p.op, p.scanned, p.need, p.resuming = OpNone, 0, 0, false
	return n
}

// lineLimit returns the limit for the line of the current operation.
func (p *Parser) lineLimit() int {
	if p.op == OpInfo || p.op == OpConnect {
		return p.limits.Info
	}
	return p.limits.ControlLine
}

// unknownKind tells a peer that does not speak NATS from one that lost a frame
// boundary.
func (p *Parser) unknownKind(buf []byte) error {
	isTLSRecord := buf[0] >= 0x14 && buf[0] <= 0x17 // content types of RFC 8446, section 5.1
	if p.offset == 0 || isTLSRecord {
		return ErrNotNATS
	}
	return ErrUnknownOp
}

// fail ends the stream with an error about the frame at the front of buf.
func (p *Parser) fail(kind error, buf []byte) error {
	return p.failLimit(kind, 0, 0, buf)
}

// failLimit is fail for a limit: got is what was announced.
func (p *Parser) failLimit(kind error, limit, got int, buf []byte) error {
	p.failed = &Error{Kind: kind, Op: p.op, Offset: p.offset, Limit: limit, Got: got}
	if p.op != OpConnect {
		p.failed.Snippet = snippet(buf)
	}
	p.resuming, p.need = true, 0
	return p.failed
}
