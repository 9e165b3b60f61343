package house

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCommittedTextSpeaksOfTheProjectAlone(t *testing.T) {
	texts, err := committedTexts(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) == 0 {
		t.Fatal("there is no file here")
	}
	none(t, checkWords(texts))
}

// TestTextsWithoutHistory reads a tree as it is in an archive. Git finds no repository
// there, or one that tracks none of it.
func TestTextsWithoutHistory(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a.md": "a", "b/.c/d.go": "d", "binary": "a\x00b", ".git/config": "not a repository", ".github/e.yml": "e",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	texts, err := committedTexts(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{".github/e.yml", "a.md", "b/.c/d.go"}
	if got := slices.Sorted(maps.Keys(texts)); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestWordsBite(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"a path", "first\nsee /wo" + "rk/main for it", []string{`a.md:2: "/wo` + `rk"`}},
		{"a path in quotes", "cd '/wo" + "rk'", []string{"means nothing"}},
		{"a job", "/tmp/ba" + "sh_jobs", []string{"means nothing"}},
		{"a cache", "cat /ro" + "ot/go/pkg/mod", []string{"means nothing"}},
		{"an issue", "fixes Iss" + "ue #12", []string{"means nothing"}},
		{"a registry", "https://proxy.gola" + "ng.org/x", []string{"means nothing"}},
		{"a name inside a path", "github.com/wo" + "rk/main and net/wo" + "rk", nil},
		{"a longer name", "/wo" + "rkers and /tmp/other", nil},
		{"an issue without a number", "file an iss" + "ue", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkWords(map[string]string{"a.md": c.text}), c.want...)
		})
	}
}
