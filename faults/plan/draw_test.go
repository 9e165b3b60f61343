package plan

import "testing"

// In a plan with a calm stretch nothing holds in it, and a quarter of the seeds have
// one.
func TestRandomKeepsTheCalmCalm(t *testing.T) {
	space := Space{Links: []Target{Link("c", "s")}, Servers: []string{"s"}, Actors: []string{"reader"}}.withDefaults()
	const seeds = 4000
	calm := 0
	for seed := range uint64(seeds) {
		d := newDraw(seed, space)
		if d.calmTo == 0 {
			continue
		}
		calm++
		if length := d.calmTo - d.calmFrom; length < space.Length/4 || length > space.Length/2 || d.calmTo > space.Length {
			t.Errorf("seed %d: calm from %s to %s", seed, d.calmFrom, d.calmTo)
		}
		for _, r := range Random(seed, space).Rules {
			before := r.At+r.For <= d.calmFrom && !waits(r)
			if !before && r.At < d.calmTo {
				t.Errorf("seed %d: calm from %s to %s, but: %s", seed, d.calmFrom, d.calmTo, r)
			}
		}
	}
	if share := float64(calm) / seeds; share < 0.22 || share > 0.28 {
		t.Errorf("%v of the seeds are calm for a while", share)
	}
}

func TestWaitsTellsWhatHasNoEnd(t *testing.T) {
	cases := []struct {
		text string
		want bool
	}{
		{"reset", false},
		{"for 1s blackhole", false},
		{"for 1s when op(MSG) drop", false},
		{"for 1s when index(3) actor(reader) delay(1s)", false},
		{"server(s) kick", false},
		{"when op(MSG) reset", true},
		{"for 1s when op(MSG) blackhole", true},
		{"when bytes(3) fin", true},
		{"actor(reader) panic", true},
		{"when every(3) actor(reader) panic", true},
	}
	for _, c := range cases {
		rule, err := ParseRule(c.text)
		if got := waits(rule); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.text, got, err)
		}
	}
}

func TestDiceStayInTheirBounds(t *testing.T) {
	d := dice{state: 1}
	for range 10_000 {
		if n := d.below(3); n < 0 || n > 2 {
			t.Fatalf("below 3: %d", n)
		}
		if n := d.number(3, 1<<40); n < 3 || n > 1<<40 {
			t.Fatalf("from 3 to 2^40: %d", n)
		}
		if n := d.number(5, 5); n != 5 {
			t.Fatalf("from 5 to 5: %d", n)
		}
		if n := d.duration(3, 3); n != 3 {
			t.Fatalf("from 3 to 3: %d", n)
		}
		if p := d.decimal(1e6, 1e2); p < 1e-6 || p > 9e-3 {
			t.Fatalf("a share from 1e-6 to 9e-3: %v", p)
		}
	}
}

// The generator is the published one: its first numbers from seed 1234567 are known.
func TestDiceAreSplitmix64(t *testing.T) {
	d := dice{state: 1234567}
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423} {
		if got := d.next(); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
}
