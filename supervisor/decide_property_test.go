package supervisor

import (
	"math"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// anyPolicy draws policies whose windows, delays and quiet periods are of the
// same order as the gaps between failures, so that all of them come into play.
func anyPolicy() *rapid.Generator[Policy] {
	return rapid.Custom(func(t *rapid.T) Policy {
		directive := func(label string) Directive {
			return Directive(rapid.SampledFrom([]Directive{Unset, Restart, Restart, Resume, Stop, Escalate, Crash, 77}).Draw(t, label))
		}
		upTo := func(most time.Duration, label string) time.Duration {
			return time.Duration(rapid.Int64Range(-1, int64(most)).Draw(t, label))
		}
		return Policy{
			Directive: directive("directive"),
			Exceeded:  directive("exceeded"),
			Intensity: Intensity{
				Max:    rapid.OneOf(rapid.IntRange(-1, 6), rapid.IntRange(30, 130)).Draw(t, "max"),
				Within: upTo(20*time.Second, "within"),
			},
			Backoff: Backoff{
				Initial: upTo(time.Second, "initial"), Max: upTo(5*time.Second, "cap"),
				Factor: rapid.Float64Range(0, 4).Draw(t, "factor"), Immediate: rapid.Bool().Draw(t, "immediate"),
			},
			StableAfter: upTo(8*time.Second, "stable after"),
		}
	})
}

// anyStep draws one failure.
func anyStep() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		gaps := rapid.OneOf(
			rapid.Int64Range(0, int64(500*time.Millisecond)), // flapping
			rapid.Int64Range(0, int64(10*time.Second)),
			rapid.Int64Range(-int64(time.Hour), int64(time.Hour)),
		)
		return step{
			gap:        time.Duration(gaps.Draw(t, "gap")),
			directive:  rapid.SampledFrom([]Directive{Unset, Unset, Unset, Restart, Resume, Stop, 99}).Draw(t, "own answer"),
			neverBegan: rapid.Bool().Draw(t, "never began"),
			ran:        time.Duration(rapid.OneOf(rapid.Just(int64(-1)), rapid.Int64Range(0, int64(10*time.Second))).Draw(t, "ran")),
			rand:       rapid.Float64Range(0, 0.999999).Draw(t, "random number"),
		}
	})
}

func TestEveryPromiseHoldsForEverySequenceOfFailures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(anyPolicy().Draw(t, "policy"))
		for i, s := range rapid.SliceOfN(anyStep(), 1, 200).Draw(t, "failures") {
			if _, err := m.fail(s); err != nil {
				t.Fatalf("failure %d: %v", i+1, err)
			}
		}
	})
}

func TestIntensityIsNeverExceededByStorms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := Intensity{
			Max:    rapid.IntRange(1, 300).Draw(t, "max"),
			Within: time.Duration(rapid.Int64Range(1, 1000).Draw(t, "within")) * time.Millisecond,
		}
		m := newModel(Policy{Intensity: limit, Backoff: Backoff{Initial: NoDelay}, Exceeded: Resume})
		pace := rapid.Int64Range(0, 2*int64(limit.Within)/int64(limit.Max)).Draw(t, "pace")
		for i := range 3 * limit.Max {
			if _, err := m.fail(step{gap: time.Duration(pace), ran: -1}); err != nil {
				t.Fatalf("failure %d: %v", i+1, err)
			}
		}
	})
}

func TestAttemptsGrowUntilTheActorWasQuiet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{StableAfter: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "stable after"))}
		var h History
		now, last := epoch, 0
		for range rapid.IntRange(2, 50).Draw(t, "failures") {
			d := Decide(p, h, Failure{Rand: rapid.Float64Range(0, 0.999).Draw(t, "random number")}, now)
			if d.Attempt != last+1 {
				t.Fatalf("attempt %d after attempt %d without a quiet period", d.Attempt, last)
			}
			h, last = d.History, d.Attempt
			// The actor waits out its delay, then runs for less than it should.
			now = now.Add(d.Delay + time.Duration(rapid.Int64Range(0, int64(p.StableAfter)-1).Draw(t, "ran")))
		}
		last = Decide(p, h, Failure{}, now).Attempt
		rested := Decide(p, h, Failure{}, now.Add(2*DefaultBackoffMax+p.StableAfter))
		if rested.Attempt != 1 {
			t.Fatalf("attempt %d after a quiet period, and %d without", rested.Attempt, last)
		}
	})
}

func TestDecideAcceptsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{
			Directive:   Directive(rapid.Uint8().Draw(t, "directive")),
			Exceeded:    Directive(rapid.Uint8().Draw(t, "exceeded")),
			Intensity:   Intensity{Max: rapid.Int().Draw(t, "max"), Within: time.Duration(rapid.Int64().Draw(t, "within"))},
			Backoff:     anyBackoff().Draw(t, "backoff"),
			StableAfter: time.Duration(rapid.Int64().Draw(t, "stable after")),
			Scope:       Scope(rapid.Uint8().Draw(t, "scope")),
		}
		var h History
		for range rapid.IntRange(1, 100).Draw(t, "failures") {
			f := Failure{Rand: rapid.Float64().Draw(t, "random number"), NeverBegan: rapid.Bool().Draw(t, "never began")}
			now := time.Unix(rapid.Int64().Draw(t, "seconds"), 0)
			d := Decide(p, h, f, now)
			if err := checkEvent(f, d, now); err != nil {
				t.Fatal(err)
			}
			if d.Delay < 0 || d.Delay > p.Backoff.Ceiling(d.Attempt) || !d.Directive.set() {
				t.Fatalf("delay %v, directive %v", d.Delay, d.Directive)
			}
			h = d.History
		}
	})
}

func TestAHistoryIsBoundedAndComparable(t *testing.T) {
	if size := unsafe.Sizeof(History{}); size >= 512 {
		t.Errorf("a history takes %d bytes, below 512 are promised", size)
	}
	p := Policy{Intensity: Intensity{Max: math.MaxInt, Within: math.MaxInt64}, Backoff: Backoff{Initial: NoDelay}}
	now := epoch
	h := Decide(p, History{}, Failure{Cause: errTest}, now).History
	allocs := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		h = Decide(p, h, Failure{Cause: errTest}, now).History
	})
	if allocs != 0 {
		t.Errorf("%v allocations for each decision, want none", allocs)
	}
	if h == (History{}) || h.Restarts() != 1002 || h.InWindow() != 1002 {
		t.Errorf("%d restarts, %d in the window, want 1002", h.Restarts(), h.InWindow())
	}
}
