package actors

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// closeGrace is how long a Close without a deadline waits for handlers that
// are in the middle of a message.
const closeGrace = 2 * time.Second

// closeFlush is how long a Close tries to write what waits.
const closeFlush = time.Second

// Report says what a Drain or Close left behind. The zero Report is a clean end.
type Report struct {
	// Unfinished lists the actors that were still busy: handlers that did not return.
	Unfinished []string
	// UnsentBytes is what was accepted and could not be written.
	UnsentBytes int
	// Undelivered is how many messages were discarded before a handler saw them.
	Undelivered int
}

// Close ends the connection: what waits to be sent is written if the socket
// takes it, what waits for handlers is discarded. It returns when the tree is
// gone, or with a report when ctx is done before. Without a deadline handlers
// get two seconds. From inside a handler of this connection it does not wait
// for that handler. Later calls wait too.
func (c *Conn) Close(ctx context.Context) Report {
	var r Report
	c.out.drainWrites(ctx, closeFlush)
	c.out.mu.Lock()
	r.UnsentBytes = len(c.out.buf)
	c.out.mu.Unlock()
	c.fail(nil)
	c.waitInto(ctx, &r)
	return r
}

// wait waits for the end of the tree with the default grace.
func (c *Conn) wait(ctx context.Context) {
	var r Report
	c.waitInto(ctx, &r)
}

func (c *Conn) waitInto(ctx context.Context, r *Report) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, closeGrace)
		defer cancel()
	}
	err := c.tree.await(ctx, c.ancestors())
	r.Undelivered = c.undelivered()
	if err != nil {
		r.Unfinished = c.tree.unfinished()
		return
	}
	c.sys.exec.settle(closeGrace)
}

// ancestors returns how many actors cannot end before the caller returns: none
// for a caller from outside; for a handler itself, those above it, and the
// callbacks, which have to tell of its end.
func (c *Conn) ancestors() int {
	box := c.sys.exec.current()
	if box == nil || box.host.tree != c.tree {
		return 0
	}
	n := 0
	for h := box.host; h != nil; h = h.parent {
		n++
	}
	if box.host.spec.Kind != "callbacks" {
		n++
	}
	return n
}

// drainWrites refuses new publishes and waits until all are written, for at
// most bound and no longer than ctx.
func (o *outbox) drainWrites(ctx context.Context, bound time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != outLive {
		return
	}
	o.state = outDrained
	defer context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.room.Broadcast()
	})()
	for o.state == outDrained && (o.busy || len(o.buf) > 0) && ctx.Err() == nil {
		o.blocked++
		o.room.Wait()
		o.blocked--
	}
}

// Drain ends the connection in order: no new messages come, handlers finish
// what they have, what waits is sent, then the connection closes. It returns
// when that is done or, with ErrDrainTimeout and a report of what was not, when
// ctx is; without a deadline the connection's drain timeout applies.
func (c *Conn) Drain(ctx context.Context) (Report, error) {
	if err := c.BeginDrain(); err != nil {
		return Report{}, err
	}
	return c.FinishDrain(ctx)
}

// FinishDrain is the part of Drain that waits; BeginDrain has succeeded before.
func (c *Conn) FinishDrain(ctx context.Context) (Report, error) {
	if _, ok := ctx.Deadline(); !ok && c.cfg.DrainTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.DrainTimeout)
		defer cancel()
	}
	err := c.drainSubscriptions(ctx)
	if c.Status() == Closed {
		return Report{}, c.closedError()
	}
	c.moveTo(DrainingPubs)
	if err == nil {
		err = c.flushThrough(ctx)
	}
	var r Report
	if err != nil {
		r.Unfinished = c.undrained()
		err = &DrainTimeoutError{Report: r, Cause: err}
		c.setLastError(err)
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.DrainTimedOut, Path: c.name, Cause: err}})
	}
	closed := c.Close(context.WithoutCancel(ctx))
	for _, path := range closed.Unfinished {
		if !slices.Contains(r.Unfinished, path) {
			r.Unfinished = append(r.Unfinished, path)
		}
	}
	closed.Unfinished = r.Unfinished
	return closed, err
}

// flushThrough is a flush that goes on when the link is lost: what waits is
// sent with the next one.
func (c *Conn) flushThrough(ctx context.Context) error {
	for {
		err := c.out.flush(ctx)
		if err == nil || ctx.Err() != nil || !errors.Is(err, ErrDisconnected) {
			return err
		}
	}
}

// BeginDrain moves to DrainingSubs, or says why not: from here on there are no
// new subscriptions. FinishDrain does the rest.
func (c *Conn) BeginDrain() error {
	for {
		switch s := c.Status(); s {
		case Closed:
			return c.closedError()
		case DrainingSubs, DrainingPubs:
			return ErrConnectionDraining
		case Connecting, Reconnecting, Disconnected:
			return ErrConnectionReconnecting
		default:
			if c.status.CompareAndSwap(int32(s), int32(DrainingSubs)) {
				c.out.mu.Lock()
				c.out.noSubs = true
				c.out.mu.Unlock()
				return nil
			}
		}
	}
}

// drainSubscriptions drains them all at once and waits for each.
func (c *Conn) drainSubscriptions(ctx context.Context) error {
	var all []*Sub
	c.out.mu.Lock()
	c.subs.all(func(s *Sub) {
		if !s.mux {
			all = append(all, s)
			s.draining.Store(true)
		}
	})
	c.out.mu.Unlock()
	for _, s := range all {
		c.out.control(s.unannounce)
	}
	if err := c.flushThrough(ctx); err != nil {
		return err
	}
	for _, s := range all {
		c.forget(s)
		s.finishWhenEmpty()
	}
	for _, s := range all {
		if err := s.next.awaitClosed(ctx); err != nil {
			return err
		}
	}
	return nil
}
