package api

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// breakerModel is the expected behaviour of a breaker, independent of its implementation.
type breakerModel struct {
	policy     BreakerPolicy
	state      BreakerState
	era        int // changes of state so far
	inARow     int
	good, runs int       // of the present half-open era: probes that succeeded, that run
	until      time.Time // open: as the breaker says
	learned    int       // the era of until
}

func (m *breakerModel) become(s BreakerState) {
	m.state, m.era, m.inARow, m.good, m.runs = s, m.era+1, 0, 0, 0
}

// admits says whether a call at now is let through.
func (m *breakerModel) admits(now time.Time) bool {
	if m.state == BreakerOpen && !now.Before(m.until) {
		m.become(BreakerHalfOpen)
	}
	switch m.state {
	case BreakerOpen:
		return false
	case BreakerHalfOpen:
		if m.good+m.runs >= m.policy.Probes {
			return false
		}
		m.runs++
	}
	return true
}

// ended counts the end of a call that began in an era.
func (m *breakerModel) ended(era int, err error) {
	failed, counts := errors.Is(err, ErrTimeout), !errors.Is(err, context.Canceled)
	switch {
	case era != m.era:
	case m.state == BreakerHalfOpen:
		m.runs--
		switch {
		case failed:
			m.become(BreakerOpen)
		case counts:
			m.good++
		}
		if m.good == m.policy.Probes {
			m.become(BreakerClosed)
		}
	case failed:
		m.inARow++
		if m.inARow == m.policy.Failures {
			m.become(BreakerOpen)
		}
	case counts:
		m.inARow = 0
	}
}

// step is one thing that happens to a breaker.
type step struct {
	kind  string // sleep, end, begin
	which int    // of those that run, modulo their number
	err   error  // of end
}

func anyStep() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		return step{
			kind:  rapid.SampledFrom([]string{"sleep", "end", "end", "end", "begin", "begin", "begin", "begin"}).Draw(t, "kind"),
			which: rapid.IntRange(0, 99).Draw(t, "which"),
			err:   rapid.SampledFrom([]error{nil, ErrTimeout, ErrTimeout, context.Canceled}).Draw(t, "error"),
		}
	})
}

// play does the steps to a breaker and to the model, and returns where they differ.
func play(policy BreakerPolicy, steps []step) (done int, differs string) {
	b := newBreaker("x", policy)
	m := breakerModel{policy: policy}
	type running struct {
		era int
		p   pass
	}
	var all []running
	for i, s := range steps {
		switch {
		case s.kind == "sleep":
			time.Sleep(time.Until(m.until))
		case s.kind == "end" && len(all) > 0:
			at := s.which % len(all)
			b.settle(all[at].p, s.err)
			m.ended(all[at].era, s.err)
			all = append(all[:at], all[at+1:]...)
		default:
			admits := m.admits(time.Now())
			p, err := b.admit()
			if admits != (err == nil) {
				return i, "a call is let through, or not, against the model"
			}
			if admits {
				all = append(all, running{m.era, p})
			}
		}
		if m.state != b.State() {
			return i, "it is " + b.State().String() + ", the model " + m.state.String()
		}
		if m.state == BreakerOpen && m.learned != m.era {
			m.until, m.learned = b.until, m.era
		}
	}
	return len(steps), ""
}

// TestEveryInterleavingOfCalls leaves a breaker in the same state as the model.
func TestEveryInterleavingOfCalls(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		policy := BreakerPolicy{Failures: rapid.IntRange(1, 4).Draw(rt, "failures"), Rate: math.Inf(1),
			Probes: rapid.IntRange(1, 3).Draw(rt, "probes"), Open: Backoff{Initial: time.Hour}}
		steps := rapid.SliceOfN(anyStep(), 1, 80).Draw(rt, "steps")
		var done int
		var differs string
		synctest.Test(t, func(*testing.T) { done, differs = play(policy, steps) })
		if differs != "" {
			rt.Fatalf("step %d: %s", done, differs)
		}
	})
}
