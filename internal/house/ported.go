package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
)

// ported is a program that was written for the peer.
type ported struct {
	dir   string
	files []*ast.File
}

// programsBelow reads the programs below root that import nothing but the standard
// library and the peer.
func programsBelow(fset *token.FileSet, root string) ([]*ported, error) {
	byDir := map[string]*ported{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".go" {
			return err
		}
		parsed, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &ported{dir: dir}
		}
		byDir[dir].files = append(byDir[dir].files, parsed)
		return nil
	})
	var all []*ported
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		p := byDir[dir]
		imports := p.imports()
		own := slices.Contains(imports, peerPath)
		if own && !slices.ContainsFunc(imports, func(path string) bool { return path != peerPath && !standard(path) }) {
			all = append(all, p)
		}
	}
	return all, err
}

// imports returns the paths that the program imports.
func (p *ported) imports() []string {
	var paths []string
	for _, f := range p.files {
		for _, spec := range f.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err == nil {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// port replaces the import of the peer, which keeps the name nats in the program.
func (p *ported) port(path string) {
	for _, f := range p.files {
		for _, spec := range f.Imports {
			if spec.Path.Value != strconv.Quote(peerPath) {
				continue
			}
			spec.Path.Value = strconv.Quote(path)
			if spec.Name == nil {
				spec.Name = ast.NewIdent("nats")
			}
		}
	}
}

// checkPorted type-checks a program, and returns the errors.
func checkPorted(e *exports, fset *token.FileSet, p *ported) []finding {
	var found []finding
	config := types.Config{Importer: e.from, Error: func(err error) {
		found = append(found, finding{where: filepath.Base(p.dir), what: err.Error()})
	}}
	_, _ = config.Check(p.dir, fset, p.files, nil) // Error has collected the errors
	return found
}
