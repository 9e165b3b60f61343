package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheOrderOfEachAccountIsKept(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4:\n%s", len(lines), &out)
	}
	for i, begins := range map[int]string{1: "one at a time ", 2: "eight at once ", 3: "eight at once, by account "} {
		if !strings.HasPrefix(lines[i], begins) || i != 2 && !strings.HasSuffix(lines[i], " ms, each account in order") {
			t.Errorf("line %q", lines[i])
		}
	}
}
