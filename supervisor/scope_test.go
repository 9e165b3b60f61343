package supervisor

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWhoIsAffectedByAFailure(t *testing.T) {
	link := []string{"reader", "writer", "heartbeat"}
	tests := []struct {
		name     string
		scope    Scope
		children []string
		failed   int
		want     []int
	}{
		{"one for one", OneForOne, link, 1, []int{1}},
		{"rest for one, the first", RestForOne, link, 0, []int{0, 1, 2}},
		{"rest for one, in the middle", RestForOne, link, 1, []int{1, 2}},
		{"rest for one, the last", RestForOne, link, 2, []int{2}},
		{"nobody before the first", RestForOne, link, -1, nil},
		{"nobody after the last", RestForOne, link, 3, nil},
		{"nobody among none", OneForOne, nil, 0, nil},
		{"an unknown scope affects the failed one alone", Scope(99), link, 1, []int{1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Affected(test.scope, test.children, test.failed)); diff != "" {
				t.Errorf("the wrong ones are restarted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRestForOneKeepsTheOrderOfTheStart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		children := rapid.SliceOfN(rapid.String(), 1, 50).Draw(t, "children")
		failed := rapid.IntRange(0, len(children)-1).Draw(t, "failed")
		got := Affected(RestForOne, children, failed)
		if len(got) != len(children)-failed || got[0] != failed || !slices.IsSorted(got) {
			t.Fatalf("child %d of %d failed, restarted: %v", failed, len(children), got)
		}
		if alone := Affected(OneForOne, children, failed); len(alone) != 1 || alone[0] != failed {
			t.Fatalf("child %d of %d failed alone, restarted: %v", failed, len(children), alone)
		}
	})
}

func TestTheNamesOfScopesAreStable(t *testing.T) {
	for scope, want := range map[Scope]string{OneForOne: "one-for-one", RestForOne: "rest-for-one", 7: "scope(7)"} {
		text, err := scope.MarshalText()
		if scope.String() != want || string(text) != want || err != nil {
			t.Errorf("scope %d is called %q and %q (%v), want %q", uint8(scope), scope, text, err, want)
		}
	}
}
