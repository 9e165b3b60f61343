package api_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/supervisor"
)

// failing is a call that fails with the given errors, one after the other, and then
// succeeds with the number of the attempt.
func failing(errs ...error) func(context.Context) (int, error) {
	made := 0
	return func(context.Context) (int, error) {
		made++
		if made <= len(errs) {
			return made, errs[made-1]
		}
		return made, nil
	}
}

// givenUp checks the error of a call that failed for good.
func givenUp(t *testing.T, err error, attempts int, cause error) *api.RetryError {
	t.Helper()
	failed, ok := errors.AsType[*api.RetryError](err)
	if !ok {
		t.Fatalf("error %v (%T)", err, err)
	}
	if failed.Attempts != attempts || len(failed.Errs) != attempts || !errors.Is(failed.Cause, cause) {
		t.Errorf("%d attempts with %d errors, cause %v; want %d and %v", failed.Attempts, len(failed.Errs), failed.Cause, attempts, cause)
	}
	return failed
}

func TestRetryRefusesBadInput(t *testing.T) {
	_, nc := both(t)
	fine := failing()
	never := func(context.Context) (int, error) { t.Error("it was called"); return 0, nil }
	ctx := must.Within(t, patience)
	var none *api.Conn
	_, err := api.Retry[int](ctx, nc, api.RetryPolicy{}, nil)
	kinds(t, err, api.ErrInvalidCallback)
	kinds(t, nc.Retry(ctx, api.RetryPolicy{}, nil), api.ErrInvalidCallback)
	_, err = api.Retry(ctx, none, api.RetryPolicy{}, never)
	kinds(t, err, api.ErrInvalidConnection)
	var nothing context.Context
	_, err = api.Retry(nothing, nc, api.RetryPolicy{}, never)
	kinds(t, err, api.ErrInvalidContext)
	for field, policy := range map[string]api.RetryPolicy{
		"Attempts":        {Attempts: -1},
		"Elapsed":         {Elapsed: -1},
		"AttemptTimeout":  {AttemptTimeout: -1},
		"Backoff.Factor":  {Backoff: api.Backoff{Factor: 0.9}},
		"Backoff.Initial": {Backoff: api.Backoff{Initial: time.Hour, Max: time.Minute}},
	} {
		_, err := api.Retry(ctx, nc, policy, never)
		kinds(t, err, api.ErrInvalidArg, api.ErrBadPolicy)
		if bad, ok := errors.AsType[*api.PolicyError](err); !ok || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, budget := range []api.RetryBudgetConfig{{Ratio: -1}, {PerSecond: math.NaN()}, {Credit: -1}} {
		_, err := api.Connect("nats://127.0.0.1:1", api.RetryBudget(budget))
		kinds(t, err, api.ErrInvalidArg, api.ErrBadPolicy)
	}
	if v, err := api.Retry(ctx, nc, api.RetryPolicy{}, fine); v != 1 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	gone, leave := context.WithCancel(ctx)
	leave()
	_, err = api.Retry(gone, nc, api.RetryPolicy{}, never)
	kinds(t, givenUp(t, err, 0, context.Canceled), context.Canceled)
}

// TestEveryKindIsTriedAgainOrNot according to its answers: a kind that is not retryable
// never, and one that may have had its effect only for an idempotent call.
func TestEveryKindIsTriedAgainOrNot(t *testing.T) {
	for name, a := range kindAnswers {
		for _, idempotent := range []bool{false, true} {
			policy := api.RetryPolicy{Idempotent: idempotent}
			d := policy.Next(supervisor.FailedAttempt{Number: 1, Err: a.Err, Left: supervisor.NoDeadline, Linked: true})
			want := a.Retry() && (idempotent || !a.Sent())
			if got := d.Step != supervisor.RetryNever; got != want {
				t.Errorf("%s, idempotent %v: tried again %v", name, idempotent, got)
			}
			wantDelay := time.Duration(0)
			if want && (a.Category == api.CategoryUnavailable || a.Category == api.CategoryLimit) {
				wantDelay = 250 * time.Millisecond
			}
			if want && api.RetryAfter(a.Err) != wantDelay {
				t.Errorf("%s asks for %v", name, api.RetryAfter(a.Err))
			}
			d = policy.Next(supervisor.FailedAttempt{Number: 1, Err: a.Err, Left: supervisor.NoDeadline})
			if got := d.Step == supervisor.RetryAwaitLink; got != want {
				t.Errorf("%s, idempotent %v: waits for a link %v", name, idempotent, got)
			}
		}
	}
}

func TestPanicsPassThroughRetry(t *testing.T) {
	_, nc := both(t)
	defer func() {
		if v := recover(); v != "boom" {
			t.Errorf("recovered %v", v)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = nc.Retry(must.Within(t, patience), api.RetryPolicy{}, func(context.Context) error { runtime.Goexit(); return nil })
		}()
		closed(t, done, "the goroutine")
	}()
	_ = nc.Retry(must.Within(t, patience), api.RetryPolicy{}, func(context.Context) error { panic("boom") })
}

// TestRetryCostsNothingWhenAllIsWell except a lock.
func TestRetryCostsNothingWhenAllIsWell(t *testing.T) {
	_, nc := both(t)
	ctx, policy := must.Within(t, patience), api.RetryPolicy{}
	call := func(context.Context) (int, error) { return 1, nil }
	if n := testing.AllocsPerRun(100, func() { _, _ = api.Retry(ctx, nc, policy, call) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRetry measures what Retry and Guard cost a call that succeeds.
func BenchmarkRetry(b *testing.B) {
	_, nc := both(b)
	ctx := context.Background()
	breakers := must.Get(nc.NewBreakers(api.BreakersConfig{}))(b)
	call := func(context.Context) (int, error) { return 1, nil }
	guarded := api.Guard(breakers.For("a"), call)
	b.Run("retry", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = api.Retry(ctx, nc, api.RetryPolicy{}, call)
		}
	})
	b.Run("guard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = guarded(ctx)
		}
	})
	b.Run("for", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			breakers.For("a")
		}
	})
}
