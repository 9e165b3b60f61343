package house

import (
	"strings"
	"testing"
)

func TestNothingIsPutOff(t *testing.T) { none(t, checkDebt(module(t))) }

func TestNoElseAfterReturn(t *testing.T) { none(t, checkElse(module(t))) }

func TestNoTestCanBeSkipped(t *testing.T) { none(t, checkSkips(module(t))) }

func TestNoTestSleepsByTheWall(t *testing.T) { none(t, checkSleeps(module(t))) }

func TestDebtBites(t *testing.T) {
	found := checkDebt(sources(t, map[string]string{
		"api/a.go":      "package p\n\n// TO" + "DO: later\nvar a = \"FIX" + "ME\"",
		"api/a_test.go": "package p\n// XX" + "X\n//no" + "lint:all\nfunc f() {}",
		"api/b.go":      "package p\n// XX" + "XX, toDo, and Fixmes are words\nvar TO" + "DOList int",
	}))
	expect(t, found, "api/a.go:3: TO"+"DO", "api/a.go:4: FIX"+"ME", "api/a_test.go:2", "api/a_test.go:3: //no"+"lint")
}

func TestElseBites(t *testing.T) {
	cases := []struct {
		name, body string
		want       []string
	}{
		{"after return", "if a { return } else { b() }", []string{"else after return"}},
		{"else-if after return", "if a { b(); return } else if b { c() }", []string{"else after return"}},
		{"deep inside", "for { go func() { if a { return } else { b() } }() }", []string{"else after return"}},
		{"after work", "if a { b() } else { c() }", nil},
		{"no else", "if a { return }; b()", nil},
		{"an else that needs the variable", "if a := b(); a { return } else { c(a) }", nil},
		{"a statement that declares nothing", "if a = b(); a { return } else { c(a) }", []string{"else after return"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkElse(sources(t, map[string]string{"api/a.go": "func f() { " + c.body + " }"})), c.want...)
		})
	}
}

func TestSkipsBite(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"a test", "import \"testing\"\nfunc TestA(t *testing.T) { t.Skip() }", []string{"t.Skip: a test runs"}},
		{"a benchmark", "import \"testing\"\nfunc BenchmarkA(b *testing.B) { b.SkipNow() }", []string{"b.SkipNow"}},
		{"a helper", "import \"testing\"\nfunc need(tb testing.TB) { tb.Skipf(\"\") }", []string{"tb.Skipf"}},
		{"a fuzz function", "import \"testing\"\nfunc FuzzA(f *testing.F) { f.Fuzz(func(t *testing.T, b []byte) { t.Skip() }) }", []string{"t.Skip"}},
		{"a property", "import \"pgregory.net/rapid\"\nfunc check(t *rapid.T) { t.Skip() }", []string{"t.Skip"}},
		{"another thing that skips", "func f(p *parser) { p.Skip() }", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkSkips(sources(t, map[string]string{"api/a_test.go": c.text})), c.want...)
		})
	}
}

func TestSleepsBite(t *testing.T) {
	const head = "import (\"testing\"; \"testing/synctest\"; \"time\")\n"
	outside := head + "func TestA(t *testing.T) { time.Sleep(1) }\nvar _ = synctest.Wait"
	inside := head + "func TestA(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }"
	both := inside + "\nfunc wait() { time.Sleep(1) }"
	cases := []struct {
		name, path, text string
		want             []string
	}{
		{"outside", "api/a_test.go", outside, []string{"time.Sleep outside a synctest bubble"}},
		{"inside", "api/a_test.go", inside, nil},
		{"inside, with a server", "api/a_test.go", strings.ReplaceAll(strings.ReplaceAll(inside, "testing/synctest", modulePath+"/faults/natsserver"),
			"synctest.Test", "natsserver.Bubble"), nil},
		{"a helper beside one", "api/a_test.go", both, []string{"api/a_test.go:4"}},
		{"a file of helpers", "api/a_bubble_test.go", both, nil},
		{"by another name", "api/a_test.go", "import clock \"time\"\nvar wait = clock.Sleep", []string{"time.Sleep"}},
		{"not a test", "bench/a.go", outside, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkSleeps(sources(t, map[string]string{c.path: c.text})), c.want...)
		})
	}
}
