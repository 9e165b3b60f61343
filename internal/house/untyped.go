package house

import (
	"go/ast"
	"strconv"
	"strings"
)

// checkUntyped finds errors without a kind in the packages that users' programs
// link: errors.New, and fmt.Errorf that wraps nothing. A user could only compare
// their texts.
func checkUntyped(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		if f.test() || coversAny([]string{"examples/...", "bench/...", "faults/...", "internal/..."}, f.dir()) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && makesUntyped(f, call) {
				found = append(found, f.find(call.Pos(), "an error without a kind: make it with kind.New, or wrap one"))
			}
			return true
		})
	}
	return found
}

func makesUntyped(f *file, call *ast.CallExpr) bool {
	target, name, _ := f.member(call.Fun)
	switch {
	case target == "errors" && name == "New":
		return true
	case target != "fmt" || name != "Errorf" || len(call.Args) == 0:
		return false
	}
	format, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return true
	}
	text, err := strconv.Unquote(format.Value)
	return err != nil || !strings.Contains(text, "%w")
}
