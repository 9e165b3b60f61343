package jetstream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// handover.go - what a puller does with each message: the hot path.
//
//	subscription ──► onMsg ──┬─ status ─────────────────────► message to the puller
//	                         ├─ too old ────────────────────► dropped: it is redelivered
//	                         └─ message ─► user's handler ──► took ─(at a mark)─► message to it

// handover is the part of a puller that its subscription's goroutines use. They share atomics
// with the puller.
type handover struct {
	call  func(*jsMsg) // the user's handler, or the function that fills the iterator's buffer
	slab  msgSlab      // without workers only
	js    *jetStream
	grown bool // there are workers: handlers run concurrently

	calls   atomic.Uint64 // of onMsg
	handed  atomic.Uint64 // messages given to call
	taken   atomic.Int64  // messages that are handled or dropped
	bytes   atomic.Int64  // and their bytes, if bytes are counted
	mark    atomic.Int64  // count at which the puller wants to be notified
	posted  atomic.Bool   // and has been notified
	expired atomic.Uint64 // calls up to this one are for messages that are too old
	quiet   atomic.Bool   // the puller wants to be notified of the next message

	beatAt      atomic.Int64 // when the last status came, in nanoseconds since 1970
	last        atomic.Pointer[api.Msg]
	redelivered atomic.Uint64
	overdue     atomic.Uint64 // messages that were too old to be delivered
	failures    atomic.Uint64 // of handlers
	acks        ackCounts
	pin         atomic.Pointer[string] // nil if there is none

	running runningMsgs
}

// runningMsgs are the messages in handlers, for AutoExtend.
type runningMsgs struct {
	mu   sync.Mutex
	msgs map[*jsMsg]time.Time
}

func (r *runningMsgs) add(m *jsMsg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.msgs == nil {
		r.msgs = make(map[*jsMsg]time.Time)
	}
	r.msgs[m] = time.Now()
}

func (r *runningMsgs) remove(m *jsMsg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.msgs, m)
}

// since returns the messages that have been in their handlers for less than most.
func (r *runningMsgs) since(now time.Time, most time.Duration) []*jsMsg {
	r.mu.Lock()
	defer r.mu.Unlock()
	var young []*jsMsg
	for m, began := range r.msgs {
		if now.Sub(began) < most {
			young = append(young, m)
		}
	}
	return young
}

// onMsg handles what the subscription delivers.
func (p *puller) onMsg(m *api.Msg) { _ = p.onMsgWith(context.Background(), m) }

// onMsgWith is onMsg for a handler with a context. The error is the handler's.
func (p *puller) onMsgWith(ctx context.Context, m *api.Msg) error {
	n := p.calls.Add(1)
	if isStatus(m) {
		p.onWord(m)
		return nil
	}
	if p.ordered != nil && !p.ordered.admit(p, m) {
		return nil
	}
	if u := p.acks.unacked; u != nil {
		u.add(m.Reply)
	}
	if n <= p.expired.Load() && p.comesAgain(m) {
		p.overdue.Add(1)
		p.took(m)
		return nil
	}
	if handed, stop := p.handed.Add(1), p.opts.stopAfter; stop > 0 && handed > uint64(stop) {
		p.handed.Add(^uint64(0))
		return p.wrap(m).Nak() // more messages came than were asked for
	}
	if p.opts.priority.group != "" {
		p.notePin(m)
	}
	if !firstDelivery(m.Reply, p.deliveredAt) {
		p.redelivered.Add(1)
	}
	if p.quiet.Load() && p.quiet.CompareAndSwap(true, false) {
		p.post(busy{})
	}
	p.last.Store(m)
	if p.buffer != nil {
		p.buffer.put(p.wrap(m))
		return nil
	}
	return p.handle(ctx, m)
}

// handle calls the user's handler. What it leaves undone is done here, also when it panics or
// exits its goroutine; both then take their course.
func (p *puller) handle(ctx context.Context, m *api.Msg) (err error) {
	jm := p.wrap(m)
	size := m
	defer p.took(size)
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover() // nil if the goroutine ends
		if v == nil {
			p.failed(jm, api.ErrHandlerFailed)
			return
		}
		p.failed(jm, fmt.Errorf("%w: panic: %v", api.ErrHandlerFailed, v))
		panic(v) // the handler is still on the stack
	}()
	if p.opts.more.extend > 0 {
		p.running.add(jm)
		defer p.running.remove(jm)
	}
	if p.withContext != nil {
		err = p.withContext(ctx, jm)
		p.concluded(jm, err)
	} else {
		p.call(jm)
	}
	returned = true
	return err
}

// wrap makes a Msg of what the subscription delivered.
func (p *puller) wrap(m *api.Msg) *jsMsg {
	var jm *jsMsg
	if p.grown {
		jm = new(jsMsg)
	} else {
		jm = p.slab.next(len(m.Data) + len(m.Reply) + len(m.Subject))
	}
	jm.msg, jm.js, jm.sent = m, p.js, &p.acks
	return jm
}

// took counts a message that is handled, and notifies the puller when it is time to ask for more.
func (p *puller) took(m *api.Msg) {
	n := int64(0)
	if p.byBytes {
		n = p.bytes.Add(int64(m.Size()))
		p.taken.Add(1)
	} else {
		n = p.taken.Add(1)
	}
	if n >= p.mark.Load() && p.posted.CompareAndSwap(false, true) {
		p.post(refillDue{})
	}
	if p.buffer == nil {
		p.stopAfter()
	}
}

// stopAfter ends consuming when as many messages are handled as the option says. Those dropped
// for their age are redelivered, and do not count.
func (p *puller) stopAfter() {
	if stop := p.opts.stopAfter; stop > 0 && p.taken.Load()-int64(p.overdue.Load()) >= int64(stop) {
		p.Stop()
	}
}

// onWord handles a status.
func (p *puller) onWord(m *api.Msg) {
	p.beatAt.Store(time.Now().UnixNano())
	w := wordOf(m)
	if w.meaning.action == statusAlive {
		if p.troubled.Load() {
			p.post(lifeSign{})
		}
		if p.ordered != nil {
			p.ordered.onHeartbeat(p, w, m)
		}
		return
	}
	p.post(w)
}

// notePin remembers the pin that a message brings.
func (p *puller) notePin(m *api.Msg) {
	id := m.Header.Get(pinHeader)
	if id == "" {
		return
	}
	if had := p.pin.Load(); had != nil && *had == id {
		return
	}
	p.pin.Store(&id)
	if f := p.opts.more.pinned; f != nil {
		p.post(tell{f: func() { f(id) }})
	}
}

// comesAgain reports whether the server redelivers a message that is not acknowledged: not if
// this was its last delivery.
func (p *puller) comesAgain(m *api.Msg) bool {
	if p.maxDeliver <= 0 {
		return true
	}
	var meta MsgMetadata
	return parseAckSubject(m.Reply, &meta) && meta.NumDelivered < uint64(p.maxDeliver)
}

// post sends a message to the puller. Failures are ignored: a puller that has ended needs no
// message, and one with a full mailbox has enough to do.
func (p *puller) post(letter any) {
	if ref := p.self.Load(); ref != nil {
		_ = ref.Send(letter)
	}
}
