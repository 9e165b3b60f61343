package bucket

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/api"
)

// Patience ends a read of many messages when nothing has come for too long; how long the whole
// read takes depends on the bucket. It is for one goroutine.
type Patience struct {
	// Context ends when the patience does, with an api.TimeoutError as its cause.
	Context context.Context

	idle   *time.Timer // nil if the caller's context has a deadline, which then applies
	after  time.Duration
	cancel context.CancelCauseFunc
}

// NewPatience returns the patience of a read named op. It ends with ctx, and if ctx is nil or
// has no deadline, when nothing has come for the time after. The caller must call End.
func NewPatience(ctx context.Context, op string, after time.Duration) *Patience {
	if ctx == nil {
		ctx = context.Background()
	}
	_, bounded := ctx.Deadline()
	p := &Patience{after: after}
	p.Context, p.cancel = context.WithCancelCause(ctx)
	if !bounded {
		late := &api.TimeoutError{Op: op, After: after, Elapsed: after, Sent: true}
		p.idle = time.AfterFunc(after, func() { p.cancel(late) })
	}
	return p
}

// Came notes that something has come: the time in which the program handles it does not count.
func (p *Patience) Came() {
	if p.idle != nil {
		p.idle.Stop()
	}
}

// Wait notes that the read waits again.
func (p *Patience) Wait() {
	if p.idle != nil {
		p.idle.Reset(p.after)
	}
}

// End releases what it holds.
func (p *Patience) End() {
	p.Came()
	p.cancel(nil)
}
