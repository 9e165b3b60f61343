package actors

import (
	"context"
	"slices"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// mark.go - the PINGs of an outbox, and what their PONGs prove.
//
//	PING ─► mark, in the order of sending ─► PONG: what was written before has arrived

// mark remembers what a PING proves.
type mark struct {
	pubs uint64       // publishes before it
	sub  uint64       // highest number of a SUB before it
	done chan<- error // capacity 1; nil when no caller waits
	sent time.Time    // zero for confirmations
	last bool         // nothing more is sent on this socket
	end  uint64       // number of a subscription whose UNSUB is before it; 0 for none
}

func (m mark) awaited() bool { return m.done != nil }

// ping sends a PING and remembers what its PONG means. While down, the PING waits for the
// next socket. ping returns the number of the write that carries it, see hasWritten; 0
// when it waits.
func (o *outbox) ping(m mark) (take uint64, err error) {
	o.mu.Lock()
	if o.state == outClosed {
		o.mu.Unlock()
		return 0, o.why
	}
	if o.state == outDown || o.state == outMoving {
		o.waiting = append(o.waiting, m)
		o.mu.Unlock()
		return 0, nil
	}
	kick := o.controlLocked(protocol.AppendPing)
	m.pubs, m.sub = o.accepted, o.lastSub
	m.sent = time.Now()
	o.marks = append(o.marks, m)
	take = o.takes + 1
	o.mu.Unlock()
	if kick != nil {
		kick()
	}
	return take, nil
}

// hasWritten reports whether the socket has taken all of a write.
func (o *outbox) hasWritten(take uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return take > 0 && o.ends >= take
}

// quits ends a watch if the server owes nothing: no confirmation of a publish, and no
// PONG that a caller waits for. The next write then starts a watch again.
func (o *outbox) quits(link uint32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.link != link {
		return true
	}
	owes := o.writing > 0 || len(o.buf) > 0 || o.written > o.confirmed || slices.ContainsFunc(o.marks, mark.awaited)
	o.watched = owes
	return !owes
}

// meaning is what a PONG proves.
type meaning struct {
	rtt    time.Duration // zero if it was not measured
	asked  bool          // it answers a PING of ours
	linked bool          // it came on the socket in use
	last   bool          // nothing more is sent on that socket
	end    uint64        // number of a subscription for which nothing more comes; 0 for none
}

// pong matches a PONG with the oldest PING on the socket of link.
func (o *outbox) pong(link uint32, now time.Time) (p meaning) {
	o.mu.Lock()
	p.linked = o.link == link
	if !p.linked || len(o.marks) == 0 || o.marks[0].last && o.sealed > 0 { // no PING for it was sent yet
		o.mu.Unlock()
		return p
	}
	m := o.marks[0]
	o.marks = o.marks[1:]
	o.confirmed = max(o.confirmed, m.pubs)
	o.confirmedSub = max(o.confirmedSub, m.sub)
	o.mu.Unlock()
	if m.done != nil {
		m.done <- nil
	}
	p.asked, p.last, p.end = true, m.last, m.end
	if !m.sent.IsZero() {
		p.rtt = now.Sub(m.sent)
	}
	return p
}

// forget clears the waiter of a mark that gave up; its PONG still comes.
func (o *outbox) forget(done chan<- error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.marks {
		if o.marks[i].done == done {
			o.marks[i].done = nil
		}
	}
	for i := range o.waiting {
		if o.waiting[i].done == done {
			o.waiting = append(o.waiting[:i], o.waiting[i+1:]...)
			return
		}
	}
}

// flush waits until the server has seen everything published before.
func (o *outbox) flush(ctx context.Context) error {
	done := make(chan error, 1)
	if _, err := o.ping(mark{done: done}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		o.forget(done)
		return ctx.Err()
	}
}
