package supervisor

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// epoch is the time at which tests begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestDialsWaitOnceTheBucketIsEmpty(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name   string
		config Config
		at     []time.Duration // of the calls, after the first
		want   []time.Duration
	}{
		{"one a second", Config{Rate: 1, Burst: 1}, []time.Duration{0, 0, 0}, []time.Duration{0, s, 2 * s}},
		{"a burst of two", Config{Rate: 1, Burst: 2}, []time.Duration{0, 0, 0, 0}, []time.Duration{0, 0, s, 2 * s}},
		{"the bucket refills", Config{Rate: 1, Burst: 1}, []time.Duration{0, s, 2 * s}, []time.Duration{0, 0, 0}},
		{"it refills in part", Config{Rate: 1, Burst: 1}, []time.Duration{0, s / 4, s / 2}, []time.Duration{0, 3 * s / 4, 3 * s / 2}},
		{"and no more than full", Config{Rate: 1, Burst: 2}, []time.Duration{0, 9 * s, 9 * s, 9 * s}, []time.Duration{0, 0, 0, s}},
		{"a clock that goes back gives nothing", Config{Rate: 1, Burst: 1}, []time.Duration{0, -9 * s, -9 * s}, []time.Duration{0, s, 2 * s}},
		{"and takes nothing", Config{Rate: 1, Burst: 1}, []time.Duration{0, -9 * s, -7 * s}, []time.Duration{0, s, 0}},
		{"a negative rate is no limit", Config{Rate: -1, Burst: 1}, []time.Duration{0, 0, 0}, []time.Duration{0, 0, 0}},
		{"neither is an endless one", Config{Rate: math.Inf(1), Burst: 1}, []time.Duration{0, 0, 0}, []time.Duration{0, 0, 0}},
		{"a negative burst is one", Config{Rate: 1, Burst: -5}, []time.Duration{0, 0}, []time.Duration{0, s}},
		{"a rate near nothing waits for ever", Config{Rate: 1e-300, Burst: 1}, []time.Duration{0, 0, 0}, []time.Duration{0, math.MaxInt64, math.MaxInt64}},
		{"the longest burst there is", Config{Rate: 1e-3, Burst: math.MaxInt}, []time.Duration{0, 0, 0}, []time.Duration{0, 0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			limiter := NewDialLimiter(test.config)
			for i, after := range test.at {
				if got := limiter.Reserve(epoch.Add(after)); got != test.want[i] {
					t.Errorf("dial %d, after %v: wait %v, want %v", i+1, after, got, test.want[i])
				}
			}
		})
	}
}

func TestTheZeroLimiterHasTheDefaultLimit(t *testing.T) {
	var limiter DialLimiter
	for i := range DefaultDialBurst {
		if wait := limiter.Reserve(epoch); wait != 0 {
			t.Fatalf("dial %d waits for %v", i+1, wait)
		}
	}
	want := time.Second / time.Duration(DefaultDialRate)
	if wait := limiter.Reserve(epoch); wait != want {
		t.Errorf("the first dial after the burst waits for %v, want %v", wait, want)
	}
}

func TestALimiterNeverLetsMoreThanItsLimitThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{
			Rate:  rapid.Float64Range(0.01, 2000).Draw(t, "rate"),
			Burst: rapid.IntRange(1, 50).Draw(t, "burst"),
		}
		limiter := NewDialLimiter(c)
		// The clock that the limiter sees may go back; time itself does not.
		clock, passed := epoch, time.Duration(0)
		var dialed []time.Duration
		for range rapid.IntRange(1, 120).Draw(t, "calls") {
			step := time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "step"))
			back := time.Duration(rapid.SampledFrom([]int64{0, 0, 0, int64(time.Hour)}).Draw(t, "back"))
			passed, clock = passed+step, clock.Add(step-back)
			wait := limiter.Reserve(clock)
			if wait < 0 {
				t.Fatalf("negative wait: %v", wait)
			}
			dialed = append(dialed, passed+wait)
		}
		checkRate(t, c, dialed)
	})
}

// checkRate fails if some span holds more dials than the limit allows. The times
// need not be sorted: waiting callers may overtake only if the clock went back.
func checkRate(t *rapid.T, c Config, dialed []time.Duration) {
	for _, from := range dialed {
		for _, to := range dialed {
			count := countWithin(dialed, from, to)
			if most := c.Rate*(to-from).Seconds() + float64(c.Burst); to >= from && float64(count) > most+1e-6 {
				t.Fatalf("%d dials within %v, at most %.2f are allowed", count, to-from, most)
			}
		}
	}
}

// countWithin counts the times in [from, to].
func countWithin(times []time.Duration, from, to time.Duration) int {
	count := 0
	for _, at := range times {
		if at >= from && at <= to {
			count++
		}
	}
	return count
}

func TestALimiterAcceptsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limiter := NewDialLimiter(Config{Rate: rapid.Float64().Draw(t, "rate"), Burst: rapid.Int().Draw(t, "burst")})
		for range rapid.IntRange(1, 30).Draw(t, "calls") {
			now := time.Unix(rapid.Int64().Draw(t, "seconds"), 0)
			if wait := limiter.Reserve(now); wait < 0 {
				t.Fatalf("negative wait: %v", wait)
			}
		}
	})
}

func TestALimiterIsNotSlowerThanItsRate(t *testing.T) {
	limiter := NewDialLimiter(Config{Rate: 50, Burst: 5})
	const dials = 1005
	var last time.Duration
	for range dials {
		last = limiter.Reserve(epoch)
	}
	if want := 20 * time.Second; last != want {
		t.Errorf("%d dials take %v, want %v", dials, last, want)
	}
}
