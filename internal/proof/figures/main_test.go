package figures_test

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/must"
)

// full asks for the figures of docs/RELIABILITY.md.
var full = flag.Bool("full", false, "measure at full size, and print the table")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(must.Settled(tabled{m}, func() error { return goleak.Find() }))
}

// tabled prints the table when all tests have run.
type tabled struct{ *testing.M }

// Run runs the tests.
func (m tabled) Run() int {
	code := m.M.Run()
	if *full {
		fmt.Print(table.String())
	}
	return code
}

// table has the rows that were measured.
var table rows

type rows struct {
	mu    sync.Mutex
	lines []string
}

func (r *rows) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// String returns the rows as a table in Markdown.
func (r *rows) String() string {
	return "\n| figure | goal | measured | test |\n| --- | --- | --- | --- |\n" + strings.Join(r.lines, "\n") + "\n"
}

// figure is one row.
type figure struct {
	what, goal, measured string
	kept                 bool // the goal
	exact                bool // it depends on no machine: to be kept at any size
}

// record adds the row to the table, and fails the test if a goal that counts is missed.
func record(t *testing.T, f figure) {
	t.Helper()
	t.Logf("%s: %s (goal: %s)", f.what, f.measured, f.goal)
	if !f.kept {
		f.measured += ", **missed**"
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	table.add(fmt.Sprintf("| %s | %s | %s | `%s` |", f.what, f.goal, f.measured, name))
	if !f.kept && (f.exact || *full) {
		t.Errorf("%s: %s, goal: %s", f.what, f.measured, f.goal)
	}
}

// sized returns the size of a measurement.
func sized(whole, small int) int {
	if *full {
		return whole
	}
	return small
}

// patience is how long a measurement waits for what has to happen.
const patience = time.Minute

// receive returns what comes from ch.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-ch:
		return v
	case <-timer.C:
		t.Fatalf("%s: nothing came within %v", what, patience)
		panic("unreachable")
	}
}

// latencies is a histogram of durations, from 1 ns to a minute.
type latencies struct{ *hdrhistogram.Histogram }

func newLatencies() latencies { return latencies{hdrhistogram.New(1, int64(time.Minute), 3)} }

func (l latencies) add(d time.Duration) { _ = l.RecordValue(int64(min(max(d, 1), time.Minute))) }

func (l latencies) at(percentile float64) time.Duration {
	return time.Duration(l.ValueAtQuantile(percentile))
}

// String returns the three figures that count.
func (l latencies) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s", rounded(l.at(50)), rounded(l.at(99)), rounded(time.Duration(l.Max())))
}

// rounded returns d with three digits or so.
func rounded(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
