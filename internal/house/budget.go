package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// The budgets. Lines count from the func keyword to the closing brace. Nesting counts if, for,
// switch and select inside each other; else-if and case add nothing, and a function literal
// continues the count around it.
const (
	functionLinesMax     = 60
	testFunctionLinesMax = 100
	nestingMax           = 3
	paramsMax            = 4
	fileLinesMax         = 500 // test files have no limit
)

// exceptionsMax is how many exceptions the module may have, by budget. The budget params also
// covers a naked bool in an exported function. Before raising a ceiling, look for a function
// that can be simplified.
var exceptionsMax = map[string]int{
	"length":  10,
	"nesting": 10,
	"params":  30,
	"file":    4,
}

// allowMark starts an exception: the mark, the budget, the reason. It must be in the comment
// directly above the function; for the budget file, above the package clause.
const allowMark = "//style:" + "allow"

// allowance is one exception comment.
type allowance struct {
	budget string
	reason string
	pos    token.Pos
	used   bool
}

// checkBudgets finds functions and files over budget without an exception, and
// exceptions that are misplaced, unreasoned or not needed. It returns the number
// of exceptions by budget as well.
func checkBudgets(t *tree) ([]finding, map[string]int) {
	var found []finding
	total := map[string]int{}
	for _, f := range t.files {
		marks := allowances(f)
		found = append(found, overFile(f, marks)...)
		for _, u := range units(f) {
			found = append(found, overUnit(f, u, marks)...)
		}
		for _, mark := range sortedMarks(marks) {
			total[mark.budget]++
			found = append(found, badMark(f, mark)...)
		}
	}
	return found, total
}

// checkCeilings finds budgets with more exceptions than the ceiling allows.
func checkCeilings(total map[string]int) []finding {
	var found []finding
	for _, budget := range slices.Sorted(maps.Keys(exceptionsMax)) {
		if total[budget] > exceptionsMax[budget] {
			found = append(found, finding{where: "the module", what: fmt.Sprintf("%d exceptions for %s, the ceiling is %d",
				total[budget], budget, exceptionsMax[budget])})
		}
	}
	return found
}

// unit is a function, or a declaration with function literals.
type unit struct {
	name string
	doc  *ast.CommentGroup
	decl ast.Decl
}

func units(f *file) []unit {
	var all []unit
	for _, decl := range f.ast.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			all = append(all, unit{name: d.Name.Name, doc: d.Doc, decl: d})
		case *ast.GenDecl:
			all = append(all, unit{name: "a declaration", doc: d.Doc, decl: d})
		}
	}
	return all
}

// overFile checks the length of a file.
func overFile(f *file, marks map[token.Pos]*allowance) []finding {
	lines := strings.Count(f.text, "\n")
	if f.test() || lines <= fileLinesMax || spend(headMarks(f, marks), "file") {
		return nil
	}
	return []finding{{where: f.path, what: fmt.Sprintf("%d lines, the budget is %d", lines, fileLinesMax)}}
}

// overUnit checks one function against its budgets.
func overUnit(f *file, u unit, marks map[token.Pos]*allowance) []finding {
	var found []finding
	mine := docMarks(u.doc, marks)
	over := func(budget, format string, args ...any) {
		if !spend(mine, budget) {
			found = append(found, f.find(u.decl.Pos(), u.name+": "+format, args...))
		}
	}
	limit := functionLinesMax
	if f.test() {
		limit = testFunctionLinesMax
	}
	if lines := longest(f, u.decl); lines > limit {
		over("length", "%d lines, the budget is %d", lines, limit)
	}
	if depth := deepest(u.decl); depth > nestingMax {
		over("nesting", "%d blocks deep, the budget is %d", depth, nestingMax)
	}
	if params := widest(u.decl); params > paramsMax {
		over("params", "%d parameters, the budget is %d: take a struct", params, paramsMax)
	}
	if names := nakedBools(f, u.decl); names != "" {
		over("params", "naked bool parameter %s in an exported function: two names or an option say what true means", names)
	}
	return found
}

// longest returns the lines of the longest function in decl.
func longest(f *file, decl ast.Decl) int {
	most := 0
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			start := n.Pos()
			if fn, ok := n.(*ast.FuncDecl); ok {
				start = fn.Type.Pos() // without the doc comment
			}
			most = max(most, f.line(n.End())-f.line(start)+1)
		}
		return true
	})
	return most
}

// deepest returns the deepest nesting in decl.
func deepest(decl ast.Decl) int {
	most := 0
	ast.Walk(nesting{most: &most, elseIf: map[ast.Node]bool{}}, decl)
	return most
}

// nesting is the visitor that counts blocks inside each other.
type nesting struct {
	depth  int
	most   *int
	elseIf map[ast.Node]bool // if statements that continue the one above them
}

// Visit returns the visitor for what lies inside n.
func (v nesting) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.IfStmt:
		if next, ok := n.Else.(*ast.IfStmt); ok {
			v.elseIf[next] = true
		}
		if !v.elseIf[n] {
			v.depth++
		}
	case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		v.depth++
	}
	*v.most = max(*v.most, v.depth)
	return v
}

// widest returns the largest number of parameters of a function in decl.
func widest(decl ast.Decl) int {
	most := 0
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			most = max(most, n.Type.Params.NumFields())
		case *ast.FuncLit:
			most = max(most, n.Type.Params.NumFields())
		}
		return true
	})
	return most
}

// nakedBools returns the bool parameters of an exported function, joined.
func nakedBools(f *file, decl ast.Decl) string {
	fn, ok := decl.(*ast.FuncDecl)
	if !ok || f.test() || f.main() || !exportedFunc(fn) {
		return ""
	}
	var names []string
	for _, field := range fn.Type.Params.List {
		if typ, ok := field.Type.(*ast.Ident); !ok || typ.Name != "bool" {
			continue
		}
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
		if len(field.Names) == 0 {
			names = append(names, "without a name")
		}
	}
	return strings.Join(names, ", ")
}

// exportedFunc reports whether a user of the package can call fn by name.
func exportedFunc(fn *ast.FuncDecl) bool {
	return fn.Name.IsExported() && (fn.Recv == nil || ast.IsExported(receiverName(fn)))
}

// receiverName returns the name of the receiver's type, without pointer and type
// parameters.
func receiverName(fn *ast.FuncDecl) string {
	typ := fn.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.ParenExpr:
			typ = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
