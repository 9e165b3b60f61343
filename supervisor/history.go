package supervisor

import (
	"math"
	"time"
)

// History is what Decide remembers of one actor's failures. It is a plain value of fixed
// size (below 512 bytes), comparable with ==, and its zero value is the history of an
// actor that never failed. An actor that has not failed yet needs none, so an owner of
// many actors can allocate it at the first failure.
type History struct {
	last     time.Time     // when the last failure was decided
	pause    time.Duration // the delay that was decided then
	attempt  int           // restarts granted since the last quiet period
	restarts uint64        // restarts granted ever, saturating
	window   window        // restarts that still count against the intensity
}

// Restarts returns how many restarts were granted in the actor's whole life.
func (h History) Restarts() int { return int(min(h.restarts, math.MaxInt)) }

// Attempt returns how many restarts were granted since the actor was last
// quiet for Policy.StableAfter, as of the last decision.
func (h History) Attempt() int { return h.attempt }

// InWindow returns how many restarts counted against Intensity at the last
// decision, that one included. It is zero for policies without a window.
func (h History) InWindow() int { return int(min(h.window.total(), math.MaxInt)) }

// LastFailure returns the time of the last decision; zero if there was none.
func (h History) LastFailure() time.Time { return h.last }

// observe advances the history to the failure f at now: it drops restarts that fell out
// of the window, and resets the attempts after a quiet period.
func (h *History) observe(p Policy, f Failure, now time.Time) {
	// A clock that went back counts as no time passing, and time counts on from the new
	// value. A later jump forward can at worst end a window early. At the first failure
	// the gap has no meaning, and there is nothing to reset.
	gap := max(now.Sub(h.last), 0)
	if p.Intensity.Max > 0 && p.Intensity.Within > 0 {
		h.window.advance(gap, p.Intensity.Within)
	} else {
		h.window = window{}
	}
	if p.forgets(h.quiet(f, now, gap)) {
		h.attempt = 0
	}
	h.last, h.pause = now, 0
}

// quiet returns how long the actor had been well when it failed. Neither the delay before
// its restart nor the time it took to begin its work counts: otherwise long delays and
// slow dials would reset the very backoff that asked for them.
func (h *History) quiet(f Failure, now time.Time, gap time.Duration) time.Duration {
	if f.NeverBegan {
		return 0
	}
	quiet := max(gap-h.pause, 0)
	if !f.Began.IsZero() {
		quiet = min(quiet, max(now.Sub(f.Began), 0))
	}
	return quiet
}

// grant counts one restart, which happens after delay.
func (h *History) grant(p Policy, delay time.Duration) {
	h.pause = delay
	h.attempt = h.next()
	if h.restarts < math.MaxUint64 {
		h.restarts++
	}
	if p.Intensity.Max > 0 && p.Intensity.Within > 0 {
		h.window.add(p.Intensity.Max)
	}
}

// exceeded reports whether one more restart would break the intensity.
func (h *History) exceeded(i Intensity) bool {
	switch {
	case i.Max <= 0:
		return false
	case i.Within <= 0:
		return h.attempt >= i.Max
	default:
		return h.window.total() >= uint64(i.Max)
	}
}

// next returns the number of the restart that would be granted now.
func (h *History) next() int {
	if h.attempt == math.MaxInt {
		return h.attempt
	}
	return h.attempt + 1
}
