package micro

import (
	"strconv"
	"testing"
	"time"
)

// TestSkewed: a subject is known for a while, and no more than a number of them.
func TestSkewed(t *testing.T) {
	var s skewed
	now := time.Now()
	for i := range 2 * skewedMax {
		s.note(strconv.Itoa(i), now)
	}
	last := strconv.Itoa(2*skewedMax - 1)
	if len(s.until) != skewedMax || !s.is(last, now.Add(skewedFor-1)) || s.is("other", now) {
		t.Errorf("%d known", len(s.until))
	}
	s.note("later", now.Add(time.Second))
	if s.is(last, now.Add(skewedFor)) || !s.is("later", now.Add(skewedFor)) || s.is("later", now.Add(skewedFor+time.Second)) {
		t.Errorf("%d known", len(s.until))
	}
}
