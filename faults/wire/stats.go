package wire

import "sync/atomic"

// Stats are the counts of a link since its creation.
type Stats struct {
	Connections int // relayed so far
	Open        int // being relayed now
	Refused     int // refused by a rule
	Resets      int // connections that ended in a reset: by a rule, by one of the ends, or by Close
	In, Out     Traffic
}

// Traffic are the counts of one direction.
type Traffic struct {
	Read    int64 // bytes that arrived
	Written int64 // bytes that were forwarded
	Frames  int64 // operations that arrived, as far as the stream could be parsed
	Held    int64 // bytes that wait now, in all connections

	// Unread is how many connections had a stream that could not be parsed to its end:
	// TLS, WebSocket, or a peer that broke the protocol. From there on, rules with an
	// operation did not match in it.
	Unread int64
}

// traffic has the counters of one direction.
type traffic struct{ read, written, frames, unread atomic.Int64 }

func (t *traffic) sum() Traffic {
	return Traffic{Read: t.read.Load(), Written: t.written.Load(), Frames: t.frames.Load(), Unread: t.unread.Load()}
}

// Stats returns the counts. They are not read at one instant while traffic goes on.
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
