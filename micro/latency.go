package micro

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latency.go - a histogram of how long handlers took, in 2 KiB, with an error of at most a
// quarter.
//
//	width   1 ns each    1 ns each    2 ns each    4 ns each   …   a quarter of the power of two
//	bucket  0 1 2 3      4 5 6 7      8 9 10 11    12 …        …   255

const (
	stepBits    = 2 // buckets in a power of two, as a power of two
	bucketCount = 64 << stepBits
)

// bucketOf returns the bucket in which a duration is counted.
func bucketOf(took time.Duration) int {
	n := uint64(max(took, 0))
	power := bits.Len64(n)
	if power <= stepBits {
		return int(n)
	}
	shift := power - 1 - stepBits
	return (shift+1)<<stepBits | int(n>>shift)&(1<<stepBits-1)
}

// bucketFrom returns the least duration that a bucket counts.
func bucketFrom(bucket int) time.Duration {
	if bucket < 1<<(stepBits+1) {
		return time.Duration(bucket)
	}
	shift := bucket>>stepBits - 1
	return time.Duration(1<<stepBits|bucket&(1<<stepBits-1)) << shift
}

// histogram counts durations. The zero value is ready. It is safe for concurrent use.
type histogram struct {
	counts [bucketCount]atomic.Uint64
	most   atomic.Int64
}

func (h *histogram) add(took time.Duration) {
	h.counts[bucketOf(took)].Add(1)
	for most := h.most.Load(); int64(took) > most && !h.most.CompareAndSwap(most, int64(took)); {
		most = h.most.Load()
	}
}

func (h *histogram) reset() {
	for i := range h.counts {
		h.counts[i].Store(0)
	}
	h.most.Store(0)
}

// Latency says how long calls took: the quantiles are at most a quarter too low, Max is exact.
// All are zero without a call.
type Latency struct {
	P50     time.Duration   `json:"p50"` // ns, as are the others
	P90     time.Duration   `json:"p90"`
	P99     time.Duration   `json:"p99"`
	P999    time.Duration   `json:"p999"`
	Max     time.Duration   `json:"max"`
	Buckets []LatencyBucket `json:"buckets"` // those with calls, in order
}

// LatencyBucket counts the calls that took at least From, and less than the From of the next
// possible bucket, which is larger by a quarter of the greatest power of two not above From.
type LatencyBucket struct {
	From  time.Duration `json:"from"` // ns
	Count uint64        `json:"count"`
}

// snapshot returns the counts.
func (h *histogram) snapshot() Latency {
	l := Latency{Max: time.Duration(h.most.Load()), Buckets: []LatencyBucket{}}
	total := uint64(0)
	for i := range h.counts {
		if n := h.counts[i].Load(); n > 0 {
			l.Buckets = append(l.Buckets, LatencyBucket{From: bucketFrom(i), Count: n})
			total += n
		}
	}
	l.P50, l.P90 = l.quantile(total, 500), l.quantile(total, 900)
	l.P99, l.P999 = l.quantile(total, 990), l.quantile(total, 999)
	return l
}

// quantile returns the duration that the given thousandths of all calls do not exceed.
func (l *Latency) quantile(total, thousandths uint64) time.Duration {
	rank, seen := (total*thousandths+999)/1000, uint64(0)
	for _, b := range l.Buckets {
		if seen += b.Count; seen >= rank {
			return b.From
		}
	}
	return 0
}
