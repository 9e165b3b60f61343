package actors

import "github.com/troupe-go/troupe/protocol"

// move_outbox.go - what happens to the outbox when the connection moves to another socket
// while the one in use still works:
//
//	live ── seal ──► moving: what was accepted before, then farewell and PING, are
//	                 written to the old socket; what comes now waits
//	     ── PONG ──► attach: nothing is uncertain, and what waited goes to the new one
//
// If the old socket is lost before its PONG, that is a loss like any other.

// seal ends the use of the socket of link: farewell appends the last frames for it. It
// returns false if that is not the socket in use.
func (o *outbox) seal(link uint32, farewell func(dst []byte) []byte) bool {
	o.mu.Lock()
	if o.link != link || o.state != outLive {
		o.mu.Unlock()
		return false
	}
	o.buf = protocol.AppendPing(farewell(o.buf))
	o.marks = append(o.marks, mark{pubs: o.accepted, sub: o.lastSub, last: true})
	o.state, o.gathering = outMoving, false
	o.sealed, o.sealedPubs = len(o.buf), o.pubs
	kick := o.kickLocked()
	o.mu.Unlock()
	if kick != nil {
		kick()
	}
	return true
}

// takeSealedLocked takes the frames for the old socket, once.
func (o *outbox) takeSealedLocked() write {
	if o.sealed == 0 {
		return write{}
	}
	frames := o.buf[:o.sealed:o.sealed]
	o.buf, o.spare = append(o.spare[:0], o.buf[o.sealed:]...), nil
	o.sealed = 0
	return o.takenLocked(frames, o.sealedPubs)
}
