package supervisor

import (
	"math"
	"time"
)

// Defaults for the zero fields of a RetryBudgetConfig.
const (
	DefaultRetryBudgetRatio  = 0.2  // retries per call
	DefaultRetryBudgetMin    = 10.0 // retries per second, whatever the number of calls
	DefaultRetryBudgetCredit = 1000 // retries that may be saved up
)

// RetryBudgetConfig is the limit of a RetryBudget.
type RetryBudgetConfig struct {
	// Ratio is how many retries each call earns: 0.2 lets one in six attempts be a retry.
	// Zero means DefaultRetryBudgetRatio. Infinity means no limit.
	Ratio float64
	// PerSecond is how many retries are earned each second without any call, so that even
	// rare calls can be retried; the budget begins with that many. Zero means
	// DefaultRetryBudgetMin.
	PerSecond float64
	// Credit bounds the retries that are saved up while nothing fails. Zero means
	// DefaultRetryBudgetCredit.
	Credit int
}

// RetryBudget bounds the retries of many calls together: at the beginning, and when one
// call in a hundred fails, all failed calls may be retried; when everything fails, only a
// share Ratio of them is, so that an overloaded server is not overloaded further.
// Policies bound only single calls; four attempts of every call would be four times the
// load.
//
// In any span of time t with n calls no more than Credit + Ratio*n + PerSecond*t retries are
// granted, and from the beginning no more than PerSecond*(t+1s) + Ratio*n.
//
// The zero value is ready and has the default limit. It is not safe for concurrent use:
// guard a shared one with a lock.
type RetryBudget struct {
	config RetryBudgetConfig
	begun  bool
	last   time.Time // of the latest call of a method
	tokens float64   // retries earned and not used; in [0, Credit]
}

// NewRetryBudget returns a budget.
func NewRetryBudget(c RetryBudgetConfig) *RetryBudget { return &RetryBudget{config: c} }

// Call counts one call, not its retries.
func (b *RetryBudget) Call(now time.Time) {
	b.advance(now)
	b.add(b.config.ratio())
}

// Retry takes one retry, and reports false if none is left.
func (b *RetryBudget) Retry(now time.Time) bool {
	if math.IsInf(b.config.Ratio, 1) {
		return true
	}
	b.advance(now)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// Left returns how many retries are left, as of the latest Call or Retry.
func (b *RetryBudget) Left() int { return int(b.tokens) }

// advance adds what the elapsed time has earned. A clock that goes back counts as no time
// passing.
func (b *RetryBudget) advance(now time.Time) {
	gap := time.Second // the initial budget
	if b.begun {
		gap = max(now.Sub(b.last), 0)
	}
	b.begun, b.last = true, now
	b.add(gap.Seconds() * b.config.perSecond())
}

func (b *RetryBudget) add(tokens float64) {
	b.tokens = min(b.tokens+tokens, b.config.credit())
}

func (c RetryBudgetConfig) ratio() float64 { return orDefault(c.Ratio, DefaultRetryBudgetRatio) }

func (c RetryBudgetConfig) perSecond() float64 { return orDefault(c.PerSecond, DefaultRetryBudgetMin) }

func (c RetryBudgetConfig) credit() float64 {
	return float64(orDefault(c.Credit, DefaultRetryBudgetCredit))
}

// Validate returns a *PolicyError naming the first invalid field, or nil.
func (c RetryBudgetConfig) Validate() error {
	bad := func(field, reason string) error { return &PolicyError{Field: field, Reason: reason} }
	switch {
	case math.IsNaN(c.Ratio) || c.Ratio < 0:
		return bad("Ratio", "is negative or not a number")
	case math.IsNaN(c.PerSecond) || math.IsInf(c.PerSecond, 0) || c.PerSecond < 0:
		return bad("PerSecond", "is negative or not finite")
	case c.Credit < 0:
		return bad("Credit", "is negative")
	}
	return nil
}
