package house

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

// debt matches the words that postpone work. They are concatenated here so that this file does
// not contain them.
var debt = regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// silencer starts a comment that switches a linter off without saying why.
const silencer = "//no" + "lint"

// checkDebt finds postponed work: a word of debt anywhere in a source, and comments that silence
// a linter.
func checkDebt(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		number := 0
		for line := range strings.Lines(f.text) {
			number++
			pos := f.fset.File(f.ast.FileStart).LineStart(number)
			if word := debt.FindString(line); word != "" {
				found = append(found, f.find(pos, "%s: finish it, or file an issue", word))
			}
			if strings.Contains(line, silencer) {
				found = append(found, f.find(pos, "%s: mend what the linter found", silencer))
			}
		}
	}
	return found
}

// checkElse finds an else after a branch that returned. An if that declares a
// variable may keep it: the else may need the variable.
func checkElse(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			branch, ok := n.(*ast.IfStmt)
			if ok && branch.Else != nil && returns(branch.Body) && !declares(branch.Init) {
				found = append(found, f.find(branch.Else.Pos(), "else after return: go on without it"))
			}
			return true
		})
	}
	return found
}

func returns(body *ast.BlockStmt) bool {
	if len(body.List) == 0 {
		return false
	}
	_, ok := body.List[len(body.List)-1].(*ast.ReturnStmt)
	return ok
}

func declares(init ast.Stmt) bool {
	assign, ok := init.(*ast.AssignStmt)
	return ok && assign.Tok == token.DEFINE
}

// checkSkips finds tests that can be skipped: a call of Skip, Skipf or SkipNow on a
// parameter from the packages testing and rapid.
func checkSkips(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		handles := testHandles(f)
		ast.Inspect(f.ast, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || !skipping[selector.Sel.Name] {
				return true
			}
			if owner, ok := selector.X.(*ast.Ident); ok && handles[owner.Name] {
				found = append(found, f.find(n.Pos(), "%s.%s: a test runs or is not there", owner.Name, selector.Sel.Name))
			}
			return true
		})
	}
	return found
}

var skipping = map[string]bool{"Skip": true, "Skipf": true, "SkipNow": true}

// testHandles returns the names of the parameters in f whose type comes from a test
// package.
func testHandles(f *file) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		fn, ok := n.(*ast.FuncType)
		if !ok {
			return true
		}
		for _, field := range fn.Params.List {
			typ := field.Type
			if star, ok := typ.(*ast.StarExpr); ok {
				typ = star.X
			}
			target, _, _ := f.member(typ)
			for _, name := range field.Names {
				names[name.Name] = names[name.Name] || target == "testing" || target == "pgregory.net/rapid"
			}
		}
		return true
	})
	return names
}

// bubbles are the functions that run a test in a bubble of virtual time.
var bubbles = map[string]string{
	"testing/synctest":                "Test",
	modulePath + "/faults":            "Bubble",
	modulePath + "/faults/natsserver": "Bubble",
}

// checkSleeps finds tests that wait in real time: time.Sleep in a test file outside functions
// that start a bubble. A file named *_bubble_test.go may only have helpers that run inside a
// bubble.
func checkSleeps(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		if !f.test() || strings.HasSuffix(f.path, "_bubble_test.go") {
			continue
		}
		for _, decl := range f.ast.Decls {
			if inBubble(f, decl) {
				continue
			}
			for _, n := range uses(f, decl, "time", "Sleep") {
				found = append(found, f.find(n.Pos(), "time.Sleep outside a synctest bubble: wait for an event"))
			}
		}
	}
	return found
}

func inBubble(f *file, decl ast.Decl) bool {
	for target, name := range bubbles {
		if len(uses(f, decl, target, name)) > 0 {
			return true
		}
	}
	return false
}

// uses returns the places below n that select name from the package target.
func uses(f *file, n ast.Node, target, name string) []ast.Node {
	var places []ast.Node
	ast.Inspect(n, func(n ast.Node) bool {
		from, member, ok := f.member(n)
		if ok && from == target && member == name {
			places = append(places, n)
		}
		return true
	})
	return places
}
