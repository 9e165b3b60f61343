package supervisor

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheDelayBoundOfEachAttempt(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	steep := Backoff{Initial: 10 * ms, Max: s, Factor: 10}
	tests := []struct {
		name    string
		backoff Backoff
		want    []time.Duration // for attempts 1, 2, 3 ...
	}{
		{"the zero backoff starts at once and then doubles", Backoff{}, []time.Duration{0, 50 * ms, 100 * ms, 200 * ms, 400 * ms}},
		{"doubling is the default", Backoff{Initial: 10 * ms}, []time.Duration{10 * ms, 20 * ms, 40 * ms}},
		{"a factor of ten", steep, []time.Duration{10 * ms, 100 * ms, s, s}},
		{"the first attempt at once", Backoff{Initial: 10 * ms, Max: s, Factor: 10, Immediate: true}, []time.Duration{0, 10 * ms, 100 * ms, s}},
		{"a factor of one is a constant", Backoff{Initial: s, Factor: 1}, []time.Duration{s, s, s}},
		{"a factor below one is a constant", Backoff{Initial: s, Factor: 0.1}, []time.Duration{s, s, s}},
		{"a negative factor is a constant", Backoff{Initial: s, Factor: -3}, []time.Duration{s, s, s}},
		{"no factor that is not a number", Backoff{Initial: s, Factor: math.NaN()}, []time.Duration{s, 2 * s, 4 * s}},
		{"an endless factor jumps to the cap", Backoff{Initial: s, Max: 5 * s, Factor: math.Inf(1)}, []time.Duration{s, 5 * s, 5 * s}},
		{"a cap below the first bound wins", Backoff{Initial: s, Max: ms}, []time.Duration{ms, ms}},
		{"a cap alone keeps the default start below it", Backoff{Max: 20 * ms}, []time.Duration{20 * ms, 20 * ms}},
		{"a start above the default cap raises it", Backoff{Initial: time.Minute}, []time.Duration{time.Minute, time.Minute}},
		{"a negative cap is the default cap", Backoff{Initial: 8 * s, Max: -s}, []time.Duration{8 * s, 10 * s}},
		{"no delay at all", Backoff{Initial: NoDelay}, []time.Duration{0, 0, 0}},
		{"no delay at all, whatever the cap", Backoff{Initial: NoDelay, Max: s, Factor: 3}, []time.Duration{0, 0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i, want := range test.want {
				if got := test.backoff.Ceiling(i + 1); got != want {
					t.Errorf("attempt %d: bound %v, want %v", i+1, got, want)
				}
			}
		})
	}
}

func TestDelayUsesTheWholeSpan(t *testing.T) {
	b := Backoff{Initial: time.Second, Max: time.Minute}
	tests := []struct {
		name    string
		attempt int
		rand    float64
		want    time.Duration
	}{
		{"the lowest number waits for nothing", 1, 0, 0},
		{"a half is half", 1, 0.5, 500 * time.Millisecond},
		{"a half of the third bound", 3, 0.5, 2 * time.Second},
		{"below zero counts as zero", 3, -7, 0},
		{"one counts as just below one", 3, 1, 4 * time.Second},
		{"above one likewise", 3, math.Inf(1), 4 * time.Second},
		{"not a number counts as zero", 3, math.NaN(), 0},
		{"attempt zero is the first", 0, 0.5, 500 * time.Millisecond},
		{"a negative attempt is the first", math.MinInt, 0.5, 500 * time.Millisecond},
		{"the last attempt there is", math.MaxInt, 0.5, 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := b.Delay(test.attempt, test.rand); got != test.want {
				t.Errorf("Delay(%d, %v) = %v, want %v", test.attempt, test.rand, got, test.want)
			}
		})
	}
}

func TestDelayNearTheLongestDuration(t *testing.T) {
	for _, b := range []Backoff{
		{Initial: math.MaxInt64, Max: math.MaxInt64},
		{Initial: 1, Max: math.MaxInt64, Factor: math.MaxFloat64},
		{Initial: math.MaxInt64 - 1, Max: math.MaxInt64, Factor: 1},
	} {
		for _, attempt := range []int{1, 2, 63, 64, 1024, math.MaxInt} {
			got := b.Delay(attempt, math.Nextafter(1, 0))
			if got < 0 || got > b.Ceiling(attempt) {
				t.Errorf("%v, attempt %d: delay %d, bound %d", b, attempt, got, b.Ceiling(attempt))
			}
		}
	}
}

// anyBackoff draws from the whole range of every field, the sensible part most
// of the time.
func anyBackoff() *rapid.Generator[Backoff] {
	return rapid.Custom(func(t *rapid.T) Backoff {
		durations := rapid.OneOf(rapid.Int64Range(-1, int64(time.Minute)), rapid.Int64())
		factors := rapid.OneOf(rapid.Float64Range(0, 4), rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)))
		return Backoff{
			Initial:   time.Duration(durations.Draw(t, "initial")),
			Max:       time.Duration(durations.Draw(t, "max")),
			Factor:    factors.Draw(t, "factor"),
			Immediate: rapid.Bool().Draw(t, "immediate"),
		}
	})
}

func TestDelayStaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := anyBackoff().Draw(t, "backoff")
		attempt := rapid.Int().Draw(t, "attempt")
		got := b.Delay(attempt, rapid.Float64().Draw(t, "random number"))
		if got < 0 || got > b.Ceiling(attempt) {
			t.Fatalf("attempt %d: delay %v is outside [0, %v]", attempt, got, b.Ceiling(attempt))
		}
		if b.Max > 0 && got > b.Max {
			t.Fatalf("attempt %d: delay %v is above the cap %v", attempt, got, b.Max)
		}
	})
}

func TestTheDelayBoundIsTheFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{
			Initial: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "initial")),
			Max:     time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "max")),
			Factor:  rapid.Float64Range(1, 10).Draw(t, "factor"),
		}
		n := rapid.IntRange(0, 100).Draw(t, "n")
		// The formula by repeated multiplication, as done by hand.
		want := float64(b.Initial)
		for range n {
			want = min(want*b.Factor, float64(b.Max))
		}
		want = min(want, float64(b.Max))
		got := float64(b.Ceiling(n + 1))
		if math.Abs(got-want) > 1+want*1e-9 {
			t.Fatalf("%v: bound %v for n = %d, want %v", b, got, n, want)
		}
	})
}

func TestTheDelayBoundNeverShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := anyBackoff().Draw(t, "backoff")
		first := rapid.IntRange(-3, math.MaxInt-1).Draw(t, "attempt")
		if now, next := b.Ceiling(first), b.Ceiling(first+1); now > next {
			t.Fatalf("%v for attempt %d, but %v for the next", now, first, next)
		}
	})
}

func TestDelayIsSpreadEvenly(t *testing.T) {
	b := Backoff{Initial: time.Second, Factor: 1}
	const buckets = 10
	var hits [buckets]int
	for i := range 1000 {
		d := b.Delay(1, float64(i)/1000)
		hits[int(d*buckets/time.Second)]++
	}
	for i, n := range hits {
		if n != 100 {
			t.Errorf("tenth %d of the span was chosen %d times of 1000, want 100", i, n)
		}
	}
}
