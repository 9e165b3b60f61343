package house

import "testing"

func TestErrorsHaveAKind(t *testing.T) { none(t, checkUntyped(module(t))) }

func TestUntypedBites(t *testing.T) {
	cases := []struct {
		name, path, text string
		want             []string
	}{
		{"a new error", "api/a.go", "import \"errors\"\nvar errA = errors.New(\"a\")", []string{"api/a.go:3: an error without a kind"}},
		{"by another name", "api/a.go", "import e \"errors\"\nvar errA = e.New(\"a\")", []string{"an error without a kind"}},
		{"a text", "jetstream/a.go", "import \"fmt\"\nfunc f() error { return fmt.Errorf(\"a %d\", 1) }", []string{"jetstream/a.go:3"}},
		{"a text from elsewhere", "actors/a.go", "import \"fmt\"\nfunc f(s string) error { return fmt.Errorf(s) }", []string{"actors/a.go:3"}},
		{"one that wraps", "api/a.go", "import \"fmt\"\nfunc f(err error) error { return fmt.Errorf(\"a: %w\", err) }", nil},
		{"joined", "api/a.go", "import \"errors\"\nvar errA = errors.Join(nil, nil)", nil},
		{"a test", "api/a_test.go", "import \"errors\"\nvar errA = errors.New(\"a\")", nil},
		{"a server for tests", "faults/natsserver/a.go", "import \"errors\"\nvar errA = errors.New(\"a\")", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkUntyped(sources(t, map[string]string{c.path: c.text})), c.want...)
		})
	}
}
