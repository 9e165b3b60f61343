package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheBooksBalance(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"RETRIED  5000 published = 5000 acknowledged + 0 unknown; ", " acknowledged as duplicates; 5000 stored\n", "ONCE     5000 published = "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}

// Books that do not balance fail, each for its own reason.
func TestBooksThatDoNotBalance(t *testing.T) {
	for want, b := range map[string]books{
		"4999 of 5000 messages have an outcome":            {acked: 4999},
		"1 messages were acknowledged, and are not stored": {acked: 5000, stored: 4999, missing: 1},
		"2 messages are stored twice":                      {acked: 5000, stored: 5002, twice: 2},
		"4999 of 5000 messages are stored":                 {acked: 4999, unknown: 1, stored: 4999},
		"the cuts have harmed nothing":                     {acked: 5000, stored: 5000},
	} {
		if err := b.check(true); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
