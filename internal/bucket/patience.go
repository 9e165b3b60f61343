package bucket

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/api"
)

// Patience ends a read of many messages when nothing has come for too long: how long all of it
// takes depends on the bucket. It is for one goroutine.
type Patience struct {
	// Context ends when patience does, with an api.TimeoutError as its cause.
	Context context.Context

	idle   *time.Timer // nil if the caller's context has a deadline, which counts then
	after  time.Duration
	cancel context.CancelCauseFunc
}

// NewPatience returns the patience of a read that op names, which ends with ctx, and when
// nothing has come for after if ctx has no deadline. A nil ctx is one without. It must be
// ended.
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

// Came says that something has come: the time in which the program looks at it does not count.
func (p *Patience) Came() {
	if p.idle != nil {
		p.idle.Stop()
	}
}

// Wait says that something is waited for again.
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
