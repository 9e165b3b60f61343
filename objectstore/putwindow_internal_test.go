package objectstore

import "testing"

// windowStep is one thing that happens to a window, with its state afterwards.
type windowStep struct {
	what string
	now  int
}

// does has so many chunks be on their way again and again, until a window of them is stored.
func (w *window) does(sent int) {
	for range w.now {
		w.sent(sent)
		w.stored()
		w.give(1)
	}
}

// TestTheWindowGrowsAndGivesWay: it doubles while all goes well, gives way to others when the store
// has too much to do, and comes back one place at a time. Who does not use it gets no more.
func TestTheWindowGrowsAndGivesWay(t *testing.T) {
	w := newWindow(2, 9)
	for i, step := range []windowStep{
		{"begin", 2}, {"slow", 2}, {"slow", 2}, {"window", 4}, {"window", 8}, {"slow", 9}, {"window", 9}, {"slow", 9},
		{"crowded", 4}, {"slow", 4}, {"window", 5}, {"window", 6}, {"window", 7}, {"crowded", 3}, {"crowded", 1}, {"crowded", 1},
		{"window", 2}, {"window", 3},
	} {
		switch step.what {
		case "crowded":
			w.crowded(9)
		case "window":
			w.does(w.most)
		case "slow":
			w.does(1)
		case "begin":
			w.give(1)
		}
		if w.now != step.now || w.given < w.now || w.given > w.most {
			t.Fatalf("step %d, %s: %+v, %d places were expected", i, step.what, w, step.now)
		}
	}
	w = newWindow(64, 64)
	if w.crowded(1); w.now != 1 {
		t.Errorf("one chunk was too much, and %d are to be on their way", w.now)
	}
}

// TestTheFirstWindow: no put gets more places than it has chunks, or fewer than one.
func TestTheFirstWindow(t *testing.T) {
	for name, c := range map[string]struct {
		window int
		all    uint64
		size   int
		want   window
	}{
		"a reader":              {0, 0, 1 << 20, newWindow(4, 16)},
		"in memory":             {0, 1 << 30, 1 << 20, newWindow(4, 32)},
		"little":                {0, 1<<20 + 1, 1 << 20, newWindow(3, 3)},
		"small chunks":          {0, 1 << 40, 1, newWindow(windowChunksMax, windowChunksMax)},
		"large chunks":          {1000, 1 << 40, 1 << 20, newWindow(1, 1)},
		"what was asked for":    {8 << 20, 0, 1 << 20, newWindow(4, 8)},
		"more than the default": {64 << 20, 1 << 30, 1 << 20, newWindow(4, 64)},
	} {
		o := putOptions{window: c.window}
		got := o.places(c.all, c.size)
		if got.together > 0 != (c.window == 0) {
			t.Errorf("%s: %d places for all", name, got.together)
		}
		if got.together = 0; got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestPutsShareAWindow: each gives way when another one begins, and has what it leaves again.
func TestPutsShareAWindow(t *testing.T) {
	w := newWindow(8, 8)
	w.together = 12
	if n := w.give(1); n != 8 {
		t.Fatalf("%d places for one", n)
	}
	for range 4 {
		w.stored()
	}
	for puts, want := range map[int]int{2: 2, 3: 0, 100: 0} {
		alike := w
		if n := alike.give(puts); n != want {
			t.Errorf("%d places more for one of %d", n, puts)
		}
	}
	w.given = 0
	if n := w.give(100); n != 1 {
		t.Errorf("%d places for one of 100", n)
	}
}
