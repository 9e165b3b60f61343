package main

import (
	"math"
	"testing"
)

func TestTally(t *testing.T) {
	tally := newTally(3)
	for _, payload := range [][]byte{number(0), number(2), number(2)} {
		if !tally.count(payload) {
			t.Errorf("%v was not counted", payload)
		}
	}
	for _, payload := range [][]byte{nil, []byte("seven b"), number(3), number(-1), number(math.MaxInt)} {
		if tally.count(payload) {
			t.Errorf("%v was counted", payload)
		}
	}
	if came, twice := tally.sum(); came != 2 || twice != 1 {
		t.Errorf("%d came, %d of them twice, want 2 and 1", came, twice)
	}
}

func TestCountsInWords(t *testing.T) {
	for n, want := range map[int]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 100_000: "100,000", 1_234_567: "1,234,567", -1000: "-1,000", -999: "-999",
	} {
		if got := group(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 restarts", 1: "1 restart", 2: "2 restarts", 1000: "1,000 restarts"} {
		if got := plural(n, "restart"); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
}
