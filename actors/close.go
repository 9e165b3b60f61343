package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// closeGrace is how long a Close without a deadline waits for handlers that
// are in the middle of a message.
const closeGrace = 2 * time.Second

// closeFlush is how long a Close tries to write what waits to be sent.
const closeFlush = time.Second

// Report says what a Drain or Close left behind. The zero Report is a clean end.
type Report struct {
	// Unfinished lists the actors that were still busy: handlers that did not return.
	Unfinished []string
	// UnsentBytes is what was accepted and could not be written.
	UnsentBytes int
	// Undelivered is how many messages were discarded before a handler or a user's actor
	// saw them.
	Undelivered int
}

// String describes what was left behind: "1 unfinished: conn-1/subscriptions/orders; 120
// bytes unsent; 3 messages undelivered".
func (r Report) String() string {
	var all []string
	if len(r.Unfinished) > 0 {
		all = append(all, fmt.Sprintf("%d unfinished: %s", len(r.Unfinished), strings.Join(r.Unfinished, ", ")))
	}
	if r.UnsentBytes > 0 {
		all = append(all, fmt.Sprintf("%d bytes unsent", r.UnsentBytes))
	}
	if r.Undelivered > 0 {
		all = append(all, fmt.Sprintf("%d messages undelivered", r.Undelivered))
	}
	if len(all) == 0 {
		return "nothing is left"
	}
	return strings.Join(all, "; ")
}

// Close ends the connection: what waits to be sent is written if the socket accepts it,
// what waits for handlers is discarded. It returns when the tree has ended, or with a
// report when ctx is done earlier. Without a deadline the limit is two seconds. From
// inside a handler of this connection it does not wait for that handler. Later calls wait
// too.
func (c *Conn) Close(ctx context.Context) Report {
	var r Report
	ctx, cancel := withinGrace(ctx)
	defer cancel()
	writing, written := c.lastWords(ctx)
	c.out.drainWrites(writing, closeFlush)
	written()
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
	ctx, cancel := withinGrace(ctx)
	defer cancel()
	err := c.tree.await(ctx, c.ancestors())
	r.Undelivered = c.undelivered() + int(c.company.discarded.Load())
	if err != nil {
		r.Unfinished = c.tree.unfinished()
		return
	}
	c.sys.exec.settle(closeGrace)
}

// withinGrace gives a context without a deadline one.
func withinGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, closeGrace)
}

// ancestors returns how many actors cannot end before the caller returns: none for a
// caller from outside; for a handler, its own actor, those above it, and the callbacks
// actor, which has to report its end.
func (c *Conn) ancestors() int {
	box := c.sys.exec.current()
	if box == nil || box.host.tree != c.tree {
		return 0
	}
	if c.tree.alone(box.host) {
		return 1
	}
	n := 0
	for h := box.host; h != nil; h = h.parent {
		n++
	}
	n += box.host.below()
	if box.host.spec.Kind != "callbacks" {
		n++
	}
	return n
}

// below counts the actors below h. They end after it.
func (h *host) below() (n int) {
	h.mu.Lock()
	children := slices.Clone(h.children)
	h.mu.Unlock()
	for _, c := range children {
		n += 1 + c.below()
	}
	return n
}

// drainWrites refuses new publishes and waits until all accepted ones are written, for at
// most bound and no longer than ctx.
func (o *outbox) drainWrites(ctx context.Context, bound time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	defer context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.room.Broadcast()
	})()
	o.waitWhile(ctx, func() bool { return o.state == outMoving })
	if o.state != outLive {
		return
	}
	o.state = outDrained
	o.waitWhile(ctx, func() bool { return o.state == outDrained && o.writing+len(o.buf) > 0 })
}

// waitWhile waits for room until a condition ends, or ctx is done.
func (o *outbox) waitWhile(ctx context.Context, condition func() bool) {
	for condition() && ctx.Err() == nil {
		o.blocked++
		o.room.Wait()
		o.blocked--
	}
}

