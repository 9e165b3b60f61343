package house

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestProgramsLinkOnlyWhatIsAllowed asks the go command what api pulls in, on each
// system that troupe is built for.
func TestProgramsLinkOnlyWhatIsAllowed(t *testing.T) {
	if len(module(t).in("api")) == 0 {
		t.Log("there is no api yet")
		return
	}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			all, err := listDependencies(moduleRoot, goos, "./api")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(all, dependency.own) {
				t.Fatal("go list does not name api itself")
			}
			none(t, checkLinked(all))
		})
	}
}

// program is what go list prints for packages given as "package module import,import".
func program(t *testing.T, packages ...string) []dependency {
	t.Helper()
	var text strings.Builder
	for _, line := range packages {
		words := append(strings.Fields(line), "", "")
		text.WriteString(`{"ImportPath":"` + words[0] + `"`)
		if words[1] != "" {
			text.WriteString(`,"Module":{"Path":"` + words[1] + `"}`)
		}
		if words[2] != "" {
			text.WriteString(`,"Imports":["` + strings.ReplaceAll(words[2], ",", `","`) + `"]`)
		}
		text.WriteString("}\n")
	}
	all, err := decodeDependencies(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLinkedBites(t *testing.T) {
	const api = modulePath + "/api " + modulePath + " "
	cases := []struct {
		name string
		all  []dependency
		want []string
	}{
		{"the standard library", program(t, "fmt", api+"fmt"), nil},
		{"a root", program(t, "go.uber.org/zap go.uber.org/zap", api+"go.uber.org/zap"), nil},
		{"what a root pulls in", program(t,
			"go.uber.org/multierr go.uber.org/multierr",
			"go.uber.org/zap go.uber.org/zap go.uber.org/multierr",
			api+"go.uber.org/zap"), nil},
		{"the same from ours", program(t,
			"go.uber.org/multierr go.uber.org/multierr",
			api+"go.uber.org/multierr"), []string{"go.uber.org/multierr is not one of linkRoots"}},
		{"a stranger", program(t,
			"example.org/new/deep example.org/new",
			"go.uber.org/zap go.uber.org/zap example.org/new/deep",
			api+"go.uber.org/zap"), []string{"example.org/new: would be linked by every program that imports api; go.uber.org/zap imports"}},
		{"the peer", program(t,
			"github.com/nats-io/nats.go github.com/nats-io/nats.go",
			api+"github.com/nats-io/nats.go"), []string{"would be linked", "not one of linkRoots"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { expect(t, checkLinked(c.all), c.want...) })
	}
}

func TestLinkedReportsWhatGoListCannotFind(t *testing.T) {
	all, err := decodeDependencies(strings.NewReader(`{"ImportPath":"a.org/b","Error":{"Err":"no such module"}}`))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, checkLinked(all), "a.org/b: no such module")
	if _, err := decodeDependencies(strings.NewReader(`{"ImportPath":`)); err == nil {
		t.Error("half an answer was accepted")
	}
	if _, err := listDependencies(filepath.Join(moduleRoot, "no such folder"), "linux", "./api"); err == nil {
		t.Error("a folder that is not there was accepted")
	}
}

func TestLinkListsDoNotOverlap(t *testing.T) {
	for _, module := range linkNever {
		if linkable(module) {
			t.Errorf("%s must not be linked, and is allowed", module)
		}
	}
	for _, module := range linkRoots {
		if slices.Contains(linkClosure, module) || slices.Contains(linkNever, module) {
			t.Errorf("%s stands in two lists", module)
		}
	}
}
