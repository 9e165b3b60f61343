package house

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
)

// guarded are the packages whose exported functions return only our own errors, or errors that
// wrap one, and the packages that they build on, lowest first.
var guarded = []string{
	"protocol", "supervisor", "actors", "api", "jetstream", "internal/bucket", "internal/watch", "micro", "kv", "objectstore",
}

// mayPass names the functions whose foreign errors may be returned unwrapped, each with the
// reason.
var mayPass = map[string]string{
	"(context.Context).Err": "what ended the caller's own context: the calls of api make a TimeoutError or a CanceledError of it",

	"(" + modulePath + "/kv.JSON[T]).Encode": "the calls of a store make a CodecError of what its codec returns",
	"(" + modulePath + "/kv.JSON[T]).Decode": "the calls of a store make a CodecError of what its codec returns",
}

// leaks finds functions that return an error of another module unwrapped.
type leaks struct {
	exports *exports
	root    string
	leaky   map[string]bool // by the full name of the function
	passed  map[string]bool // those of mayPass that were needed
	found   []finding
}

// checkForeign finds exported functions of packages, lowest first, that return an error of the
// standard library or of another module unwrapped, even if it comes through an unexported
// function.
func checkForeign(root string, dirs []string) ([]finding, error) {
	var paths []string
	for _, dir := range dirs {
		paths = append(paths, modulePath+"/"+dir)
	}
	e, err := readExports(root, paths...)
	if err != nil {
		return nil, err
	}
	l := &leaks{exports: e, root: root, leaky: map[string]bool{}, passed: map[string]bool{}}
	for _, dir := range dirs {
		if err := l.read(dir); err != nil {
			return nil, err
		}
	}
	for name := range mayPass {
		if !l.passed[name] {
			l.found = append(l.found, finding{where: name, what: "returns no foreign error, or is gone: take it out of mayPass"})
		}
	}
	slices.SortFunc(l.found, func(a, b finding) int { return cmp.Compare(a.where, b.where) })
	return l.found, nil
}

// read inspects the package of a directory, as this system builds it.
func (l *leaks) read(dir string) error {
	pkg, err := build.ImportDir(filepath.Join(l.root, dir), 0)
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(l.exports.fset, filepath.Join(pkg.Dir, name), nil, 0)
		if err != nil {
			return fmt.Errorf("read %s: %w", dir, err)
		}
		files = append(files, f)
	}
	return l.inspect(dir, files)
}

// inspect looks for foreign errors in the sources of a package.
func (l *leaks) inspect(dir string, files []*ast.File) error {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: l.exports.from}
	if _, err := config.Check(modulePath+"/"+dir, l.exports.fset, files, info); err != nil {
		return fmt.Errorf("check %s: %w", dir, err)
	}
	for again := true; again; { // until no more functions are found to leak
		again = false
		for _, f := range files {
			for _, decl := range f.Decls {
				again = l.function(dir, decl, info) || again
			}
		}
	}
	return nil
}

// function inspects one function, and reports whether it was newly found to leak.
func (l *leaks) function(dir string, decl ast.Decl, info *types.Info) bool {
	fn, ok := decl.(*ast.FuncDecl)
	if !ok || fn.Body == nil {
		return false
	}
	object := info.Defs[fn.Name].(*types.Func)
	if l.leaky[object.FullName()] {
		return false
	}
	r := handed{leaks: l, info: info, last: map[types.Object]string{}}
	ast.Inspect(fn.Body, r.visit)
	switch {
	case r.leak == "":
		return false
	case mayPass[object.FullName()] != "":
		l.passed[object.FullName()] = true
		return false
	}
	l.leaky[object.FullName()] = true
	if exportedFunc(fn) && !strings.HasPrefix(dir, "internal/") {
		where := l.exports.fset.Position(r.at)
		l.found = append(l.found, finding{where: fmt.Sprintf("%s/%s:%d", dir, filepath.Base(where.Filename), where.Line),
			what: fmt.Sprintf("%s returns what %s returned: wrap it in one of our errors", fn.Name.Name, r.leak)})
	}
	return true
}
