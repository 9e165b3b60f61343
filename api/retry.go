package api

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervisor"
)

// RetryPolicy says whether and when a failed call is made again: the total number of
// Attempts, the total time Elapsed, the delays between attempts (Backoff), the time limit of
// one attempt (AttemptTimeout), whether the call may be made twice (Idempotent), which of the
// program's own errors are Retryable, and the Name in errors and events. The zero RetryPolicy
// makes a call up to four times within about a second, and does not repeat one that may have
// had its effect. A RetryPolicy is a value and may be shared.
type RetryPolicy = supervisor.RetryPolicy

// RetryAttemptsMax is the highest value of RetryPolicy.Attempts, 1000, because a RetryError
// holds the error of each attempt.
const RetryAttemptsMax = supervisor.RetryAttemptsMax

// FailedAttempt is what RetryPolicy.Next decides about: the attempt's Number, its Err, the time
// Elapsed since the first attempt began, the time Left until the deadline (NoDeadline for
// none), whether the connection is Linked to a server, and Rand, a random number in [0,1).
// With it a test can check a policy without making calls.
type FailedAttempt = supervisor.FailedAttempt

// NoDeadline as FailedAttempt.Left means that there is no deadline; as RetryDecision.Delay
// that only the deadline ends the wait.
const NoDeadline = supervisor.NoDeadline

// RetryDecision is what follows a FailedAttempt: a Step; the Delay before the next attempt, or
// the longest wait for a server; and Why there is no other attempt, nil if there is one.
type RetryDecision = supervisor.RetryDecision

// RetryStep is what Retry does after a failed attempt.
type RetryStep = supervisor.RetryStep

// The steps of Retry.
const (
	// RetryNever: it returns a RetryError.
	RetryNever = supervisor.RetryNever
	// RetrySleep: it makes the call again after a delay.
	RetrySleep = supervisor.RetrySleep
	// RetryAwaitLink: it makes the call again as soon as the connection has a server.
	RetryAwaitLink = supervisor.RetryAwaitLink
)

// RetryBudgetConfig bounds the retries of a connection; see RetryBudget.
type RetryBudgetConfig = supervisor.RetryBudgetConfig

// Retry makes a call, and makes it again after a failure if the policy, the error and the
// connection allow it. It returns the result of the first attempt without an error.
//
//	m, err := api.Retry(ctx, nc, api.RetryPolicy{Name: "price", Idempotent: true},
//		func(ctx context.Context) (*api.Msg, error) { return nc.RequestWithContext(ctx, "price", data) })
//
// An error leads to another attempt if Retryable returns true for it and, if the call may
// have had its effect (see MaybeSent), the policy is Idempotent. The next attempt follows
// after a random delay, which grows, and not before RetryAfter; while there is no server, it
// follows as soon as there is one. An attempt that could not begin before the deadline of ctx
// is not waited for. All calls on a connection share its RetryBudget; retries that wait for a
// server do not use it.
//
// The error is a *RetryError, with the error of each attempt and the reason why there was no
// further one. It is returned together with the result of the last attempt. Bad arguments are
// refused before the first attempt: ErrInvalidContext, ErrInvalidConnection,
// ErrInvalidCallback for a nil call, ErrBadPolicy.
//
// The call receives ctx, with a deadline of its own if AttemptTimeout is set, and must return
// when it is done. A panic in the call propagates to the caller of Retry. Each retry is
// reported by a CallRetried event. Retry runs on the caller's goroutine. It may be called
// from any number of goroutines, and from handlers, which wait meanwhile.
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

// Retry is the function Retry for a call that returns only an error.
func (nc *Conn) Retry(ctx context.Context, policy RetryPolicy, call func(context.Context) error) error {
	if call == nil {
		return &InvalidCallbackError{Where: "Retry"}
	}
	_, err := Retry(ctx, nc, policy, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return err
}

// RetryAfter returns how long to wait after err before the next attempt: for a
// CircuitOpenError, until the breaker lets a call through again; for an error with a method
// RetryDelay, the result of that; for errors about something that is full, and for no
// responders, 250 ms. Otherwise, and for nil, it returns zero. Retry respects it; use it to
// pace attempts of your own.
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

// begin checks the arguments of Retry.
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

// again waits until it is time for another attempt, or returns why there is none.
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

// left returns the time until the deadline of ctx.
func left(ctx context.Context, now time.Time) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline.Sub(now)
	}
	return supervisor.NoDeadline
}

// wait waits as decided. It returns an error if the wait has become pointless.
func (r *retrying) wait(ctx context.Context, d supervisor.RetryDecision) error {
	if d.Step == supervisor.RetrySleep && d.Delay <= 0 {
		return r.nc.open() // ctx was looked at before the decision
	}
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

// endOf returns why no future link will accept calls; nil while one may.
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

// giveUp is end, and counts the call as given up.
func (r *retrying) giveUp(why error) error {
	r.nc.retries.gaveUp.Add(1)
	return r.end(why)
}

// end returns the error of the call.
func (r *retrying) end(why error) error {
	return &RetryError{Name: r.policy.Name, Attempts: len(r.errs), Elapsed: time.Since(r.began), Errs: r.errs, Cause: why}
}
