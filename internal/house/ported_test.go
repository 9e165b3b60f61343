package house

import (
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// examplesMin is how many of nats.go's examples are for core NATS, at least.
const examplesMin = 30

// TestExamplesOfNatsGoCompile takes the examples that come with nats.go, but for
// those of JetStream, and replaces nothing but their import.
func TestExamplesOfNatsGoCompile(t *testing.T) {
	all, err := listDependencies(moduleRoot, "", peerPath)
	if err != nil {
		t.Fatal(err)
	}
	dir := all[slices.IndexFunc(all, func(d dependency) bool { return d.ImportPath == peerPath })].Dir
	compiled := compile(t, filepath.Join(dir, "examples"))
	if len(compiled) < examplesMin {
		t.Errorf("%d examples, want %d at least", len(compiled), examplesMin)
	}
	for name, found := range compiled {
		t.Run(name, func(t *testing.T) { none(t, found) })
	}
}

// compile ports the programs below dir, and returns what is wrong with each.
func compile(t *testing.T, dir string) map[string][]finding {
	t.Helper()
	fset := token.NewFileSet()
	programs, err := programsBelow(fset, dir)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, p := range programs {
		p.port(modulePath + "/api")
		paths = append(paths, p.imports()...)
	}
	slices.Sort(paths)
	e, err := readExports(moduleRoot, slices.Compact(paths)...)
	if err != nil {
		t.Fatal(err)
	}
	compiled := map[string][]finding{}
	for _, p := range programs {
		compiled[filepath.Base(p.dir)] = checkPorted(e, fset, p)
	}
	return compiled
}

func TestPortedProgramsBite(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"good":   "package main; import \"" + peerPath + "\"; func main() { nats.NewInbox() }",
		"named":  "package main; import n \"" + peerPath + "\"; func main() { n.NewInbox() }",
		"bad":    "package main; import \"" + peerPath + "\"; func main() { nats.NewInbox(1); nats.None() }",
		"other":  "package main; import (\"" + peerPath + "\"; \"" + peerPath + "/jetstream\"); func main() {}",
		"nobody": "package main; import \"fmt\"; func main() {}",
	} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name, "main.go"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	compiled := compile(t, root)
	if len(compiled) != 3 {
		t.Errorf("%d programs, want good, named and bad", len(compiled))
	}
	expect(t, compiled["good"])
	expect(t, compiled["named"])
	expect(t, compiled["bad"], "too many arguments", "undefined: nats.None")
}
