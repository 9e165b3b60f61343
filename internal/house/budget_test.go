package house

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestFunctionsKeepTheirBudgets(t *testing.T) {
	found, total := checkBudgets(module(t))
	none(t, found)
	none(t, checkCeilings(total))
	for _, budget := range slices.Sorted(maps.Keys(exceptionsMax)) {
		t.Logf("exceptions for %s: %d of at most %d", budget, total[budget], exceptionsMax[budget])
	}
}

// lines is a function body with n statements, each on a line of its own.
func lines(n int) string { return "{\n" + strings.Repeat("_ = 0\n", n) + "}" }

func TestBudgetsBite(t *testing.T) {
	cases := []struct {
		name, path, text string
		want             []string
	}{
		{"a function at its budget", "api/a.go", "func f() " + lines(58), nil},
		{"a function over it", "api/a.go", "func f() " + lines(59), []string{"f: 61 lines, the budget is 60"}},
		{"comments above are free", "api/a.go", strings.Repeat("// f\n", 9) + "func f() " + lines(58), nil},
		{"a test at its budget", "api/a_test.go", "func f() " + lines(98), nil},
		{"a test over it", "api/a_test.go", "func f() " + lines(99), []string{"f: 101 lines, the budget is 100"}},
		{"a literal over it", "api/a.go", "var f = func() " + lines(59), []string{"61 lines"}},
		{"three deep", "api/a.go", "func f() { for { if true { switch { case true: } } } }", nil},
		{"four deep", "api/a.go", "func f() { for { if true { switch { case true: for {} } } } }", []string{"4 blocks deep"}},
		{"else-if is flat", "api/a.go", "func f() { if 1 > 2 {} else if 2 > 3 {} else if 3 > 4 {} else if 4 > 5 {} else {} }", nil},
		{"inside else-if", "api/a.go", "func f() { for { for { if 1 > 2 {} else if 2 > 3 { for {} } } } }", []string{"4 blocks deep"}},
		{"a literal goes on", "api/a.go", "func f() { for { for { go func() { for { for {} } }() } } }", []string{"4 blocks deep"}},
		{"four parameters", "api/a.go", "func f(a, b int, c, d string) {}", nil},
		{"five", "api/a.go", "func f(a, b int, c, d, e string) {}", []string{"5 parameters"}},
		{"a receiver does not count", "api/a.go", "func (r T) f(a, b, c, d int) {}", nil},
		{"a naked bool", "api/a.go", "func F(loud bool) {}", []string{"naked bool parameter loud"}},
		{"in a method", "api/a.go", "type T[K any] int\nfunc (*T[K]) F(bool) {}", []string{"naked bool parameter without a name"}},
		{"not exported", "api/a.go", "type t int\nfunc f(loud bool) {}\nfunc (t) F(loud bool) {}", nil},
		{"in a program", "bench/a.go", "package main\nfunc F(loud bool) {}", nil},
		{"a file at its budget", "api/a.go", strings.Repeat("\n", 499), nil},
		{"a file over it", "api/a.go", strings.Repeat("\n", 500), []string{"501 lines, the budget is 500"}},
		{"a test file over it", "api/a_test.go", strings.Repeat("\n", 500), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found, _ := checkBudgets(sources(t, map[string]string{c.path: c.text}))
			expect(t, found, c.want...)
		})
	}
}

func TestExceptionsAreSpentOnce(t *testing.T) {
	long, wide := "func f() "+lines(59), "func f(a, b, c, d, e int) {}"
	cases := []struct {
		name, text string
		want       []string
	}{
		{"it covers", allowMark + " length one table\n" + long, nil},
		{"inside a comment", "// f is long.\n//\n" + allowMark + " length one table\n" + long, nil},
		{"another budget", allowMark + " nesting one table\n" + long, []string{"61 lines", "that nothing below needs"}},
		{"no reason", allowMark + " length\n" + long, []string{"without a reason"}},
		{"unknown", allowMark + " speed it is fast\n" + wide, []string{"5 parameters", "the budgets are file, length"}},
		{"not needed", allowMark + " length it was longer\nfunc f() {}", []string{"that nothing below needs"}},
		{"not directly above", allowMark + " length one table\n\n" + long, []string{"61 lines", "that nothing below needs"}},
		{"inside the function", "func f() {\n" + allowMark + " length one table\n}", []string{"that nothing below needs"}},
		{"two budgets", allowMark + " params a frame\n" + allowMark + " length a frame\nfunc f(a, b, c, d, e int) " + lines(59), nil},
		{"bool", allowMark + " params as in nats.go\nfunc F(loud bool) {}", nil},
		{"a file", allowMark + " file one machine\npackage p\n" + strings.Repeat("\n", 500), nil},
		{"a file, too low", "package p\n" + allowMark + " file one machine\n" + strings.Repeat("\n", 500), []string{"502 lines", "nothing below needs"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found, _ := checkBudgets(sources(t, map[string]string{"api/a.go": c.text}))
			expect(t, found, c.want...)
		})
	}
}

func TestCeilingsBite(t *testing.T) {
	limit := exceptionsMax["length"]
	text := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%s length one table\nfunc f%d() %s\n", allowMark, i, lines(59))
		}
		return "package p\n" + b.String() // one file would be over budget, a test file is not
	}
	for _, n := range []int{limit, limit + 1} {
		found, total := checkBudgets(sources(t, map[string]string{"api/a_test.go": strings.ReplaceAll(text(n), lines(59), lines(99))}))
		none(t, found)
		if total["length"] != n {
			t.Fatalf("%d exceptions counted, want %d", total["length"], n)
		}
		var want []string
		if n > limit {
			want = []string{fmt.Sprintf("%d exceptions for length, the ceiling is %d", n, limit)}
		}
		expect(t, checkCeilings(total), want...)
	}
}
