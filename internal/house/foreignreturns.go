package house

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// handed follows the errors of one function, in the order of its text: a variable has the error
// that was assigned last.
type handed struct {
	leaks *leaks
	info  *types.Info
	last  map[types.Object]string // variable to the foreign function that it has its error from
	leak  string                  // the foreign function whose error is returned; empty for none
	at    token.Pos
}

func (r *handed) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncLit:
		return false // a function literal does not return to the caller
	case *ast.AssignStmt:
		r.assign(n)
	case *ast.ReturnStmt:
		for _, result := range n.Results {
			r.result(result)
		}
	}
	return true
}

// assign notes which variables hold a foreign error now.
func (r *handed) assign(n *ast.AssignStmt) {
	for i, left := range n.Lhs {
		id, ok := left.(*ast.Ident)
		if !ok {
			continue
		}
		object := r.info.Defs[id]
		if object == nil {
			object = r.info.Uses[id]
		}
		if object == nil || !isError(object.Type()) {
			continue
		}
		right := n.Rhs[min(i, len(n.Rhs)-1)]
		r.last[object] = r.origin(right)
	}
}

// result notes a foreign error that is returned.
func (r *handed) result(e ast.Expr) {
	from := r.origin(e)
	if from != "" && r.leak == "" {
		r.leak, r.at = from, e.Pos()
	}
}

// origin returns the foreign function that an expression has its error from; empty for none.
func (r *handed) origin(e ast.Expr) string {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return r.last[r.info.Uses[e]]
	case *ast.CallExpr:
		return r.foreign(e)
	}
	return ""
}

// foreign returns the name of a function that is called, if its error is not ours.
func (r *handed) foreign(call *ast.CallExpr) string {
	var id *ast.Ident
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		id = fun
	case *ast.SelectorExpr:
		id = fun.Sel
	default:
		return ""
	}
	fn, ok := r.info.Uses[id].(*types.Func)
	if !ok || fn.Pkg() == nil || !givesError(fn.Signature()) {
		return ""
	}
	name, path := fn.FullName(), fn.Pkg().Path()
	switch {
	case mayPass[name] != "":
		r.leaks.passed[name] = true
		return ""
	case path == "errors" || path == "fmt": // they wrap, or another check finds them
		return ""
	case path == modulePath || strings.HasPrefix(path, modulePath+"/"):
		if r.leaks.leaky[fn.Origin().FullName()] {
			return name
		}
		return ""
	default:
		return name
	}
}

// givesError reports whether the last result is an error.
func givesError(s *types.Signature) bool {
	n := s.Results().Len()
	return n > 0 && isError(s.Results().At(n-1).Type())
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }
