package house

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// packageState names the package variables that are neither an error kind nor a constant table,
// each with the reason why it exists. The key is the package's directory, a dot, and the
// variable's name.
var packageState = map[string]string{
	"actors.defaultSystem":      "an actor system is too heavy to have one a connection; made on first use",
	"protocol.serverErrorRules": "a table; a row's address is taken to read it without a copy",
}

// checkState finds package variables that hold state. Allowed without an entry are: blank
// assertions, errors (Err… and err… made by a call or copied from another error), compiled
// regular expressions, and tables that nothing in the package writes to or takes the address of:
// arrays, slices, maps and filled-in structs that are literals, or are computed by a function
// literal in place; nor may a method of a struct be called. Programs are left out; their flags
// are variables.
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
	writes := traced(files, targets)
	calls := traced(files, receivers)
	for _, f := range files {
		if f.test() {
			continue
		}
		for _, spec := range varSpecs(f) {
			all = append(all, changing(f, spec, traces{writes, calls})...)
		}
	}
	return all
}

// changing returns the variables of spec that cannot be shown to be constant.
func changing(f *file, spec *ast.ValueSpec, seen traces) []variable {
	var all []variable
	for i, name := range spec.Names {
		if name.Name != "_" && !constant(f, spec, i, seen) {
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

// constant reports whether the i-th variable of spec certainly keeps its first value.
func constant(f *file, spec *ast.ValueSpec, i int, seen traces) bool {
	name := spec.Names[i].Name
	if len(spec.Values) != len(spec.Names) || seen.written[name] {
		return false
	}
	switch value := spec.Values[i].(type) {
	case *ast.CallExpr:
		target, member, _ := f.member(value.Fun)
		return errorName(name) || target == "regexp" && member == "MustCompile" || computesTable(value)
	case *ast.SelectorExpr:
		return errorName(name)
	case *ast.Ident:
		return errorName(name) && errorName(value.Name)
	case *ast.CompositeLit:
		if makes(value) {
			return false
		}
		switch value.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			return true
		case *ast.Ident, *ast.SelectorExpr:
			return len(value.Elts) > 0 && !seen.called[name]
		}
	}
	return false
}

// computesTable reports whether call is of a function literal that returns nothing
// but an array, a slice or a map.
func computesTable(call *ast.CallExpr) bool {
	literal, ok := call.Fun.(*ast.FuncLit)
	if !ok || literal.Type.Results.NumFields() != 1 {
		return false
	}
	switch literal.Type.Results.List[0].Type.(type) {
	case *ast.ArrayType, *ast.MapType:
		return true
	}
	return false
}

// makes reports whether a literal contains something mutable: a channel, a map, a pointer.
func makes(literal ast.Node) bool {
	found := false
	ast.Inspect(literal, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			name, _ := call.Fun.(*ast.Ident)
			found = found || name != nil && (name.Name == "make" || name.Name == "new")
		}
		return !found
	})
	return found
}

func errorName(name string) bool {
	return strings.HasPrefix(name, "Err") || strings.HasPrefix(name, "err")
}

// traces is what the statements of a package do to names. A local variable of the same name
// counts too: the check may require another name, but misses no write.
type traces struct {
	written map[string]bool // whole or in part, or their address is taken
	called  map[string]bool // a method is called on them
}

// traced returns the names at the root of the expressions that pick finds in files.
func traced(files []*file, pick func(ast.Node) []ast.Expr) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		if f.test() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			for _, e := range pick(n) {
				names[root(e)] = true
			}
			return true
		})
	}
	return names
}

// receivers returns the expressions on which a method is called.
func receivers(n ast.Node) []ast.Expr {
	if call, ok := n.(*ast.CallExpr); ok {
		if method, ok := call.Fun.(*ast.SelectorExpr); ok {
			return []ast.Expr{method.X}
		}
	}
	return nil
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
