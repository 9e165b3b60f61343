package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/kind"
)

func TestWhatOpensABreaker(t *testing.T) {
	never := BreakerPolicy{Failures: math.MaxInt, Rate: math.Inf(1)}
	tests := []struct {
		name   string
		policy BreakerPolicy
		tally  BreakerTally
		why    string
	}{
		{"four in a row do not", BreakerPolicy{}, BreakerTally{InARow: 4, Calls: 19, Failed: 19}, ""},
		{"five do", BreakerPolicy{}, BreakerTally{InARow: 5, Calls: 5, Failed: 5}, "5 failures in a row"},
		{"three do, if three are enough", BreakerPolicy{Failures: 3}, BreakerTally{InARow: 3}, "3 failures in a row"},
		{"one does", BreakerPolicy{Failures: 1}, BreakerTally{InARow: 1}, "1 failures in a row"},
		{"half of twenty do", BreakerPolicy{}, BreakerTally{InARow: 1, Calls: 20, Failed: 10}, "10 of 20 calls failed within 10s"},
		{"less than half do not", BreakerPolicy{}, BreakerTally{InARow: 1, Calls: 20, Failed: 9}, ""},
		{"half of nineteen do not", BreakerPolicy{}, BreakerTally{InARow: 1, Calls: 19, Failed: 18}, ""},
		{"a tenth of ten do", BreakerPolicy{Rate: 0.1, Calls: 10, Window: time.Minute}, BreakerTally{InARow: 1, Calls: 10, Failed: 1}, "1 of 10 calls failed within 1m0s"},
		{"all of them do", BreakerPolicy{Failures: 99, Rate: 1}, BreakerTally{InARow: 20, Calls: 20, Failed: 20}, "20 of 20 calls failed within 10s"},
		{"nothing does", never, BreakerTally{InARow: 1 << 30, Calls: 1 << 30, Failed: 1 << 30}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if why, opens := test.policy.Trips(test.tally); why != test.why || opens != (test.why != "") {
				t.Errorf("opens %v: %q, want %q", opens, why, test.why)
			}
		})
	}
}

// answer is an error that says whether what was called works.
type answer bool

func (a answer) Error() string  { return "x" }
func (a answer) Answered() bool { return bool(a) }

func TestWhatACallSaysAboutWhatWasCalled(t *testing.T) {
	of := func(c kind.Category, traits ...kind.Trait) error { return kind.New("x").In(c, traits...) }
	knows := func(failed bool) BreakerPolicy {
		return BreakerPolicy{Failure: func(error) (bool, bool) { return failed, true }}
	}
	doubtful := BreakerPolicy{Failure: func(error) (bool, bool) { return true, false }}
	rash := BreakerPolicy{Failure: func(error) (bool, bool) { panic("no") }}
	tests := []struct {
		name   string
		policy BreakerPolicy
		err    error
		want   BreakerOutcome
	}{
		{"nothing", BreakerPolicy{}, nil, BreakerSuccess},
		{"late", BreakerPolicy{}, of(kind.Timeout), BreakerFailure},
		{"a deadline", BreakerPolicy{}, context.DeadlineExceeded, BreakerFailure},
		{"nobody", BreakerPolicy{}, of(kind.Unavailable), BreakerFailure},
		{"full", BreakerPolicy{}, of(kind.Limit), BreakerFailure},
		{"the server's trouble", BreakerPolicy{}, of(kind.Server), BreakerFailure},
		{"protocol", BreakerPolicy{}, of(kind.Protocol), BreakerFailure},
		{"handler", BreakerPolicy{}, of(kind.Handler), BreakerFailure},
		{"defect", BreakerPolicy{}, of(kind.Internal), BreakerFailure},
		{"TLS", BreakerPolicy{}, of(kind.TLS), BreakerFailure},
		{"a user's", BreakerPolicy{}, errors.New("x"), BreakerFailure},
		{"another's socket", BreakerPolicy{}, io.EOF, BreakerFailure},
		{"one that is closed", BreakerPolicy{}, net.ErrClosed, BreakerFailure},
		{"the link", BreakerPolicy{}, of(kind.Connection, kind.Retry), BreakerExcluded},
		{"the caller has left", BreakerPolicy{}, context.Canceled, BreakerExcluded},
		{"wrapped", BreakerPolicy{}, fmt.Errorf("x: %w", context.Canceled), BreakerExcluded},
		{"input", BreakerPolicy{}, of(kind.Input), BreakerExcluded},
		{"closed", BreakerPolicy{}, of(kind.Closed), BreakerExcluded},
		{"credentials", BreakerPolicy{}, of(kind.Authorization), BreakerExcluded},
		{"permission", BreakerPolicy{}, of(kind.Permission), BreakerExcluded},
		{"not there", BreakerPolicy{}, of(kind.NotFound), BreakerAnswered},
		{"conflict", BreakerPolicy{}, of(kind.Conflict), BreakerAnswered},
		{"an answer", BreakerPolicy{}, fmt.Errorf("x: %w", answer(true)), BreakerAnswered},
		{"an answer that tells of trouble", BreakerPolicy{}, answer(false), BreakerFailure},
		{"an answer in the end", BreakerPolicy{}, &RetryError{Errs: []error{answer(false), answer(true)}, Cause: ErrNotRetryable}, BreakerAnswered},
		{"trouble in the end", BreakerPolicy{}, &RetryError{Errs: []error{answer(true), answer(false)}, Cause: ErrRetryLimit}, BreakerFailure},
		{"the caller has left in the end", BreakerPolicy{}, &RetryError{Errs: []error{answer(true)}, Cause: context.Canceled}, BreakerExcluded},
		{"its user knows better", knows(true), context.Canceled, BreakerFailure},
		{"to the good", knows(false), of(kind.Timeout), BreakerSuccess},
		{"its user does not know", doubtful, context.Canceled, BreakerExcluded},
		{"its user panics", rash, of(kind.Timeout), BreakerFailure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.policy.Outcome(test.err); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}

func TestForHowLongABreakerIsOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := BreakerPolicy{Open: Backoff{
			Initial: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "initial")),
			Max:     time.Duration(rapid.Int64Range(int64(time.Hour), math.MaxInt64).Draw(t, "max")),
			Factor:  rapid.Float64Range(1, 10).Draw(t, "factor"),
		}}
		attempt := rapid.IntRange(1, math.MaxInt).Draw(t, "attempt")
		got := p.OpenFor(attempt, rapid.Float64().Draw(t, "random number"))
		bound := p.Open.Ceiling(attempt)
		if got < BreakerOpenMin || got < bound/2 || got > max(bound, BreakerOpenMin) {
			t.Fatalf("open for %v, with a bound of %v", got, bound)
		}
	})
	var zero BreakerPolicy
	for attempt, want := range map[int][2]time.Duration{
		1: {2500 * time.Millisecond, 5 * time.Second}, 2: {5 * time.Second, 10 * time.Second}, 9: {30 * time.Second, time.Minute},
	} {
		least, most := zero.OpenFor(attempt, 0), zero.OpenFor(attempt, 1)
		if least != want[0] || most != want[1] {
			t.Errorf("opening %d: %v to %v, want %v", attempt, least, most, want)
		}
	}
	for _, test := range []struct {
		open    Backoff
		attempt int
		want    time.Duration
	}{
		{Backoff{Max: 2 * time.Minute}, 1, DefaultBreakerOpen},
		{Backoff{Max: 2 * time.Minute}, 99, 2 * time.Minute},
		{Backoff{Max: time.Second}, 1, time.Second},
		{Backoff{Factor: 3}, 2, 3 * DefaultBreakerOpen},
		{Backoff{Initial: time.Hour}, 2, time.Hour},
	} {
		if got := (BreakerPolicy{Open: test.open}).OpenFor(test.attempt, 1); got != test.want {
			t.Errorf("%+v, opening %d: %v, want %v", test.open, test.attempt, got, test.want)
		}
	}
}

