package house

import (
	"go/ast"
)

// checkReceive finds methods named Receive in actors/ that are more than a table of contents:
// one type switch, in each case exactly one call, and a default that panics. A Receive without a
// type switch only delegates, and is not checked. The one that protoactor calls may delegate in
// its default case, with one call: it handles protoactor's own messages, and passes on those of
// all actors.
func checkReceive(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		if f.test() || !covers("actors/...", f.dir()) {
			continue
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && fn.Recv != nil && fn.Name.Name == "Receive" && fn.Body != nil {
				found = append(found, receive(f, fn)...)
			}
		}
	}
	return found
}

func receive(f *file, fn *ast.FuncDecl) []finding {
	if !holdsTypeSwitch(fn.Body) {
		return nil
	}
	if len(fn.Body.List) != 1 {
		return []finding{f.find(fn.Pos(), "Receive holds more than its type switch: move the rest into handlers")}
	}
	table, ok := fn.Body.List[0].(*ast.TypeSwitchStmt)
	if !ok {
		return []finding{f.find(fn.Pos(), "Receive wraps its type switch: the switch is all there should be")}
	}
	var found []finding
	panics := false
	for _, stmt := range table.Body.List {
		clause := stmt.(*ast.CaseClause)
		call := onlyCall(clause.Body)
		switch {
		case clause.List == nil:
			panics = isPanic(call) || call != nil && calledByProtoactor(f, fn)
		case call == nil || isPanic(call):
			found = append(found, f.find(clause.Pos(), "a case of Receive is exactly one call of a handler"))
		}
	}
	if !panics {
		found = append(found, f.find(table.Pos(), "Receive needs a default that panics with the message's type, and does nothing else"))
	}
	return found
}

// calledByProtoactor reports whether fn takes protoactor's context.
func calledByProtoactor(f *file, fn *ast.FuncDecl) bool {
	params := fn.Type.Params.List
	if len(params) != 1 {
		return false
	}
	target, name, _ := f.member(params[0].Type)
	return target == "github.com/asynkron/protoactor-go/actor" && name == "Context"
}

func holdsTypeSwitch(body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		_, is := n.(*ast.TypeSwitchStmt)
		found = found || is
		return !found
	})
	return found
}

// onlyCall returns the call that is the whole of body, or nil.
func onlyCall(body []ast.Stmt) *ast.CallExpr {
	if len(body) != 1 {
		return nil
	}
	stmt, ok := body[0].(*ast.ExprStmt)
	if !ok {
		return nil
	}
	call, _ := stmt.X.(*ast.CallExpr)
	return call
}

func isPanic(call *ast.CallExpr) bool {
	if call == nil {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	return ok && name.Name == "panic"
}
