package protocol

import "encoding/binary"

// word reads four bytes as [Parser.whole] compares them.
func word(s string) uint32 { return binary.LittleEndian.Uint32([]byte(s)) }

// whole reads the most common frame, a MSG or PUB that is complete in buf, in the
// form that all known peers write: upper case, single blanks, CR LF. It returns 0
// for everything else, however wrong, and leaves the verdict to next: so the hot
// path has no error to build and nothing to undo.
//
// A loop over the bytes of the short control line is faster here than a search
// for its end followed by a split.
func (p *Parser) whole(buf []byte, f *Frame) int {
	if len(buf) < 8 || binary.LittleEndian.Uint32(buf) != p.fast {
		return 0
	}
	i := 4
	for i < len(buf) && buf[i] > ' ' {
		i++
	}
	subject := Span{4, uint32(i)}
	if i == 4 || i >= len(buf) || buf[i] != ' ' {
		return 0
	}
	i++

	var sid uint64
	if p.fromServer {
		start := i
		for i < len(buf) && buf[i]-'0' <= 9 {
			sid = sid*10 + uint64(buf[i]-'0')
			i++
		}
		// 19 digits fit into 64 bits, whatever they are.
		if i == start || i-start > 19 || i >= len(buf) || buf[i] != ' ' {
			return 0
		}
		i++
	}

	var reply Span
	size, start := 0, i
	for i < len(buf) && buf[i]-'0' <= 9 && i-start < 9 {
		size = size*10 + int(buf[i]-'0')
		i++
	}
	if i < len(buf) && buf[i] != '\r' {
		for i < len(buf) && buf[i] > ' ' {
			i++
		}
		if i == start || i >= len(buf) || buf[i] != ' ' {
			return 0
		}
		reply = Span{uint32(start), uint32(i)}
		i++
		size, start = 0, i
		for i < len(buf) && buf[i]-'0' <= 9 && i-start < 9 {
			size = size*10 + int(buf[i]-'0')
			i++
		}
	}
	end := i + 2 + size
	if i == start || i > p.limits.ControlLine || size > p.limits.Payload || end+2 > len(buf) {
		return 0
	}
	if buf[i] != '\r' || buf[i+1] != '\n' || buf[end] != '\r' || buf[end+1] != '\n' {
		return 0
	}
	op := OpPub
	if p.fromServer {
		op = OpMsg
	}
	*f = Frame{Op: op, SID: sid, Subject: subject, Reply: reply, Payload: Span{uint32(i + 2), uint32(end)}}
	return end + 2
}
