package supervisor

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
)

// What the zero fields of a BreakerPolicy stand for, and its bounds.
const (
	// DefaultBreakerFailures is how many failures in a row open a breaker.
	DefaultBreakerFailures = 5
	// DefaultBreakerRate is the share of failures, of DefaultBreakerCalls or more within
	// DefaultBreakerWindow, that opens it.
	DefaultBreakerRate = 0.5
	// DefaultBreakerCalls is how many calls the window must have seen.
	DefaultBreakerCalls = 20
	// DefaultBreakerWindow is the length of the window.
	DefaultBreakerWindow = 10 * time.Second
	// DefaultBreakerOpen and DefaultBreakerOpenMax bound the time for which a breaker is open:
	// the first time, and at most.
	DefaultBreakerOpen    = 5 * time.Second
	DefaultBreakerOpenMax = time.Minute
	// BreakerOpenMin is the shortest time for which a breaker is open.
	BreakerOpenMin = 10 * time.Millisecond
	// BreakerWindowMax is the most that BreakerPolicy.Window may be.
	BreakerWindowMax = 365 * 24 * time.Hour
)

// BreakerPolicy says when calls of something that fails are not made any more, and when
// it is tried again. It is a value, shared and never changed.
//
// The zero BreakerPolicy opens after five failures in a row, or when half of at least twenty calls
// within ten seconds have failed; lets one call through after 2.5 to 5 s, and after twice that each
// time this fails, up to a minute; and closes again when it does not.
type BreakerPolicy struct {
	// Failures is how many failures in a row open it. Zero is DefaultBreakerFailures.
	Failures int
	// Rate is the share of failures among the calls of Window that opens it: 0.5 for half of
	// them. Zero is DefaultBreakerRate; infinite is never.
	Rate float64
	// Calls is how many calls Window must have seen for Rate to mean something: successes and
	// failures. Zero is DefaultBreakerCalls.
	Calls int
	// Window is for how long calls count for Rate. Zero is DefaultBreakerWindow;
	// BreakerWindowMax is the most.
	Window time.Duration
	// Open is for how long it is open: at least half of the bound, so that there is a rest,
	// and the other half at random. The attempt is the number of openings since it was last
	// closed. Where it is zero it is DefaultBreakerOpen, doubled, up to DefaultBreakerOpenMax.
	Open Backoff
	// Probes is how many calls are let through when it has been open for long enough, and how
	// many of them must succeed for it to close. Zero is one.
	Probes int
	// Failure, if not nil, is asked first whether an error is a failure of what is called;
	// known is false to leave the answer to the error, see BreakerOutcome. One that is no failure
	// is a success. It must be pure. A panic in it counts as not known.
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

// BreakerOutcome is what a call says about what was called.
type BreakerOutcome uint8

// The outcomes.
const (
	// BreakerSuccess: it works.
	BreakerSuccess BreakerOutcome = iota
	// BreakerFailure: it does not.
	BreakerFailure
	// BreakerExcluded: the call says nothing about it.
	BreakerExcluded
	// BreakerAnswered: it has answered that there is no such thing, that somebody else was
	// faster, or whatever else it says of what it was asked. That counts for nothing in a closed
	// breaker, and is a success of a probe.
	BreakerAnswered
)

// Outcome says what a call that ended with err means. Excluded is what has its reason with
// the caller or with the connection, which looks after itself: bad input, refused credentials and
// subjects, a cancelled context, what is closed, a lost link. An error with a method Answered
// that returns true is the answer of what was called, which works. Errors that are unknown are
// failures.
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

// answered reports whether an error is the answer of what was called.
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
	// Calls and Failed are those of the window: successes and failures, and failures.
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

// OpenFor returns for how long the breaker is open. attempt is the number of openings
// since it was last closed, from 1; rand is a fresh uniform number in [0,1).
func (p BreakerPolicy) OpenFor(attempt int, rand float64) time.Duration {
	open := p.Open.orElse(Backoff{Initial: DefaultBreakerOpen, Max: DefaultBreakerOpenMax})
	rest := open.Ceiling(attempt) / 2
	return max(rest+min(open.Delay(attempt, rand)/2, rest), BreakerOpenMin)
}

// WindowOrDefault returns Window with the meaning of zero written out.
func (p BreakerPolicy) WindowOrDefault() time.Duration {
	return orDefault(p.Window, DefaultBreakerWindow)
}

// ProbesOrDefault returns Probes with the meaning of zero written out.
func (p BreakerPolicy) ProbesOrDefault() int { return orDefault(p.Probes, 1) }

// Validate returns a *PolicyError naming the first field that cannot be meant as it is
// written, or nil.
func (p BreakerPolicy) Validate() error {
	bad := func(field, reason string) error { return &PolicyError{Field: field, Reason: reason} }
	switch {
	case p.Failures < 0:
		return bad("Failures", "is negative")
	case math.IsNaN(p.Rate) || p.Rate < 0:
		return bad("Rate", "is negative or no number")
	case p.Rate > 1 && !math.IsInf(p.Rate, 1):
		return bad("Rate", "is more than all")
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
		return bad("Open.Immediate", "is no time to be open for")
	}
	return p.Open.validate("Open")
}

// CircuitOpenError is a call that was not made. It is an ErrCircuitOpen, and not its LastErr,
// which another call has failed with.
type CircuitOpenError struct {
	// Name is that of the breaker: what was not called.
	Name string
	// State is BreakerOpen, or BreakerHalfOpen while others try.
	State BreakerState
	// RetryAfter is the time before which another call has no chance.
	RetryAfter time.Duration
	// LastErr is the last failure that counted.
	LastErr error
}

// Error names the breaker, and says until when and why.
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

// orDefault returns v, or what its zero stands for.
func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// asked asks a function of the user's about an error; if it panics it knows nothing.
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
