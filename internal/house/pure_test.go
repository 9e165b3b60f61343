package house

import (
	"slices"
	"testing"
)

func TestPurePackagesArePure(t *testing.T) { none(t, checkPure(module(t))) }

func TestPureBites(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"net", `import "net"`, []string{"net is not in pureImports"}},
		{"lock", `import "sync"`, []string{"sync is not in pureImports"}},
		{"atomic", `import "sync/atomic"`, []string{"sync/atomic is not in pureImports"}},
		{"readers", `import "io"`, []string{"io is not in pureImports"}},
		{"chance", `import "math/rand/v2"`, []string{"math/rand/v2 is not in pureImports"}},
		{"logging", `import "log/slog"`, []string{"log/slog is not in pureImports"}},
		{"a module", `import "go.uber.org/zap"`, []string{"zap is not in pureImports"}},
		{"dot import", `import . "time"`, []string{"a dot import hides"}},
		{"clock", "import \"time\"\nvar _ = time.Now()", []string{"no time.Now"}},
		{"clock by another name", "import clock \"time\"\nvar now = clock.Now", []string{"no time.Now"}},
		{"timer", "import \"time\"\nvar _ = time.NewTimer(1)", []string{"no time.NewTimer"}},
		{"timer type", "import \"time\"\nvar _ *time.Timer", []string{"no time.Timer"}},
		{"wait", "import \"time\"\nfunc f() { time.Sleep(1) }", []string{"no time.Sleep"}},
		{"times as values", "import \"time\"\nfunc f(t time.Time, d time.Duration) time.Time { return t.Add(d) }", nil},
		{"goroutine", "func f() { go f() }", []string{"no go statement"}},
		{"channel", "func f(c chan int) { c <- 1; <-c }", []string{"no channel", "no send", "no receive"}},
		{"select", "func f() { select {} }", []string{"no select"}},
		{"printing", "import \"fmt\"\nfunc f() { fmt.Println(); print() }", []string{"no fmt.Println", "no print"}},
		{"formatting", "import \"fmt\"\nvar s = fmt.Sprintf(\"\")", nil},
		{"reading json", "import \"encoding/json\"\nvar d = json.NewDecoder", []string{"no encoding/json.NewDecoder"}},
		{"context errors", "import \"context\"\nvar e = context.DeadlineExceeded", nil},
		{"contexts", "import \"context\"\nvar c = context.Background()", []string{"not Background"}},
		{"own packages", importing("internal/kind"), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkPure(sources(t, map[string]string{"protocol/a.go": c.text})), c.want...)
		})
	}
}

func TestPureExtraIsForOnePackage(t *testing.T) {
	expect(t, checkPure(sources(t, map[string]string{
		"faults/check/a.go": "import \"sync\"\nimport \"net\"",
		"protocol/a.go":     `import "sync"`,
	})), "faults/check/a.go:3: faults/check is pure: net", "protocol/a.go:2: protocol is pure: sync")
}

func TestPureLeavesTestsAndShellsAlone(t *testing.T) {
	expect(t, checkPure(sources(t, map[string]string{
		"supervisor/a_test.go": `import "net"`,
		"actors/a.go":          "import \"net\"\nfunc f() { go f() }",
	})))
}

func TestPureImportsAreSortedStandardPackages(t *testing.T) {
	if !slices.IsSorted(pureImports) {
		t.Error("pureImports is not sorted")
	}
	for _, target := range pureImports {
		if !standard(target) {
			t.Errorf("%s is not of the standard library", target)
		}
	}
}
