package house

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"testing"
)

// TestUsersCanNameWhatTheyMeet in the public packages without importing another one.
func TestUsersCanNameWhatTheyMeet(t *testing.T) {
	var paths []string
	for _, dir := range slices.Concat(below, public) {
		paths = append(paths, modulePath+"/"+dir)
	}
	e, err := readExports(moduleRoot, paths...)
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []*types.Package
	for _, path := range paths {
		pkgs = append(pkgs, surfaceOf(t, e, path).pkg) // those below, too, for all of their constants
	}
	none(t, checkNamed(modulePath, pkgs[len(below):]...))
}

func TestNamedBites(t *testing.T) {
	const head = "package p; import \"m/low\"; import \"io\"; var _ io.Reader; var _ low.T\n"
	low := source(t, "m/low", nil, "package low; type T struct { E E; N []*N }; type E int; const (EA E = iota; EB); type N struct { n *hidden }; "+
		"type hidden struct{}; type Reader[X any] interface { Read(X) }; type Old = N; func (*hidden) M() E { return 0 }")
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"not exported", "func f() low.N { return low.N{} }; type t = low.N", nil},
		{"of another module", "func F(r io.Reader) error { return nil }", nil},
		{"a result", "func F() (n low.N, err error) { return }", []string{"p.F: leads to low.N"}},
		{"a parameter", "func F(...*low.N) {}", []string{"p.F: leads to low.N"}},
		{"a map", "var V map[string]low.N", []string{"p.V: leads to low.N"}},
		{"a channel", "type C chan low.N", []string{"p.C: leads to low.N"}},
		{"a field", "type S struct { A, b low.N }", []string{"p.S.A: leads to low.N"}},
		{"a hidden field", "type S struct { b low.N }", nil},
		{"a method", "type S struct{}; func (*S) M() low.N { return low.N{} }", []string{"p.S.M: leads to low.N"}},
		{"a method of an interface", "type S interface{ M(low.N) }", []string{"p.S.M: leads to low.N"}},
		{"a callback", "type F func(func(low.N))", []string{"p.F: leads to low.N"}},
		{"of a hidden type", "type s struct{ N low.N }; func F() *s { return nil }", []string{"p.s.N: leads to low.N"}},
		{"a type argument", "func F(low.Reader[low.N]) {}", []string{"p.F: leads to low.N", "p.F: leads to low.Reader"}},
		{"named", "type N = low.N; type R[X any] = low.Reader[X]; func F(low.Reader[low.N]) {}", nil},
		{"fields of one that is named", "type T = low.T", []string{"p.E: has the value low.EA", "p.E: has the value low.EB", "p.T.E: leads to low.E", "p.T.N: leads to low.N"}},
		{"a value", "type T = low.T; type N = low.N; type E = low.E; const EA = low.EA", []string{"p.E: has the value low.EB"}},
		{"all values", "type T = low.T; type N = low.N; type E = low.E; const (EA = low.EA; EC = low.EB)", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkNamed("m", source(t, "m/p", low, head+c.text)), c.want...)
		})
	}
}

// source compiles one file that imports the standard library and, if it is not nil, low.
func source(t *testing.T, path string, low *types.Package, text string) *types.Package {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "a.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: beside{low}}
	pkg, err := config.Check(path, fset, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

// beside imports one package, and otherwise those of the standard library.
type beside struct{ low *types.Package }

func (b beside) Import(path string) (*types.Package, error) {
	if b.low != nil && path == b.low.Path() {
		return b.low, nil
	}
	return importer.Default().Import(path)
}
