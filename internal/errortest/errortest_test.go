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
	right := errortest.Says(context.DeadlineExceeded, kind.Timeout, "retry sent", context.DeadlineExceeded)
	right.Check(t)
	for _, wrong := range []errortest.Verdict{
		errortest.Says(right.Err, kind.Closed, right.Traits), errortest.Says(right.Err, kind.Timeout, "sent"), errortest.Says(right.Err, kind.Timeout, "retry"),
		errortest.Says(right.Err, kind.Timeout, right.Traits, context.Canceled),
	} {
		n := &notebook{TB: t}
		if wrong.Check(n); len(n.failed) != 1 {
			t.Errorf("%+v: %v", wrong, n.failed)
		}
	}
}

func TestDeclaredErrorsAreCompared(t *testing.T) {
	kinds, data := errortest.Declared(t, "../../protocol")
	named := func(name string) func(errortest.Declaration) bool {
		return func(d errortest.Declaration) bool { return d.Name == name }
	}
	if !slices.ContainsFunc(kinds, named("ErrTimeout")) || !slices.ContainsFunc(data, named("ServerError")) || slices.ContainsFunc(data, named("Parser")) {
		t.Errorf("declared are %v and %v", kinds, data)
	}
	n := &notebook{TB: t}
	if errortest.Compare(n, "kinds", []errortest.Declaration{{Name: "a"}, {Name: "b"}}, []string{"b", "c"}); len(n.failed) != 2 {
		t.Errorf("%v", n.failed)
	}
}

func TestOtherNamesAreThoseOfTheSameKind(t *testing.T) {
	kinds, _ := errortest.Declared(t, "../../api")
	i := slices.IndexFunc(kinds, func(d errortest.Declaration) bool { return d.Name == "ErrSecureConnFailed" })
	if i < 0 || !slices.Equal(kinds[i].Other, []string{"ErrTLS"}) || kinds[i].Doc == "" {
		t.Errorf("declared is %+v", kinds[max(i, 0)])
	}
}

func TestTextsOfKindsAreChecked(t *testing.T) {
	for text, wrong := range map[string]int{"troupe: lost": 0, "lost": 1, "troupe: troupe: lost": 1} {
		n := &notebook{TB: t}
		if errortest.CheckTexts(n, []error{kind.New(text)}); len(n.failed) != wrong {
			t.Errorf("%q: %v", text, n.failed)
		}
	}
}

// TestEveryClassIsProvoked by a test with its name, and is an error here.
func TestEveryClassIsProvoked(t *testing.T) {
	if n := len(errortest.Classes()); n != 53 {
		t.Errorf("there are %d classes", n)
	}
	for _, c := range errortest.Classes() {
		kinds, data := errortest.Declared(t, "../../"+c.Package)
		if !slices.ContainsFunc(append(kinds, data...), func(d errortest.Declaration) bool { return d.Name == c.Error }) {
			t.Errorf("%s.%s, for %s, is not there", c.Package, c.Error, c.Name)
		}
	}
	errortest.CheckClasses(t, "../..")
}
