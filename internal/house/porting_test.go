package house

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"testing"
)

// TestProgramsPortByChangingTheirImports compares what nats.go exports with what
// api exports.
func TestProgramsPortByChangingTheirImports(t *testing.T) {
	e, err := readExports(moduleRoot, peerPath, modulePath+"/api")
	if err != nil {
		t.Fatal(err)
	}
	none(t, checkPorting(surfaceOf(t, e, peerPath), surfaceOf(t, e, modulePath+"/api"), excused, widened))
}

func surfaceOf(t *testing.T, e *exports, path string) *surface {
	t.Helper()
	s, err := e.surface(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// declared returns the surface of a package with one source file.
func declared(t *testing.T, path, file, text string) *surface {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, "package p\n"+text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: importer.Default()}
	pkg, err := config.Check(path, fset, []*ast.File{parsed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &surface{fset, pkg}
}

func TestPortingBites(t *testing.T) {
	cases := []struct {
		name, theirs, ours string
		want               []string
	}{
		{"the same", "func F(a int) error { return nil }", "func F(b int) error { return nil }", nil},
		{"a function is missing", "func F() {}", "", []string{"p.F: is missing: func F()"}},
		{"of no concern", "func f() {}", "", nil},
		{"options that are listed", "type O int; func Wide(a int) {}", "type O int; func Wide(a int, o ...O) {}", nil},
		{"options", "type O int; func F(a int) {}", "type O int; func F(a int, o ...O) {}", []string{"p.F: is func F(a int, o ...O), which an interface with"}},
		{"one argument more", "func F(a int) {}", "func F(a, b int) {}", []string{"p.F: is func F(a int, b int), which does not serve for func F(a int)"}},
		{"no longer variadic", "func F(a ...int) {}", "func F(a []int) {}", []string{"p.F: is"}},
		{"a slice made variadic", "func F(a []int) {}", "func F(a ...int) {}", []string{"p.F: is"}},
		{"another argument", "func F(a int) {}", "func F(a int64) {}", []string{"p.F: is"}},
		{"a wider argument", "func Wide(a int) {}", "func Wide(a any) {}", nil},
		{"a narrower result", "func Wide() any { return nil }", "func Wide() int { return 0 }", nil},
		{"a wider result", "func F() int { return 0 }", "func F() any { return 0 }", []string{"p.F: is"}},
		{"one result more", "func F() {}", "func F() error { return nil }", []string{"p.F: is"}},
		{"a variable for a function", "func F() {}", "var F = func() {}", []string{"p.F: is var F func()"}},
		{"own types everywhere", "type T struct{}; func F(map[T]*T, []T, chan T, func(T) T) {}",
			"type T struct{}; func F(map[T]*T, []T, chan T, func(T) T) {}", nil},
		{"another type by that name", "type T struct{}; func F(map[T]*T, []T, chan T) {}",
			"type T struct{}; func F(map[T]*T, []int, chan T) {}", []string{"p.F: is"}},
		{"a method is missing", "type T int; func (T) M() {}", "type T int", []string{"p.T.M: is missing: func (T).M()"}},
		{"a method of the pointer only", "type T int; func (T) M() {}", "type T int; func (*T) M() {}", []string{"p.T.M: is missing"}},
		{"a method of the value, too", "type T int; func (*T) M() {}", "type T int; func (T) M() {}", nil},
		{"another method", "type T int; func (*T) M() {}", "type T int; func (*T) M(int) {}", []string{"p.T.M: is"}},
		{"an alias", "type T int; func (T) M() {}", "type t int; func (t) M() {}; type T = t", nil},
		{"a field is missing", "type T struct{ A int; b int }", "type T struct{ B int }", []string{"p.T.A: is missing: field A int"}},
		{"another field", "type T struct{ A int }", "type T struct{ A int64 }", []string{"p.T.A: is field A int64, not field A int"}},
		{"more fields", "type T struct{ A int }", "type T struct{ A, B int }", nil},
		{"no longer comparable", "type T struct{}", "type T struct{ a []int }", []string{"p.T: cannot be compared"}},
		{"another shape", "type T int", "type T int32", []string{"p.T: is int32, not int"}},
		{"another callback", "type T func(int)", "type T func(int) error", []string{"p.T: is func(int) error, not func(int)"}},
		{"a method more to implement", "type T interface{ M() }", "type T interface{ M(); N() }", []string{"p.T: is interface"}},
		{"a function for a type", "type T int", "func T() {}", []string{"p.T: is func T(), not a type"}},
		{"a constant", "const C = 1", "const C = 1", nil},
		{"another value", "const C = 1", "const C = 2", []string{"p.C: is 2, not 1"}},
		{"a typed constant", "const C = 1", "const C int = 1", []string{"p.C: is const C int, not const C untyped int"}},
		{"a variable", "var V error", "type e struct{ error }; var V e", nil},
		{"a variable of another type", "var V error", "var V int", []string{"p.V: is var V int, not var V error"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkPorting(declared(t, "theirs", "a.go", c.theirs), declared(t, "ours", "b.go", c.ours), nil, []string{"Wide"}), c.want...)
		})
	}
}

func TestExcusesForWhatIsMissing(t *testing.T) {
	theirs := declared(t, "theirs", filepath.Join("dir", "a.go"), "type T struct{ A int }; func (T) M() {}; func F() {}")
	for _, c := range []struct {
		name    string
		ours    string
		excused []excuse
		want    []string
	}{
		{"all of a file", "", []excuse{{"a.go", "why"}}, nil},
		{"names", "", []excuse{{"T", "why"}, {"F", "why"}}, nil},
		{"a field and a method", "type T struct{}; func F() {}", []excuse{{"T.A", "why"}, {"T.M", "why"}}, nil},
		{"one that is not missing", "type T struct{ A int }; func (T) M() {}; func F() {}", []excuse{{"F", "why"}, {"a.go", "why"}},
			[]string{"p.F: is excused, and not missing", "p.a.go: is excused, and not missing"}},
		{"another name", "type T struct{ A int }; func (T) M() {}", []excuse{{"G", "why"}}, []string{"p.F: is missing", "p.G: is excused, and not missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkPorting(theirs, declared(t, "ours", "b.go", c.ours), c.excused, nil), c.want...)
		})
	}
}

func TestPackagesThatCannotBeRead(t *testing.T) {
	e, err := readExports(moduleRoot, "example.org/none")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.surface("example.org/none"); err == nil {
		t.Error("a package that is not there was read")
	}
	if _, err := readExports(filepath.Join(moduleRoot, "no such folder"), peerPath); err == nil {
		t.Error("a folder that is not there was accepted")
	}
}
