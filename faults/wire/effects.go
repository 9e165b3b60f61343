package wire

import (
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/protocol"
)

// effects sums up the lasting faults in force in one direction of a connection. The zero
// value lets everything pass at once.
type effects struct {
	latency   []*Injection // delays add up
	corrupt   []*Injection // each flips independently
	bandwidth int64        // bytes per second, the smallest; 0 is no bound
	slice     int          // bytes of one write, the smallest; 0 is no bound
	coalesce  time.Duration
	slowClose time.Duration // adds up
	blackhole bool
	halfOpen  bool
}

// sum sums up what is in force in the direction dir.
func sum(holds []*hold, dir plan.Direction) effects {
	var e effects
	for _, h := range holds {
		if h.by.hurts(dir, h.cause) {
			e.add(h.by)
		}
	}
	return e
}

func (e *effects) add(i *Injection) {
	fault := &i.rule.Fault
	switch fault.Kind {
	case plan.Latency:
		e.latency = append(e.latency, i)
	case plan.Corrupt:
		e.corrupt = append(e.corrupt, i)
	case plan.Bandwidth:
		e.bandwidth = smaller(e.bandwidth, fault.Size)
	case plan.Slice:
		e.slice = int(smaller(int64(e.slice), fault.Size))
	case plan.Coalesce:
		e.coalesce = max(e.coalesce, fault.Duration)
	case plan.SlowClose:
		e.slowClose += fault.Duration
	case plan.Blackhole:
		e.blackhole = true
	case plan.HalfOpen:
		e.halfOpen = true
	}
}

// smaller returns the smaller of two bounds, where 0 is none.
func smaller(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// delay returns how much later the data at an offset of a stream arrives.
func (e *effects) delay(stream uint64, offset int64) time.Duration {
	var sum time.Duration
	for _, i := range e.latency {
		fault := &i.rule.Fault
		d := fault.Duration
		if fault.Jitter > 0 {
			d += time.Duration((2*share(draw(i.key, stream, uint64(offset))) - 1) * float64(fault.Jitter))
		}
		sum += max(d, 0)
	}
	return sum
}

// flip corrupts data that begins at an offset of a stream. Which bits of a byte flip
// depends only on the byte's own offset.
func flip(corrupt []*Injection, data []byte, stream uint64, offset int64) {
	for _, i := range corrupt {
		key := draw(i.key, stream)
		flips := 0
		for k := range data {
			h := mix(key ^ uint64(offset+int64(k)))
			if share(h) < i.rule.Fault.Prob {
				data[k] ^= 1 << (mix(h) & 7)
				flips++
			}
		}
		if flips > 0 {
			i.hit(flips)
		}
	}
}

// opSet is a set of operations.
type opSet uint32

func (s opSet) has(op protocol.Op) bool { return s>>op&1 != 0 }
