package errortest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/internal/kind"
)

// List has every public error of the package under test. A new one must be added by hand, so
// that its author decides what a program should do about it.
type List struct {
	Package string // its name
	Kinds   map[string]Verdict
	All     func(...kind.Category) []error // the package's Kinds; nil if other packages export its errors
	// Data has every type of errors with data, in each of its forms; nil for one that a test
	// cannot create.
	Data map[string][]Verdict
}

// Check checks every error, and that none is left out.
func (l List) Check(t *testing.T) {
	kinds, data := Declared(t, ".")
	Compare(t, "kinds", kinds, slices.Collect(maps.Keys(l.Kinds)))
	Compare(t, "errors with data", data, slices.Collect(maps.Keys(l.Data)))
	if l.All != nil {
		l.checkAll(t)
		t.Run("page", func(t *testing.T) { CheckPage(t, "..", l.Package, l.tables(kinds, data)) })
	}
	for name, v := range l.Kinds {
		t.Run(name, func(t *testing.T) {
			v.Check(t)
			checkFree(t, v.Err)
		})
	}
	for name, all := range l.Data {
		for i, v := range all {
			t.Run(fmt.Sprint(name, " ", i), func(t *testing.T) {
				v.Check(t)
				checkAnswers(t, v)
				if strings.Count(v.Err.Error(), "troupe: ") > 1 {
					t.Errorf("its text is %q", v.Err)
				}
			})
		}
	}
}

// checkAll finds kinds that are missing in the package's Kinds.
func (l List) checkAll(t *testing.T) {
	all := l.All()
	CheckTexts(t, all)
	if len(all) != len(l.Kinds) {
		t.Errorf("Kinds has %d kinds, there are %d", len(all), len(l.Kinds))
	}
	for name, v := range l.Kinds {
		if !slices.Contains(all, v.Err) || !slices.Contains(l.All(kind.None, v.Category), v.Err) {
			t.Errorf("Kinds does not have %s", name)
		}
		if slices.Contains(l.All(kind.None), v.Err) {
			t.Errorf("Kinds has %s for another category", name)
		}
	}
}

// CheckTexts finds kinds whose text does not begin with the module's name, exactly once.
func CheckTexts(t testing.TB, kinds []error) {
	t.Helper()
	for _, err := range kinds {
		if text := err.Error(); !strings.HasPrefix(text, "troupe: ") || strings.Count(text, "troupe: ") != 1 {
			t.Errorf("the text of a kind is %q", text)
		}
	}
}

// checkAnswers finds errors in which errors.As finds another one with different answers.
func checkAnswers(t *testing.T, v Verdict) {
	e, ok := errors.AsType[kind.Error](v.Err)
	if !ok {
		if v.Category != kind.Unknown {
			t.Error("no part of it answers all questions")
		}
		return
	}
	if e.Category() != v.Category || e.Retryable() != v.Retry() || e.MaybeSent() != v.Sent() {
		t.Errorf("as a %T it is about %v, retry %v, sent %v", e, e.Category(), e.Retryable(), e.MaybeSent())
	}
}

// checkFree finds kinds whose comparison allocates memory. It repeats the comparison so often
// that allocations of other goroutines do not count.
func checkFree(t *testing.T, err error) {
	if n := testing.AllocsPerRun(1000, func() { errors.Is(err, errAbsent) }); n != 0 {
		t.Errorf("to look for another error in it takes %v allocations", n)
	}
}

// errAbsent is in no tree, so that looking for it walks the whole tree.
var errAbsent = errors.New("absent")
