package house

import (
	"slices"
	"testing"
)

// TestJetStreamHasTheNamesOfNatsGo compares what nats.go's package jetstream exports
// with what ours does.
func TestJetStreamHasTheNamesOfNatsGo(t *testing.T) {
	e, err := readExports(moduleRoot, peerPath+"/jetstream", modulePath+"/jetstream")
	if err != nil {
		t.Fatal(err)
	}
	none(t, checkNames(surfaceOf(t, e, peerPath+"/jetstream"), surfaceOf(t, e, modulePath+"/jetstream"), excusedJetStream, slices.Concat(portedKV.errors, portedObjects.errors)))
}

// TestMicroHasTheNamesOfNatsGo does so for its package micro, of which nothing is excused.
func TestMicroHasTheNamesOfNatsGo(t *testing.T) {
	e, err := readExports(moduleRoot, peerPath+"/micro", modulePath+"/micro")
	if err != nil {
		t.Fatal(err)
	}
	none(t, checkNames(surfaceOf(t, e, peerPath+"/micro"), surfaceOf(t, e, modulePath+"/micro"), nil, nil))
}

func TestNamesBite(t *testing.T) {
	cases := []struct {
		name, theirs, ours string
		want               []string
	}{
		{"the same", "type I interface{ M(a int) error }", "type I interface{ M(b string) error; N() }", nil},
		{"a name", "var A int", "", []string{"p.A: is missing"}},
		{"excused", "var Excused int", "", nil},
		{"a method", "type I interface{ M() }", "type I interface{}", []string{"p.I.M: is missing"}},
		{"a field", "type S struct{ A, b int }", "type S struct{}", []string{"p.S.A: is missing"}},
		{"an argument", "func F(a int) {}", "func F() {}", []string{"p.F: is func F()"}},
		{"an option", "func F(a ...int) {}", "func F(a []int) {}", []string{"p.F: is func F(a []int)"}},
		{"a value", "const C = 1", "const C = 2", []string{"p.C: is const C untyped int, not 1"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkNames(declared(t, "p", "p.go", c.theirs), declared(t, "p", "q.go", c.ours), []excuse{{"Excused", ""}}, nil), c.want...)
		})
	}
}
