package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// Defaults of the flags.
const (
	pairsDefault = 5
	// shortDivisor divides the counts of a smoke test.
	shortDivisor = 50
)

// suiteNames lists the suites in the order of the report.
var suiteNames = []string{job.Dispatch, job.Publish, job.Request, job.Memory, job.Subscribe, job.Reconnect, job.Isolation, job.Stream,
	job.KeyValue, job.Object, job.Service}

// payload is a message size: bytes and number of headers.
type payload struct{ size, headers int }

func (p payload) String() string {
	text := fmt.Sprintf("%d B", p.size)
	if p.size >= 1024 && p.size%1024 == 0 {
		text = fmt.Sprintf("%d KiB", p.size/1024)
	}
	if p.headers > 0 {
		text += fmt.Sprintf(" + %d headers", p.headers)
	}
	return text
}

// config has the values of the flags.
type config struct {
	suites     []string
	sizes      []payload // empty: the default rows
	subs       []int     // empty: the default rows
	goroutines []int     // empty: the default rows
	count      int       // 0: the count of the row
	pairs      int
	short      bool
	self       bool
	format     string // table, json, markdown
	profile    string // directory, "" for none
	loadBefore string // load average when the flags were read, "" if unknown
}

// parse reads the flags.
func parse(args []string, notes io.Writer) (*config, error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(notes)
	c := &config{loadBefore: loadAverage()}
	suite := f.String("suite", "all", "suites to run, separated by commas: all, "+strings.Join(suiteNames, ", "))
	sizes := f.String("sizes", "", "payload sizes in bytes, with h3 for three headers: 16,1024,128h3")
	subs := f.String("subs", "", "numbers of subscriptions (dispatch, memory, subscribe, reconnect)")
	goroutines := f.String("goroutines", "", "numbers of goroutines (publish, request, service)")
	f.IntVar(&c.count, "count", 0, "operations in the timed part (default: the row's own)")
	f.IntVar(&c.pairs, "pairs", pairsDefault, "how often each client runs, in turn")
	f.BoolVar(&c.short, "short", false, "smoke test: tiny counts, one pair")
	f.BoolVar(&c.self, "self", false, "run nats.go on both sides: ratios that differ from 1.0 are noise")
	asJSON := f.Bool("json", false, "print JSON, every run included")
	asMarkdown := f.Bool("markdown", false, "print Markdown tables")
	f.StringVar(&c.profile, "profile", "", "write CPU and allocation profiles of every run to this directory")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	c.format = format(*asJSON, *asMarkdown)
	var err error
	if c.suites, err = parseSuites(*suite); err != nil {
		return nil, err
	}
	if c.sizes, err = parseList(*sizes, parsePayload); err != nil {
		return nil, err
	}
	if c.subs, err = parseList(*subs, parsePositive); err != nil {
		return nil, err
	}
	if c.goroutines, err = parseList(*goroutines, parsePositive); err != nil {
		return nil, err
	}
	return c, c.settle()
}

// settle checks the numbers and applies -short and -profile.
func (c *config) settle() error {
	if c.pairs < 1 || c.count < 0 {
		return fmt.Errorf("-pairs %d, -count %d: want at least one pair and no negative count", c.pairs, c.count)
	}
	if c.short {
		c.pairs = 1
	}
	if c.profile != "" {
		return os.MkdirAll(c.profile, 0o755)
	}
	return nil
}

func format(asJSON, asMarkdown bool) string {
	switch {
	case asJSON:
		return "json"
	case asMarkdown:
		return "markdown"
	}
	return "table"
}

func parseSuites(list string) ([]string, error) {
	if list == "all" {
		return suiteNames, nil
	}
	names := strings.Split(list, ",")
	for _, n := range names {
		if !slices.Contains(suiteNames, n) {
			return nil, fmt.Errorf("no suite %q; there are %s", n, strings.Join(suiteNames, ", "))
		}
	}
	return names, nil
}

// parseList reads values separated by commas; an empty list has none.
func parseList[T any](list string, one func(string) (T, error)) ([]T, error) {
	if list == "" {
		return nil, nil
	}
	var out []T
	for item := range strings.SplitSeq(list, ",") {
		v, err := one(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func parsePositive(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a positive number", s)
	}
	return n, nil
}

// parsePayload reads 128 or 128h3.
func parsePayload(s string) (payload, error) {
	size, headers, with := strings.Cut(s, "h")
	n, err := strconv.Atoi(size)
	if err != nil || n < 0 {
		return payload{}, fmt.Errorf("%q is not a payload size", s)
	}
	p := payload{size: n}
	if with {
		if p.headers, err = parsePositive(headers); err != nil {
			return payload{}, err
		}
	}
	return p, nil
}
