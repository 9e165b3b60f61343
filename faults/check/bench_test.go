package check_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/troupe-go/troupe/faults/check"
)

// bytesMax bounds what a history may need for a value that was published, acked, seen
// on the second path and delivered to two readers.
const bytesMax = 11

// run records n values, and returns the history. The payloads are created once, so that
// the measured memory is that of the history.
func run(n int) *check.History {
	h := check.New(time.Now, check.Options{Minimum: n})
	p := h.Publisher("p", "a")
	w := h.Witness("stream", "a")
	readers := []*check.Subscription{h.Subscription("one", "a", check.AtLeastOnce), h.Subscription("two", "a", check.InOrder)}
	for i := range n {
		o := p.Publish(time.Minute)
		o.Acked(uint64(i + 1))
		payload := o.Payload(64)
		w.Saw(payload, uint64(i+1))
		for _, r := range readers {
			r.DeliveredSeq(payload, uint64(i+1))
		}
	}
	return h
}

// heap returns the bytes in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestBytesOfAValue(t *testing.T) {
	const n = 1 << 18
	before := heap()
	h := run(n)
	bytes := float64(heap()-before) / n
	if err := h.Check(); err != nil {
		t.Error(err)
	}
	if bytes > bytesMax {
		t.Errorf("%.1f bytes for each value, want %d at most", bytes, bytesMax)
	}
}

// BenchmarkValue records everything about one value: five records.
func BenchmarkValue(b *testing.B) {
	before := heap()
	h := run(b.N)
	b.StopTimer()
	b.ReportMetric(float64(heap()-before)/float64(b.N), "heap-B/value")
	start := time.Now()
	if err := h.Check(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(time.Since(start))/float64(b.N), "check-ns/value")
	if os.Getenv("CHECK_REPORT") != "" {
		fmt.Println(h.Report())
	}
}
