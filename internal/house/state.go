package house

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// packageState names the package variables that are neither an error kind nor a
// table nobody writes to, each with the reason it is one. The key is the package's
// directory, a dot, and the variable's name.
var packageState = map[string]string{
	"actors.defaultSystem":      "an actor system is too heavy to have one a connection; made on first use",
	"protocol.serverErrorRules": "a table; a row's address is taken to read it without a copy",
}

// checkState finds package variables that hold state. Allowed without a word are:
// blank assertions, errors (Err… and err… made by a call or copied from another
// package), compiled regular expressions, and tables: arrays, slices and maps
// written as literals that nothing in the package writes to or takes the address
// of. Programs are left out; their flags are variables.
func checkState(t *tree) []finding {
	var found []finding
	for _, dir := range t.dirs() {
		if coversAny([]string{"examples/...", "bench/..."}, dir) {
			continue
		}
		for _, v := range variables(t.in(dir)) {
			key := dir + "." + v.name.Name
			if packageState[key] != "" {
				continue
			}
			found = append(found, v.file.find(v.name.Pos(), "package variable %s holds state: pass it in, "+
				"or name it with the reason in packageState in internal/house/state.go", key))
		}
	}
	return found
}

// variable is a package variable that may hold state.
type variable struct {
	file *file
	name *ast.Ident
}

func variables(files []*file) []variable {
	var all []variable
	writes := written(files)
	for _, f := range files {
		if f.test() {
			continue
		}
		for _, spec := range varSpecs(f) {
			all = append(all, changing(f, spec, writes)...)
		}
	}
	return all
}

// changing returns the variables of spec that are not seen to be constant.
func changing(f *file, spec *ast.ValueSpec, written map[string]bool) []variable {
	var all []variable
	for i, name := range spec.Names {
		if name.Name != "_" && !constant(f, spec, i, written) {
			all = append(all, variable{file: f, name: name})
		}
	}
	return all
}

func varSpecs(f *file) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, decl := range f.ast.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			specs = append(specs, spec.(*ast.ValueSpec))
		}
	}
	return specs
}

// constant reports whether the i-th variable of spec can be seen to keep its
// first value.
func constant(f *file, spec *ast.ValueSpec, i int, written map[string]bool) bool {
	name := spec.Names[i].Name
	if len(spec.Values) != len(spec.Names) || written[name] {
		return false
	}
	switch value := spec.Values[i].(type) {
	case *ast.CallExpr:
		target, member, _ := f.member(value.Fun)
		return errorName(name) || target == "regexp" && member == "MustCompile"
	case *ast.SelectorExpr:
		return errorName(name)
	case *ast.CompositeLit:
		switch value.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			return true
		}
	}
	return false
}

func errorName(name string) bool {
	return strings.HasPrefix(name, "Err") || strings.HasPrefix(name, "err")
}

// written returns the names that some statement of files writes to, whole or in
// part, or takes the address of. A local variable of the same name counts too:
// the check may ask for another name, it does not miss a write.
func written(files []*file) map[string]bool {
	names := map[string]bool{}
	note := func(e ast.Expr) {
		if name := root(e); name != "" {
			names[name] = true
		}
	}
	for _, f := range files {
		if f.test() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			for _, e := range targets(n) {
				note(e)
			}
			return true
		})
	}
	return names
}

// targets returns the expressions that a node writes to or exposes for writing.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		name, ok := n.Fun.(*ast.Ident)
		if ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, name.Name) {
			return n.Args[:1]
		}
	}
	return nil
}

// root returns the identifier at the root of x, x[i], x.f, *x and (x), or "". A
// composite literal has none.
func root(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}

// staleState returns the entries of packageState that name no variable of the
// tree.
func staleState(t *tree) []string {
	names := map[string]bool{}
	for _, f := range t.files {
		for _, spec := range varSpecs(f) {
			for _, name := range spec.Names {
				names[f.dir()+"."+name.Name] = true
			}
		}
	}
	stale := maps.Clone(packageState)
	maps.DeleteFunc(stale, func(key, _ string) bool { return names[key] })
	return slices.Sorted(maps.Keys(stale))
}
