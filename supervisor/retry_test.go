package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/kind"
)

// The kinds of errors that calls fail with, in short.
var (
	busy       = kind.New("busy").In(kind.Limit, kind.Retry)
	nobody     = kind.New("nobody").In(kind.Unavailable, kind.Retry)
	late       = kind.New("late").In(kind.Timeout, kind.Retry, kind.MaybeSent)
	down       = kind.New("down").In(kind.Connection, kind.Retry)
	wrong      = kind.New("wrong").In(kind.Input)
	errForeign = errors.New("a user's")
)

// patient is an error that asks for a pause.
type patient time.Duration

func (patient) Error() string               { return "patience" }
func (patient) Retryable() bool             { return true }
func (patient) MaybeSent() bool             { return false }
func (p patient) RetryDelay() time.Duration { return time.Duration(p) }

func TestWhatFollowsAFailedAttempt(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	always := func(again, known bool) func(error) (bool, bool) {
		return func(error) (bool, bool) { return again, known }
	}
	first := func(err error) FailedAttempt {
		return FailedAttempt{Number: 1, Err: err, Left: NoDeadline, Linked: true, Rand: 0.5}
	}
	unlinked := func(err error) FailedAttempt { f := first(err); f.Linked = false; return f }
	within := func(err error, left time.Duration) FailedAttempt { f := first(err); f.Left = left; return f }
	number := func(err error, n int) FailedAttempt { f := first(err); f.Number = n; return f }
	since := func(err error, elapsed time.Duration) FailedAttempt { f := first(err); f.Elapsed = elapsed; return f }
	sleep := func(d time.Duration) RetryDecision { return RetryDecision{Step: RetrySleep, Delay: d} }
	await := func(d time.Duration) RetryDecision { return RetryDecision{Step: RetryAwaitLink, Delay: d} }
	never := func(why error) RetryDecision { return RetryDecision{Why: why} }
	safe := RetryPolicy{Idempotent: true}
	tests := []struct {
		name   string
		policy RetryPolicy
		failed FailedAttempt
		want   RetryDecision
	}{
		{"half of the first bound", RetryPolicy{}, first(down), sleep(50 * ms)},
		{"half of the second", RetryPolicy{}, number(down, 2), sleep(100 * ms)},
		{"a backoff of one's own", RetryPolicy{Backoff: Backoff{Initial: s, Factor: 3}}, number(down, 3), sleep(4500 * ms)},
		{"a thing that is full gets time, and jitter", RetryPolicy{}, first(busy), sleep(RetryPause + 50*ms)},
		{"nobody there likewise", RetryPolicy{}, first(nobody), sleep(RetryPause + 50*ms)},
		{"an error that asks for a time", RetryPolicy{}, first(patient(3 * s)), sleep(3050 * ms)},
		{"one that asks for less than nothing", RetryPolicy{}, first(patient(-s)), sleep(50 * ms)},
		{"wrapped", RetryPolicy{}, first(fmt.Errorf("x: %w", patient(3*s))), sleep(3050 * ms)},

		{"input is not tried again", safe, first(wrong), never(ErrNotRetryable)},
		{"nor what nobody knows", safe, first(errForeign), never(ErrNotRetryable)},
		{"nor a cancelled context", safe, first(context.Canceled), never(ErrNotRetryable)},
		{"nor what was tried again below", safe, first(&RetryError{Errs: []error{busy}, Cause: ErrRetryLimit}), never(ErrNotRetryable)},
		{"unless its user knows it", RetryPolicy{Idempotent: true, Retryable: always(true, true)}, first(errForeign), sleep(50 * ms)},
		{"who may also refuse", RetryPolicy{Retryable: always(false, true)}, first(busy), never(ErrNotRetryable)},
		{"or not know", RetryPolicy{Retryable: always(false, false)}, first(down), sleep(50 * ms)},
		{"or panic", RetryPolicy{Retryable: func(error) (bool, bool) { panic("no") }}, first(down), sleep(50 * ms)},

		{"what may have happened is not repeated", RetryPolicy{}, first(late), never(ErrRetryUnsafe)},
		{"unless it may be done twice", safe, first(late), sleep(50 * ms)},
		{"knowing an error makes it no safer", RetryPolicy{Retryable: always(true, true)}, first(late), never(ErrRetryUnsafe)},

		{"four attempts and no more", RetryPolicy{}, number(busy, 4), never(ErrRetryLimit)},
		{"the third is followed by a fourth", RetryPolicy{}, number(down, 3), sleep(200 * ms)},
		{"a single attempt", RetryPolicy{Attempts: 1}, first(busy), never(ErrRetryLimit)},
		{"the last but one of many", RetryPolicy{Attempts: 7, Backoff: Backoff{Initial: NoDelay}}, number(down, 6), sleep(0)},

		{"time is up", RetryPolicy{Elapsed: s}, since(down, s), never(ErrRetryLimit)},
		{"time is up when the sleep is over", RetryPolicy{Elapsed: s}, since(down, 950*ms), never(ErrRetryLimit)},
		{"time is just not up then", RetryPolicy{Elapsed: s}, since(down, 949*ms), sleep(50 * ms)},
		{"a sleep up to the deadline is not begun", RetryPolicy{}, within(down, 50*ms), never(ErrRetryDeadline)},
		{"one just before it is", RetryPolicy{}, within(down, 51*ms), sleep(50 * ms)},
		{"a deadline that has passed", RetryPolicy{}, within(down, -s), never(ErrRetryDeadline)},

		{"without a server it waits for one", RetryPolicy{}, unlinked(down), await(NoDeadline)},
		{"whatever the error", safe, unlinked(late), await(NoDeadline)},
		{"for as long as it may", RetryPolicy{Elapsed: s}, unlinked(down), await(s)},
		{"but an error that names a time gets it", RetryPolicy{}, unlinked(patient(s)), sleep(1050 * ms)},
		{"and another's socket is no link", safe, unlinked(io.EOF), sleep(50 * ms)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.policy.Next(test.failed); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// anyRetryPolicy draws policies, including those that Validate refuses.
func anyRetryPolicy() *rapid.Generator[RetryPolicy] {
	return rapid.Custom(func(t *rapid.T) RetryPolicy {
		durations := rapid.OneOf(rapid.Int64Range(-1, int64(time.Minute)), rapid.Int64())
		return RetryPolicy{
			Attempts:   rapid.OneOf(rapid.IntRange(0, 10), rapid.Int()).Draw(t, "attempts"),
			Elapsed:    time.Duration(durations.Draw(t, "elapsed")),
			Backoff:    anyBackoff().Draw(t, "backoff"),
			Idempotent: rapid.Bool().Draw(t, "idempotent"),
		}
	})
}

func anyFailedAttempt() *rapid.Generator[FailedAttempt] {
	return rapid.Custom(func(t *rapid.T) FailedAttempt {
		durations := rapid.OneOf(rapid.Int64Range(0, int64(time.Minute)), rapid.Int64())
		errs := []error{busy, nobody, late, down, wrong, errForeign, io.EOF, patient(0), patient(time.Second), patient(math.MaxInt64), &RetryError{}}
		return FailedAttempt{
			Number:  rapid.OneOf(rapid.IntRange(1, 12), rapid.IntRange(1, math.MaxInt)).Draw(t, "number"),
			Err:     rapid.SampledFrom(errs).Draw(t, "error"),
			Elapsed: time.Duration(durations.Draw(t, "elapsed")),
			Left:    time.Duration(rapid.OneOf(durations, rapid.Just(int64(NoDeadline))).Draw(t, "left")),
			Linked:  rapid.Bool().Draw(t, "linked"),
			Rand:    rapid.Float64().Draw(t, "random number"),
		}
	})
}

func TestNoAttemptIsMadeThatMayNotBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f := anyRetryPolicy().Draw(t, "policy"), anyFailedAttempt().Draw(t, "attempt")
		d := p.Next(f)
		if (d.Step == RetryNever) != (d.Why != nil) || d.Delay < 0 {
			t.Fatalf("it makes no sense: %+v", d)
		}
		if d.Step == RetryNever {
			return
		}
		if !kind.CanRetry(f.Err) || !p.Idempotent && kind.MayHaveSent(f.Err) {
			t.Errorf("%v is tried again", f.Err)
		}
		if most := p.attempts(); f.Number >= most {
			t.Errorf("attempt %d of %d is followed by another", f.Number, most)
		}
		if p.Elapsed > 0 && f.Elapsed >= p.Elapsed || f.Left <= 0 {
			t.Error("it is too late for another")
		}
		if d.Step == RetryAwaitLink {
			if f.Linked || d.Delay <= 0 || p.Elapsed > 0 && d.Delay > p.Elapsed {
				t.Errorf("it waits in vain: %+v", d)
			}
			return
		}
		if d.Delay >= f.Left || p.Elapsed > 0 && d.Delay >= p.Elapsed {
			t.Errorf("it sleeps past its end: %v", d.Delay)
		}
		asked, most := RetryAfter(f.Err), p.backoff().Ceiling(f.Number)
		if d.Delay < asked || d.Delay-asked > most {
			t.Errorf("delay %v, asked for %v, with a jitter of up to %v", d.Delay, asked, most)
		}
	})
}

func TestACallEndsWhateverItsErrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyRetryPolicy().Filter(func(p RetryPolicy) bool { return p.Validate() == nil && p.Attempts <= 10 }).Draw(t, "policy")
		made := 0
		for elapsed := time.Duration(0); ; {
			made++
			f := anyFailedAttempt().Draw(t, "attempt")
			f.Number, f.Elapsed = made, elapsed
			d := p.Next(f)
			if d.Step == RetryNever {
				break
			}
			elapsed = addSaturating(elapsed, sleepOf(d))
		}
		if made > p.attempts() {
			t.Fatalf("%d attempts, %d allowed", made, p.attempts())
		}
	})
}

func TestRetryPoliciesThatCannotBeMeant(t *testing.T) {
	tests := []struct {
		field  string
		policy RetryPolicy
	}{
		{"Attempts", RetryPolicy{Attempts: -1}},
		{"Attempts", RetryPolicy{Attempts: RetryAttemptsMax + 1}},
		{"Elapsed", RetryPolicy{Elapsed: -1}},
		{"AttemptTimeout", RetryPolicy{AttemptTimeout: -1}},
		{"Backoff.Max", RetryPolicy{Backoff: Backoff{Max: -1}}},
		{"Backoff.Initial", RetryPolicy{Backoff: Backoff{Initial: 2, Max: 1}}},
		{"Backoff.Factor", RetryPolicy{Backoff: Backoff{Factor: 0.5}}},
		{"Backoff.Factor", RetryPolicy{Backoff: Backoff{Factor: math.NaN()}}},
		{"", RetryPolicy{}},
		{"", RetryPolicy{Attempts: RetryAttemptsMax, Elapsed: time.Hour, AttemptTimeout: time.Second, Backoff: Backoff{Initial: NoDelay}}},
	}
	for _, test := range tests {
		checkField(t, test.policy.Validate(), test.field)
	}
}

// checkField checks that a policy is refused because of a field; an empty field means not
// at all.
func checkField(t *testing.T, err error, field string) {
	t.Helper()
	bad, ok := errors.AsType[*PolicyError](err)
	if ok != (field != "") || ok && (bad.Field != field || !errors.Is(err, ErrBadPolicy)) {
		t.Errorf("%v, want one about %q", err, field)
	}
}

func TestWhatAnErrorAsksFor(t *testing.T) {
	for _, test := range []struct {
		err  error
		want time.Duration
	}{
		{nil, 0}, {wrong, 0}, {late, 0}, {errForeign, 0}, {down, 0}, {busy, RetryPause}, {nobody, RetryPause},
		{patient(7), 7}, {patient(-7), 0}, {fmt.Errorf("x: %w", patient(7)), 7},
	} {
		if got := RetryAfter(test.err); got != test.want {
			t.Errorf("%v: %v, want %v", test.err, got, test.want)
		}
	}
}

func TestRetryErrorsHoldEverything(t *testing.T) {
	e := &RetryError{Name: "price", Attempts: 2, Elapsed: 3 * time.Second, Errs: []error{late, busy}, Cause: ErrRetryLimit}
	if want := "troupe: price failed at attempt 2 after 3s: attempts used up: busy"; e.Error() != want {
		t.Errorf("got  %s\nwant %s", e, want)
	}
	for _, want := range []error{late, busy, ErrRetryLimit} {
		if !errors.Is(e, want) {
			t.Errorf("it is no %v", want)
		}
	}
	if all := e.Unwrap(); !slices.Equal(all, []error{busy, ErrRetryLimit, late}) {
		t.Errorf("in this order: %v", all)
	}
	left := &RetryError{Errs: []error{late, busy}, Cause: context.Canceled}
	if all := left.Unwrap(); !slices.Equal(all, []error{context.Canceled, busy, late}) {
		t.Errorf("in this order: %v", all)
	}
	own := kind.New("closed").In(kind.Closed)
	for _, test := range []struct {
		name        string
		err         RetryError
		category    kind.Category
		retry, sent bool
	}{
		{"the last attempt counts", *e, kind.Limit, true, true},
		{"and the first for what may have happened", RetryError{Errs: []error{late, wrong}, Cause: ErrNotRetryable}, kind.Input, false, true},
		{"nothing happened", RetryError{Errs: []error{busy, busy}, Cause: ErrRetryBudgetExceeded}, kind.Limit, true, false},
		{"not safe", RetryError{Errs: []error{late}, Cause: ErrRetryUnsafe}, kind.Timeout, true, true},
		{"the deadline is close", RetryError{Errs: []error{busy}, Cause: ErrRetryDeadline}, kind.Limit, true, false},
		{"the caller has left", RetryError{Errs: []error{busy}, Cause: context.Canceled}, kind.Canceled, false, false},
		{"before it began", RetryError{Cause: context.DeadlineExceeded}, kind.Timeout, true, false},
		{"the connection is closed", RetryError{Errs: []error{down}, Cause: own}, kind.Closed, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := error(&test.err)
			if kind.CategoryOf(err) != test.category || kind.CanRetry(err) != test.retry || kind.MayHaveSent(err) != test.sent {
				t.Errorf("category %v, retry %v, sent %v", kind.CategoryOf(err), kind.CanRetry(err), kind.MayHaveSent(err))
			}
		})
	}
	if got := (&RetryError{Cause: context.Canceled}).Error(); got != "troupe: failed at attempt 0 after 0s: context canceled" {
		t.Error(got)
	}
	if !errors.Is(ErrRetryDeadline, context.DeadlineExceeded) {
		t.Error("a deadline that is too close is none")
	}
	if got := RetryAwaitLink.String() + " " + RetryStep(9).String(); got != "await link step(9)" {
		t.Error(got)
	}
}

func BenchmarkNext(b *testing.B) {
	p := RetryPolicy{Idempotent: true}
	f := FailedAttempt{Number: 1, Err: late, Left: NoDeadline, Linked: true, Rand: 0.5}
	b.ReportAllocs()
	for b.Loop() {
		p.Next(f)
	}
}
