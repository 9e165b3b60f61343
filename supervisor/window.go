package supervisor

import (
	"math"
	"time"
)

// IntensityExactMax is the largest Intensity.Max that is counted restart by restart.
// Above it, restarts share slots, see Intensity.
const IntensityExactMax = 32

// Intensity bounds how often an actor may be restarted: at most Max times
// within any half-open span of time that is Within long.
//
// The rule: a restart at time t is granted if fewer than Max restarts were granted in
// (t-Within, t]. One that is exactly Within old no longer counts. For Max above
// IntensityExactMax several restarts share a slot, which expires with its youngest: the
// limit may then apply up to Max/32 restarts early, never late.
type Intensity struct {
	// Max is the number of restarts granted. Zero or less means no limit.
	Max int
	// Within is the length of the window. Zero or less means no window: Max is then the
	// number of restarts in a row, reset only after Policy.StableAfter without a failure.
	Within time.Duration
}

// window remembers the restarts of the last Intensity.Within, in fixed space.
//
// It holds ages instead of times, so that there is no epoch that could overflow, and of
// the clock only differences matter, which are never negative.
//
// Invariant: ages descend from the oldest slot, 0, to the youngest, used-1.
type window struct {
	ages   [IntensityExactMax]time.Duration // age of the youngest restart in the slot
	counts [IntensityExactMax]uint32        // restarts in the slot; at least 1 below used
	used   int8                             // slots in use, the rest is zero
}

// advance lets time pass and forgets the slots that are within or more old.
func (w *window) advance(gap, within time.Duration) {
	kept := int8(0)
	for i := int8(0); i < w.used; i++ {
		// The gap is compared before it is added: the sum stays below within.
		if gap >= within || w.ages[i] >= within-gap {
			continue
		}
		w.ages[kept], w.counts[kept] = w.ages[i]+gap, w.counts[i]
		kept++
	}
	clear(w.ages[kept:w.used])
	clear(w.counts[kept:w.used])
	w.used = kept
}

// total returns the number of restarts remembered.
func (w *window) total() uint64 {
	sum := uint64(0)
	for _, n := range w.counts[:w.used] {
		sum += uint64(n)
	}
	return sum
}

// add remembers one restart of age zero. limit is Intensity.Max.
func (w *window) add(limit int) {
	share := uint64(limit-1)/IntensityExactMax + 1 // restarts a slot may hold
	last := w.used - 1
	if last >= 0 && w.counts[last] < math.MaxUint32 && uint64(w.counts[last]) < share {
		w.counts[last]++
		w.ages[last] = 0
		return
	}
	if w.used == IntensityExactMax {
		w.mergeOldest()
	}
	w.counts[w.used] = 1
	w.ages[w.used] = 0
	w.used++
}

// mergeOldest makes room for a slot. It is needed only when Max changed between two
// failures; the merged slot keeps the younger age, so the count errs on the strict side.
// (Beyond 2^37 restarts the counts saturate: such a Max is no limit.)
func (w *window) mergeOldest() {
	sum := uint64(w.counts[0]) + uint64(w.counts[1])
	w.counts[1] = uint32(min(sum, math.MaxUint32))
	copy(w.ages[:], w.ages[1:])
	copy(w.counts[:], w.counts[1:])
	w.used--
	w.ages[w.used], w.counts[w.used] = 0, 0
}
