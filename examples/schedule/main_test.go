package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSchedulesAreListedReplacedAndCancelled(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for want, times := range map[string]int{
		"scheduled:\n": 2, "remind.tea   @at        \"the tea is ready, now\" for due.tea\n": 1, "cancelled: remind.milk\n": 1,
		": tick\n": 2, ": the tea is ready, now\n": 1, "remind.bill  @at ": 2, "remind.milk ": 1, ": buy milk": 0,
	} {
		if got := strings.Count(out.String(), want); times > got || times == 0 && got > 0 {
			t.Errorf("%q is there %d times, want %d, in\n%s", want, got, times, &out)
		}
	}
}