func TestBreakerPoliciesThatCannotBeMeant(t *testing.T) {
	for _, test := range []struct {
		field  string
		policy BreakerPolicy
	}{
		{"Failures", BreakerPolicy{Failures: -1}},
		{"Rate", BreakerPolicy{Rate: -0.1}},
		{"Rate", BreakerPolicy{Rate: math.NaN()}},
		{"Rate", BreakerPolicy{Rate: 50}},
		{"Calls", BreakerPolicy{Calls: -1}},
		{"Window", BreakerPolicy{Window: -1}},
		{"Window", BreakerPolicy{Window: math.MaxInt64}},
		{"", BreakerPolicy{Window: BreakerWindowMax}},
		{"Probes", BreakerPolicy{Probes: -1}},
		{"Probes", BreakerPolicy{Probes: math.MaxInt}},
		{"Open.Initial", BreakerPolicy{Open: Backoff{Initial: NoDelay}}},
		{"Open.Immediate", BreakerPolicy{Open: Backoff{Immediate: true}}},
		{"Open.Max", BreakerPolicy{Open: Backoff{Max: -1}}},
		{"Open.Factor", BreakerPolicy{Open: Backoff{Factor: 0.5}}},
		{"", BreakerPolicy{}},
		{"", BreakerPolicy{Failures: 3, Rate: math.Inf(1), Calls: 1, Window: time.Hour, Probes: 2, Open: Backoff{Initial: 30 * time.Second}}},
	} {
		checkField(t, test.policy.Validate(), test.field)
	}
}

func TestACircuitThatIsOpen(t *testing.T) {
	err := error(&CircuitOpenError{Name: "price", State: BreakerOpen, RetryAfter: 3 * time.Second, LastErr: late})
	if want := "troupe: circuit open: price is open, try again in 3s; the last failure: late"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if !errors.Is(err, ErrCircuitOpen) || errors.Is(err, late) || RetryAfter(err) != 3*time.Second {
		t.Error("it is not what it says")
	}
	if kind.CategoryOf(err) != kind.Unavailable || !kind.CanRetry(err) || kind.MayHaveSent(err) {
		t.Error("it answers wrong")
	}
	d := RetryPolicy{}.Next(FailedAttempt{Number: 1, Err: err, Left: NoDeadline, Rand: 0.5})
	if d.Step != RetrySleep || d.Delay != 3050*time.Millisecond {
		t.Errorf("it is followed by %+v", d)
	}
	for s, want := range map[BreakerState]string{BreakerClosed: "closed", BreakerHalfOpen: "half-open", BreakerOpen: "open", 7: "state(7)"} {
		if text, err := s.MarshalText(); string(text) != want || err != nil {
			t.Errorf("%s, want %s", text, want)
		}
	}
}
