package protocol

// opState is what the front of a buffer says about the operation that begins there.
type opState uint8

const (
	opUnknown opState = iota // not the beginning of an operation
	opPartial                // the buffer ends within an operation's name
	opMatched                // the whole name of an operation
)

// matchOp recognises the operation at the front of buf among ops. No operation's name
// is a prefix of another's, so the first match is the only one.
func matchOp(buf []byte, ops []Op) (Op, opState) {
	for _, op := range ops {
		name := opNames[op]
		if len(buf) > 0 && upper(buf[0]) != name[0] {
			continue
		}
		n := min(len(buf), len(name))
		if !equalFold(buf[:n], name[:n]) {
			continue
		}
		if n < len(name) {
			return OpNone, opPartial
		}
		return op, opMatched
	}
	return OpNone, opUnknown
}

// equalFold compares b with name, which is in upper case and of the same length,
// ignoring the case of ASCII letters.
func equalFold(b []byte, name string) bool {
	for i, c := range b {
		if upper(c) != name[i] {
			return false
		}
	}
	return true
}

// upper returns an ASCII letter in upper case and any other byte as it is.
func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}
