package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAllAnswersCome(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for want, times := range map[string]int{
		"the first two:\n": 1, "station 4: 22 °C\n": 2, "until the last page:\n    page 1 of 3\n    page 2 of 3\n    page 3 of 3\n": 1,
		"    station ": 2 + 5 + 5, "nobody answers: troupe: no responders": 1,
	} {
		if got := strings.Count(out.String(), want); got < times {
			t.Errorf("%q is there %d times, want %d, in\n%s", want, got, times, &out)
		}
	}
}
