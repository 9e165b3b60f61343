package actors

import (
	"fmt"

	"github.com/troupe-go/troupe/protocol"
)

// What happens to the outbox when a socket is lost, and when the next one is
// there; see move_outbox.go for one that is given up while it works. A frame is in
// one of three places:
//
//	waiting in buf                        resent
//	in a failed write, behind its bytes   resent
//	written, or begun to be written       uncertain unless a PONG confirmed it
//
// Nothing that may have left is ever sent again, and nothing vanishes without
// being counted.

// loss is what a lost socket leaves to report.
type loss struct {
	cause     error
	uncertain uint64 // publishes that may or may not have reached the server
	resent    uint64 // publishes kept for the next socket
	written   uint64 // publishes that may have left, ever
	accepted  uint64 // publishes, ever
	waiters   []chan<- error
}

// abort ends a failed write.
func (o *outbox) abort(w write) {
	o.mu.Lock()
	o.abortLocked(w)
	if o.state == outDown {
		o.settle()
		return
	}
	o.mu.Unlock()
}

// abortLocked puts back what cannot have left.
func (o *outbox) abortLocked(w write) {
	o.writing = 0
	o.room.Broadcast()
	unsent := publishesFrom(w.frames, w.n)
	kept, count := keepPublishes(w.frames[unsent:], nil)
	o.written -= count
	o.pubs += count
	o.buf = append(kept, o.buf...)
}

// detach takes the socket of link away. What waits stays for the next one. The
// loss is reported now, or when the write that is going on has ended.
func (o *outbox) detach(link uint32, cause error) {
	o.mu.Lock()
	if o.link != link || o.state == outDown || o.state == outClosed {
		o.mu.Unlock()
		return
	}
	o.state, o.cause = outDown, cause
	o.kick, o.try, o.watch = nil, nil, nil
	o.kicked, o.gathering = false, false
	o.sealed = 0
	o.room.Broadcast()
	if o.partial.frames != nil {
		o.abortLocked(o.partial)
		o.partial = write{}
	}
	if o.writing > 0 {
		o.mu.Unlock()
		return
	}
	o.settle()
}

// settle takes stock after a lost socket. It is called with mu held, releases
// it, and reports.
func (o *outbox) settle() {
	l := loss{cause: o.cause, uncertain: o.written - o.confirmed, written: o.written, accepted: o.accepted}
	o.buf, l.resent = keepPublishes(o.buf, o.disown)
	// What is not kept counts as done with, and those behind it keep their numbers.
	o.written += o.pubs - l.resent
	o.confirmed = o.written
	o.pubs = l.resent
	o.ponging = false
	for _, m := range o.marks {
		if m.done != nil {
			l.waiters = append(l.waiters, m.done)
		}
	}
	o.marks = nil
	o.sinceMark, o.confirmedSub = 0, 0
	if o.spare == nil {
		o.spare = []byte{}
	}
	o.mu.Unlock()
	o.report(l)
}

// socket is what attach needs to know about a new socket.
type socket struct {
	link uint32
	info *protocol.Info
	kick func()                  // wakes its writer
	try  func(frames []byte) int // see outbox.try

	watch func() // see outbox.watch
}

// attach gives the outbox a new socket: first the subscriptions, then the
// publishes that waited, then the PINGs that somebody waits for. Publishes that this
// server would not take are taken out and returned.
func (o *outbox) attach(s socket, restore func(dst []byte) []byte) (misfits []misfit) {
	o.mu.Lock()
	// A requester may still be in the middle of a write to the old socket. It
	// does not block, and what it finds must be settled before the new begins.
	for o.writing > 0 && o.state != outClosed {
		o.blocked++
		o.room.Wait()
		o.blocked--
	}
	if o.state == outClosed {
		o.mu.Unlock()
		return nil
	}
	o.sinceMark, o.confirmedSub, o.sealed = 0, 0, 0
	o.link, o.kick, o.try, o.state = s.link, s.kick, s.try, outLive
	o.watch, o.watched = s.watch, false
	o.limitsLocked(s.info)
	buf := make([]byte, 0, len(o.buf)+4096)
	if o.owes == s.link {
		buf = protocol.AppendPong(buf)
	}
	buf = restore(buf)
	buf, misfits = appendFitting(buf, o.buf, o.payloadMax, o.headers)
	// They keep their numbers, as those behind them do, and count as done with.
	o.pubs -= uint64(len(misfits))
	o.written += uint64(len(misfits))
	o.confirmed += uint64(len(misfits))
	for _, m := range o.waiting {
		m.pubs, m.sub = o.accepted, o.lastSub
		buf = protocol.AppendPing(buf)
		o.marks = append(o.marks, m)
	}
	o.waiting = nil
	o.buf = buf
	o.kicked = true
	o.room.Broadcast()
	o.mu.Unlock()
	s.kick()
	return misfits
}

