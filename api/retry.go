package api

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervisor"
)

// RetryPolicy says whether and when a call that failed is made again: how often in all
// (Attempts), for how long (Elapsed), with what delays (Backoff); how long one attempt may
// take (AttemptTimeout); whether the call may be done twice (Idempotent); which errors of
// one's own are worth it (Retryable); and what to call it in errors and events (Name). The zero
// RetryPolicy makes a call up to four times within about a second, and never one that may
// have had its effect. It is a value, and may be shared.
type RetryPolicy = supervisor.RetryPolicy

// RetryBudgetConfig bounds the retries of a connection; see RetryBudget.
type RetryBudgetConfig = supervisor.RetryBudgetConfig

// Retry makes a call, and makes it again when it failed and the policy, the error and the
// connection allow it. It returns what the first attempt without an error returned.
//
//	m, err := api.Retry(ctx, nc, api.RetryPolicy{Name: "price", Idempotent: true},
//		func(ctx context.Context) (*api.Msg, error) { return nc.RequestWithContext(ctx, "price", data) })
//
// An error is worth another attempt if Retryable says so. One after which the call may
// have had its effect, see MaybeSent, is so only for an Idempotent call. The next attempt is
// made after a random delay, which grows; not before RetryAfter; and, when there is no server,
// as soon as there is one. An attempt that could not begin before the deadline of ctx is not waited
// for. All calls of a connection share its RetryBudget, which is not asked when there is no server.
//
// The error is a *RetryError, with what each attempt failed with, and why there was no other
// one; beside it stands what the last attempt returned. Bad arguments are refused before the first
// attempt: ErrInvalidContext, ErrInvalidConnection, ErrInvalidCallback for a nil call, ErrBadPolicy.
//
// ctx is handed to the call, with a deadline of its own under AttemptTimeout; a call has to
// end with it. A panic is the caller's: it ends the retrying. Each retry is a CallRetried
// event. Retry runs on the caller's goroutine and may be called from any number of them, and from
// handlers, which then wait.
func Retry[T any](ctx context.Context, nc *Conn, policy RetryPolicy, call func(context.Context) (T, error)) (T, error) {
	var none T
	if call == nil {
		return none, &InvalidCallbackError{Where: "Retry"}
	}
	r := retrying{nc: nc, policy: &policy}
	if err := r.begin(ctx); err != nil {
		return none, err
	}
	for {
		v, err := attempt(ctx, policy.AttemptTimeout, call)
		if err == nil {
			return v, nil
		}
		if err := r.again(ctx, err); err != nil {
			return v, err
		}
	}
}

// Retry is the function Retry for a call that returns nothing but an error.
func (nc *Conn) Retry(ctx context.Context, policy RetryPolicy, call func(context.Context) error) error {
	if call == nil {
		return &InvalidCallbackError{Where: "Retry"}
	}
	_, err := Retry(ctx, nc, policy, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return err
}

// RetryAfter returns for how long an error asks to be left alone: a CircuitOpenError until the
// breaker lets a call through again, an error with a method RetryDelay for what that returns, one
// about something that is full or about nobody who would answer for 250 ms. Otherwise, and for nil, it is
// zero. It serves those who pace attempts by themselves; Retry keeps to it.
func RetryAfter(err error) time.Duration { return supervisor.RetryAfter(err) }

// attempt makes the call once.
func attempt[T any](ctx context.Context, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return call(ctx)
}

// retrying is one call of Retry.
type retrying struct {
	nc     *Conn
	policy *RetryPolicy
	began  time.Time
	errs   []error // of the attempts so far
}

// begin checks what Retry was given.
func (r *retrying) begin(ctx context.Context) error {
	switch {
	case ctx == nil:
		return ErrInvalidContext
	case !r.nc.valid():
		return ErrInvalidConnection
	}
	if err := r.policy.Validate(); err != nil {
		return badPolicy("RetryPolicy", err)
	}
	r.began = time.Now()
	if ctx.Err() != nil {
		return r.end(actors.Interrupted(ctx, "retry", r.policy.Name, r.began))
	}
	r.nc.retries.called(r.nc, r.began)
	return nil
}

// again returns nil when it is time for another attempt, and otherwise why there is none.
func (r *retrying) again(ctx context.Context, err error) error {
	r.errs = append(r.errs, err)
	if ctx.Err() != nil {
		return r.giveUp(actors.Interrupted(ctx, "retry", r.policy.Name, r.began))
	}
	now := time.Now()
	d := r.policy.Next(supervisor.FailedAttempt{Number: len(r.errs), Err: err, Elapsed: now.Sub(r.began), Left: left(ctx, now),
		Linked: r.nc.core.Live(), Rand: rand.Float64()})
	if d.Step == supervisor.RetryNever {
		return r.giveUp(d.Why)
	}
	if d.Step != supervisor.RetryAwaitLink && !r.nc.retries.take(now) {
		return r.giveUp(supervisor.ErrRetryBudgetExceeded)
	}
	told := retried{at: now, name: r.policy.Name, attempt: len(r.errs), cause: err}
	if d.Step == supervisor.RetrySleep {
		told.delay = d.Delay
	}
	r.nc.retries.tell(told)
	if err := r.wait(ctx, d); err != nil {
		return r.giveUp(err)
	}
	return nil
}

// left returns the time to the deadline of ctx.
func left(ctx context.Context, now time.Time) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline.Sub(now)
	}
	return supervisor.NoDeadline
}

// wait waits as decided. It returns why there is nothing to wait for any more.
func (r *retrying) wait(ctx context.Context, d supervisor.RetryDecision) error {
	timer := time.NewTimer(d.Delay)
	defer timer.Stop()
	for {
		moved := r.nc.retries.linkMoved()
		if d.Step == supervisor.RetryAwaitLink {
			if r.nc.core.Live() {
				return nil
			}
			if err := endOf(r.nc); err != nil {
				return err
			}
		}
		select {
		case <-timer.C:
			if d.Step == supervisor.RetryAwaitLink {
				return supervisor.ErrRetryLimit
			}
			return nil
		case <-moved:
		case <-ctx.Done():
			return actors.Interrupted(ctx, "retry", r.policy.Name, r.began)
		case <-r.nc.core.Done():
			return r.nc.open()
		}
	}
}

// endOf returns why no link is to come any more that takes calls; nil while one may.
func endOf(nc *Conn) error {
	switch {
	case nc.IsClosed():
		return nc.open()
	case nc.IsDraining():
		return ErrConnectionDraining
	default:
		return nil
	}
}

// giveUp counts what end returns.
func (r *retrying) giveUp(why error) error {
	r.nc.retries.gaveUp.Add(1)
	return r.end(why)
}

// end returns the error of the call.
func (r *retrying) end(why error) error {
	return &RetryError{Name: r.policy.Name, Attempts: len(r.errs), Elapsed: time.Since(r.began), Errs: r.errs, Cause: why}
}