// Drain ends the connection in order: no new messages come, handlers finish what they
// have, what waits is sent, then the connection closes. It returns when that is done.
// When ctx is done earlier, it returns a report of what was left and a *DrainTimeoutError
// or, if ctx was cancelled, a *CanceledError; the connection is then closed as by a Close
// whose ctx is done, and handlers that are still running end with the tree later. Without
// a deadline the connection's drain timeout applies.
func (c *Conn) Drain(ctx context.Context) (Report, error) {
	if err := c.BeginDrain(); err != nil {
		return Report{}, err
	}
	return c.FinishDrain(ctx)
}

// FinishDrain is the part of Drain that waits; call it after BeginDrain has succeeded.
func (c *Conn) FinishDrain(ctx context.Context) (Report, error) {
	began := time.Now()
	if _, ok := ctx.Deadline(); !ok && c.cfg.DrainTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.DrainTimeout)
		defer cancel()
	}
	err := c.drainSubscriptions(ctx)
	if err == nil {
		err = c.company.drain(ctx)
	}
	if c.Status() == Closed {
		return Report{}, c.closedError()
	}
	if before := c.moveTo(DrainingPubs); before != Closed {
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.StateChanged, Path: c.name,
			Before: before.String(), After: DrainingPubs.String()}})
	}
	if err == nil {
		err = c.flushThrough(ctx)
	}
	var r Report
	if err != nil {
		r.Unfinished = append(c.undrained(), c.company.undrained()...)
		err = drainFailed(ctx, r, err, began)
		c.setUndrained(err)
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.DrainTimedOut, Path: c.name, Cause: err}})
	}
	ctx, cancel := context.WithTimeout(ctx, closeGrace) // at once when ctx is done already
	defer cancel()
	closed := c.Close(ctx)
	if err != nil { // the tree is still ending: actors busy with that are not reported
		closed.Unfinished = r.Unfinished
	}
	return closed, err
}

// setUndrained records why a drain left something behind.
func (c *Conn) setUndrained(err error) {
	c.mu.Lock()
	c.lastErr, c.undone = err, err
	c.mu.Unlock()
}

// drainFailed returns the error of a drain that left something behind: a timeout, or the
// caller's cancellation.
func drainFailed(ctx context.Context, r Report, err error, began time.Time) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &CanceledError{Op: "drain", Elapsed: time.Since(began), Cause: context.Cause(ctx), Sent: true}
	}
	return &DrainTimeoutError{Report: r, Cause: err}
}

// flushThrough is a flush that goes on when the link is lost: what waits is
// sent with the next one.
func (c *Conn) flushThrough(ctx context.Context) error {
	for {
		err := c.out.flush(ctx)
		if err == nil || ctx.Err() != nil || !errors.Is(err, ErrDisconnected) || errors.Is(err, ErrConnectionClosed) {
			return err
		}
	}
}

// BeginDrain moves to DrainingSubs, or returns why it cannot: from here on there are no
// new subscriptions. FinishDrain does the rest.
func (c *Conn) BeginDrain() error {
	for {
		switch s := c.Status(); s {
		case Closed:
			return c.closedError()
		case DrainingSubs, DrainingPubs:
			return ErrConnectionDraining
		case Connecting, Reconnecting, Disconnected:
			return c.NoServer("drain", s)
		default:
			if c.status.CompareAndSwap(int32(s), int32(DrainingSubs)) {
				c.out.mu.Lock()
				c.out.noSubs = true
				c.out.mu.Unlock()
				c.linkNews.drain()
				return nil
			}
		}
	}
}

// drainSubscriptions drains all subscriptions at once and waits for each.
func (c *Conn) drainSubscriptions(ctx context.Context) error {
	all := c.present() // including those that the server no longer knows but that still have messages
	for _, s := range all {
		s.beginDraining()
		s.endInterest()
	}
	if err := c.awaitMove(ctx); err != nil {
		return err
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

// ended runs when the root actor has stopped.
func (c *Conn) ended() {
	c.endOnce.Do(func() {
		for _, u := range c.company.all() {
			u.end(nil) // registered when there was no supervisor left to start it
		}
		c.chunks.drop()
		c.sys.exec.release()
		close(c.done)
	})
}
