package jetstream_test

import (
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/supervisor"
)

// TestEveryErrorIsTriedAgainOrNot: api.Retry follows the error: it never retries what is not
// retryable, and retries what may have taken effect only if it may be done twice.
func TestEveryErrorIsTriedAgainOrNot(t *testing.T) {
	check := func(name string, a errortest.Verdict) {
		for _, idempotent := range []bool{false, true} {
			d := api.RetryPolicy{Idempotent: idempotent}.Next(supervisor.FailedAttempt{Number: 1, Err: a.Err, Left: supervisor.NoDeadline, Linked: true})
			want := a.Retry() && (idempotent || !a.Sent())
			if got := d.Step == supervisor.RetrySleep; got != want {
				t.Errorf("%s (%v), idempotent %v: tried again %v", name, a.Err, idempotent, got)
			}
			full := a.Category == api.CategoryUnavailable || a.Category == api.CategoryLimit
			if want && (d.Delay >= supervisor.RetryPause) != full {
				t.Errorf("%s (%v) is tried again in %v", name, a.Err, d.Delay)
			}
		}
	}
	for name, a := range kindAnswers {
		check(name, a)
	}
	for name, all := range dataAnswers {
		for _, a := range all {
			check(name, a)
		}
	}
}
