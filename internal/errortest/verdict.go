package errortest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/internal/kind"
)

// Verdict is an error with its expected answers.
type Verdict struct {
	Err      error
	Category kind.Category
	Traits   string  // "retry", "sent", both, or neither
	Parents  []error // kinds that it also is
}

// Says returns a verdict.
func Says(err error, category kind.Category, traits string, parents ...error) Verdict {
	return Verdict{err, category, traits, parents}
}

// Retry reports whether the same call may succeed later.
func (v Verdict) Retry() bool { return strings.Contains(v.Traits, "retry") }

// Sent reports whether the call may have had its effect.
func (v Verdict) Sent() bool { return strings.Contains(v.Traits, "sent") }

// Check compares the answers of the error.
func (v Verdict) Check(t testing.TB) {
	t.Helper()
	if got := kind.CategoryOf(v.Err); got != v.Category {
		t.Errorf("category %v, want %v", got, v.Category)
	}
	if got := kind.CanRetry(v.Err); got != v.Retry() {
		t.Errorf("retryable %v, want %v", got, v.Retry())
	}
	if got := kind.MayHaveSent(v.Err); got != v.Sent() {
		t.Errorf("maybe sent %v, want %v", got, v.Sent())
	}
	for _, parent := range v.Parents {
		if !errors.Is(v.Err, parent) {
			t.Errorf("error %q (%T) is not %v", v.Err, v.Err, parent)
		}
	}
	wrapped := fmt.Errorf("while at it: %w", v.Err)
	if kind.CategoryOf(wrapped) != kind.CategoryOf(v.Err) || kind.CanRetry(wrapped) != kind.CanRetry(v.Err) ||
		kind.MayHaveSent(wrapped) != kind.MayHaveSent(v.Err) {
		t.Error("wrapped it answers differently")
	}
}
