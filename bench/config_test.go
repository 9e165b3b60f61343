package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/troupe-go/troupe/bench/internal/job"
)

// rowsOf returns the rows for the given flags.
func rowsOf(t *testing.T, args string) []row {
	t.Helper()
	c, err := parse(strings.Fields(args), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := c.rows()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// named returns the names of the rows.
func named(rows []row) (names []string) {
	for _, r := range rows {
		names = append(names, r.name)
	}
	return names
}

func TestFlagsChooseTheRows(t *testing.T) {
	cases := map[string][]string{
		"-suite dispatch": {"16 B, 1 subscription", "16 B, 100 subscriptions", "16 B, 1000 subscriptions",
			"16 B, 10000 subscriptions", "1 KiB, 1 subscription", "128 B + 3 headers, 1 subscription"},
		"-suite dispatch -subs 7":                 {"16 B, 7 subscriptions"},
		"-suite dispatch -sizes 8,2048 -subs 1,2": {"8 B, 1 subscription", "8 B, 2 subscriptions", "2 KiB, 1 subscription", "2 KiB, 2 subscriptions"},
		"-suite publish -sizes 128h3":             {"128 B + 3 headers, 1 goroutine"},
		"-suite publish,request -goroutines 1":    {"16 B, 1 goroutine", "16 B, one at a time, p50"},
		"-suite request":                          {"16 B, one at a time, p50", "16 B, 64 at a time"},
		"-suite service":                          {"16 B, one at a time, p50", "16 B, 64 at a time", "128 B + 3 headers, 64 at a time"},
		"-suite memory -subs 5":                   {"bytes per idle subscription, of 5 subscriptions"},
	}
	for args, want := range cases {
		if diff := cmp.Diff(want, named(rowsOf(t, args))); diff != "" {
			t.Errorf("%s: rows differ (-want +got):\n%s", args, diff)
		}
	}
}

func TestWindowsDivideWhatIsDispatched(t *testing.T) {
	for _, args := range []string{"", "-short", "-sizes 0,1,16,1024,65536,1048576 -subs 1,3,10000", "-count 5", "-short -subs 10000"} {
		for _, r := range rowsOf(t, "-suite dispatch "+args) {
			j := r.job
			if j.Window%j.Subs != 0 || j.Count%j.Window != 0 || j.Warmup%j.Window != 0 || j.Count == 0 || j.Warmup == 0 {
				t.Errorf("%q, %s: count %d, warm-up %d, window %d", args, r.name, j.Count, j.Warmup, j.Window)
			}
		}
	}
}

func TestTargetsGoWithTheirRows(t *testing.T) {
	for args, want := range map[string][2]float64{
		"-suite dispatch -sizes 16 -subs 100":      {3.5, 5.0},
		"-suite dispatch -sizes 17":                {0, 0},
		"-suite dispatch -sizes 16 -self":          {0, 0},
		"-suite publish -sizes 16 -goroutines 8":   {2.5, 0},
		"-suite request -sizes 16 -goroutines 64":  {1.5, 0},
		"-suite service -sizes 16 -goroutines 64":  {1.3, 0},
		"-suite dispatch -sizes 128h3":             {2.5, 4.0},
		"-suite publish -sizes 16 -goroutines 999": {0, 0},
	} {
		r := rowsOf(t, args)[0]
		if got := [2]float64{r.target, r.targetBorrowed}; got != want {
			t.Errorf("%s: targets %v, want %v", args, got, want)
		}
	}
}

func TestShortAndCountSetTheAmount(t *testing.T) {
	long, short := rowsOf(t, "-suite publish")[0], rowsOf(t, "-suite publish -short")[0]
	if short.job.Count != long.job.Count/shortDivisor {
		t.Errorf("counts %d and %d", long.job.Count, short.job.Count)
	}
	if r := rowsOf(t, "-suite publish -count 77 -short")[0]; r.job.Count != 77 {
		t.Errorf("count %d, want 77", r.job.Count)
	}
}

func TestSidesOfARow(t *testing.T) {
	dispatch, memory := rowsOf(t, "-suite dispatch")[0], rowsOf(t, "-suite memory")[0]
	if diff := cmp.Diff([]side{sidePeer, sideOwned, sideBorrowed, sideLimit}, dispatch.sides(false)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]side{sidePeer, sideOwned, sideLimit}, dispatch.sides(true)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]side{sidePeer, sideOwned}, memory.sides(false)); diff != "" {
		t.Error(diff)
	}
}

func TestEverySuiteHasRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rowsOf(t, "") {
		seen[r.suite] = true
		if r.suite != r.job.Suite {
			t.Errorf("%s: the job says %s", r.suite, r.job.Suite)
		}
	}
	if len(seen) != len(suiteNames) || !seen[job.Isolation] {
		t.Errorf("suites with rows: %v", seen)
	}
}
