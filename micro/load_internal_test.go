package micro

import (
	"strconv"
	"testing"
)

// TestFleetsAreBounded: however many endpoints are named.
func TestFleetsAreBounded(t *testing.T) {
	var l loads
	for i := range 2 * fleetsMax {
		l.of(Target{Service: "S", Endpoint: strconv.Itoa(i)})
	}
	last := Target{Service: "S", Endpoint: strconv.Itoa(2*fleetsMax - 1)}
	if len(l.all) != fleetsMax || l.of(last) != l.all[last] || len(l.all) != fleetsMax {
		t.Errorf("%d fleets", len(l.all))
	}
}
