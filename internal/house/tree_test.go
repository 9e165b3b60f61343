package house

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// moduleRoot is where the go command leaves a test of this package.
var moduleRoot = filepath.Join("..", "..")

// loadModule parses the module once for all tests.
var loadModule = sync.OnceValues(func() (*tree, error) { return load(moduleRoot) })

func module(t *testing.T) *tree {
	t.Helper()
	parsed, err := loadModule()
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// none reports each finding as an error of its own.
func none(t *testing.T, found []finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

// sources parses small sources; each is given its package clause when it has none.
func sources(t *testing.T, texts map[string]string) *tree {
	t.Helper()
	complete := map[string]string{}
	for path, text := range texts {
		if !strings.Contains("\n"+text, "\npackage ") {
			text = "package p\n" + text
		}
		complete[path] = text
	}
	parsed, err := parse(complete)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// expect compares findings with the words that each of them must hold, in order.
func expect(t *testing.T, found []finding, want ...string) {
	t.Helper()
	if len(found) != len(want) {
		t.Fatalf("%d findings, want %d: %v", len(found), len(want), found)
	}
	for i, f := range found {
		if !strings.Contains(f.String(), want[i]) {
			t.Errorf("finding %d is %q, want it to hold %q", i, f, want[i])
		}
	}
}

func TestLoadFindsThisFile(t *testing.T) {
	here := func(f *file) bool { return f.path == "internal/house/tree_test.go" }
	if !slices.ContainsFunc(module(t).files, here) {
		t.Fatal("the tree does not hold the file that reads it")
	}
}

func TestLoadReportsWhatDoesNotParse(t *testing.T) {
	if _, err := parse(map[string]string{"a.go": "package"}); err == nil {
		t.Fatal("a source without a package name was accepted")
	}
	if _, err := load(filepath.Join(moduleRoot, "no such folder")); err == nil {
		t.Fatal("a folder that is not there was accepted")
	}
}

func TestCovers(t *testing.T) {
	cases := []struct {
		pattern, dir string
		want         bool
	}{
		{"api", "api", true},
		{"api", "api/deep", false},
		{"api", "apiary", false},
		{"actors/...", "actors", true},
		{"actors/...", "actors/mailbox", true},
		{"actors/...", "actorsmith", false},
	}
	for _, c := range cases {
		if got := covers(c.pattern, c.dir); got != c.want {
			t.Errorf("covers(%q, %q) = %v", c.pattern, c.dir, got)
		}
	}
}

func TestLocalNames(t *testing.T) {
	f := sources(t, map[string]string{"a.go": `
		import (
			"time"
			clock "time"
			"github.com/nats-io/nats-server/v2"
			"math/rand/v2"
		)`}).files[0]
	var got []string
	for _, i := range f.imports() {
		got = append(got, i.name)
	}
	if want := []string{"time", "clock", "nats-server", "rand"}; !slices.Equal(got, want) {
		t.Errorf("names %v, want %v", got, want)
	}
}
