package house

import "testing"

func TestExportedIdentifiersAreDocumented(t *testing.T) { none(t, checkDocs(module(t))) }

func TestEveryPackageHasItsPicture(t *testing.T) { none(t, checkPackageDocs(module(t))) }

func TestDocsBite(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"a function", "// F does.\nfunc F() {}", nil},
		{"without a comment", "func F() {}", []string{"the comment of F is missing"}},
		{"with another name", "// G does.\nfunc F() {}", []string{"the comment of F is missing"}},
		{"with a longer name", "// Fast does.\nfunc F() {}", []string{"the comment of F is missing"}},
		{"only an exception", allowMark + " length F\nfunc F() {}", []string{"the comment of F is missing"}},
		{"not exported", "func f() {}", nil},
		{"a method", "// A T is.\ntype T int\nfunc (t *T) M() {}", []string{"the comment of M is missing"}},
		{"a method of a hidden type", "type t int\nfunc (t *t) M() {}", nil},
		{"a type", "type T int", []string{"the comment of type T is missing"}},
		{"a type in a group", "// These are.\ntype (\n// T is.\nT int\nU int\n)", []string{"type U is missing"}},
		{"an interface", "// T is.\ntype T interface {\nM()\n// N does.\nN()\nO() // ends it\n}", []string{"T.M is missing"}},
		{"an interface whose comment says it", "// T is. M ends it.\ntype T interface {\nM()\nMs()\n}", []string{"T.Ms is missing"}},
		{"a constant", "const C = 1", []string{"constant C is missing"}},
		{"a variable", "// V is.\nvar V = 1", nil},
		{"a group with a comment", "// These are.\nconst (\nC = 1\nD = 2\n)", nil},
		{"a group without", "const (\nC = 1\n// D is.\nD = 2\nE = 3 // the last\n)", []string{"constant C is missing"}},
		{"a group of hidden names", "const (\nc = 1\n)", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkDocs(sources(t, map[string]string{"api/a.go": c.text})), c.want...)
		})
	}
}

func TestDocsLeaveTestsAndProgramsAlone(t *testing.T) {
	expect(t, checkDocs(sources(t, map[string]string{
		"api/a_test.go": "func F() {}",
		"bench/a.go":    "package main\nfunc F() {}",
	})))
}

func TestPackageDocsBite(t *testing.T) {
	cases := []struct {
		name  string
		texts map[string]string
		want  []string
	}{
		{"complete", map[string]string{"api/doc.go": "// Package p is.\n//\n//\ta ──► b\npackage p", "api/a.go": ""}, nil},
		{"no file", map[string]string{"api/a.go": "// Package p is.\n//\n//\ta ──► b\npackage p"}, []string{"api/doc.go: is missing"}},
		{"no comment", map[string]string{"api/doc.go": "package p"}, []string{"has no package comment"}},
		{"no picture", map[string]string{"api/doc.go": "// Package p is.\npackage p"}, []string{"has no picture"}},
		{"two packages", map[string]string{"api/doc.go": "package p", "kv/a.go": ""}, []string{"api/doc.go", "kv/doc.go"}},
		{"tests only", map[string]string{"api/a_test.go": ""}, []string{"api/doc.go: is missing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkPackageDocs(sources(t, c.texts)), c.want...)
		})
	}
}
