package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// print writes the report in the format that the flags ask for.
func (c *config) print(w io.Writer, all []measurement) error {
	lines := summarise(all)
	table := plainTable
	switch c.format {
	case "json":
		return printJSON(w, lines, all)
	case "markdown":
		table = markdownTable
	}
	if err := printTables(w, lines, table); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", c.conditions())
	return err
}

// conditions describes the conditions of the measurement. A load that exceeds the
// benchmark's own two to three busy processes means that other programs were running.
func (c *config) conditions() string {
	text := fmt.Sprintf("%s, %d pairs, %d cores", runtime.Version(), c.pairs, runtime.NumCPU())
	if c.loadBefore != "" {
		text += fmt.Sprintf(", load average %s before and %s after", c.loadBefore, loadAverage())
	}
	return text
}

// loadAverage returns the load average of the last minute, "" if the system does not
// report it.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

// runJSON is one run in the JSON report.
type runJSON struct {
	Suite  string      `json:"suite"`
	Row    string      `json:"row"`
	Side   string      `json:"side"`
	Pair   int         `json:"pair"`
	Result *job.Result `json:"result,omitempty"`
	Error  string      `json:"error,omitempty"`
}

// printJSON writes the lines, and every run behind them.
func printJSON(w io.Writer, lines []line, all []measurement) error {
	var runs []runJSON
	for _, m := range all {
		for s := sidePeer; s <= sideLimit; s++ {
			runs = append(runs, m.runsOf(s)...)
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"lines": lines, "runs": runs})
}

// runsOf returns the runs of one side.
func (m measurement) runsOf(s side) (out []runJSON) {
	for i, o := range m.runs[s] {
		r := runJSON{Suite: m.row.suite, Row: m.row.name, Side: s.String(), Pair: i + 1, Result: o.result}
		if o.err != nil {
			r.Error = o.err.Error()
		}
		out = append(out, r)
	}
	return out
}

// columns are the headings of a table.
var columns = []string{"row", "nats.go", "troupe", "limit", "ratio", "spread", "target", "CPU ns", "CPU ratio", "allocations", "notes"}

// cells returns the cells of a line. Costs are nats.go / troupe.
func (l line) cells() []string {
	name := l.Row
	if l.Mode == "borrowed" {
		name += ", borrowed"
	}
	ratio, spread, cpu := "–", "–", "–"
	if l.CPURatio > 0 {
		cpu = fmt.Sprintf("%.2f", l.CPURatio)
	}
	if l.voided == "" && l.Ratio > 0 {
		ratio, spread = fmt.Sprintf("%.2f", l.Ratio), fmt.Sprintf("%.2f..%.2f", l.Least, l.Most)
	}
	return []string{
		name, l.figure(l.Peer), l.figure(l.Troupe), l.figure(l.Limit), ratio, spread, l.verdict(),
		short(l.PeerCost.CPU) + " / " + short(l.TroupeCost.CPU), cpu,
		short(l.PeerCost.Allocs) + " / " + short(l.TroupeCost.Allocs),
		strings.Join(l.Notes, "; "),
	}
}

// figure formats a figure in the unit of its row.
func (l line) figure(v float64) string {
	if v == 0 {
		if l.voided != "" {
			return l.voided
		}
		return "–"
	}
	switch l.unit {
	case unitBytes:
		return fmt.Sprintf("%.0f B", v)
	case unitLatency:
		return short(v/1e3) + " µs"
	case unitMillis:
		return short(v/1e6) + " ms"
	}
	return short(v) + " ns"
}

// verdict formats the target and whether it was met.
func (l line) verdict() string {
	if l.Target == 0 {
		return "–"
	}
	target := strconv.FormatFloat(l.Target, 'f', -1, 64)
	if !strings.Contains(target, ".") {
		target += ".0"
	}
	switch {
	case l.voided != "":
		return target
	case l.Ratio >= l.Target:
		return target + " met"
	}
	return target + " missed"
}

// printTables writes one table per suite.
func printTables(w io.Writer, lines []line, table func(io.Writer, [][]string) error) error {
	for len(lines) > 0 {
		suite, cells := lines[0].Suite, [][]string{columns}
		for len(lines) > 0 && lines[0].Suite == suite {
			cells = append(cells, lines[0].cells())
			lines = lines[1:]
		}
		if _, err := fmt.Fprintf(w, "\n### %s\n\n", suite); err != nil {
			return err
		}
		if err := table(w, cells); err != nil {
			return err
		}
	}
	return nil
}

// plainTable writes aligned columns.
func plainTable(w io.Writer, cells [][]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range cells {
		fmt.Fprintln(t, strings.Join(c, "\t"))
	}
	return t.Flush()
}

// markdownTable writes a Markdown table with right-aligned numbers.
func markdownTable(w io.Writer, cells [][]string) error {
	var b strings.Builder
	for i, c := range cells {
		b.WriteString("| " + strings.Join(c, " | ") + " |\n")
		if i == 0 {
			b.WriteString("| --- |" + strings.Repeat(" ---: |", len(c)-2) + " --- |\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
