package micro

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
)

// DeadlineHeader holds the time until which the requester waits, in RFC 3339. A request that
// would reach a handler later is answered with CodeExpired, and the handler is not called;
// otherwise its context has that deadline. It is as exact as the clocks of both sides agree.
// Client sets it.
const DeadlineHeader = "Troupe-Deadline"

// WithEndpointTimeout bounds the context of each call of the handler: its deadline is that of
// the requester, or d after the call begins, whichever is earlier. Default: no bound. Errors:
// ErrConfigValidation unless positive.
func WithEndpointTimeout(d time.Duration) EndpointOpt {
	return func(o *endpointOpts) error {
		if d <= 0 {
			return &ConfigError{Field: "timeout", Value: d.String(), Reason: "is not above zero", Err: ErrConfigValidation}
		}
		o.timeout = d
		return nil
	}
}

// WithEndpointOnBlocked sets what happens when a call of the handler takes longer than limit:
// see api.OnBlocked. When the call is abandoned, its requester gets a CodeDeadlineExceeded.
func WithEndpointOnBlocked(limit time.Duration, answer api.Directive) EndpointOpt {
	return func(o *endpointOpts) error {
		o.watched = true
		o.subscription = append(o.subscription, api.OnBlocked(limit, answer))
		return nil
	}
}

// deadlineOf reads the time until which the requester waits; zero for no deadline.
func deadlineOf(h api.Header) (time.Time, *ServiceError) {
	text := h.Get(DeadlineHeader)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, refusalOf(CodeBadRequest, "the deadline of the request cannot be read")
	}
	return at, nil
}

// sooner returns the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// limit gives the request a context with its deadline, if it has one, or returns why it is not
// handled. release is nil if the context needs none.
func (r *request) limit(now time.Time, timeout time.Duration) (release context.CancelFunc, refusal *ServiceError) {
	at, refusal := deadlineOf(r.msg.Header)
	switch {
	case refusal != nil:
		return nil, refusal
	case !at.IsZero() && !now.Before(at):
		return nil, refusalOf(CodeExpired, "the deadline had passed before the request was handled")
	case timeout > 0:
		at = sooner(at, now.Add(timeout))
	}
	if !at.IsZero() {
		r.ctx, release = context.WithDeadline(r.ctx, at)
	}
	return release, nil
}

// guard answers for a handler whose call is abandoned.
func (r *request) guard(ctx context.Context) (release func()) {
	promises := &r.endpoint.service.promises
	promises.give()
	stop := context.AfterFunc(ctx, func() {
		defer promises.keep()
		if cause := context.Cause(ctx); isBlocked(cause) {
			r.refuse(own(CodeDeadlineExceeded, "the handler takes too long"))
		}
	})
	return func() {
		if stop() {
			promises.keep()
		}
	}
}

// promises counts the calls that may still have to be answered by something other than their
// handler: the end of a subscription does not wait for them. The zero value is ready.
type promises struct {
	mu      sync.Mutex
	open    int
	waiting []func() // called when none is open
}

func (p *promises) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
}

func (p *promises) keep() {
	p.mu.Lock()
	p.open--
	var kept []func()
	if p.open == 0 {
		kept, p.waiting = p.waiting, nil
	}
	p.mu.Unlock()
	for _, f := range kept {
		f()
	}
}

// whenKept calls f when none is open.
func (p *promises) whenKept(f func()) {
	p.mu.Lock()
	wait := p.open > 0
	if wait {
		p.waiting = append(p.waiting, f)
	}
	p.mu.Unlock()
	if !wait {
		f()
	}
}

// isBlocked reports whether a context ended because its call was abandoned.
func isBlocked(cause error) bool {
	_, blocked := errors.AsType[*api.BlockedError](cause)
	_, tooMany := errors.AsType[*api.TooManyBlockedError](cause)
	return blocked || tooMany
}
