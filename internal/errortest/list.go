package errortest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// List is every public error of the package that is tested. A new one has to be added by
// hand: somebody has to think about what a program is to do.
type List struct {
	Kinds map[string]Verdict
	// Data has every type of errors with data, in each of its roles; nil for one that a test
	// cannot make.
	Data map[string][]Verdict
}

// Check asks every error everything, and that none was left out.
func (l List) Check(t *testing.T) {
	kinds, data := Declared(t, ".")
	Compare(t, "kinds", kinds, slices.Collect(maps.Keys(l.Kinds)))
	Compare(t, "errors with data", data, slices.Collect(maps.Keys(l.Data)))
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
				if strings.Count(v.Err.Error(), "troupe: ") > 1 {
					t.Errorf("its text is %q", v.Err)
				}
			})
		}
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
