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
	// ErrNotRetryable is an error that another attempt does not cure.
	ErrNotRetryable error = kind.New("troupe: not to be tried again").In(kind.Unknown)
	// ErrRetryUnsafe is an error after which the call may have had its effect, of a call that
	// is not declared idempotent.
	ErrRetryUnsafe error = kind.New("troupe: not safe to try again").In(kind.Unknown, kind.MaybeSent)
	// ErrRetryLimit is a call whose attempts, or the time for them, are used up.
	ErrRetryLimit error = kind.New("troupe: attempts used up").In(kind.Limit, kind.Retry)
	// ErrRetryDeadline is a call whose deadline comes before another attempt could begin.
	ErrRetryDeadline error = kind.New("troupe: deadline too close to try again", context.DeadlineExceeded).In(kind.Timeout, kind.Retry)
	// ErrRetryBudgetExceeded is a call of a connection that has retries enough already.
	ErrRetryBudgetExceeded error = kind.New("troupe: retry budget exceeded").In(kind.Limit, kind.Retry)
)

// ErrCircuitOpen is a call that was not made because others like it have failed; see
// CircuitOpenError.
var ErrCircuitOpen error = kind.New("troupe: circuit open").In(kind.Unavailable, kind.Retry)

// RetryError is a call that failed for good. It is its Cause and whatever each of its
// attempts failed with.
type RetryError struct {
	// Name is what was called, as in RetryPolicy.Name; empty if that has none.
	Name string
	// Attempts is how often the call was made: less than 1 if its context had ended before.
	Attempts int
	// Elapsed is the time from the beginning of the first attempt to the end.
	Elapsed time.Duration
	// Errs holds what each attempt failed with, in order.
	Errs []error
	// Cause is why there was no other attempt: one of the kinds ErrNotRetryable, ErrRetryUnsafe,
	// ErrRetryLimit, ErrRetryDeadline, ErrRetryBudgetExceeded; what ended the caller's context; or
	// what closed the connection.
	Cause error
}

// Error says how often, for how long, why no more, and what the last error was.
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

// Unwrap returns the cause and the errors of all attempts, the last one first of these: what
// counts, see Category, stands before the rest, and so errors.As finds it. The slice is the
// caller's.
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

// Category returns what the error is about: what the last attempt's is, or what cut the
// attempts short.
func (e *RetryError) Category() kind.Category { return kind.CategoryOf(e.verdict()) }

// Retryable reports whether the same call may succeed later.
func (e *RetryError) Retryable() bool { return kind.CanRetry(e.verdict()) }

// MaybeSent reports whether any of the attempts may have had its effect.
func (e *RetryError) MaybeSent() bool { return slices.ContainsFunc(e.Errs, kind.MayHaveSent) }

// Answered reports whether what was called works, and the last attempt has its answer.
func (e *RetryError) Answered() bool { return answered(e.verdict()) }

// verdict is the error that counts.
func (e *RetryError) verdict() error {
	if e.lastCounts() {
		return e.Last()
	}
	return e.Cause
}

// lastCounts reports whether the last attempt's error counts, and not the cause: there was one,
// and nothing but it and the policy was the end.
func (e *RetryError) lastCounts() bool {
	for _, why := range []error{ErrNotRetryable, ErrRetryUnsafe, ErrRetryLimit, ErrRetryDeadline, ErrRetryBudgetExceeded} {
		if e.Cause == why {
			return e.Last() != nil
		}
	}
	return false
}
