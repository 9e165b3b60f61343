package supervisor

import (
	"math"
	"time"
)

// What the zero fields of a Backoff stand for.
const (
	DefaultBackoffInitial = 50 * time.Millisecond
	DefaultBackoffMax     = 10 * time.Second
	DefaultBackoffFactor  = 2.0
)

// NoDelay as Backoff.Initial makes every delay zero.
const NoDelay time.Duration = -1

// Backoff is a capped exponential delay with full jitter: before attempt n a
// restart waits for a random time between nothing and
//
//	min(Max, Initial * Factor^(n-1))
//
// Full jitter, rather than a fixed delay with some jitter on top, because a
// thousand clients that lost the same server must not come back as one.
//
// The zero Backoff restarts at once and then waits up to 50 ms, 100 ms, 200 ms,
// and so on up to 10 s: an actor that fails in its first breath never spins.
type Backoff struct {
	// Initial is the upper bound of the first delay. Zero is
	// DefaultBackoffInitial; negative, see NoDelay, is no delay ever.
	Initial time.Duration
	// Max caps every delay. Zero or less is DefaultBackoffMax, or Initial if
	// that is longer.
	Max time.Duration
	// Factor multiplies the bound from one attempt to the next. Zero and NaN
	// are DefaultBackoffFactor; below 1 counts as 1, a constant bound.
	Factor float64
	// Immediate makes the first attempt wait for nothing; the second waits up
	// to Initial, and so on.
	Immediate bool
}

// Delay returns how long to wait before the given attempt, counted from 1;
// anything below 1 counts as 1. rand is a fresh uniform number in [0,1); what is
// outside is moved to the nearer end. The result lies in [0, Ceiling(attempt)].
func (b Backoff) Delay(attempt int, rand float64) time.Duration {
	ceiling := b.Ceiling(attempt)
	if !(rand > 0) { // also NaN
		return 0
	}
	if rand >= 1 {
		return ceiling
	}
	// A ceiling beyond 2^53 may round up as a float, but a number below 1 takes off
	// at least as much as that.
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
	// The comparison is made in floats: an exponent beyond their range gives
	// +Inf and with it the cap, and what is converted back is below 2^63.
	bound := float64(b.Initial) * math.Pow(b.Factor, float64(attempt-1))
	if bound >= float64(b.Max) {
		return b.Max
	}
	return time.Duration(bound)
}

// withDefaults returns b with the meaning of its zero fields written out.
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

// orElse returns b with the bounds of what it paces where it has none of its own.
func (b Backoff) orElse(def Backoff) Backoff {
	if b.Initial == 0 {
		b.Initial = def.Initial
	}
	if b.Max <= 0 {
		b.Max = max(def.Max, b.Initial)
	}
	return b
}
