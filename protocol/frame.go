package protocol

// Span is a half-open range of bytes, [Start, End), in the buffer that was given to
// [Parser.Next]. It holds offsets instead of a slice, so a frame stays valid when the
// buffer is moved or kept for later, and holds no pointer for the garbage collector to
// follow.
type Span struct{ Start, End uint32 }

// Of returns the bytes of the span, borrowed from buf. It panics when buf is
// shorter than the buffer the span was made for.
func (s Span) Of(buf []byte) []byte { return buf[s.Start:s.End:s.End] }

// Len returns the number of bytes in the span.
func (s Span) Len() int { return int(s.End - s.Start) }

// Frame is one operation as read from the wire. Only the fields that belong to
// its operation are set; all others are zero.
type Frame struct {
	Op      Op
	SID     uint64 // MSG, HMSG, SUB, UNSUB: the subscription's number
	Subject Span   // MSG, HMSG, PUB, HPUB, SUB
	Reply   Span   // MSG, HMSG, PUB, HPUB; empty without a reply subject
	Queue   Span   // SUB; empty without a queue group
	Header  Span   // HMSG, HPUB: block with its NATS/1.0 line and final blank line
	Payload Span   // MSG, HMSG, PUB, HPUB: what follows the header
	Arg     Span   // INFO, CONNECT: the JSON; -ERR: the text without quotes
	Max     int    // UNSUB: messages after which to end; 0 = at once
}
