package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// modulePath is the import path of the module's root.
const modulePath = "github.com/troupe-go/troupe"

// tree is every Go source of the module, sorted by path.
type tree struct {
	fset  *token.FileSet
	files []*file
}

// file is one parsed Go source.
type file struct {
	path string // relative to the module root, with slashes
	text string
	fset *token.FileSet
	ast  *ast.File
}

// finding is one breach of one rule.
type finding struct {
	where string // path, or path:line
	what  string // what is wrong, and what to do unless that is obvious
}

// String returns the finding as one line.
func (f finding) String() string { return f.where + ": " + f.what }

// load reads the tree below root. As the go command does, it leaves out testdata
// and directories whose name starts with a dot or an underscore; unlike the go
// command it reads a file whatever its build constraint says.
func load(root string) (*tree, error) {
	sources := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipDir(root, name)
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		return readInto(sources, root, name)
	})
	if err != nil {
		return nil, err
	}
	return parse(sources)
}

func skipDir(root, name string) error {
	base := filepath.Base(name)
	hidden := strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
	if name != root && (hidden || base == "testdata" || base == "vendor") {
		return filepath.SkipDir
	}
	return nil
}

func readInto(sources map[string]string, root, name string) error {
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	sources[filepath.ToSlash(rel)] = string(text)
	return nil
}

// parse makes a tree of sources, which maps paths to text.
func parse(sources map[string]string) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		syntax, err := parser.ParseFile(t.fset, name, sources[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse the tree: %w", err)
		}
		t.files = append(t.files, &file{path: name, text: sources[name], fset: t.fset, ast: syntax})
	}
	return t, nil
}

// dirs returns the directories that hold Go files, sorted.
func (t *tree) dirs() []string {
	seen := map[string]bool{}
	for _, f := range t.files {
		seen[f.dir()] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// in returns the files of one directory.
func (t *tree) in(dir string) []*file {
	var files []*file
	for _, f := range t.files {
		if f.dir() == dir {
			files = append(files, f)
		}
	}
	return files
}

// dir returns the directory of the file, "." for the root.
func (f *file) dir() string { return path.Dir(f.path) }

// test reports whether the go command compiles the file for tests only.
func (f *file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// main reports whether the file belongs to a program.
func (f *file) main() bool { return f.ast.Name.Name == "main" }

// at returns path:line of a position.
func (f *file) at(p token.Pos) string {
	return f.path + ":" + strconv.Itoa(f.line(p))
}

func (f *file) line(p token.Pos) int { return f.fset.Position(p).Line }

// find returns a finding at a position.
func (f *file) find(p token.Pos, format string, args ...any) finding {
	return finding{where: f.at(p), what: fmt.Sprintf(format, args...)}
}

// imported is one import of a file.
type imported struct {
	path string
	name string // the name that the file uses for it; "." and "_" as written
	pos  token.Pos
}

// imports returns the imports of the file in source order.
func (f *file) imports() []imported {
	var all []imported
	for _, spec := range f.ast.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser rejects such a file
		}
		all = append(all, imported{path: target, name: localName(spec, target), pos: spec.Pos()})
	}
	return all
}

// localName guesses a package's name from its path when the import does not give
// one: the last element, without a major version.
func localName(spec *ast.ImportSpec, target string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	base := path.Base(target)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(target))
	}
	return base
}

// member returns the path of the imported package and the name that n selects
// from it, when n is such a selector: ("time", "Now") for time.Now.
func (f *file) member(n ast.Node) (target, name string, ok bool) {
	selector, isSelector := n.(*ast.SelectorExpr)
	if !isSelector {
		return "", "", false
	}
	owner, isIdent := selector.X.(*ast.Ident)
	if !isIdent {
		return "", "", false
	}
	for _, i := range f.imports() {
		if i.name == owner.Name {
			return i.path, selector.Sel.Name, true
		}
	}
	return "", "", false
}

// covers reports whether pattern, a directory or dir/... as in the go command,
// covers dir.
func covers(pattern, dir string) bool {
	base, deep := strings.CutSuffix(pattern, "/...")
	return dir == base || deep && strings.HasPrefix(dir, base+"/")
}

// coversAny reports whether one of patterns covers dir.
func coversAny(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, dir) })
}

// within returns the directory of an import path of this module, and whether it
// is one.
func within(target string) (dir string, ok bool) {
	if target == modulePath {
		return ".", true
	}
	return strings.CutPrefix(target, modulePath+"/")
}

// standard reports whether target is of the standard library: its first element
// has no dot.
func standard(target string) bool {
	first, _, _ := strings.Cut(target, "/")
	return !strings.Contains(first, ".")
}
