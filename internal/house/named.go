package house

import (
	"cmp"
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// public are the packages that users import, lowest first. Every type that one of them
// exposes has a name in it, or in one that stands before it.
var public = []string{"api", "jetstream", "micro", "kv", "objectstore"}

// below are the packages that users need not import.
var below = []string{"protocol", "supervisor", "actors"}

// naming follows the exported names of packages to all types that they lead to.
type naming struct {
	module string                     // only types of this module need a name
	named  map[*types.TypeName]bool   // the types that users can name
	consts map[*types.TypeName]values // the constants that users can name, by type
	seen   map[*types.TypeName]bool
	pkg    string // the package that is being checked
	found  []finding
}

// values holds constants in exact notation.
type values map[string]bool

// checkNamed finds exported types of the module that users of the packages meet in exported
// fields, methods and functions, but cannot name without importing a package that is not
// among these; and constants of such types that have no name there. Unexported types are
// left alone: they keep options opaque. The packages come lowest first.
func checkNamed(module string, pkgs ...*types.Package) []finding {
	n := &naming{module: module, named: map[*types.TypeName]bool{}, consts: map[*types.TypeName]values{}, seen: map[*types.TypeName]bool{}}
	for _, pkg := range pkgs {
		n.read(pkg)
		n.pkg = pkg.Name()
		for _, name := range pkg.Scope().Names() {
			if o := pkg.Scope().Lookup(name); o.Exported() {
				n.follow(name, o.Type())
			}
		}
	}
	slices.SortFunc(n.found, func(a, b finding) int { return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.what, b.what)) })
	return n.found
}

// read notes which types and constants a package has names for.
func (n *naming) read(pkg *types.Package) {
	for _, name := range pkg.Scope().Names() {
		o := pkg.Scope().Lookup(name)
		named, ok := types.Unalias(o.Type()).(*types.Named)
		if !ok || !o.Exported() {
			continue
		}
		object := named.Origin().Obj()
		switch o := o.(type) {
		case *types.TypeName:
			n.named[object] = true
		case *types.Const:
			if n.consts[object] == nil {
				n.consts[object] = values{}
			}
			n.consts[object][o.Val().ExactString()] = true
		}
	}
}

// follow visits all types that a type leads to. from says how it was come to.
func (n *naming) follow(from string, t types.Type) {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		n.visit(from, t)
	case *types.Map:
		n.follow(from, t.Key())
		n.follow(from, t.Elem())
	case interface{ Elem() types.Type }: // a pointer, slice, array or channel
		n.follow(from, t.Elem())
	case *types.Signature:
		n.followAll(from, t.Params())
		n.followAll(from, t.Results())
	case *types.Struct:
		for field := range t.Fields() {
			if field.Exported() {
				n.follow(from+"."+field.Name(), field.Type())
			}
		}
	case *types.Interface:
		for method := range t.Methods() {
			if method.Exported() {
				n.follow(from+"."+method.Name(), method.Type())
			}
		}
	}
}

func (n *naming) followAll(from string, tuple *types.Tuple) {
	for v := range tuple.Variables() {
		n.follow(from, v.Type())
	}
}

// visit asks for the name of a type, and follows its fields and methods.
func (n *naming) visit(from string, t *types.Named) {
	for arg := range t.TypeArgs().Types() {
		n.follow(from, arg)
	}
	object := t.Origin().Obj()
	if n.seen[object] || object.Pkg() == nil || !n.inModule(object.Pkg()) {
		return
	}
	n.seen[object] = true
	if object.Exported() && !n.named[object] {
		n.find(from, "leads to %s.%s, which has no name in a public package", object.Pkg().Name(), object.Name())
	}
	n.constantsOf(object)
	n.follow(object.Name(), t.Origin().Underlying())
	for method := range t.Origin().Methods() {
		if method.Exported() {
			n.follow(object.Name()+"."+method.Name(), method.Type())
		}
	}
}

// constantsOf finds exported constants of a type, declared beside it, that users cannot name.
func (n *naming) constantsOf(object *types.TypeName) {
	scope := object.Pkg().Scope()
	for _, name := range scope.Names() {
		c, ok := scope.Lookup(name).(*types.Const)
		if ok && c.Exported() && types.Unalias(c.Type()) == object.Type() && !n.consts[object][c.Val().ExactString()] {
			n.find(object.Name(), "has the value %s.%s, which has no name in a public package", object.Pkg().Name(), name)
		}
	}
}

func (n *naming) inModule(pkg *types.Package) bool {
	return pkg.Path() == n.module || strings.HasPrefix(pkg.Path(), n.module+"/")
}

func (n *naming) find(where, format string, args ...any) {
	n.found = append(n.found, finding{where: n.pkg + "." + where, what: fmt.Sprintf(format, args...)})
}
