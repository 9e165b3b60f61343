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
// Such a request has a slot as any other, so whatever ends requests ends it, but a
// reply does not free the slot. More replies than may wait end it, too.

// replies is what has come for one request and has not been taken.
type replies struct {
	subject string
	limits  Limits
	wake    chan struct{} // capacity 1

	mu      sync.Mutex
	queue   []Reply
	bytes   int64
	account account // in the budget of the connection
}

// size is what the reply counts against limits: header block and payload.
func (r *Reply) size() int64 { return int64(len(r.Data) - r.SubjectLen - r.ReplyLen) }

// push adds a reply. It returns what ends the request when there is no room.
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

// discard forgets what has come and what may still come.
func (q *replies) discard() {
	q.mu.Lock()
	q.queue, q.bytes = nil, 0
	q.settled(q.account.close())
}

// settled unlocks, and tells of bytes that have become free.
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
	slot    *slot // nil when nothing more is taken in
	replies replies
	timer   *time.Timer // nil before the first wait
	err     error       // what ended the request; nil while it goes on, or after End
}

// Gather publishes a message with a reply subject of its own, for any number of
// replies, of which as many wait as limits say. Errors are those of Publish.
func (c *Conn) Gather(subject string, block, payload []byte, limits Limits) (*Gathering, error) {
	g := &Gathering{reqs: &c.reqs}
	g.replies.subject, g.replies.limits, g.replies.wake = subject, limits, make(chan struct{}, 1)
	g.replies.account.of = c.budget
	var err error
	g.slot, err = c.reqs.begin(subject, block, payload, &g.replies)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Next returns the next reply, waiting for at most wait, if that is not NoTimeout,
// and until ctx is done. The error is a *TimeoutError, a *CanceledError, or what
// ended the request: a *SlowConsumerError when more replies came than may wait.
// What came before is returned first, unless ctx was cancelled.
func (g *Gathering) Next(ctx context.Context, wait time.Duration) (Reply, error) {
	began := time.Now()
	expired := g.arm(wait)
	for {
		over := ctx.Err() // read once: what comes until the slot is given back came in time
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

// End gives everything back and discards what has come and was not taken. Replies
// that come later are late.
func (g *Gathering) End() {
	g.leave()
	g.replies.discard()
}

// leave gives everything back but what has come.
func (g *Gathering) leave() {
	if g.slot != nil {
		g.reqs.giveBack(g.slot)
		g.slot = nil
	}
	if g.timer != nil {
		g.timer.Stop()
	}
}
