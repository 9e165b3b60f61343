package protocol

import (
	"encoding/binary"
	"math/bits"
)

// Fronts of frames and line ends as little-endian words, to compare and store them
// at once.
const (
	wordMsg     = 'M' | 'S'<<8 | 'G'<<16 | ' '<<24
	wordPub     = 'P' | 'U'<<8 | 'B'<<16 | ' '<<24
	wordHMsg    = 'H' | 'M'<<8 | 'S'<<16 | 'G'<<24
	wordHPub    = 'H' | 'P'<<8 | 'U'<<16 | 'B'<<24
	wordLineEnd = '\r' | '\n'<<8
)

// digitsSafe is the number of decimal digits that always fit into 64 bits.
const digitsSafe = 19

// Next reads one frame from the front of buf into f and returns the bytes
// consumed. It returns 0 when buf ends before the frame does; the caller then
// calls again with the same bytes plus more, which may have moved in memory. f is
// undefined unless Next returns more than 0. An error is an [*Error] and is
// returned again by each call until Reset.
//
// This function reads the most common frame itself: a MSG or PUB that is complete in
// buf, in the form that all known peers write: upper case, single blanks, CR LF. It
// leaves everything else, valid or not, to next, so the hot path has no error to build
// and nothing to undo.
//
// It reads the line once, from left to right: the line is too short to pay for a
// search for its end and a split. Numbers are read digit by digit, which measured
// faster than eight at a time, even with numbers of mixed lengths.
func (p *Parser) Next(buf []byte, f *Frame) (int, error) {
	if p.resuming || len(buf) < 8 || binary.LittleEndian.Uint32(buf) != p.dir.msgWord {
		return p.next(buf, f)
	}
	i := tokenEnd(buf, 4)
	if i == 4 || i >= len(buf) || buf[i] != ' ' {
		return p.next(buf, f)
	}
	subjectEnd := uint32(i)
	i++

	var sid uint64
	if p.dir.hasSID {
		start := i
		sid, i = digits(buf, i)
		if i == start || i-start > digitsSafe || i >= len(buf) || buf[i] != ' ' {
			return p.next(buf, f)
		}
		i++
	}

	var reply Span
	start := i
	size, i := digits(buf, i)
	if i < len(buf) && buf[i] != '\r' {
		i = tokenEnd(buf, i)
		if i == start || i >= len(buf) || buf[i] != ' ' {
			return p.next(buf, f)
		}
		reply = Span{uint32(start), uint32(i)}
		i++
		start = i
		size, i = digits(buf, i)
	}
	if i == start || i-start > digitsSafe || i > p.limits.ControlLine || size > uint64(p.limits.Payload) {
		return p.next(buf, f)
	}
	end := i + len(lineEnd) + int(size)
	if end > len(buf)-len(lineEnd) || !isLineEnd(buf, i) || !isLineEnd(buf, end) {
		return p.next(buf, f)
	}
	// Field by field: a literal would be built separately and copied, which costs 6 ns.
	*f = Frame{}
	f.Op, f.SID, f.Reply = p.dir.msgOp, sid, reply
	f.Subject = Span{4, subjectEnd}
	f.Payload = Span{uint32(i + 2), uint32(end)}
	p.offset += int64(end + 2)
	return end + 2, nil
}

// wholeHeader does for HMSG and HPUB what Next does for MSG and PUB, and returns 0 for
// what it leaves to next. That includes a reply subject that begins with a digit, since
// only the number of arguments distinguishes it from a size.
func (p *Parser) wholeHeader(buf []byte, f *Frame) int {
	i := tokenEnd(buf, 5)
	if buf[4] != ' ' || i == 5 || i >= len(buf) || buf[i] != ' ' {
		return 0
	}
	subject := Span{5, uint32(i)}
	i++

	var sid uint64
	if p.dir.hasSID {
		start := i
		sid, i = digits(buf, i)
		if i == start || i-start > digitsSafe || i >= len(buf) || buf[i] != ' ' {
			return 0
		}
		i++
	}

	var reply Span
	if i < len(buf) && buf[i] > ' ' && buf[i]-'0' > 9 {
		start := i
		i = tokenEnd(buf, i)
		if i >= len(buf) || buf[i] != ' ' {
			return 0
		}
		reply = Span{uint32(start), uint32(i)}
		i++
	}
	start := i
	header, i := digits(buf, i)
	if i == start || i-start > digitsSafe || i >= len(buf) || buf[i] != ' ' {
		return 0
	}
	i++
	start = i
	total, i := digits(buf, i)
	if i == start || i-start > digitsSafe || i > p.limits.ControlLine || total > uint64(p.limits.Payload) {
		return 0
	}
	end := i + len(lineEnd) + int(total)
	if header > total || header > uint64(p.limits.Header) || end > len(buf)-len(lineEnd) {
		return 0
	}
	if !isLineEnd(buf, i) || !isLineEnd(buf, end) {
		return 0
	}
	*f = Frame{}
	f.Op, f.SID, f.Subject, f.Reply = p.dir.headerOp, sid, subject, reply
	f.Header = Span{uint32(i + 2), uint32(i + 2 + int(header))}
	f.Payload = Span{f.Header.End, uint32(end)}
	return end + len(lineEnd)
}

// tokenEnd returns the offset of the first byte at or after i that is a blank or a
// control character, or len(b) when there is none.
func tokenEnd(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080 // in each byte
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		// The lowest high bit that is left marks the first byte below 0x21.
		if m := (x - 0x21*ones) &^ x & highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(b) && b[i] > ' ' {
		i++
	}
	return i
}

// digits reads the decimal digits at b[i:] and returns their value, which has wrapped
// around when there are more than 19, and the offset after them.
func digits(b []byte, i int) (value uint64, end int) {
	for _, c := range b[i:] {
		c -= '0'
		if c > 9 {
			break
		}
		value = value*10 + uint64(c)
		i++
	}
	return value, i
}

// isLineEnd reports whether CR LF stands at b[i:], which must hold two bytes.
func isLineEnd(b []byte, i int) bool {
	return binary.LittleEndian.Uint16(b[i:]) == wordLineEnd
}
