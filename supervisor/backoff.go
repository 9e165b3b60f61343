package supervisor

import (
	"math"
	"time"
)

// Defaults for the zero fields of a Backoff.
const (
	DefaultBackoffInitial = 50 * time.Millisecond
	DefaultBackoffMax     = 10 * time.Second
	DefaultBackoffFactor  = 2.0
)

// NoDelay as Backoff.Initial makes every delay zero.
const NoDelay time.Duration = -1

// Backoff is a capped exponential delay with full jitter: before attempt n a restart
// waits for a random time between zero and
//
//	min(Max, Initial * Factor^(n-1))
//
// It is full jitter, rather than a fixed delay with some jitter on top, because a
// thousand clients that lost the same server must not come back at the same moment.
//
// The zero Backoff restarts at once and then waits up to 50 ms, 100 ms, 200 ms, and so on
// up to 10 s: an actor that fails as soon as it starts never spins.
type Backoff struct {
	// Initial is the upper bound of the first delay. Zero means DefaultBackoffInitial;
	// negative (see NoDelay) means no delay ever.
	Initial time.Duration
	// Max caps every delay. Zero or less means DefaultBackoffMax, or Initial if that is
	// longer.
	Max time.Duration
	// Factor multiplies the bound from one attempt to the next. Zero and NaN mean
	// DefaultBackoffFactor; a value below 1 counts as 1, a constant bound.
	Factor float64
	// Immediate makes the first attempt without delay; the second waits up to Initial,
	// and so on.
	Immediate bool
}

// Delay returns how long to wait before the given attempt, counted from 1; anything below
// 1 counts as 1. rand is a fresh uniform number in [0,1); a value outside is clamped to
// that range. The result lies in [0, Ceiling(attempt)].
func (b Backoff) Delay(attempt int, rand float64) time.Duration {
	ceiling := b.Ceiling(attempt)
	if !(rand > 0) { // also NaN
		return 0
	}
	if rand >= 1 {
		return ceiling
	}
	// A ceiling beyond 2^53 may round up as a float, but the factor below 1 takes off at
	// least that much.
	return time.Duration(rand * float64(ceiling))
}

// Ceiling returns the upper bound of Delay for the given attempt. It never
// decreases from one attempt to the next and never overflows.
func (b Backoff) Ceiling(attempt int) time.Duration {
	if b == (Backoff{}) {
		b.Immediate = true
	}
	b = b.withDefaults()
	if b.Initial < 0 {
		return 0
	}
	attempt = max(attempt, 1)
	if b.Immediate {
		attempt--
		if attempt == 0 {
			return 0
		}
	}
	// The comparison is made in floats: a result beyond their range is +Inf and gives the
	// cap, and whatever is converted back is below 2^63.
	bound := float64(b.Initial) * math.Pow(b.Factor, float64(attempt-1))
	if bound >= float64(b.Max) {
		return b.Max
	}
	return time.Duration(bound)
}

// withDefaults returns b with its zero fields replaced by their defaults.
func (b Backoff) withDefaults() Backoff {
	b = b.orElse(Backoff{Initial: DefaultBackoffInitial, Max: DefaultBackoffMax})
	switch {
	case b.Factor == 0 || math.IsNaN(b.Factor):
		b.Factor = DefaultBackoffFactor
	case b.Factor < 1:
		b.Factor = 1
	}
	return b
}

// orElse returns b with def's Initial and Max where b has none; that Max is at least Initial.
func (b Backoff) orElse(def Backoff) Backoff {
	if b.Initial == 0 {
		b.Initial = def.Initial
	}
	if b.Max <= 0 {
		b.Max = max(def.Max, b.Initial)
	}
	return b
}
