package house

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// checkDocs finds exported identifiers without a comment that starts with their
// name. A type may start with an article. A method of an interface may be described
// in the comment of its type, by name. A group of constants or variables may share
// the comment above it, or have one at each line's end. Struct fields are left to
// the comment of their type. Programs export nothing.
func checkDocs(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		if f.test() || f.main() {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				found = append(found, funcDocs(f, d)...)
			case *ast.GenDecl:
				found = append(found, groupDocs(f, d)...)
			}
		}
	}
	return found
}

func funcDocs(f *file, fn *ast.FuncDecl) []finding {
	if !exportedFunc(fn) || startsWith(fn.Doc, fn.Name.Name) {
		return nil
	}
	return []finding{f.find(fn.Name.Pos(), "the comment of %s is missing or does not start with its name", fn.Name.Name)}
}

func groupDocs(f *file, group *ast.GenDecl) []finding {
	var found []finding
	for _, spec := range group.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			found = append(found, typeDocs(f, group, s)...)
		case *ast.ValueSpec:
			found = append(found, valueDocs(f, group, s)...)
		}
	}
	return found
}

func typeDocs(f *file, group *ast.GenDecl, spec *ast.TypeSpec) []finding {
	name := spec.Name.Name
	if !spec.Name.IsExported() {
		return nil
	}
	var found []finding
	doc := spec.Doc
	if !group.Lparen.IsValid() {
		doc = group.Doc
	}
	if !startsWith(doc, name) && !startsWith(doc, "A "+name) && !startsWith(doc, "An "+name) && !startsWith(doc, "The "+name) {
		found = append(found, f.find(spec.Name.Pos(), "the comment of type %s is missing or does not start with its name", name))
	}
	contract, ok := spec.Type.(*ast.InterfaceType)
	if !ok {
		return found
	}
	for _, method := range contract.Methods.List {
		for _, m := range method.Names {
			if m.IsExported() && !startsWith(method.Doc, m.Name) && method.Comment == nil && !mentions(doc, m.Name) {
				found = append(found, f.find(m.Pos(), "the comment of %s.%s is missing or does not start with its name", name, m.Name))
			}
		}
	}
	return found
}

func valueDocs(f *file, group *ast.GenDecl, spec *ast.ValueSpec) []finding {
	var found []finding
	grouped := group.Lparen.IsValid()
	for _, name := range spec.Names {
		if !name.IsExported() {
			continue
		}
		doc := spec.Doc
		if !grouped {
			doc = group.Doc
		}
		shared := grouped && group.Doc != nil
		if shared || spec.Comment != nil || startsWith(doc, name.Name) {
			continue
		}
		kind := "variable"
		if group.Tok == token.CONST {
			kind = "constant"
		}
		found = append(found, f.find(name.Pos(), "the comment of %s %s is missing or does not start with its name", kind, name.Name))
	}
	return found
}

// startsWith reports whether a comment begins with words, as whole words.
func startsWith(doc *ast.CommentGroup, words string) bool {
	if doc == nil {
		return false
	}
	rest, ok := strings.CutPrefix(doc.Text(), words)
	return ok && !wordGoesOn.MatchString(rest)
}

// mentions reports whether a comment holds name as a whole word.
func mentions(doc *ast.CommentGroup, name string) bool {
	return doc != nil && slices.Contains(notWord.Split(doc.Text(), -1), name)
}

var notWord = regexp.MustCompile(`\W+`)

var wordGoesOn = regexp.MustCompile(`^\w`)

// checkPackageDocs finds packages whose doc.go is missing, has no package comment, or has no
// picture, which is an indented block.
func checkPackageDocs(t *tree) []finding {
	var found []finding
	for _, dir := range t.dirs() {
		if what := packageDoc(t.in(dir)); what != "" {
			found = append(found, finding{where: path.Join(dir, "doc.go"), what: what})
		}
	}
	return found
}

func packageDoc(files []*file) string {
	for _, f := range files {
		if path.Base(f.path) != "doc.go" {
			continue
		}
		switch {
		case f.ast.Doc == nil:
			return "has no package comment"
		case !strings.Contains("\n"+f.ast.Doc.Text(), "\n\t"):
			return "has no picture: an indented block in the package comment"
		}
		return ""
	}
	return "is missing: every package says in it what it is, with a small picture"
}
