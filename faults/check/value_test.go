package check

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPayloadsOpenAsTheyWereSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[!-~]{1,20}`).Draw(t, "name")
		n := rapid.Uint32().Draw(t, "counter")
		size := rapid.IntRange(0, 300).Draw(t, "size")
		payload := seal(name, n, size)
		if len(payload) < size || len(payload) > max(size, len(name)+1+10+1+sealBytes) {
			t.Fatalf("%d bytes", len(payload))
		}
		for _, p := range [][]byte{payload, appendValue(nil, name, n)} {
			if gotName, got, ok := open(p); !ok || string(gotName) != name || got != n {
				t.Fatalf("%q: %q, %d, %t", p, gotName, got, ok)
			}
		}
	})
}

func TestDamageShows(t *testing.T) {
	payload := seal("p", 17, 40)
	for i := range payload {
		for bit := range 8 {
			damaged := bytes.Clone(payload)
			damaged[i] ^= 1 << bit
			name, n, ok := open(damaged)
			// An upper case digit of the checksum is the same digit.
			if ok && !bytes.EqualFold(damaged, payload) {
				t.Errorf("byte %d, bit %d: %q, %d", i, bit, name, n)
			}
		}
	}
	for cut := range payload {
		text := string(payload[:cut])
		if name, n, ok := open(payload[:cut]); ok && text != "p-17" && text != "p-1" { // those are values without a seal
			t.Errorf("cut to %d bytes: %q, %d", cut, name, n)
		}
	}
	for _, text := range []string{"", " ", "-", "-1", "p", "p-", "p-x", "p--1", "p-4294967296", "p-1 ", "p-1 zzzzzzzz", "p-1 00000000"} {
		if name, n, ok := open([]byte(text)); ok && !strings.HasPrefix(text, "p--") {
			t.Errorf("%q: %q, %d", text, name, n)
		}
	}
}

func TestSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bits
		var w wide
		want := map[uint32]bool{}
		for _, n := range rapid.SliceOf(rapid.Uint32Max(3*chunkBits)).Draw(t, "members") {
			if b.add(n) == want[n] {
				t.Fatalf("add(%d) is %t", n, want[n])
			}
			w.add(uint64(n) + 1<<40)
			want[n] = true
		}
		for n := range uint32(4 * chunkBits) {
			if b.has(n) != want[n] || w.has(uint64(n)+1<<40) != want[n] {
				t.Fatalf("%d is in the set: %t, %t", n, b.has(n), w.has(uint64(n)))
			}
		}
	})
}

func TestTracesPartWhereTheyDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.IntRange(1, 5000).Draw(t, "lines")
		differs := rapid.IntRange(1, lines).Draw(t, "differs")
		more := rapid.IntRange(0, 3000).Draw(t, "more")
		a, b := newTrace(), newTrace()
		for i := 1; i <= lines+more; i++ {
			line := "same"
			if i == differs {
				line = "other"
			}
			a.add(line)
			if i <= lines {
				b.add("same")
			}
		}
		after, before := a.parting(&b)
		if after >= differs || before < differs || before-after > max(a.Every, b.Every)+more {
			t.Fatalf("line %d differs: after %d, before %d", differs, after, before)
		}
		if after, before := b.parting(&b); before != 0 {
			t.Fatalf("with itself: %d, %d", after, before)
		}
		if len(a.Marks) >= traceMarks {
			t.Fatalf("%d marks", len(a.Marks))
		}
	})
}

func TestATraceThatIsShorter(t *testing.T) {
	a, b, none := newTrace(), newTrace(), Trace{}
	for range 1000 {
		a.add("x")
	}
	for range 600 {
		b.add("x")
	}
	if after, before := a.parting(&b); after != 600 || before != 1000 {
		t.Errorf("%d, %d", after, before)
	}
	none.Every = 1
	if after, before := none.parting(&b); after != 0 || before != 600 {
		t.Errorf("%d, %d", after, before)
	}
}
