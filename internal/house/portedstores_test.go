package house

import "testing"

// TestKeyValueHasTheNamesOfNatsGo compares what nats.go has for its key-value store with the
// package kv.
func TestKeyValueHasTheNamesOfNatsGo(t *testing.T) {
	e, err := readExports(moduleRoot, peerPath+"/jetstream", modulePath+"/kv")
	if err != nil {
		t.Fatal(err)
	}
	none(t, checkStore(surfaceOf(t, e, peerPath+"/jetstream"), surfaceOf(t, e, modulePath+"/kv"), portedKV))
}

func TestStoresBite(t *testing.T) {
	store := portedStore{
		files: []string{"p.go"}, names: map[string]string{"KeyValue": "Store"}, manager: "Manager", calls: map[string]string{"CreateIt": "Create"},
		excused: []excuse{{"Excused", "why"}},
	}
	cases := []struct {
		name, theirs, ours string
		want               []string
	}{
		{"the same", "type KeyValue interface{ M(a int) error }", "type Store interface{ M(b int) error; N() }", nil},
		{"a method", "type KeyValue interface{ M() }", "type Store interface{}", []string{"p.KeyValue.M: is missing"}},
		{"a name", "type KeyValue interface{ M() }", "type KeyValue interface{ M() }", []string{"p.KeyValue: is missing"}},
		{"excused", "var Excused int", "", nil},
		{"a function for a method", "type Manager interface{ CreateIt(a int) error }", "func Create(a, b int) error { return nil }", nil},
		{"without the JetStream", "type Manager interface{ CreateIt(a int) error }", "func Create(a int) error { return nil }",
			[]string{"p.CreateIt: is no function Create with the JetStream in front"}},
		{"no function", "type Manager interface{ CreateIt(a int) error }", "", []string{"p.CreateIt: is no function Create"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, checkStore(declared(t, "p", "p.go", c.theirs), declared(t, "p", "q.go", c.ours), store), c.want...)
		})
	}
}
