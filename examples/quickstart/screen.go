package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// screen prints the programme. On a terminal a step is announced, and its line is
// replaced when it is done, with a little colour; elsewhere there is one plain line for
// each step.
type screen struct {
	out   io.Writer
	fancy bool
}

// nameWidth is the width of a step's name, markWidth that of the mark before it.
const (
	nameWidth = 19
	markWidth = 4
)

// The escape codes in use.
const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
	wipe  = "\r\x1b[K" // to the start of the line, and clears it
)

func newScreen(out io.Writer) *screen { return &screen{out: out, fancy: fancy(out, os.Getenv)} }

// fancy reports whether out is a terminal whose user did not object to colours.
func fancy(out io.Writer, getenv func(string) string) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

func (s *screen) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// paint puts text between an escape code and its end, on a terminal.
func (s *screen) paint(code, text string) string {
	if !s.fancy {
		return text
	}
	return code + text + plain
}

func (s *screen) title(text string) { s.printf("%s\n\n", s.paint(bold, text)) }

// begin announces a step, if the line can be replaced later.
func (s *screen) begin(name string) {
	if s.fancy {
		s.printf("%-*s%s", markWidth, "…", s.paint(faint, name))
	}
}

// done prints the result of a step.
func (s *screen) done(name string, result shown) {
	s.wipe()
	if result.tree != "" {
		s.picture(result)
		return
	}
	mark, code, sign := "ok", green, "✓"
	if result.omit {
		mark, code, sign = "-", faint, "–"
	}
	s.line(s.mark(mark, code, sign), name, result.line)
	for _, line := range result.more {
		s.printf("%*s%s\n", markWidth+nameWidth, "", line)
	}
}

// picture prints a tree with the words above it.
func (s *screen) picture(result shown) {
	s.printf("\n%s\n", result.over)
	for line := range strings.Lines(result.tree) {
		s.printf("%*s%s", markWidth, "", s.paintLine(line))
	}
	s.printf("\n")
}

// paintLine makes a line of a picture faint, except for its line ending.
func (s *screen) paintLine(line string) string {
	return s.paint(faint, strings.TrimSuffix(line, "\n")) + "\n"
}

// broken marks the step that failed; the last line says why.
func (s *screen) broken(name string) {
	s.wipe()
	s.line(s.mark("no", red, "✗"), name, "failed")
}

func (s *screen) wipe() {
	if s.fancy {
		s.printf("%s", wipe)
	}
}

// mark returns the mark before a line: a word, or a coloured sign.
func (s *screen) mark(word, code, sign string) string {
	if s.fancy {
		return s.paint(code, sign) + strings.Repeat(" ", markWidth-1)
	}
	return fmt.Sprintf("%-*s", markWidth, word)
}

func (s *screen) line(mark, name, text string) { s.printf("%s%-*s%s\n", mark, nameWidth, name, text) }

// passed is the last line if every count was right.
func (s *screen) passed() { s.printf("%s\n", s.paint(green, "quickstart: ok")) }

// failed is the last line otherwise. An error's text may have several lines.
func (s *screen) failed(err error) {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	s.printf("%s\n", s.paint(red, "quickstart: FAILED: "+text))
}

// bar shows the progress of a transfer on a terminal; elsewhere it shows nothing.
type bar struct{ bar *progressbar.ProgressBar }

// bar begins a bar for that many bytes, in the line of the step.
func (s *screen) bar(name string, bytes int64) *bar {
	if !s.fancy {
		return &bar{}
	}
	s.wipe()
	return &bar{progressbar.NewOptions64(bytes, progressbar.OptionSetWriter(s.out), progressbar.OptionSetDescription(name),
		progressbar.OptionShowBytes(true), progressbar.OptionFullWidth())}
}

// set moves the bar. Errors of the terminal do not matter.
func (b *bar) set(bytes int64) {
	if b.bar != nil {
		_ = b.bar.Set64(bytes)
	}
}

// clear removes the bar.
func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
