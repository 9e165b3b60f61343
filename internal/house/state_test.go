package house

import "testing"

func TestPackagesHoldNoState(t *testing.T) {
	none(t, checkState(module(t)))
	for _, name := range staleState(module(t)) {
		t.Errorf("packageState names %s, which is not there", name)
	}
}

func TestStateBites(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"a zero value", "var count int", []string{"actors.count"}},
		{"two at once", "var a, b = 1, 2", []string{"actors.a", "actors.b"}},
		{"a lock", "import \"sync\"\nvar once sync.Once", []string{"actors.once"}},
		{"a pool", "import \"sync\"\nvar pool = sync.Pool{}", []string{"actors.pool"}},
		{"a pointer", "var p = &struct{}{}", []string{"actors.p"}},
		{"a made map", "var m = make(map[int]int)", []string{"actors.m"}},
		{"a call", "func f() int { return 1 }\nvar n = f()", []string{"actors.n"}},
		{"an error kind", "import \"errors\"\nvar ErrA = errors.New(\"a\")\nvar errB = errors.New(\"b\")", nil},
		{"an error of another package", "import \"io\"\nvar ErrEnd = io.EOF", nil},
		{"another name for an error", "import \"io\"\nvar ErrEnd = io.EOF\nvar ErrStop = ErrEnd", nil},
		{"an error that is no error", "var none error\nvar ErrA = none", []string{"actors.none", "actors.ErrA"}},
		{"an error variable without value", "var errLast error", []string{"actors.errLast"}},
		{"an error that is replaced", "import \"io\"\nvar errEnd = io.EOF\nfunc f() { errEnd = nil }", []string{"actors.errEnd"}},
		{"an assertion", "var _ error = (*e)(nil)", nil},
		{"an expression", "import \"regexp\"\nvar r = regexp.MustCompile(`a`)", nil},
		{"a table", "var names = [...]string{\"a\"}\nvar edges = map[int][]int{1: {2}}", nil},
		{"a filled-in struct", "type policy struct{ max int }\nvar own = policy{max: 1}", nil},
		{"a struct that is written", "type policy struct{ max int }\nvar own = policy{max: 1}\nfunc f() { own.max++ }", []string{"actors.own"}},
		{"a struct with a method called", "import \"sync\"\nvar pool = sync.Pool{New: nil}\nfunc f() { pool.Get() }", []string{"actors.pool"}},
		{"a struct that holds a channel", "type group struct{ c chan int }\nvar all = group{c: make(chan int)}", []string{"actors.all"}},
		{"an empty struct value", "type group struct{ n int }\nvar all = group{}", []string{"actors.all"}},
		{"a table that is computed", "var t = func() (t [2]bool) { return }()", nil},
		{"a computed thing", "var t = func() (t *int) { return }()", []string{"actors.t"}},
		{"a table that is written", "var names = []string{\"a\"}\nfunc f() { names[0] = \"b\" }", []string{"actors.names"}},
		{"a table that grows", "var names = []string{}\nfunc f() { names = append(names, \"b\") }", []string{"actors.names"}},
		{"a table that shrinks", "var m = map[int]int{}\nfunc f() { delete(m, 1) }", []string{"actors.m"}},
		{"a table that counts", "var m = map[int]int{}\nfunc f() { m[1]++ }", []string{"actors.m"}},
		{"a table that leaks", "var a = [1]int{}\nfunc f() *int { return &a[0] }", []string{"actors.a"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkState(sources(t, map[string]string{"actors/a.go": c.text})), c.want...)
		})
	}
}

func TestStateLooksAtTheWholePackage(t *testing.T) {
	expect(t, checkState(sources(t, map[string]string{
		"actors/a.go": "var names = []string{\"a\"}",
		"actors/b.go": "func f() { names[0] = \"b\" }",
	})), "actors/a.go:2: package variable actors.names")
}

func TestStateLeavesProgramsAndTestsAlone(t *testing.T) {
	expect(t, checkState(sources(t, map[string]string{
		"bench/a.go":       "var count int",
		"actors/a_test.go": "var count int",
	})))
}
