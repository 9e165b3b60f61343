package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain makes the test binary a child of the benchmark if it was started as one.
func TestMain(m *testing.M) {
	if code, ok := child(); ok {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

func TestEverySuiteRunsAgainstItself(t *testing.T) {
	var out, notes bytes.Buffer
	if err := run(t.Context(), []string{"-short", "-self", "-json"}, &out, &notes); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if notes.Len() != 0 {
		t.Errorf("without a terminal there are notes: %q", notes.String())
	}
	var report struct {
		Lines []line
		Runs  []struct{ Side string }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, l := range report.Lines {
		seen[l.Suite] = true
		if l.Peer <= 0 || l.Troupe <= 0 || l.Ratio <= 0 {
			t.Errorf("%s, %s: figures %v and %v, ratio %v, notes %q", l.Suite, l.Row, l.Peer, l.Troupe, l.Ratio, l.Notes)
		}
	}
	for _, s := range suiteNames {
		if !seen[s] {
			t.Errorf("suite %s is not in the report", s)
		}
	}
}

func TestProfilesAreWrittenForEachRun(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-short", "-self", "-suite", "dispatch", "-sizes", "16", "-profile", dir}
	if err := run(t.Context(), args, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dispatch-16-B-1-subscription-nats.go-1.cpu.pprof", "dispatch-16-B-1-subscription-troupe-1.allocs.pprof"} {
		if _, err := os.Stat(dir + "/" + name); err != nil {
			t.Error(err)
		}
	}
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, args := range []string{
		"-suite nonsense", "-sizes x", "-sizes 16h0", "-sizes -1", "-subs 0", "-subs 1,,2", "-goroutines none",
		"-pairs 0", "-count -1", "stray", "-unknown",
	} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
	if err := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h returns %v", err)
	}
}

func TestARunThatFailsIsPartOfTheTable(t *testing.T) {
	c, err := parse([]string{"-suite", "publish", "-sizes", "16", "-short"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := c.rows()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{config: c, workers: workers{peer: "/nonexistent", troupe: "/nonexistent"}, progress: &progress{}}
	m, err := r.measure(t.Context(), rows[0])
	if err != nil {
		t.Fatal(err)
	}
	if !m.failed() {
		t.Error("a worker that does not exist has not failed")
	}
	var out bytes.Buffer
	if err := c.print(&out, []measurement{m}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "failed") || !strings.Contains(out.String(), "no such file") {
		t.Errorf("the table does not say why:\n%s", out.String())
	}
}
