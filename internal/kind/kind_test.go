package kind

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestAnswersAreInherited(t *testing.T) {
	parent := New("parent", context.DeadlineExceeded).In(Timeout, Retry, MaybeSent)
	other := New("other").In(Limit)
	child := New("child", context.Canceled, parent, other)
	own := New("own", parent).In(Closed)
	for _, c := range []struct {
		err         error
		category    Category
		retry, sent bool
	}{
		{parent, Timeout, true, true},
		{other, Limit, false, false},
		{child, Timeout, true, true},
		{own, Closed, false, false},
		{New("without"), Unknown, false, true},
		{fmt.Errorf("x: %w", own), Closed, false, false},
		{errors.Join(errors.New("foreign"), other), Limit, false, false},
	} {
		if got := CategoryOf(c.err); got != c.category {
			t.Errorf("%v: category %v, want %v", c.err, got, c.category)
		}
		if CanRetry(c.err) != c.retry || MayHaveSent(c.err) != c.sent {
			t.Errorf("%v: retry %v, sent %v", c.err, CanRetry(c.err), MayHaveSent(c.err))
		}
	}
	for _, want := range []error{parent, other, context.Canceled, context.DeadlineExceeded} {
		if !errors.Is(child, want) {
			t.Errorf("the child is no %v", want)
		}
	}
}

func TestEveryCategoryHasAName(t *testing.T) {
	if len(names) != int(Internal)+1 {
		t.Fatalf("%d names for %d categories", len(names), Internal+1)
	}
}

func TestAnswersAreInheritedThroughWhatEmbedsAKind(t *testing.T) {
	parent := struct{ *Kind }{New("parent").In(Limit, Retry)}
	child := New("child", parent)
	if CategoryOf(child) != Limit || !CanRetry(child) || MayHaveSent(child) || !errors.Is(child, parent) {
		t.Errorf("category %v, retry %v, sent %v", CategoryOf(child), CanRetry(child), MayHaveSent(child))
	}
}
