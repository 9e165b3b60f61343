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

// List is every public error of the package that is tested. A new one has to be added by
// hand: somebody has to think about what a program is to do.
type List struct {
	Package string // its name
	Kinds   map[string]Verdict
	All     func(...kind.Category) []error // the package's Kinds; nil if others name its errors to users
	// Data has every type of errors with data, in each of its roles; nil for one that a test
	// cannot make.
	Data map[string][]Verdict
}

// Check asks every error everything, and that none was left out.
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

// checkAll finds kinds that the package does not name to its users.
func (l List) checkAll(t *testing.T) {
	all := l.All()
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

// checkAnswers finds errors of which errors.As finds another one that answers otherwise.
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

// checkFree finds kinds that cost memory to be compared with. It repeats that so often that
// what other goroutines allocate meanwhile does not count.
func checkFree(t *testing.T, err error) {
	if n := testing.AllocsPerRun(1000, func() { errors.Is(err, errAbsent) }); n != 0 {
		t.Errorf("to look for another error in it takes %v allocations", n)
	}
}

// errAbsent belongs to no tree: to look for it walks through all of one.
var errAbsent = errors.New("absent")
