package kv_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/internal/must"
)

// TestTheDocumentNamesWhatIsThere: what docs/STORES.md says of keys and calls by a name of this package is
// declared here, its tests are there, and its code is taken from examples that run.
func TestTheDocumentNamesWhatIsThere(t *testing.T) {
	var code, tests strings.Builder
	for _, name := range must.Get(filepath.Glob("*.go"))(t) {
		text := must.Get(os.ReadFile(name))(t)
		if strings.HasSuffix(name, "_test.go") {
			tests.Write(text)
			continue
		}
		code.Write(text)
	}
	var document string
	for section := range strings.SplitSeq("\n"+string(must.Get(os.ReadFile("../docs/STORES.md"))(t)), "\n## ") {
		if strings.HasPrefix(section, "Key-value") {
			document += section
		}
	}
	names := regexp.MustCompile("`kv\\.([A-Z]\\w+)").FindAllStringSubmatch(document, -1)
	if len(names) < 20 {
		t.Errorf("%d names", len(names))
	}
	for _, name := range names {
		if !regexp.MustCompile(`\b` + name[1] + `\b`).MatchString(code.String()) {
			t.Errorf("there is no %s", name[1])
		}
	}
	for _, test := range regexp.MustCompile(`\[(Test\w+)\]\(\.\./kv/`).FindAllStringSubmatch(document, -1) {
		if !strings.Contains(tests.String(), "func "+test[1]+"(") {
			t.Errorf("there is no %s", test[1])
		}
	}
	running := strings.Join(strings.Fields(tests.String()), " ")
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(document, -1) {
		if piece := strings.Join(strings.Fields(block[1]), " "); !strings.Contains(running, piece) {
			t.Errorf("no test has this:\n%s", block[1])
		}
	}
}
