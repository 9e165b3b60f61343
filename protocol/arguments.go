package protocol

import "math"

// argsMax is the largest number of arguments that an operation has.
const argsMax = 5

// arguments reads the arguments in line, which begins with the name of p.op and
// has no line end. It returns the length of header and payload together, or -1
// when the operation has no payload.
//
// Offsets of Header and Payload are relative to the end of the line, since only
// the caller knows how long the line end is.
func (p *Parser) arguments(line []byte, f *Frame) (int, error) {
	name := len(opNames[p.op])
	switch p.op {
	case OpPing, OpPong, OpOK:
		return -1, nil
	case OpErr:
		return -1, p.errText(line, name, f)
	case OpInfo, OpConnect:
		return -1, p.jsonText(line, name, f)
	}

	var args [argsMax]Span
	n := -1
	if name < len(line) && isBlank(line[name]) {
		n = splitArgs(line, name, &args)
	}
	switch p.op {
	case OpMsg:
		return p.msgArgs(line, args[:max(n, 0)], f)
	case OpHMsg:
		return p.hmsgArgs(line, args[:max(n, 0)], f)
	case OpPub:
		return p.pubArgs(line, args[:max(n, 0)], f)
	case OpHPub:
		return p.hpubArgs(line, args[:max(n, 0)], f)
	case OpSub:
		return -1, p.subArgs(line, args[:max(n, 0)], f)
	default:
		return -1, p.unsubArgs(line, args[:max(n, 0)], f)
	}
}

// errText takes the text of -ERR without blanks and quotes around it. A missing text is
// accepted: dropping the connection would tell the user even less.
func (p *Parser) errText(line []byte, at int, f *Frame) error {
	if at < len(line) && !isBlank(line[at]) {
		return p.fail(ErrBadArguments, line)
	}
	s := trimBlanks(line, Span{uint32(at), uint32(len(line))})
	if s.Len() > 0 && line[s.Start] == '\'' {
		s.Start++
	}
	if s.Len() > 0 && line[s.End-1] == '\'' {
		s.End--
	}
	f.Arg = s
	return nil
}

// jsonText takes the argument of INFO or CONNECT. ParseInfo and ParseConnect check that
// it is JSON.
func (p *Parser) jsonText(line []byte, at int, f *Frame) error {
	if at == len(line) || !isBlank(line[at]) {
		return p.fail(ErrBadArguments, line)
	}
	f.Arg = trimBlanks(line, Span{uint32(at), uint32(len(line))})
	if f.Arg.Len() == 0 {
		return p.fail(ErrBadArguments, line)
	}
	return nil
}

// msgArgs reads <subject> <sid> [reply] <size>.
func (p *Parser) msgArgs(line []byte, args []Span, f *Frame) (int, error) {
	if len(args) != 3 && len(args) != 4 {
		return 0, p.fail(ErrBadArguments, line)
	}
	if !p.sid(line, args[1], f) {
		return 0, p.fail(ErrBadArguments, line)
	}
	f.Subject = args[0]
	if len(args) == 4 {
		f.Reply = args[2]
	}
	return p.payload(line, args[len(args)-1], f)
}

// hmsgArgs reads <subject> <sid> [reply] <header size> <total size>.
func (p *Parser) hmsgArgs(line []byte, args []Span, f *Frame) (int, error) {
	if len(args) != 4 && len(args) != 5 {
		return 0, p.fail(ErrBadArguments, line)
	}
	if !p.sid(line, args[1], f) {
		return 0, p.fail(ErrBadArguments, line)
	}
	f.Subject = args[0]
	if len(args) == 5 {
		f.Reply = args[2]
	}
	return p.headerPayload(line, args[len(args)-2:], f)
}

// pubArgs reads <subject> [reply] <size>.
func (p *Parser) pubArgs(line []byte, args []Span, f *Frame) (int, error) {
	if len(args) != 2 && len(args) != 3 {
		return 0, p.fail(ErrBadArguments, line)
	}
	f.Subject = args[0]
	if len(args) == 3 {
		f.Reply = args[1]
	}
	return p.payload(line, args[len(args)-1], f)
}

