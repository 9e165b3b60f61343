package supervisor

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
)

// Defaults for the zero fields of a RetryPolicy, and its bounds.
const (
	// DefaultRetryAttempts is how often a call is made in total.
	DefaultRetryAttempts = 4
	// RetryAttemptsMax is the largest valid RetryPolicy.Attempts: a RetryError holds the
	// error of each.
	RetryAttemptsMax = 1000
	// DefaultRetryInitial and DefaultRetryMax bound the first delay, and every delay.
	DefaultRetryInitial = 100 * time.Millisecond
	DefaultRetryMax     = 10 * time.Second
	// RetryPause is what RetryAfter returns when nothing is there to answer, or a limit
	// is reached: about the time that a stream normally takes to elect a leader.
	RetryPause = 250 * time.Millisecond
)

// RetryPolicy says whether and when a call that failed is made again. It is a plain value
// that may be shared; do not change it while in use.
//
// The zero RetryPolicy makes a call up to four times, with random delays of up to 100 ms,
// 200 ms and 400 ms, and never repeats one that may have had its effect.
type RetryPolicy struct {
	// Name says in errors, events and the tree what is called: a subject, say, and never
	// a payload. It may be empty.
	Name string
	// Attempts bounds how often the call is made, the first time included. Zero means
	// DefaultRetryAttempts; 1 means no retry; the maximum is RetryAttemptsMax.
	Attempts int
	// Elapsed bounds the time from the beginning of the first attempt to the beginning of
	// the last. Zero means no bound but the deadline of the caller's context.
	Elapsed time.Duration
	// AttemptTimeout bounds each attempt by a deadline in its context. Zero means no
	// bound but the caller's.
	AttemptTimeout time.Duration
	// Backoff paces the attempts. Zero fields mean DefaultRetryInitial, doubled each
	// time, up to DefaultRetryMax: unlike the restart of an actor, the first retry is not
	// immediate.
	Backoff Backoff
	// Idempotent says that the call may be done twice: it only reads, a second write
	// changes nothing, or the receiver recognises a duplicate. Otherwise there is no
	// retry after an error that leaves open whether the call had its effect.
	Idempotent bool
	// Retryable, if not nil, is asked first whether an error is worth another attempt; if
	// known is false, the error itself decides. It must be pure. If it panics, known
	// counts as false. The limits and Idempotent apply to its answer too.
	Retryable func(err error) (again, known bool)
}

// FailedAttempt is what Next needs to know of an attempt that failed.
type FailedAttempt struct {
	// Number counts the attempts of the call, from 1.
	Number int
	// Err is what the attempt failed with; never nil.
	Err error
	// Elapsed is the time since the first attempt began.
	Elapsed time.Duration
	// Left is the time to the deadline of the caller's context, NoDeadline if it has none.
	Left time.Duration
	// Linked says that the connection has a server.
	Linked bool
	// Rand is a fresh uniform number in [0,1) for the jitter.
	Rand float64
}

// NoDeadline as FailedAttempt.Left means that the context has no deadline.
const NoDeadline time.Duration = math.MaxInt64

// RetryStep says what to do next with a call that failed.
type RetryStep uint8

const (
	// RetryNever: the call has failed for good. It is the zero value.
	RetryNever RetryStep = iota
	// RetrySleep: make the call again after a delay.
	RetrySleep
	// RetryAwaitLink: make it again as soon as the connection has a server.
	RetryAwaitLink

	retryStepEnd // one past the last step
)

var retryStepNames = [retryStepEnd]string{RetryNever: "never", RetrySleep: "sleep", RetryAwaitLink: "await link"}

// String returns the stable name of the step.
func (s RetryStep) String() string {
	if s >= retryStepEnd {
		return "step(" + strconv.Itoa(int(s)) + ")"
	}
	return retryStepNames[s]
}

// RetryDecision is the answer to one FailedAttempt.
type RetryDecision struct {
	// Step is what to do.
	Step RetryStep
	// Delay is the time to sleep, which ends before Elapsed and the deadline do; or the
	// longest wait for a server, NoDeadline if nothing but the context bounds it. Zero
	// for RetryNever.
	Delay time.Duration
	// Why says why there is no other attempt; it is one of the kinds ErrNotRetryable,
	// ErrRetryUnsafe, ErrRetryLimit, ErrRetryDeadline. Nil if there is one.
	Why error
}

