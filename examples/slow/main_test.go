package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachPolicyKeepsWhatItSays(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"drop newest      10 handled, 90 dropped: 0, 1 … 9\n",
		"drop oldest      10 handled, 90 dropped: 0, 91 … 99\n",
		"block           100 handled,  0 dropped: 0, 1 … 99\n",
		"restart empty ",
		"stop              1 handled, then ended: troupe: slow consumer on \"prices\": ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
