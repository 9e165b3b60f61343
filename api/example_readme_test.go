package api_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

func greet(url string) error {
	nc, err := api.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	hello := func(m *api.Msg) { m.Respond([]byte("hello, " + string(m.Data))) }
	if _, err := nc.Subscribe("greet", hello, api.OnPanic(api.Restart)); err != nil {
		return err
	}
	answer, err := nc.Request("greet", []byte("Ann"), time.Second)
	if err == nil {
		fmt.Println(string(answer.Data), nc.Health())
	}
	return err
}

// The example of the README.
func Example() {
	server, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Shutdown()
	if err := greet(server.URL()); err != nil {
		fmt.Println(err)
	}
	// Output: hello, Ann <nil>
}

// document returns the text of a document, by its path in the module.
func document(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheReadmeShowsTheExample(t *testing.T) {
	const name = "example_readme_test.go"
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var function string
	for _, decl := range parsed.Decls {
		text := string(source[files.Position(decl.Pos()).Offset:files.Position(decl.End()).Offset])
		if strings.HasPrefix(text, "func greet(") {
			function = text
		}
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)\n```").FindAllStringSubmatch(document(t, "README.md"), -1)
	if len(blocks) != 1 || function == "" {
		t.Fatalf("%d Go blocks in the README, want one", len(blocks))
	}
	if diff := cmp.Diff(function, blocks[0][1]); diff != "" {
		t.Errorf("the README's example is not the one that is compiled (- here, + README):\n%s", diff)
	}
}

// TestTheDocumentsLinkToWhatIsThere: a link whose text is the name of a test leads to
// the file that holds the test. proofs is how many such links there are at least.
func TestTheDocumentsLinkToWhatIsThere(t *testing.T) {
	for name, proofs := range map[string]int{
		"README.md": 3, "CONTRIBUTING.md": 0, "docs/PORTING.md": 40, "docs/FAULTS.md": 15, "docs/RELIABILITY.md": 30,
		"docs/JETSTREAM.md": 35, "docs/RETRY.md": 18, "docs/MICRO.md": 30, "docs/STORES.md": 60, "docs/ERRORS.md": 40, "CHANGELOG.md": 0,
	} {
		t.Run(name, func(t *testing.T) {
			found := 0
			for _, link := range regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`).FindAllStringSubmatch(document(t, name), -1) {
				text, target := link[1], link[2]
				if strings.HasPrefix(target, "https://") || strings.Contains(target, " ") { // or code: Of[T](s, codec)
					continue
				}
				content, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(path.Join(path.Dir(name), target))))
				if err != nil {
					t.Errorf("%s: %v", text, err)
					continue
				}
				if !strings.HasPrefix(text, "Test") {
					continue
				}
				found++
				if !strings.Contains(string(content), "\nfunc "+text+"(t *testing.T) {") {
					t.Errorf("%s does not hold %s", target, text)
				}
			}
			if found < proofs {
				t.Errorf("%d tests are named as proofs, want %d at least", found, proofs)
			}
		})
	}
}
