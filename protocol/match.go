package protocol

// What the front of a buffer says about the operation that begins there.
type opState uint8

const (
	opUnknown opState = iota // begins no operation
	opPartial                // the buffer ends within the name of one
	opMatched                // begins with the whole name of one
)

var (
	serverOps = []Op{OpMsg, OpHMsg, OpPing, OpPong, OpOK, OpErr, OpInfo}
	clientOps = []Op{OpPub, OpHPub, OpSub, OpUnsub, OpPing, OpPong, OpConnect}
)

// matchOp recognises the operation at the front of buf. No operation's name is
// the front of another's, so the first match is the only one.
func matchOp(buf []byte, fromServer bool) (Op, opState) {
	ops := clientOps
	if fromServer {
		ops = serverOps
	}
	for _, op := range ops {
		name := opNames[op]
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

// equalFold compares b with upper, which is in upper case and of the same length,
// ignoring the case of ASCII letters.
func equalFold(b []byte, upper string) bool {
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}