// limits takes over what a server allows.
func (o *outbox) limits(info *protocol.Info) {
	o.mu.Lock()
	o.limitsLocked(info)
	o.mu.Unlock()
}

func (o *outbox) limitsLocked(info *protocol.Info) {
	if info.MaxPayload > 0 {
		o.payloadMax = int(info.MaxPayload)
	}
	o.headers = info.Headers
	o.everLive = true
}

// close ends the outbox; every later call gets why. It returns who waits.
func (o *outbox) close(why error) (waiters []chan<- error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == outClosed {
		return nil
	}
	o.state, o.why = outClosed, why
	for _, m := range append(o.marks, o.waiting...) {
		if m.done != nil {
			waiters = append(waiters, m.done)
		}
	}
	o.marks, o.waiting = nil, nil
	o.room.Broadcast()
	return waiters
}

// walkFrames calls f for each client frame in frames with its offset and end.
// A buffer of ours holds whole frames only.
func walkFrames(frames []byte, f func(frame *protocol.Frame, from, to int) (more bool)) {
	p := protocol.NewClientParser(protocol.Limits{Payload: 1 << 30, ControlLine: 1 << 20, Info: 1 << 20, Header: 1 << 30})
	var frame protocol.Frame
	for at := 0; at < len(frames); {
		n, err := p.Next(frames[at:], &frame)
		if n == 0 || err != nil || !f(&frame, at, at+n) {
			return
		}
		at += n
	}
}

// publishesFrom returns the offset of the first frame that begins at or after
// byte n: everything before it may have left.
func publishesFrom(frames []byte, n int) int {
	if n == 0 {
		return 0
	}
	first := len(frames)
	walkFrames(frames, func(_ *protocol.Frame, from, _ int) bool {
		if from >= n {
			first = from
			return false
		}
		return true
	})
	return first
}

func isPublish(op protocol.Op) bool { return op == protocol.OpPub || op == protocol.OpHPub }

// keepPublishes returns a copy of the publish frames of frames without those whose reply
// is disowned, and counts them. Nil disowns none.
func keepPublishes(frames []byte, disowned func(reply []byte) bool) (kept []byte, count uint64) {
	walkFrames(frames, func(f *protocol.Frame, from, to int) bool {
		if isPublish(f.Op) && (disowned == nil || !disowned(f.Reply.Of(frames[from:]))) {
			kept = append(kept, frames[from:to]...)
			count++
		}
		return true
	})
	return kept, count
}

// misfit is a publish that waited for a server which would not take it: it is too
// large, or has a header and the server knows none.
type misfit struct {
	subject string
	reply   string
	size    int // bytes of header and payload
	err     error
}

// appendFitting appends to dst the publishes of at most payloadMax bytes, and those with
// a header only if headers are known, and returns the others.
func appendFitting(dst, frames []byte, payloadMax int, headers bool) (kept []byte, misfits []misfit) {
	walkFrames(frames, func(f *protocol.Frame, from, to int) bool {
		if !isPublish(f.Op) {
			return true
		}
		size, header := f.Header.Len()+f.Payload.Len(), f.Header.Len()
		if size <= payloadMax && (headers || header == 0) {
			dst = append(dst, frames[from:to]...)
			return true
		}
		frame := frames[from:]
		m := misfit{subject: string(f.Subject.Of(frame)), reply: string(f.Reply.Of(frame)), size: size}
		m.err = &MaxPayloadError{Subject: m.subject, Size: size, HeaderSize: header, Limit: payloadMax}
		if !headers && header > 0 {
			m.err = fmt.Errorf("%w: %d bytes for %q", ErrHeadersNotSupported, size, m.subject)
		}
		misfits = append(misfits, m)
		return true
	})
	return dst, misfits
}
