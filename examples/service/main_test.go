package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryAnswerIsRight(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"3 instances of Library 1.0.0\n",
		`books.lend   takes {"properties":{"title":{"type":"string"}},"required":["title"],"type":"object"}` + "\n",
		"UNAUTHORIZED: who are you?\n",
		"VALIDATION_ERROR: title: which one?\n",
		"INTERNAL_ERROR: internal error\n",
		"9 requests, 6 of them answered with an error\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
