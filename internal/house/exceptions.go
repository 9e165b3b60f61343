package house

import (
	"cmp"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// allowances returns the exception comments of a file by position.
func allowances(f *file) map[token.Pos]*allowance {
	marks := map[token.Pos]*allowance{}
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			rest, ok := strings.CutPrefix(c.Text, allowMark)
			if !ok {
				continue
			}
			budget, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
			marks[c.Pos()] = &allowance{budget: budget, reason: strings.TrimSpace(reason), pos: c.Pos()}
		}
	}
	return marks
}

func sortedMarks(marks map[token.Pos]*allowance) []*allowance {
	return slices.SortedFunc(maps.Values(marks), func(a, b *allowance) int { return cmp.Compare(a.pos, b.pos) })
}

// docMarks returns the exceptions in the comment directly above a declaration.
func docMarks(doc *ast.CommentGroup, marks map[token.Pos]*allowance) []*allowance {
	if doc == nil {
		return nil
	}
	var mine []*allowance
	for _, c := range doc.List {
		if mark := marks[c.Pos()]; mark != nil {
			mine = append(mine, mark)
		}
	}
	return mine
}

// headMarks returns the exceptions above the package clause.
func headMarks(f *file, marks map[token.Pos]*allowance) []*allowance {
	var mine []*allowance
	for _, mark := range sortedMarks(marks) {
		if mark.pos < f.ast.Package {
			mine = append(mine, mark)
		}
	}
	return mine
}

// spend marks the exceptions for budget as used and reports whether there is one.
func spend(marks []*allowance, budget string) bool {
	spent := false
	for _, mark := range marks {
		if mark.budget == budget {
			mark.used = true
			spent = true
		}
	}
	return spent
}

// badMark says what is wrong with an exception after the file's checks have run.
func badMark(f *file, mark *allowance) []finding {
	if _, known := exceptionsMax[mark.budget]; !known {
		budgets := strings.Join(slices.Sorted(maps.Keys(exceptionsMax)), ", ")
		return []finding{f.find(mark.pos, "exception for %q: the budgets are %s", mark.budget, budgets)}
	}
	if mark.reason == "" {
		return []finding{f.find(mark.pos, "exception for %s without a reason", mark.budget)}
	}
	if !mark.used {
		return []finding{f.find(mark.pos, "exception for %s that nothing below needs: remove it, or put it directly above the function", mark.budget)}
	}
	return nil
}
