package wire

import "sync/atomic"

// Stats are counts of a link since it was made.
type Stats struct {
	Connections int // relayed so far
	Open        int // being relayed now
	Refused     int // refused by a rule
	Resets      int // connections that ended in a reset: by a rule, by one of the ends, or by Close
	In, Out     Traffic
}

// Traffic are the counts of one direction.
type Traffic struct {
	Read    int64 // bytes that came
	Written int64 // bytes that were handed on
	Frames  int64 // operations that came, as far as the stream could be read
	Held    int64 // bytes that wait at this moment, in all connections

	// Unread is how many connections had a stream that could not be read as
	// operations to its end: TLS, WebSocket, or a peer that broke the protocol. Rules
	// with an operation have met nothing in it from there on.
	Unread int64
}

// traffic is what is counted in one direction.
type traffic struct{ read, written, frames, unread atomic.Int64 }

func (t *traffic) sum() Traffic {
	return Traffic{Read: t.read.Load(), Written: t.written.Load(), Frames: t.frames.Load(), Unread: t.unread.Load()}
}

// Stats returns the counts. They are read one after the other while traffic goes on.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	made, conns := l.made, l.open()
	l.mu.Unlock()
	s := Stats{Connections: made, Open: len(conns), Refused: int(l.refused.Load()), Resets: int(l.resets.Load()),
		In: l.in.sum(), Out: l.out.sum()}
	for _, c := range conns {
		s.In.Held += c.in.held()
		s.Out.Held += c.out.held()
	}
	return s
}
