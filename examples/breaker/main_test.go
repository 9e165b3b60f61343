package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheServiceIsLeftInPeace(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"works:  20 customers got their price, ",
		"broken: ", " learnt it at once; the service saw ",
		"services/price",
		"fixed:  a waiting customer got the price, 4.20, and the breaker is closed\n",
		"changed state (closed -> open)", "changed state (half-open -> closed)",
		"── services ", "── retries ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
