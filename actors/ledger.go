package actors

import (
	"fmt"

	"github.com/troupe-go/troupe/protocol"
)

// ledger.go - what happens to the outbox when a socket is lost, and when the next one is
// ready; see move_outbox.go for a socket that is given up while it works. A frame is in
// one of three places:
//
//	waiting in buf                        resent
//	in a failed write, after its bytes    resent
//	written, or begun to be written       uncertain unless a PONG confirmed it
//
// Nothing that may have left is ever sent again, and nothing vanishes without
// being counted.

// loss is what is to be reported about a lost socket.
type loss struct {
	cause     error
	uncertain uint64 // publishes that may or may not have reached the server
	resent    uint64 // publishes kept for the next socket
	written   uint64 // publishes that may have been sent, ever
	accepted  uint64 // publishes accepted, ever
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

// abortLocked puts back the frames that cannot have been sent.
func (o *outbox) abortLocked(w write) {
	o.writing = 0
	o.room.Broadcast()
	unsent := publishesFrom(w.frames, w.n)
	kept, count := keepPublishes(w.frames[unsent:], nil)
	o.written -= count
	o.pubs += count
	o.buf = append(kept, o.buf...)
}

// detach removes the socket of link. What waits is kept for the next one. The loss is
// reported now or, if a write is in progress, when it has ended.
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

// drop is detach for the socket in use, whichever that is. It returns its link; 0 if there
// is none.
func (o *outbox) drop(cause error) (link uint32) {
	o.mu.Lock()
	if o.state != outDown && o.state != outClosed {
		link = o.link
	}
	o.mu.Unlock()
	o.detach(link, cause)
	return link
}

// settle computes and reports the loss after a lost socket. It is called with mu held,
// and releases it before it reports.
func (o *outbox) settle() {
	l := loss{cause: o.cause, uncertain: o.written - o.confirmed, written: o.written, accepted: o.accepted}
	o.buf, l.resent = keepPublishes(o.buf, o.disown)
	// Publishes that are not kept count as written, so that later ones keep their
	// numbers.
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

// attach gives the outbox a new socket: first the subscriptions, then the publishes that
// waited, then the PINGs that callers wait for. Publishes that this server would not
// accept are removed and returned.
func (o *outbox) attach(s socket, restore func(dst []byte) []byte) (misfits []misfit) {
	o.mu.Lock()
	// A requester may still be in the middle of a write to the old socket. It does not
	// block, and its result must be settled before the new socket starts.
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
	// Their numbers, and those of later publishes, do not change: they count as written.
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

// limits adopts the limits of a server.
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

// close ends the outbox; every later call returns why. It returns the callers that wait.
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

// walkFrames calls f for each client frame in frames with its offset and end. Buffers of
// the outbox hold whole frames only.
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

// publishesFrom returns the offset of the first frame that begins at or after byte n:
// everything before it may have been sent.
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

// keepPublishes returns a copy of the publish frames in frames, and their number, without
// those whose reply is disowned. Nil disowns none.
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

// misfit is a publish that waited, but that the new server would not accept: it is too
// large, or has a header and the server does not support headers.
type misfit struct {
	subject string
	reply   string
	size    int // bytes of header and payload
	err     error
}

// appendFitting appends to dst the publishes of at most payloadMax bytes, those with a
// header only if headers are supported, and returns the others.
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
