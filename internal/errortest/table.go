package errortest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// page is the page of all errors. The tests of the packages write its parts, so that it agrees
// with the code.
const page = "docs/ERRORS.md"

// rewrite is the environment variable that makes the tests write the page instead of comparing
// it. Run one package at a time.
const rewrite = "WRITE_ERRORS_PAGE"

// CheckPage compares a part of docs/ERRORS.md, the lines between "<!-- begin name -->" and "<!--
// end name -->", with what it should be. root is the path to the module's root.
func CheckPage(t testing.TB, root, name, want string) {
	t.Helper()
	path := filepath.Join(root, page)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	before, rest, found := strings.Cut(string(text), begin)
	have, after, ended := strings.Cut(rest, end)
	switch {
	case !found || !ended:
		t.Errorf("%s has no %q", page, name)
	case have == want:
	case os.Getenv(rewrite) != "":
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is out of date about %s, at first: %s\nrewrite it with %s=1 go test -p 1 -run Errors? ./...", page, name, difference(have, want), rewrite)
	}
}

// difference returns the first line that differs.
func difference(have, want string) string {
	old, fresh := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(old), len(fresh)) {
		if old[i] != fresh[i] {
			return fmt.Sprintf("\n%s\nbecomes\n%s", old[i], fresh[i])
		}
	}
	return fmt.Sprintf("%d lines become %d", len(old), len(fresh))
}

// tables returns the part of the page about the package.
func (l List) tables(kinds, data []Declaration) string {
	var s strings.Builder
	s.WriteString("\n| error | class | when | fatal for | about | retry | maybe sent | example |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	slices.SortFunc(kinds, func(a, b Declaration) int {
		return cmp.Or(cmp.Compare(l.Kinds[a.Name].Category, l.Kinds[b.Name].Category), cmp.Compare(a.Name, b.Name))
	})
	for _, d := range kinds {
		l.kindRow(&s, d, kinds)
	}
	s.WriteString("\n| error with data | what it is or says | kinds | example |\n| --- | --- | --- | --- |\n")
	for _, d := range data {
		l.dataRow(&s, d, kinds)
	}
	s.WriteString("\n")
	return s.String()
}

// kindRow writes the row of a kind.
func (l List) kindRow(s *strings.Builder, d Declaration, kinds []Declaration) {
	v := l.Kinds[d.Name]
	names := code(l.Package + "." + d.Name)
	for _, other := range d.Other {
		names += ", " + code(other)
	}
	when := fatalSentence.ReplaceAllString(d.Doc, "")
	fmt.Fprintf(s, "| %s | %s | %s | %s | %v | %s | %s | %s |\n", names, classOf(l.Package, d.Name), sentence(when), l.fatalFor(d, kinds), v.Category,
		yes(v.Retry()), yes(v.Sent()), code(l.example(v.Err)))
}

// dataRow writes the row of a type of errors with data.
func (l List) dataRow(s *strings.Builder, d Declaration, kinds []Declaration) {
	name, example := "*"+l.Package+"."+d.Name, ""
	var of []string
	for _, v := range l.Data[d.Name] {
		if example == "" {
			example = code(v.Err.Error())
		}
		for _, k := range kinds {
			if slices.Contains(v.Parents, l.Kinds[k.Name].Err) && !slices.Contains(of, code(k.Name)) {
				of = append(of, code(k.Name))
			}
		}
	}
	if l.Data[d.Name] == nil && strings.HasPrefix(d.Doc, "is what every error") {
		name = name[1:] // an interface
	}
	fmt.Fprintf(s, "| %s | %s | %s | %s |\n", code(name), sentence(strings.TrimPrefix(d.Doc, "is ")), strings.Join(of, ", "), example)
}

// example returns the text of an error of a kind, preferably of one with data.
func (l List) example(err error) string {
	var types []string
	for name := range l.Data {
		types = append(types, name)
	}
	slices.Sort(types)
	for _, name := range types {
		for _, v := range l.Data[name] {
			if len(v.Parents) > 0 && v.Parents[0] == err && errors.Is(v.Err, err) {
				return v.Err.Error()
			}
		}
	}
	return err.Error()
}

// fatalSentence is the sentence of a comment that says what an error is fatal for.
var fatalSentence = regexp.MustCompile(` ?It is fatal for (the [^.]*)\.`)

// fatalFor returns what an error is fatal for, by its comment or that of a parent; by default,
// the call.
func (l List) fatalFor(d Declaration, kinds []Declaration) string {
	if found := fatalSentence.FindStringSubmatch(d.Doc); found != nil {
		return found[1]
	}
	for _, parent := range l.Kinds[d.Name].Parents {
		for _, k := range kinds {
			if k.Name != d.Name && l.Kinds[k.Name].Err == parent {
				return l.fatalFor(k, kinds)
			}
		}
	}
	return "the call"
}

// sentence capitalizes a text, and escapes markup in it.
func sentence(text string) string {
	text = strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`).Replace(text)
	runes := []rune(text)
	if len(runes) > 0 {
		runes[0] = unicode.ToUpper(runes[0])
	}
	return string(runes)
}

func code(text string) string { return "`" + strings.ReplaceAll(text, "|", `\|`) + "`" }

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
