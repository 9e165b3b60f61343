package cost

import (
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/troupe-go/troupe/bench/internal/job"
)

// Measure is a timed part in progress.
type Measure struct {
	start  time.Time
	cpu    time.Duration
	memory runtime.MemStats
}

// Begin starts a timed part after a garbage collection, so that it does not pay for
// garbage of the warm-up.
func Begin() *Measure {
	m := &Measure{}
	runtime.GC()
	runtime.ReadMemStats(&m.memory)
	m.cpu = processorTime()
	m.start = time.Now()
	return m
}

// End ends the timed part in which operations took place. The figure of the result is
// the elapsed time per operation in ns.
func (m *Measure) End(operations int) *job.Result {
	elapsed := time.Since(m.start)
	cpu := processorTime() - m.cpu
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	n := float64(max(operations, 1))
	return &job.Result{
		Figure:  float64(elapsed) / n,
		CPU:     float64(cpu) / n,
		Allocs:  float64(after.Mallocs-m.memory.Mallocs) / n,
		Bytes:   float64(after.TotalAlloc-m.memory.TotalAlloc) / n,
		Elapsed: int64(elapsed),
	}
}

// Bounds of the latency histograms.
const (
	latencyMax    = int64(time.Minute)
	latencyDigits = 3
)

// Latency returns an empty histogram for latencies from 1 ns to a minute, with three
// significant digits.
func Latency() *hdrhistogram.Histogram { return hdrhistogram.New(1, latencyMax, latencyDigits) }

// Percentiles copies the usual percentiles of h into r.
func Percentiles(r *job.Result, h *hdrhistogram.Histogram) {
	r.Percentiles = map[string]int64{
		"p50": h.ValueAtQuantile(50), "p90": h.ValueAtQuantile(90), "p99": h.ValueAtQuantile(99),
		"p99.9": h.ValueAtQuantile(99.9), "p99.99": h.ValueAtQuantile(99.99), "max": h.Max(),
	}
}
