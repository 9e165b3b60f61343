package house

import (
	"slices"
	"strings"
)

// layers is the order of the packages, lowest line first. A package imports only
// packages on lower lines, and those of its own entry: dir/... covers dir and
// everything below it.
var layers = [][]string{
	{"internal/kind", "internal/invariant", "internal/must", "internal/house"},
	{"internal/errortest"},
	{"protocol"},
	{"supervisor"},
	{"actors/..."},
	{"api", "faults/..."},
	{"jetstream"},
	{"internal/bucket"},
	{"internal/watch"},
	{"micro", "kv", "objectstore"},
	{"examples/...", "bench/...", "internal/proof/..."},
}

// importRule restricts which packages may import a package, in addition to the layers.
type importRule struct {
	target string   // an import path; what lies below it is meant as well
	code   []string // whose files may import it
	tests  bool     // whether every package's test files may
	reason string
}

// programs are what a user runs and never imports. faults is among them because its servers are
// real ones.
var programs = []string{"examples/...", "bench/...", "faults/..."}

var importRules = []importRule{
	{
		target: "github.com/asynkron/protoactor-go",
		code:   []string{"actors/..."}, tests: true,
		reason: "the rest of the module sees the vocabulary of actors/ only; a test may bring an actor system, as a program may",
	},
	{
		target: "github.com/nats-io/nats.go",
		code:   programs, tests: true,
		reason: "it is the peer to beat, not a part of ours",
	},
	{
		target: "github.com/nats-io/nats-server",
		code:   programs, tests: true,
		reason: "a client links no server",
	},
	{
		target: "go.uber.org/goleak",
		code:   programs, tests: true,
		reason: "it is for tests",
	},
	{
		target: "pgregory.net/rapid",
		code:   programs, tests: true,
		reason: "it is for tests",
	},
	{
		target: "github.com/google/go-cmp",
		code:   programs, tests: true,
		reason: "it is for tests",
	},
	{
		target: modulePath + "/faults",
		code:   programs, tests: true,
		reason: "faults are injected by tests, examples and benchmarks",
	},
	{
		target: modulePath + "/internal/must",
		tests:  true,
		reason: "it is for tests",
	},
	{
		target: modulePath + "/internal/errortest",
		tests:  true,
		reason: "it is for tests",
	},
	{
		target: modulePath + "/internal/house",
		reason: "it holds tests only",
	},
}

// checkListed finds packages that are in no layer.
func checkListed(t *tree) []finding {
	var found []finding
	for _, dir := range t.dirs() {
		if line, _ := layerOf(dir); line < 0 {
			found = append(found, finding{where: dir, what: "is in no layer: add the package to layers in internal/house/layers.go, " +
				"on the lowest line that is above everything it imports"})
		}
	}
	return found
}

// checkLayers finds imports of the module's own packages that point sideways or upwards. Test
// files follow the same order, but may also import faults.
func checkLayers(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		for _, i := range f.imports() {
			dir, own := within(i.path)
			if !own || mayImport(f.dir(), dir) || f.test() && covers("faults/...", dir) {
				continue
			}
			found = append(found, f.find(i.pos, "%s imports %s, which is not on a lower line of the layers", f.dir(), dir))
		}
	}
	return found
}

// mayImport reports whether the layers let the package in from import the one in to.
func mayImport(from, to string) bool {
	if from == to {
		return true // an external test package
	}
	fromLine, fromEntry := layerOf(from)
	toLine, toEntry := layerOf(to)
	if fromLine < 0 || toLine < 0 {
		return true // checkListed reports it
	}
	return toLine < fromLine || fromEntry == toEntry
}

// layerOf returns the line and the entry that cover dir, or -1 and "".
func layerOf(dir string) (line int, entry string) {
	for line, entries := range layers {
		i := slices.IndexFunc(entries, func(e string) bool { return covers(e, dir) })
		if i >= 0 {
			return line, entries[i]
		}
	}
	return -1, ""
}

// checkImportRules finds imports that importRules forbid.
func checkImportRules(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		for _, i := range f.imports() {
			found = append(found, broken(f, i)...)
		}
	}
	return found
}

func broken(f *file, i imported) []finding {
	var found []finding
	for _, rule := range importRules {
		applies := i.path == rule.target || strings.HasPrefix(i.path, rule.target+"/")
		if !applies || f.test() && rule.tests || coversAny(rule.code, f.dir()) {
			continue
		}
		found = append(found, f.find(i.pos, "%s may not import %s: %s", f.dir(), i.path, rule.reason))
	}
	return found
}

// checkStandardOnly finds imports in internal/kind from outside the standard
// library: it lies below everything.
func checkStandardOnly(t *tree) []finding {
	var found []finding
	for _, f := range t.in("internal/kind") {
		for _, i := range f.imports() {
			own, _ := within(i.path)
			if standard(i.path) || f.test() && own == f.dir() {
				continue
			}
			found = append(found, f.find(i.pos, "internal/kind imports %s: only the standard library lies below it", i.path))
		}
	}
	return found
}
