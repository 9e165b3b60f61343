package errortest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Declaration is an exported kind of error, or a type of errors, as it is declared.
type Declaration struct {
	Name  string
	Doc   string   // its comment, in one line
	Other []string // other names of the same kind
}

// Declared returns the exported kinds of errors of the package in a directory, which are
// variables that begin with Err, and its types of errors, which end with Error.
func Declared(t testing.TB, dir string) (kinds, data []Declaration) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	others := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				kinds = append(kinds, kindIn(group, spec, others)...)
				data = append(data, typeIn(group, spec)...)
			}
		}
	}
	for i := range kinds {
		kinds[i].Other = others[kinds[i].Name]
	}
	return kinds, data
}

// kindIn returns the kind that is declared in spec; another name of a kind is added to others
// instead.
func kindIn(group *ast.GenDecl, spec ast.Spec, others map[string][]string) []Declaration {
	s, ok := spec.(*ast.ValueSpec)
	if !ok || group.Tok != token.VAR || len(s.Names) != 1 || !s.Names[0].IsExported() || !strings.HasPrefix(s.Names[0].Name, "Err") {
		return nil
	}
	name := s.Names[0].Name
	if same, ok := s.Values[0].(*ast.Ident); ok {
		others[same.Name] = append(others[same.Name], name)
		return nil
	}
	return []Declaration{{Name: name, Doc: comment(group, s.Doc, name)}}
}

// typeIn returns the type of errors that is declared in spec.
func typeIn(group *ast.GenDecl, spec ast.Spec) []Declaration {
	s, ok := spec.(*ast.TypeSpec)
	if !ok || !s.Name.IsExported() || !strings.HasSuffix(s.Name.Name, "Error") {
		return nil
	}
	return []Declaration{{Name: s.Name.Name, Doc: comment(group, s.Doc, s.Name.Name)}}
}

// comment returns the comment about a name, in one line.
func comment(group *ast.GenDecl, doc *ast.CommentGroup, name string) string {
	if doc == nil && !group.Lparen.IsValid() {
		doc = group.Doc
	}
	words := strings.Fields(doc.Text())
	if len(words) > 0 && strings.TrimSuffix(words[0], ":") == name {
		words = words[1:]
	}
	return strings.Join(words, " ")
}

// Compare finds what the sources declare and the list lacks, and vice versa.
func Compare(t testing.TB, what string, found []Declaration, listed []string) {
	t.Helper()
	for _, d := range found {
		if !slices.Contains(listed, d.Name) {
			t.Errorf("%s has no answers: add it to the list of %s", d.Name, what)
		}
	}
	for _, name := range listed {
		if !slices.ContainsFunc(found, func(d Declaration) bool { return d.Name == name }) {
			t.Errorf("%s is listed but not declared", name)
		}
	}
}