// hpubArgs reads <subject> [reply] <header size> <total size>.
func (p *Parser) hpubArgs(line []byte, args []Span, f *Frame) (int, error) {
	if len(args) != 3 && len(args) != 4 {
		return 0, p.fail(ErrBadArguments, line)
	}
	f.Subject = args[0]
	if len(args) == 4 {
		f.Reply = args[1]
	}
	return p.headerPayload(line, args[len(args)-2:], f)
}

// subArgs reads <subject> [queue] <sid>.
func (p *Parser) subArgs(line []byte, args []Span, f *Frame) error {
	if len(args) != 2 && len(args) != 3 {
		return p.fail(ErrBadArguments, line)
	}
	if !p.sid(line, args[len(args)-1], f) {
		return p.fail(ErrBadArguments, line)
	}
	f.Subject = args[0]
	if len(args) == 3 {
		f.Queue = args[1]
	}
	return nil
}

// unsubArgs reads <sid> [max].
func (p *Parser) unsubArgs(line []byte, args []Span, f *Frame) error {
	if len(args) != 1 && len(args) != 2 {
		return p.fail(ErrBadArguments, line)
	}
	if !p.sid(line, args[0], f) {
		return p.fail(ErrBadArguments, line)
	}
	if len(args) == 2 {
		n, ok := number(args[1].Of(line))
		if !ok || n > math.MaxInt32 {
			return p.fail(ErrBadArguments, line)
		}
		f.Max = int(n)
	}
	return nil
}

// sid reads a subscription's number. The protocol allows any token; ours are numbers,
// and so are those of every client that a fake server must handle.
func (p *Parser) sid(line []byte, arg Span, f *Frame) bool {
	var ok bool
	f.SID, ok = number(arg.Of(line))
	return ok
}

// payload reads the size of a payload without header.
func (p *Parser) payload(line []byte, arg Span, f *Frame) (int, error) {
	size, err := p.size(line, arg, p.limits.Payload, ErrMaxPayload)
	f.Payload.End = uint32(size)
	return size, err
}

// headerPayload reads the sizes of the header block and of block and payload.
func (p *Parser) headerPayload(line []byte, args []Span, f *Frame) (int, error) {
	header, err := p.size(line, args[0], p.limits.Header, ErrMaxHeader)
	if err != nil {
		return 0, err
	}
	total, err := p.size(line, args[1], p.limits.Payload, ErrMaxPayload)
	if err != nil {
		return 0, err
	}
	if header > total {
		return 0, p.fail(ErrBadArguments, line)
	}
	f.Header.End = uint32(header)
	f.Payload = Span{uint32(header), uint32(total)}
	return total, nil
}

// size reads a number of bytes of at most limit; over is the kind of error for a larger
// one.
func (p *Parser) size(line []byte, arg Span, limit int, over error) (int, error) {
	n, ok := number(arg.Of(line))
	if !ok {
		return 0, p.fail(ErrBadArguments, line)
	}
	if n > uint64(limit) {
		return 0, p.failLimit(over, limit, int(min(n, math.MaxInt)), line)
	}
	return int(n), nil
}

// number reads b as a decimal number. It reports false when b is empty, holds anything
// but digits, or overflows 64 bits.
func number(b []byte) (uint64, bool) {
	var n uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}

// splitArgs finds the arguments of line from offset at on, separated by runs of blanks
// and tabs, and returns how many there are, or -1 when args cannot hold them all or one
// contains a CR.
func splitArgs(line []byte, at int, args *[argsMax]Span) int {
	n, i := 0, at
	for {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) {
			return n
		}
		start := i
		for i = tokenEnd(line, i); i < len(line) && !isBlank(line[i]); i = tokenEnd(line, i+1) {
			if line[i] == '\r' {
				return -1
			}
		}
		if n == argsMax {
			return -1
		}
		args[n] = Span{uint32(start), uint32(i)}
		n++
	}
}

// isBlank reports whether c separates arguments.
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// trimBlanks narrows s to what is between its leading and trailing blanks.
func trimBlanks(line []byte, s Span) Span {
	for s.Start < s.End && isBlank(line[s.Start]) {
		s.Start++
	}
	for s.Start < s.End && isBlank(line[s.End-1]) {
		s.End--
	}
	return s
}
