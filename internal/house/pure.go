package house

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// purePackages decide and convert, or are data. They have no I/O, clock, goroutines or locks:
// time and randomness are arguments.
var purePackages = []string{"protocol", "supervisor", "faults/plan", "faults/check"}

// pureExtra is what single pure packages may also import.
var pureExtra = map[string][]string{
	"faults/check": {"hash/crc32", "regexp", "sync", "sync/atomic", "text/tabwriter"}, // many goroutines record into one history
}

// pureImports is what the pure packages may import besides the module's packages below them.
var pureImports = []string{
	"bytes",
	"cmp",
	"context", // only the errors that pureMembers names
	"encoding/base64",
	"encoding/binary",
	"encoding/hex",
	"encoding/json",
	"errors",
	"fmt", // without printing and scanning; Fprintf can only write to a builder, since no other writer can be named
	"iter",
	"maps",
	"math",
	"math/bits",
	"reflect", // to describe a value, never to make a channel
	"slices",
	"sort",
	"strconv",
	"strings",
	"time", // types and arithmetic only
	"unicode",
	"unicode/utf8",
	"unsafe",
}

// pureMembers narrows an import to the members that are named.
var pureMembers = map[string][]string{
	"context": {"Canceled", "DeadlineExceeded"},
}

// impureMembers names the members that do I/O or depend on the environment.
var impureMembers = map[string][]string{
	"encoding/json":   {"NewDecoder", "NewEncoder"},
	"encoding/base64": {"NewDecoder", "NewEncoder"},
	"encoding/binary": {"Read", "Write"},
	"fmt":             {"Fscan", "Fscanf", "Fscanln", "Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	"reflect":         {"ChanOf", "MakeChan", "Select"},
	"time": {"After", "AfterFunc", "LoadLocation", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Ticker",
		"Timer", "Until"},
}

// checkPure finds what a pure package must not contain.
func checkPure(t *tree) []finding {
	var found []finding
	for _, f := range t.files {
		if f.test() || !slices.Contains(purePackages, f.dir()) {
			continue
		}
		found = append(found, impureImports(f)...)
		found = append(found, impureSyntax(f)...)
	}
	return found
}

func impureImports(f *file) []finding {
	var found []finding
	for _, i := range f.imports() {
		_, own := within(i.path)
		switch {
		case i.name == ".":
			found = append(found, f.find(i.pos, "%s is pure: a dot import hides what it uses of %s", f.dir(), i.path))
		case own || slices.Contains(pureImports, i.path) || slices.Contains(pureExtra[f.dir()], i.path):
		default:
			found = append(found, f.find(i.pos, "%s is pure: %s is not in pureImports", f.dir(), i.path))
		}
	}
	return found
}

func impureSyntax(f *file) []finding {
	var found []finding
	report := func(n ast.Node, what string) {
		found = append(found, f.find(n.Pos(), "%s is pure: %s", f.dir(), what))
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if what := impure(f, n); what != "" {
			report(n, what)
		}
		return true
	})
	return found
}

// impure says what is wrong with a node, or "".
func impure(f *file, n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "no go statement"
	case *ast.ChanType:
		return "no channel"
	case *ast.SendStmt:
		return "no send"
	case *ast.SelectStmt:
		return "no select"
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return "no receive"
		}
	case *ast.CallExpr:
		if name, ok := n.Fun.(*ast.Ident); ok && (name.Name == "print" || name.Name == "println") {
			return "no " + name.Name
		}
	case *ast.SelectorExpr:
		return impureMember(f, n)
	}
	return ""
}

func impureMember(f *file, n *ast.SelectorExpr) string {
	target, name, ok := f.member(n)
	if !ok {
		return ""
	}
	if slices.Contains(impureMembers[target], name) {
		return "no " + target + "." + name + ", it reaches outside"
	}
	if named, narrowed := pureMembers[target]; narrowed && !slices.Contains(named, name) {
		return "of " + target + " only " + strings.Join(named, " and ") + ", not " + name
	}
	return ""
}
