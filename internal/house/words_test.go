package house

import "testing"

func TestCommittedTextSpeaksOfTheProjectAlone(t *testing.T) {
	texts, err := committedTexts(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) == 0 {
		t.Fatal("git tracks no file here")
	}
	none(t, checkWords(texts))
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
