package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/bench/internal/job"
	"pgregory.net/rapid"
)

// figures returns runs with the given figures.
func figures(v ...float64) (out []outcome) {
	for _, f := range v {
		out = append(out, outcome{result: &job.Result{Figure: f, CPU: 2 * f, Allocs: 3}})
	}
	return out
}

// sample is a row that was measured with the given runs.
func sample(runs map[side][]outcome) measurement {
	return measurement{row: row{suite: "dispatch", name: "16 B", target: 3.5, targetBorrowed: 7}, runs: runs}
}

func TestRatiosAreThoseOfNeighbours(t *testing.T) {
	// The machine got twice as slow half-way: neither median says what the pairs do.
	m := sample(map[side][]outcome{
		sidePeer:  figures(400, 400, 800, 800, 900),
		sideOwned: figures(100, 100, 200, 200, 300),
		sideLimit: figures(10, 10, 20, 20, 20),
	})
	l := m.line(sideOwned)
	if l.Ratio != 4 || l.Least != 3 || l.Most != 4 || l.CPURatio != 4 {
		t.Errorf("ratio %v, %v to %v; want 4, 3 to 4", l.Ratio, l.Least, l.Most)
	}
	if l.Peer != 800 || l.Troupe != 200 || l.Limit != 20 || l.TroupeCost.CPU != 400 || l.TroupeCost.Allocs != 3 {
		t.Errorf("medians %+v", l)
	}
	if l.verdict() != "3.5 met" {
		t.Errorf("verdict %q", l.verdict())
	}
	if m.failed() {
		t.Error("a whole measurement has failed")
	}
}

func TestARunWithDropsHasNoFigure(t *testing.T) {
	lost := figures(100, 100)
	lost[1].result.Dropped = 3
	m := sample(map[side][]outcome{sidePeer: figures(400, 400), sideOwned: lost, sideBorrowed: figures(50, 50)})
	lines := summarise([]measurement{m})
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	owned, borrowed := strings.Join(lines[0].cells(), "|"), strings.Join(lines[1].cells(), "|")
	if !strings.HasPrefix(owned, "16 B|400 ns|drops|drops|–|–|3.5|") || !strings.Contains(owned, "3 messages dropped") {
		t.Errorf("owned: %s", owned)
	}
	if !strings.HasPrefix(borrowed, "16 B, borrowed|400 ns|50 ns|–|8.00|8.00..8.00|7.0 met|") {
		t.Errorf("borrowed: %s", borrowed)
	}
	if !m.failed() {
		t.Error("a measurement with drops has not failed")
	}
}

func TestAFailedRunSaysWhy(t *testing.T) {
	m := sample(map[side][]outcome{sidePeer: figures(1), sideOwned: {{err: errors.New("no server")}}})
	if cells := strings.Join(m.line(sideOwned).cells(), "|"); !strings.Contains(cells, "failed") || !strings.Contains(cells, "troupe: no server") {
		t.Error(cells)
	}
}

func TestFurtherFiguresAreNotes(t *testing.T) {
	with := func(v float64) []outcome {
		return []outcome{{result: &job.Result{Figure: 1, Extra: map[string]float64{"goroutines": v}}}}
	}
	m := sample(map[side][]outcome{sidePeer: with(1), sideOwned: with(0)})
	if notes := m.line(sideOwned).Notes; len(notes) != 1 || notes[0] != "goroutines 1 / 0" {
		t.Errorf("notes %q", notes)
	}
}

func TestTheReportSaysUnderWhatConditions(t *testing.T) {
	var out bytes.Buffer
	c := &config{pairs: 5, loadBefore: "0.42", format: "markdown"}
	if err := c.print(&out, []measurement{sample(map[side][]outcome{sidePeer: figures(2), sideOwned: figures(1)})}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go1.", "5 pairs", "load average 0.42 before", "| row |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

func TestFiguresHaveTheirUnit(t *testing.T) {
	for want, l := range map[string]line{
		"1234 ns": {unit: unitMessage}, "1.23 µs": {unit: unitLatency}, "1234 B": {unit: unitBytes}, "0.00 ms": {unit: unitMillis},
	} {
		if got := l.figure(1234); got != want {
			t.Errorf("1234 is shown as %s, want %s", got, want)
		}
	}
}

func TestTablesOfASuiteStandTogether(t *testing.T) {
	lines := []line{{Suite: "a", Row: "1"}, {Suite: "a", Row: "2"}, {Suite: "b", Row: "3"}}
	for name, table := range map[string]*config{"plain": {}, "markdown": {format: "markdown"}} {
		var out bytes.Buffer
		print := plainTable
		if table.format == "markdown" {
			print = markdownTable
		}
		if err := printTables(&out, lines, print); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if strings.Count(text, "### ") != 2 || strings.Count(text, "nats.go") != 2 || strings.Count(text, "\n") < 9 {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

func TestTheMiddleIsInTheMiddle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float64Range(0, 1e9), 1, 20).Draw(t, "values")
		before := append([]float64(nil), v...)
		m, below, above := middle(v), 0, 0
		for i, x := range v {
			if x != before[i] {
				t.Fatal("the values were moved")
			}
			if x < m {
				below++
			}
			if x > m {
				above++
			}
		}
		if below > len(v)/2 || above > len(v)/2 {
			t.Fatalf("%d below and %d above %v of %v", below, above, m, v)
		}
	})
}
