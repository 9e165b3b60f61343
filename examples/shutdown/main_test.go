package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachGuestGetsOneAnswer(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"the first kitchen has stopped: nothing is left\n",
		"800 dishes ordered, 800 served\n",
		"the second kitchen closes: cook (1 in handlers, 0 waiting)\n",
		"the guest is told: INTERRUPTED: the endpoint has ended\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
