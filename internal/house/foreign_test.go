package house

import (
	"go/ast"
	"go/parser"
	"testing"
)

func TestEveryErrorIsOurs(t *testing.T) {
	found, err := checkForeign("../..", guarded)
	if err != nil {
		t.Fatal(err)
	}
	none(t, found)
}

func TestForeignBites(t *testing.T) {
	e, err := readExports("../..", "os", "io", "fmt", "context")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"returned at once", "func F() error { return os.Remove(\"a\") }", []string{"F returns what os.Remove returned"}},
		{"by a variable", "func F() error { if _, err := os.Open(\"a\"); err != nil { return err }; return nil }", []string{"F returns what os.Open returned"}},
		{"by a method", "func F(f *os.File) error { return f.Close() }", []string{"F returns what (*os.File).Close returned"}},
		{"by an interface", "func F(r io.Reader) (int, error) { return r.Read(nil) }", []string{"F returns what (io.Reader).Read returned"}},
		{"by one that is not exported", "func F() error { return f() }\nfunc f() error { return os.Remove(\"a\") }", []string{"F returns what github.com/troupe-go/troupe/a.f returned"}},
		{"not exported", "func f() error { return os.Remove(\"a\") }", nil},
		{"wrapped", "func F(kind error) error { err := os.Remove(\"a\"); err = fmt.Errorf(\"%w: %w\", kind, err); return err }", nil},
		{"of a context", "func F(ctx context.Context) error { return ctx.Err() }", nil},
		{"to somebody else", "func F(f func(func() error)) error { f(func() error { return os.Remove(\"a\") }); return nil }", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			head := "package a\nimport (\"os\"; \"io\"; \"fmt\"; \"context\")\nvar _ = []any{os.Args, io.EOF, fmt.Sprint, context.Cause}\n"
			f, err := parser.ParseFile(e.fset, "a.go", head+c.text, 0)
			if err != nil {
				t.Fatal(err)
			}
			l := &leaks{exports: e, leaky: map[string]bool{}, passed: map[string]bool{}}
			if err := l.inspect("a", []*ast.File{f}); err != nil {
				t.Fatal(err)
			}
			expect(t, l.found, c.want...)
		})
	}
}
