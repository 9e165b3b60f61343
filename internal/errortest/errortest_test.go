package errortest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/kind"
)

// notebook is a test that only notes that it has failed.
type notebook struct {
	testing.TB
	failed []string
}

func (n *notebook) Helper()           {}
func (n *notebook) Error(args ...any) { n.failed = append(n.failed, fmt.Sprint(args...)) }
func (n *notebook) Errorf(format string, all ...any) {
	n.failed = append(n.failed, fmt.Sprintf(format, all...))
}

func TestCheckAsksEverything(t *testing.T) {
	right := errortest.Want{Category: kind.Timeout, Traits: "retry sent", Parents: []error{context.DeadlineExceeded}}
	errortest.Check(t, context.DeadlineExceeded, right)
	for _, wrong := range []errortest.Want{
		{Category: kind.Closed, Traits: right.Traits}, {Category: kind.Timeout, Traits: "sent"}, {Category: kind.Timeout, Traits: "retry"},
		{Category: kind.Timeout, Traits: right.Traits, Parents: []error{context.Canceled}},
	} {
		n := &notebook{TB: t}
		if errortest.Check(n, context.DeadlineExceeded, wrong); len(n.failed) != 1 {
			t.Errorf("%+v: %v", wrong, n.failed)
		}
	}
}

func TestDeclaredErrorsAreCompared(t *testing.T) {
	kinds, data := errortest.Declared(t, "../../protocol")
	if !slices.Contains(kinds, "ErrTimeout") || !slices.Contains(data, "ServerError") || slices.Contains(data, "Parser") {
		t.Errorf("declared are %v and %v", kinds, data)
	}
	n := &notebook{TB: t}
	if errortest.Compare(n, "kinds", []string{"a", "b"}, []string{"b", "c"}); len(n.failed) != 2 {
		t.Errorf("%v", n.failed)
	}
}
