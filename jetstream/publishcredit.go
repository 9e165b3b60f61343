package jetstream

import (
	"context"
	"time"
)

// publishcredit.go - limits how many messages may be without an outcome.
//
//	credits = busy slots + calls that wait for a handler + promises to waiters
//
// Waiters get credits in the order of their arrival; nobody overtakes.

// waiter waits for a credit, which it has once got is closed.
type waiter struct {
	got  chan struct{}
	gone bool // has given up
}

// chargeLocked takes a credit, unless there is none or others wait for one.
func (p *publisher) chargeLocked() bool {
	if p.credits >= p.opts.pendingMax || len(p.waiters) > 0 {
		return false
	}
	p.credits++
	return true
}

// queueLocked begins to wait for a credit.
func (p *publisher) queueLocked() *waiter {
	w := &waiter{got: make(chan struct{})}
	p.waiters = append(p.waiters, w)
	return w
}

// creditLocked passes a credit to the oldest waiter, or gives it back.
func (p *publisher) creditLocked() {
	for len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters[0] = nil
		p.waiters = p.waiters[1:]
		if !w.gone {
			close(w.got)
			return
		}
	}
	p.credits--
}

func (p *publisher) giveBack(credit bool) {
	if !credit {
		return
	}
	p.mu.Lock()
	p.creditLocked()
	p.mu.Unlock()
}

// await waits for the credit of w until ctx is done, and for at most stall; 0 for no limit.
func (p *publisher) await(ctx context.Context, w *waiter, stall time.Duration) error {
	var late <-chan time.Time
	if stall > 0 {
		t := time.NewTimer(stall)
		defer t.Stop()
		late = t.C
	}
	var err error
	select {
	case <-w.got:
		return nil
	case <-late:
		err = &StalledError{Waited: stall, Max: p.opts.pendingMax}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.got:
		return nil // it came meanwhile
	default:
	}
	w.gone = true
	p.counts.stalled++
	if stalled, ok := err.(*StalledError); ok {
		stalled.Pending = p.credits
	}
	return err
}
