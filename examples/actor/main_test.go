package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheBooksBalance(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"integer divide by zero", "inventory", "sold 594 + in stock 406 = 1000, after 1 restart"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
