package supervisor

import "time"

// The bounds of a Burst.
const (
	// BurstMax is how many events within BurstWithin are reported one by one.
	BurstMax = 100
	// BurstWithin is the length of the span.
	BurstWithin = time.Second
)

// Burst bounds the events about things that may happen by the million: within each
// BurstWithin the first BurstMax are reported one by one, and the rest by a single event
// with their count, so that other events are not lost among them.
//
// The zero value is ready. It is not safe for concurrent use.
type Burst struct {
	since  time.Time // start of the current span
	told   int       // events in it
	unsaid uint64    // things without an event
}

// Add counts one thing at now, and says whether to report it. If not, and it is the first
// of this span that is not reported, wake is above zero: call Flush after that time.
func (b *Burst) Add(now time.Time) (tell bool, wake time.Duration) {
	if b.unsaid == 0 && now.Sub(b.since) >= BurstWithin {
		b.since, b.told = now, 0
	}
	if b.unsaid == 0 && b.told < BurstMax {
		b.told++
		return true, 0
	}
	b.unsaid++
	if b.unsaid > 1 {
		return false, 0
	}
	return false, max(BurstWithin-max(now.Sub(b.since), 0), 1)
}

// Flush ends the span at now, and returns the count to report; zero means none. The event
// that reports it counts for the next span.
func (b *Burst) Flush(now time.Time) (count uint64) {
	count = b.unsaid
	*b = Burst{since: now}
	if count > 0 {
		b.told = 1
	}
	return count
}
