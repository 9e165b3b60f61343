package supervisor

import "time"

// The bounds of a Burst.
const (
	// BurstMax is how many things within BurstWithin are told one by one.
	BurstMax = 100
	// BurstWithin is the length of the span.
	BurstWithin = time.Second
)

// Burst bounds the events about things that may come by the million: of each BurstWithin
// the first BurstMax are told one by one, and those behind them by one event with their
// count, so that whatever else happens is not lost among them.
//
// The zero value is ready. It is not safe for concurrent use.
type Burst struct {
	since  time.Time // when the first of the present span came
	told   int       // events in it
	unsaid uint64    // things without an event
}

// Add counts a thing at now, and says whether to tell it. If not, wake above zero says
// that it is the first such, and to call Flush in that time.
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

// Flush ends the span at now, and returns the count to tell; zero for nothing. The event
// that tells it belongs to the next span.
func (b *Burst) Flush(now time.Time) (count uint64) {
	count = b.unsaid
	*b = Burst{since: now}
	if count > 0 {
		b.told = 1
	}
	return count
}