// Next decides what follows an attempt that failed. It is a pure function.
//
// Order: the error says whether another attempt is useful, and whether it is safe; then
// the limits say whether it is allowed; then the error says what to wait for. If the
// error asks for a pause, see RetryAfter, the jitter is added to it, so that callers that
// were refused together do not come back together. While there is no server, the call
// waits for one instead of a delay, as nothing else can help.
func (p RetryPolicy) Next(f FailedAttempt) RetryDecision {
	switch {
	case !p.worth(f.Err):
		return RetryDecision{Why: ErrNotRetryable}
	case !p.Idempotent && kind.MayHaveSent(f.Err):
		return RetryDecision{Why: ErrRetryUnsafe}
	case f.Number >= p.attempts():
		return RetryDecision{Why: ErrRetryLimit}
	}
	allowed := NoDeadline
	if p.Elapsed > 0 {
		allowed = p.Elapsed - max(f.Elapsed, 0)
	}
	after, asked := askedDelay(f.Err)
	d := RetryDecision{Step: RetryAwaitLink, Delay: allowed}
	if f.Linked || asked || !ours(f.Err) {
		jitter := p.backoff().Delay(f.Number, f.Rand)
		d = RetryDecision{Step: RetrySleep, Delay: addSaturating(after, jitter)}
	}
	switch need := max(sleepOf(d), 0); {
	case need >= f.Left:
		return RetryDecision{Why: ErrRetryDeadline}
	case need >= allowed:
		return RetryDecision{Why: ErrRetryLimit}
	}
	return d
}

// sleepOf returns the least time that a decision sleeps.
func sleepOf(d RetryDecision) time.Duration {
	if d.Step == RetryAwaitLink {
		return 0
	}
	return d.Delay
}

// worth reports whether another attempt is useful.
func (p RetryPolicy) worth(err error) bool {
	// A call that was retried and given up inside is not retried again outside: three
	// layers of four attempts would make 64.
	if _, nested := errors.AsType[*RetryError](err); nested {
		return false
	}
	if again, known := asked(p.Retryable, err); known {
		return again
	}
	return kind.CanRetry(err)
}

// attempts returns Attempts, or its default if it is zero.
func (p RetryPolicy) attempts() int { return orDefault(p.Attempts, DefaultRetryAttempts) }

// backoff returns Backoff with its zero fields replaced by their defaults.
func (p RetryPolicy) backoff() Backoff {
	return p.Backoff.orElse(Backoff{Initial: DefaultRetryInitial, Max: DefaultRetryMax})
}

// Validate returns a *PolicyError naming the first invalid field, or nil.
func (p RetryPolicy) Validate() error {
	bad := func(field, reason string) error { return &PolicyError{Field: field, Reason: reason} }
	switch {
	case p.Attempts < 0:
		return bad("Attempts", "is negative")
	case p.Attempts > RetryAttemptsMax:
		return bad("Attempts", "is above "+strconv.Itoa(RetryAttemptsMax))
	case p.Elapsed < 0:
		return bad("Elapsed", "is negative")
	case p.AttemptTimeout < 0:
		return bad("AttemptTimeout", "is negative")
	}
	return p.Backoff.validate("Backoff")
}

// RetryAfter returns the shortest useful pause after an error: the result of its method
// RetryDelay, if it has one, as a CircuitOpenError has; RetryPause if nothing was there
// to answer or a limit was reached; otherwise, and for nil, zero.
func RetryAfter(err error) time.Duration {
	after, _ := askedDelay(err)
	return after
}

// askedDelay is RetryAfter, and reports whether the error has named the time itself.
func askedDelay(err error) (after time.Duration, itself bool) {
	if err == nil {
		return 0, false
	}
	if says, ok := errors.AsType[interface {
		error
		RetryDelay() time.Duration
	}](err); ok {
		return max(says.RetryDelay(), 0), true
	}
	switch kind.CategoryOf(err) {
	case kind.Unavailable, kind.Limit:
		return RetryPause, false
	default:
		return 0, false
	}
}

// ours reports whether an error has a category of its own, as those of this library have,
// and so is about its connection. An io.EOF of some other socket has not.
func ours(err error) bool {
	_, ok := errors.AsType[interface {
		error
		Category() kind.Category
	}](err)
	return ok
}
