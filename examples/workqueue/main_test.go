package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachJobIsDoneOnce(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"dead letter: job 13, after 3 deliveries: out of paper\n",
		"dead letter: job 17, after 3 deliveries: troupe: handler failed: panic: the printer is on fire\n",
		// 17 the first time, job 7 at the third, and the dead ones at the fourth
		"20 jobs done, with 28 calls of the handler\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
