package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// draw prints one of everything.
func draw(fancy bool) string {
	var out bytes.Buffer
	s := &screen{out: &out, fancy: fancy}
	s.title("title")
	s.begin("one")
	s.done("one", shown{line: "line", more: []string{"more"}})
	s.begin("two")
	s.done("two", shown{line: "left out", omit: true})
	s.begin("tree")
	s.done("tree", shown{over: "above", tree: "root\n└── leaf\n"})
	s.begin("three")
	s.broken("three")
	s.failed(errors.New("why"))
	s.passed()
	return out.String()
}

func TestPlainLines(t *testing.T) {
	want := `title

ok  one                line
                       more
-   two                left out

above
    root
    └── leaf

no  three              failed
quickstart: FAILED: why
quickstart: ok
`
	if diff := cmp.Diff(want, draw(false)); diff != "" {
		t.Error(diff)
	}
}

func TestLinesForATerminal(t *testing.T) {
	want := "\x1b[1mtitle\x1b[0m\n\n" +
		"…   \x1b[2mone\x1b[0m\r\x1b[K\x1b[32m✓\x1b[0m   one                line\n                       more\n" +
		"…   \x1b[2mtwo\x1b[0m\r\x1b[K\x1b[2m–\x1b[0m   two                left out\n" +
		"…   \x1b[2mtree\x1b[0m\r\x1b[K\nabove\n    \x1b[2mroot\x1b[0m\n    \x1b[2m└── leaf\x1b[0m\n\n" +
		"…   \x1b[2mthree\x1b[0m\r\x1b[K\x1b[31m✗\x1b[0m   three              failed\n" +
		"\x1b[31mquickstart: FAILED: why\x1b[0m\n\x1b[32mquickstart: ok\x1b[0m\n"
	if diff := cmp.Diff(want, draw(true)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoTerminalIsPlain(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	none := func(string) string { return "" }
	if fancy(file, none) || fancy(&bytes.Buffer{}, none) {
		t.Error("a file and a buffer count as terminals")
	}
}
