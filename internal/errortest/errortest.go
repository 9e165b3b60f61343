package errortest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/internal/kind"
)

// Want is what an error has to say of itself.
type Want struct {
	Category kind.Category
	Traits   string // "retry", "sent", both, or neither
	Parents  []error
}

// Check asks an error everything.
func Check(t testing.TB, err error, want Want) {
	t.Helper()
	if got := kind.CategoryOf(err); got != want.Category {
		t.Errorf("category %v, want %v", got, want.Category)
	}
	if got, want := kind.CanRetry(err), strings.Contains(want.Traits, "retry"); got != want {
		t.Errorf("retryable %v, want %v", got, want)
	}
	if got, want := kind.MayHaveSent(err), strings.Contains(want.Traits, "sent"); got != want {
		t.Errorf("maybe sent %v, want %v", got, want)
	}
	for _, parent := range want.Parents {
		if !errors.Is(err, parent) {
			t.Errorf("error %q (%T) is not %v", err, err, parent)
		}
	}
	wrapped := fmt.Errorf("while at it: %w", err)
	if kind.CategoryOf(wrapped) != kind.CategoryOf(err) || kind.CanRetry(wrapped) != kind.CanRetry(err) ||
		kind.MayHaveSent(wrapped) != kind.MayHaveSent(err) {
		t.Error("wrapped it answers differently")
	}
}

// Compare finds what the sources declare and the list does not have, and the other way round.
func Compare(t testing.TB, what string, found, listed []string) {
	t.Helper()
	for _, name := range found {
		if !slices.Contains(listed, name) {
			t.Errorf("%s has no answers: add it to the list of %s", name, what)
		}
	}
	for _, name := range listed {
		if !slices.Contains(found, name) {
			t.Errorf("%s is listed and is not there", name)
		}
	}
}

// Declared returns the exported kinds of errors of the package in a directory, which begin
// with Err, and its types of errors, which end with Error.
func Declared(t testing.TB, dir string) (kinds, data []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return false
			case *ast.ValueSpec:
				kinds = append(kinds, named(n.Names, "Err", "")...)
			case *ast.TypeSpec:
				data = append(data, named([]*ast.Ident{n.Name}, "", "Error")...)
			}
			return true
		})
	}
	return kinds, data
}

// named returns the exported names that begin and end like that.
func named(all []*ast.Ident, prefix, suffix string) (found []string) {
	for _, id := range all {
		if id.IsExported() && strings.HasPrefix(id.Name, prefix) && strings.HasSuffix(id.Name, suffix) {
			found = append(found, id.Name)
		}
	}
	return found
}
