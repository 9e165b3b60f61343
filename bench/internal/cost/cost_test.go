package cost

import (
	"testing"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// sink keeps what the test allocates from being optimised away.
var sink []byte

func TestAllocationsAreCountedForEachOperation(t *testing.T) {
	m := Begin()
	for range 1000 {
		sink = make([]byte, 1024)
	}
	r := m.End(1000)
	if r.Allocs < 1 || r.Allocs > 1.5 || r.Bytes < 1024 || r.Bytes > 1300 {
		t.Errorf("%.2f allocations of %.0f bytes an operation, want one of 1024", r.Allocs, r.Bytes)
	}
	if r.Elapsed <= 0 || r.Figure != float64(r.Elapsed)/1000 {
		t.Errorf("figure %v of %d ns for 1000 operations", r.Figure, r.Elapsed)
	}
}

func TestPercentilesAreNamed(t *testing.T) {
	h := Latency()
	for i := range int64(1000) {
		if err := h.RecordValue(i + 1); err != nil {
			t.Fatal(err)
		}
	}
	var r job.Result
	Percentiles(&r, h)
	if r.Percentiles["p50"] != 500 || r.Percentiles["p99"] != 990 || r.Percentiles["max"] != 1000 {
		t.Errorf("percentiles of 1..1000: %v", r.Percentiles)
	}
}
