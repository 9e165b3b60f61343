package supervisor

import (
	"math"
	"time"
)

// Defaults for the zero fields of a Config.
const (
	DefaultDialRate  = 100.0 // dials a second
	DefaultDialBurst = 100   // dials
)

// Config is the limit of a DialLimiter.
type Config struct {
	// Rate is the number of dials a second in the long run. Zero and NaN mean
	// DefaultDialRate; negative or infinite means no limit.
	Rate float64
	// Burst is how many dials may be made at once after a pause. Zero means
	// DefaultDialBurst; negative counts as 1.
	Burst int
}

// DialLimiter bounds how fast a process dials, whatever the number of its
// connections: a token bucket that never lets more than Rate*t + Burst dials
// through in any span of time t. Each connection's own Backoff spreads its
// attempts; the limiter is for the thousand connections that lose one server in
// the same instant.
//
// The zero value is ready and has the default limit. It is not safe for concurrent use:
// guard a shared one with a lock.
type DialLimiter struct {
	config Config
	last   time.Time // of the latest Reserve
	// backlog is the time it takes to refill what is missing from the bucket.
	// Invariant: 0 <= backlog.
	backlog time.Duration
}

// NewDialLimiter returns a limiter with a full bucket.
func NewDialLimiter(c Config) *DialLimiter { return &DialLimiter{config: c} }

// Reserve takes one dial and returns how long to wait before making it: zero while the
// bucket lasts, never negative. Dials are granted in the order of the calls; one that is
// then not made is lost, which errs on the safe side. A clock that goes back counts as no
// time passing.
func (l *DialLimiter) Reserve(now time.Time) (wait time.Duration) {
	if !l.last.IsZero() {
		l.backlog = max(l.backlog-max(now.Sub(l.last), 0), 0)
	}
	l.last = now
	cost := l.config.interval()
	// The free capacity is subtracted before cost is added to the backlog: one that
	// saturates (a wait of centuries) must not look like an empty one.
	wait = max(l.backlog-(l.config.capacity(cost)-cost), 0)
	l.backlog = addSaturating(l.backlog, cost)
	return wait
}

// interval returns the time that refills one dial, rounded up so that the rate
// is never exceeded; zero means that there is no limit.
func (c Config) interval() time.Duration {
	rate := c.Rate
	if rate == 0 || math.IsNaN(rate) {
		rate = DefaultDialRate
	}
	if rate < 0 || math.IsInf(rate, 0) {
		return 0
	}
	ns := math.Ceil(float64(time.Second) / rate)
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// capacity returns the backlog up to which no dial has to wait; at least cost.
func (c Config) capacity(cost time.Duration) time.Duration {
	burst := time.Duration(DefaultDialBurst)
	if c.Burst != 0 {
		burst = time.Duration(max(c.Burst, 1))
	}
	if cost > 0 && burst > math.MaxInt64/cost {
		return math.MaxInt64
	}
	return burst * cost
}

// addSaturating returns a+b for a, b >= 0, or the largest duration.
func addSaturating(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
