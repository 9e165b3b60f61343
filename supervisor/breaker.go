package supervisor

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
)

// Defaults for the zero fields of a BreakerPolicy, and its bounds.
const (
	// DefaultBreakerFailures is how many failures in a row open a breaker.
	DefaultBreakerFailures = 5
	// DefaultBreakerRate is the share of failures that opens it, among at least
	// DefaultBreakerCalls calls within DefaultBreakerWindow.
	DefaultBreakerRate = 0.5
	// DefaultBreakerCalls is how many calls the window must have seen for the rate to
	// count.
	DefaultBreakerCalls = 20
	// DefaultBreakerWindow is the length of the window.
	DefaultBreakerWindow = 10 * time.Second
	// DefaultBreakerOpen and DefaultBreakerOpenMax bound the time for which a breaker is open:
	// the first time, and at most.
	DefaultBreakerOpen    = 5 * time.Second
	DefaultBreakerOpenMax = time.Minute
	// BreakerOpenMin is the shortest time for which a breaker is open.
	BreakerOpenMin = 10 * time.Millisecond
	// BreakerWindowMax is the largest valid BreakerPolicy.Window.
	BreakerWindowMax = 365 * 24 * time.Hour
)

// BreakerPolicy says when calls to something that fails are no longer made, and when it
// is tried again. It is a plain value that may be shared; do not change it while in use.
//
// The zero BreakerPolicy opens after five failures in a row, or when half of at least
// twenty calls within ten seconds have failed; lets one call through after 2.5 to 5 s,
// doubling that each time the call fails, up to a minute; and closes again when the call
// succeeds.
type BreakerPolicy struct {
	// Failures is how many failures in a row open it. Zero means DefaultBreakerFailures.
	Failures int
	// Rate is the share of failures among the calls of Window that opens it: 0.5 for half
	// of them. Zero means DefaultBreakerRate; infinity means never.
	Rate float64
	// Calls is how many calls, successes and failures, Window must have seen for Rate to
	// count. Zero means DefaultBreakerCalls.
	Calls int
	// Window is for how long a call counts for Rate. Zero means DefaultBreakerWindow; the
	// maximum is BreakerWindowMax.
	Window time.Duration
	// Open is for how long it stays open: half of the bound, so that there always is a
	// pause, plus a random part of the other half. The attempt is the number of openings
	// since it was last closed. Zero fields mean DefaultBreakerOpen, doubled each time,
	// up to DefaultBreakerOpenMax.
	Open Backoff
	// Probes is how many calls are let through once it has been open for long enough, and
	// all of them must succeed for it to close. Zero means one.
	Probes int
	// Failure, if not nil, is asked first whether an error is a failure of what was
	// called; if known is false, the error itself decides, see Outcome. An error that is
	// not a failure counts as a success. It must be pure. If it panics, known counts as
	// false.
	Failure func(err error) (failed, known bool)
}

// BreakerState is a state of a circuit breaker.
type BreakerState uint8

// The states.
const (
	// BreakerClosed: calls are made. It is the zero value.
	BreakerClosed BreakerState = iota
	// BreakerHalfOpen: a few calls are made, and decide what comes next.
	BreakerHalfOpen
	// BreakerOpen: no calls are made.
	BreakerOpen

	breakerStateEnd // one past the last state
)

var breakerStateNames = [breakerStateEnd]string{BreakerClosed: "closed", BreakerHalfOpen: "half-open", BreakerOpen: "open"}

// String returns the stable name of the state.
func (s BreakerState) String() string {
	if s >= breakerStateEnd {
		return "state(" + strconv.Itoa(int(s)) + ")"
	}
	return breakerStateNames[s]
}

