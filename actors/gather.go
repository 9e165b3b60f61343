package actors

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gather.go - requests that may have many replies.
//
//	reader ─► token ─► slot ─► replies, bounded ─► Gathering.Next
//
// Such a request has a slot like any other, so whatever ends requests ends it, but a
// reply does not free the slot. It also ends when more replies come than may wait.

// replies are the replies that have come for one request and have not been taken.
type replies struct {
	subject string
	limits  Limits
	memory  *Buffers      // nil for the heap
	wake    chan struct{} // capacity 1

	mu      sync.Mutex
	queue   []Reply
	bytes   int64
	account account // in the budget of the connection
}

// size is how many bytes the reply counts against limits: header block and payload.
func (r *Reply) size() int64 { return int64(len(r.Data) + len(r.Payload) - r.SubjectLen - r.ReplyLen) }

// place copies a payload to separate memory if the request has such; else it returns nil.
func (q *replies) place(payload []byte) []byte {
	if q == nil || q.memory == nil || len(payload) == 0 {
		return nil
	}
	room := q.memory.Take(len(payload))
	copy(room, payload)
	return room
}

// push adds a reply. When there is no room, it returns the error that ends the request.
func (q *replies) push(r Reply) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	msgs, bytes := len(q.queue)+1, q.bytes+r.size()
	l := q.limits
	own := l.Msgs >= 0 && msgs > l.Msgs || l.Bytes >= 0 && bytes > int64(l.Bytes)
	if own || msgs > 1 && r.size() > q.account.room(q.bytes) {
		e := &SlowConsumerError{Subject: q.subject, PendingMsgs: msgs - 1, PendingBytes: q.bytes,
			LimitMsgs: l.Msgs, LimitBytes: l.Bytes, Dropped: 1, DroppedBytes: uint64(r.size())}
		if !own {
			e.Budget = int(q.account.of.limit)
		}
		return e
	}
	q.queue, q.bytes = append(q.queue, r), bytes
	q.account.settle(q.bytes)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

func (q *replies) pop() (r Reply, ok bool) {
	q.mu.Lock()
	if len(q.queue) == 0 {
		q.mu.Unlock()
		return r, false
	}
	r, q.queue[0] = q.queue[0], Reply{}
	q.queue = q.queue[1:]
	q.bytes -= r.size()
	q.settled(q.account.settle(q.bytes))
	return r, true
}

// discard drops the replies that have come and any that may still come.
func (q *replies) discard() {
	q.mu.Lock()
	q.queue, q.bytes = nil, 0
	q.settled(q.account.close())
}

// settled unlocks, and wakes those that wait for freed bytes.
func (q *replies) settled(less bool) {
	q.mu.Unlock()
	if less {
		q.account.of.freed()
	}
}

// Gathering is a request that may have many replies. It belongs to one goroutine,
// which calls Next for each reply, and End.
type Gathering struct {
	reqs    *requests
	slot    *slot // nil when no more replies are accepted
	replies replies
	timer   *time.Timer // nil before the first wait
	err     error       // what ended the request; nil while it goes on, or after End
}

// GatherSpec says what to publish to ask for replies, and how to keep them.
type GatherSpec struct {
	Subject        string
	Block, Payload []byte
	// Limits bounds the replies that may wait.
	Limits Limits
	// Memory is where payloads are stored; nil for the heap.
	Memory *Buffers
}

// Gather publishes a message with a reply subject of its own, for any number of
// replies. Errors are those of Publish.
func (c *Conn) Gather(spec *GatherSpec) (*Gathering, error) {
	g := &Gathering{reqs: &c.reqs}
	g.replies.subject, g.replies.limits, g.replies.memory = spec.Subject, spec.Limits, spec.Memory
	g.replies.wake = make(chan struct{}, 1)
	g.replies.account.of = c.budget
	var err error
	g.slot, err = c.reqs.begin(spec.Subject, spec.Block, spec.Payload, &g.replies)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Next returns the next reply, waiting for at most wait, if that is not NoTimeout, and
// until ctx is done. The error is a *TimeoutError, a *CanceledError, or what ended the
// request: a *SlowConsumerError when more replies came than may wait. Replies that came
// before are returned first, unless ctx was cancelled.
func (g *Gathering) Next(ctx context.Context, wait time.Duration) (Reply, error) {
	began := time.Now()
	expired := g.arm(wait)
	for {
		over := ctx.Err() // read once: a reply that comes before the slot is given back is in time
		if over != nil {
			g.leave()
		}
		if r, ok := g.replies.pop(); ok && (over == nil || errors.Is(over, context.DeadlineExceeded)) {
			return r, nil
		}
		switch {
		case g.err != nil:
			return Reply{}, g.err
		case over != nil:
			return Reply{}, sent(Interrupted(ctx, "request", g.replies.subject, began))
		}
		select {
		case <-g.replies.wake:
		case end := <-g.slot.reply:
			g.reqs.done(g.slot)
			g.slot, g.err = nil, end.err
		case <-expired:
			return Reply{}, &TimeoutError{Op: "request", Subject: g.replies.subject, After: wait, Elapsed: time.Since(began),
				Sent: true}
		case <-ctx.Done():
		}
	}
}

func (g *Gathering) arm(wait time.Duration) <-chan time.Time {
	switch {
	case wait == NoTimeout:
		return nil
	case g.timer == nil:
		g.timer = time.NewTimer(wait)
	default:
		g.timer.Reset(wait)
	}
	return g.timer.C
}

// End releases everything and discards replies that were not taken. Replies that come
// afterwards count as late.
func (g *Gathering) End() {
	g.leave()
	g.replies.discard()
}

// leave releases everything but the replies that have come.
func (g *Gathering) leave() {
	if g.slot != nil {
		g.reqs.giveBack(g.slot, nil)
		g.slot = nil
	}
	if g.timer != nil {
		g.timer.Stop()
	}
}
