package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
)

// Why a call that failed is not made again. Compare with errors.Is; see RetryError.Cause.
var (
	// ErrNotRetryable means that another attempt cannot help.
	ErrNotRetryable error = kind.New("troupe: not retryable").In(kind.Unknown)
	// ErrRetryUnsafe means that the failed call may have had its effect, and is not
	// declared idempotent.
	ErrRetryUnsafe error = kind.New("troupe: not safe to retry").In(kind.Unknown, kind.MaybeSent)
	// ErrRetryLimit means that the attempts of a call, or the time for them, are used up.
	ErrRetryLimit error = kind.New("troupe: attempts used up").In(kind.Limit, kind.Retry)
	// ErrRetryDeadline means that the deadline of a call comes before another attempt
	// could begin.
	ErrRetryDeadline error = kind.New("troupe: deadline too close to retry", context.DeadlineExceeded).In(kind.Timeout, kind.Retry)
	// ErrRetryBudgetExceeded means that the connection's budget for retries is used up.
	ErrRetryBudgetExceeded error = kind.New("troupe: retry budget exceeded").In(kind.Limit, kind.Retry)
)

// ErrCircuitOpen means that a call was not made because others like it have failed; see
// CircuitOpenError.
var ErrCircuitOpen error = kind.New("troupe: circuit open").In(kind.Unavailable, kind.Retry)

// RetryError reports a call that failed for good. It matches its Cause and the error of
// each of its attempts.
type RetryError struct {
	// Name is what was called, as in RetryPolicy.Name; empty if that has none.
	Name string
	// Attempts is how often the call was made: less than 1 if its context had ended
	// before the first.
	Attempts int
	// Elapsed is the time from the beginning of the first attempt to the end.
	Elapsed time.Duration
	// Errs holds what each attempt failed with, in order.
	Errs []error
	// Cause says why there was no other attempt: one of the kinds ErrNotRetryable,
	// ErrRetryUnsafe, ErrRetryLimit, ErrRetryDeadline, ErrRetryBudgetExceeded; what ended
	// the caller's context; or what closed the connection.
	Cause error
}

// Error gives the number of attempts, the time, the cause and the last error.
func (e *RetryError) Error() string {
	var s strings.Builder
	s.WriteString("troupe: ")
	if e.Name != "" {
		s.WriteString(e.Name + " ")
	}
	fmt.Fprintf(&s, "failed at attempt %d after %v: %s", e.Attempts, e.Elapsed, kind.Plain(e.Cause))
	if last := e.Last(); last != nil {
		s.WriteString(": " + kind.Plain(last))
	}
	return s.String()
}

// Last returns what the last attempt failed with, nil if there was none.
func (e *RetryError) Last() error {
	if len(e.Errs) == 0 {
		return nil
	}
	return e.Errs[len(e.Errs)-1]
}

// Unwrap returns the cause and the errors of all attempts, the last attempt's first. The
// error that counts, see Category, comes first of all, so that errors.As finds it. The
// caller owns the slice.
func (e *RetryError) Unwrap() []error {
	all := []error{e.Cause}
	if len(e.Errs) == 0 {
		return all
	}
	if all = append(all, e.Last()); e.lastCounts() {
		all[0], all[1] = all[1], all[0]
	}
	return append(all, e.Errs[:len(e.Errs)-1]...)
}

// Category returns the category of the last attempt's error, or that of the cause if it
// cut the attempts short.
func (e *RetryError) Category() kind.Category { return kind.CategoryOf(e.verdict()) }

// Retryable reports whether the same call may succeed later.
func (e *RetryError) Retryable() bool { return kind.CanRetry(e.verdict()) }

// MaybeSent reports whether any of the attempts may have had its effect.
func (e *RetryError) MaybeSent() bool { return slices.ContainsFunc(e.Errs, kind.MayHaveSent) }

// Answered reports whether the last attempt's error is an answer of what was called,
// which therefore works.
func (e *RetryError) Answered() bool { return answered(e.verdict()) }

// verdict is the error that counts.
func (e *RetryError) verdict() error {
	if e.lastCounts() {
		return e.Last()
	}
	return e.Cause
}

// lastCounts reports whether the last attempt's error counts, and not the cause: there
// was an attempt, and nothing but its error and the policy ended the call.
func (e *RetryError) lastCounts() bool {
	for _, why := range []error{ErrNotRetryable, ErrRetryUnsafe, ErrRetryLimit, ErrRetryDeadline, ErrRetryBudgetExceeded} {
		if e.Cause == why {
			return e.Last() != nil
		}
	}
	return false
}