// MarshalText returns the stable name.
func (s BreakerState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// BreakerOutcome is what the end of a call says about the health of what was called.
type BreakerOutcome uint8

// The outcomes.
const (
	// BreakerSuccess: it works.
	BreakerSuccess BreakerOutcome = iota
	// BreakerFailure: it does not.
	BreakerFailure
	// BreakerExcluded: the call says nothing about it.
	BreakerExcluded
	// BreakerAnswered: it works, and its answer is an error: not found, say, or a
	// conflict with another writer. A closed breaker does not count it; a half-open one
	// counts it as a success.
	BreakerAnswered
)

// Outcome says what a call that ended with err means. Errors caused by the caller, or by
// the connection, which recovers by itself, are excluded: bad input, refused credentials
// or subjects, a cancelled context, a closed connection, a lost link. An error with a
// method Answered that returns true is an answer of what was called, which therefore
// works. Unknown errors are failures.
func (p BreakerPolicy) Outcome(err error) BreakerOutcome {
	if err == nil {
		return BreakerSuccess
	}
	switch failed, known := asked(p.Failure, err); {
	case known && failed:
		return BreakerFailure
	case known:
		return BreakerSuccess
	}
	if answered(err) {
		return BreakerAnswered
	}
	switch kind.CategoryOf(err) {
	case kind.Canceled, kind.Input, kind.Authorization, kind.Permission:
		return BreakerExcluded
	case kind.NotFound, kind.Conflict:
		return BreakerAnswered
	case kind.Connection, kind.Closed:
		if ours(err) {
			return BreakerExcluded
		}
	}
	return BreakerFailure
}

// answered reports whether an error is an answer of what was called.
func answered(err error) bool {
	says, ok := errors.AsType[interface {
		error
		Answered() bool
	}](err)
	return ok && says.Answered()
}

// BreakerTally is what a closed breaker has counted.
type BreakerTally struct {
	// InARow is the number of failures since the last success.
	InARow int
	// Calls counts the successes and failures within the window, Failed the failures
	// alone.
	Calls, Failed int
}

// Trips reports whether a tally opens the breaker, and why.
func (p BreakerPolicy) Trips(t BreakerTally) (why string, opens bool) {
	if most := orDefault(p.Failures, DefaultBreakerFailures); t.InARow >= most {
		return fmt.Sprintf("%d failures in a row", t.InARow), true
	}
	if t.Calls >= orDefault(p.Calls, DefaultBreakerCalls) && float64(t.Failed) >= orDefault(p.Rate, DefaultBreakerRate)*float64(t.Calls) {
		return fmt.Sprintf("%d of %d calls failed within %v", t.Failed, t.Calls, p.WindowOrDefault()), true
	}
	return "", false
}

// OpenFor returns for how long the breaker stays open. attempt is the number of openings
// since it was last closed, from 1; rand is a fresh uniform number in [0,1).
func (p BreakerPolicy) OpenFor(attempt int, rand float64) time.Duration {
	open := p.Open.orElse(Backoff{Initial: DefaultBreakerOpen, Max: DefaultBreakerOpenMax})
	rest := open.Ceiling(attempt) / 2
	return max(rest+min(open.Delay(attempt, rand)/2, rest), BreakerOpenMin)
}

// WindowOrDefault returns Window, or its default if it is zero.
func (p BreakerPolicy) WindowOrDefault() time.Duration {
	return orDefault(p.Window, DefaultBreakerWindow)
}

// ProbesOrDefault returns Probes, or its default if it is zero.
func (p BreakerPolicy) ProbesOrDefault() int { return orDefault(p.Probes, 1) }

// Validate returns a *PolicyError naming the first invalid field, or nil.
func (p BreakerPolicy) Validate() error {
	bad := func(field, reason string) error { return &PolicyError{Field: field, Reason: reason} }
	switch {
	case p.Failures < 0:
		return bad("Failures", "is negative")
	case math.IsNaN(p.Rate) || p.Rate < 0:
		return bad("Rate", "is negative or not a number")
	case p.Rate > 1 && !math.IsInf(p.Rate, 1):
		return bad("Rate", "is more than 1")
	case p.Calls < 0:
		return bad("Calls", "is negative")
	case p.Window < 0:
		return bad("Window", "is negative")
	case p.Window > BreakerWindowMax:
		return bad("Window", "is above "+BreakerWindowMax.String())
	case p.Probes < 0 || p.Probes > math.MaxInt32:
		return bad("Probes", "is negative, or too large")
	case p.Open.Initial < 0:
		return bad("Open.Initial", "is negative")
	case p.Open.Immediate:
		return bad("Open.Immediate", "would never keep the breaker open")
	}
	return p.Open.validate("Open")
}

// CircuitOpenError is the error of a call that was not made. It matches ErrCircuitOpen,
// but not its LastErr, which is the failure of another call.
type CircuitOpenError struct {
	// Name is the breaker's name: what was not called.
	Name string
	// State is BreakerOpen, or BreakerHalfOpen while other calls probe.
	State BreakerState
	// RetryAfter is how long further calls are refused for certain.
	RetryAfter time.Duration
	// LastErr is the last failure that counted.
	LastErr error
}

// Error names the breaker, and says for how long and why it is open.
func (e *CircuitOpenError) Error() string {
	s := fmt.Sprintf("%v: %s is %v, try again in %v", ErrCircuitOpen, e.Name, e.State, e.RetryAfter)
	if e.LastErr != nil {
		s += "; the last failure: " + kind.Plain(e.LastErr)
	}
	return s
}

// RetryDelay returns RetryAfter; see the function of that name.
func (e *CircuitOpenError) RetryDelay() time.Duration { return e.RetryAfter }

// Unwrap returns ErrCircuitOpen.
func (e *CircuitOpenError) Unwrap() error { return ErrCircuitOpen }

// orDefault returns v, or def if v is zero.
func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// asked calls a user's function with an error; if it panics, known is false.
func asked(opinion func(error) (answer, known bool), err error) (answer, known bool) {
	if opinion == nil {
		return false, false
	}
	defer func() {
		if recover() != nil {
			answer, known = false, false
		}
	}()
	return opinion(err)
}
