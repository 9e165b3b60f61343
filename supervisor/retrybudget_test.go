package supervisor

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyBudget draws limits from the sensible part of the range.
func anyBudget() *rapid.Generator[RetryBudgetConfig] {
	return rapid.Custom(func(t *rapid.T) RetryBudgetConfig {
		return RetryBudgetConfig{
			Ratio:     rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 3)).Draw(t, "ratio"),
			PerSecond: rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 50)).Draw(t, "per second"),
			Credit:    rapid.OneOf(rapid.Just(0), rapid.IntRange(1, 200)).Draw(t, "credit"),
		}
	})
}

func TestNoMoreRetriesThanArePaidFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyBudget().Draw(t, "budget")
		b := NewRetryBudget(c)
		// Marks are moments from which the bound is checked up to now. A clock that goes
		// back earns nothing, and time counts on from there.
		type mark struct {
			passed         time.Duration
			calls, granted int
		}
		var now mark
		clock, marks := epoch, []mark{now}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			gap := time.Duration(rapid.OneOf(rapid.Int64Range(-int64(time.Second), int64(time.Second)), rapid.Just(int64(0))).Draw(t, "gap"))
			clock, now.passed = clock.Add(gap), now.passed+max(gap, 0)
			if rapid.Bool().Draw(t, "a call") {
				b.Call(clock)
				now.calls++
			} else if b.Retry(clock) {
				now.granted++
			}
			if b.tokens < 0 || b.tokens > c.credit() {
				t.Fatalf("%v are paid for, of %v at most", b.tokens, c.credit())
			}
			for i, m := range marks {
				most := c.credit()
				if i == 0 {
					most = min(most, c.perSecond())
				}
				most += c.ratio()*float64(now.calls-m.calls) + c.perSecond()*(now.passed-m.passed).Seconds()
				if got := now.granted - m.granted; float64(got) > most+1e-6 {
					t.Fatalf("%d retries in %v with %d calls: at most %v", got, now.passed-m.passed, now.calls-m.calls, most)
				}
			}
			marks = append(marks, now)
		}
	})
}

func TestOneInFiveInTheLongRun(t *testing.T) {
	b := NewRetryBudget(RetryBudgetConfig{PerSecond: 1e-9})
	retries := 0
	for range 10_000 {
		b.Call(epoch)
		if b.Retry(epoch) {
			retries++
		}
	}
	if retries < 1999 || retries > 2000 {
		t.Errorf("%d retries of 10000 calls", retries)
	}
}

func TestTheBudgetAtItsEdges(t *testing.T) {
	take := func(b *RetryBudget, now time.Time) (n int) {
		for n < 5000 && b.Retry(now) {
			n++
		}
		return n
	}
	var b RetryBudget
	if got := take(&b, epoch); got != int(DefaultRetryBudgetMin) {
		t.Errorf("%d retries at the beginning", got)
	}
	if got := take(&b, epoch.Add(500*time.Millisecond)); got != int(DefaultRetryBudgetMin)/2 {
		t.Errorf("%d half a second later", got)
	}
	if got := take(&b, epoch.Add(time.Hour)); got != DefaultRetryBudgetCredit || b.Left() != 0 {
		t.Errorf("%d an hour later, and %d are left", got, b.Left())
	}
	endless := NewRetryBudget(RetryBudgetConfig{Ratio: math.Inf(1)})
	endless.Call(epoch)
	if got := take(endless, epoch); got != 5000 {
		t.Errorf("%d without a limit", got)
	}
	far := NewRetryBudget(RetryBudgetConfig{Credit: 3})
	far.Call(time.Time{})
	if got := take(far, time.Time{}.Add(math.MaxInt64)); got != 3 {
		t.Errorf("%d after centuries", got)
	}
}

func TestBudgetsThatCannotBeMeant(t *testing.T) {
	for _, test := range []struct {
		field  string
		config RetryBudgetConfig
	}{
		{"Ratio", RetryBudgetConfig{Ratio: -0.1}},
		{"Ratio", RetryBudgetConfig{Ratio: math.NaN()}},
		{"PerSecond", RetryBudgetConfig{PerSecond: -1}},
		{"PerSecond", RetryBudgetConfig{PerSecond: math.NaN()}},
		{"PerSecond", RetryBudgetConfig{PerSecond: math.Inf(1)}},
		{"Credit", RetryBudgetConfig{Credit: -1}},
		{"", RetryBudgetConfig{}},
		{"", RetryBudgetConfig{Ratio: math.Inf(1), PerSecond: 5, Credit: 1}},
	} {
		checkField(t, test.config.Validate(), test.field)
	}
}
