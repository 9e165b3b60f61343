package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows the progress of the runs on a terminal; elsewhere it shows nothing.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress returns the progress of all runs, shown on w if that is a terminal.
func newProgress(w io.Writer, c *config, rows []row) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	total := 0
	for _, r := range rows {
		total += c.pairs * len(r.sides(c.self))
	}
	return &progress{bar: progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())}
}

// next shows the run that begins. Errors of the terminal do not matter.
func (p *progress) next(r row, s side) {
	if p.bar == nil {
		return
	}
	p.bar.Describe(r.suite + ": " + r.name + ", " + s.String())
	_ = p.bar.Add(1)
}

// clear removes the bar, before a report or an error.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
