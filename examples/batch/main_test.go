package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBatchesAreWholeAndReadingsOnce(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"transfer 1: 2 bookings are stored, the last with sequence 2\n",
		"transfer 2: nothing is stored: ",
		"transfer 3: 2 bookings are stored, the last with sequence 4\n",
		"fast ingest: 20000 readings, with ", " and 1 cut of the connection, ",
		"the stream has 20000 readings, each of them once and in order\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
