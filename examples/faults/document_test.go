package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/plan"
)

const document = "../../docs/FAULTS.md"

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	return string(text)
}

// flush returns the lines without surrounding blanks, so that code compares equal
// whatever its indentation.
func flush(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

func TestTheDocumentShowsWhatRuns(t *testing.T) {
	source := flush(readFile(t, "recipes_test.go"))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readFile(t, document), -1)
	if len(blocks) < 20 {
		t.Errorf("%d pieces of code", len(blocks))
	}
	for _, block := range blocks {
		if code := strings.TrimSpace(flush(block[1])); !strings.Contains(source, "\n"+code+"\n") {
			t.Errorf("not in recipes_test.go:\n%s", block[1])
		}
	}
}

func TestTheDocumentNamesEverything(t *testing.T) {
	text := readFile(t, document)
	for _, kind := range plan.Kinds() {
		if !regexp.MustCompile("`" + regexp.QuoteMeta(kind.String()) + "[`(]").MatchString(text) {
			t.Errorf("the fault %v is not in a table", kind)
		}
	}
	for _, g := range check.All() {
		if !strings.Contains(text, "| "+g.String()+" |") {
			t.Errorf("the guarantee %v is not in the table", g)
		}
	}
}

func TestTheDocumentsRulesAreRules(t *testing.T) {
	text := readFile(t, document)
	_, rules, _ := strings.Cut(text, "## Rules\n")
	rules, _, _ = strings.Cut(rules, "\n| ")
	found := 0
	for line := range strings.Lines(rules) {
		if !strings.HasPrefix(line, "    ") {
			continue
		}
		found++
		if _, err := plan.Parse(line); err != nil {
			t.Error(err)
		}
	}
	if found < 4 {
		t.Errorf("%d rules", found)
	}
	_, tables, _ := strings.Cut(text, "| on a link, while it lasts |")
	tables, _, _ = strings.Cut(tables, "\n## ")
	for _, cell := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(tables, -1) {
		for _, fault := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell[1], -1) {
			if !parses(fault[1]) {
				t.Errorf("%q is no fault", fault[1])
			}
		}
	}
}

// parses reports whether a fault can be a rule, with whatever its kind needs.
func parses(fault string) bool {
	for _, with := range []string{"", "when op(PING) ", "server(s1) ", "actor(reader) "} {
		if _, err := plan.ParseRule(with + fault); err == nil {
			return true
		}
	}
	return false
}
