package check_test

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/faults/check"
)

// errKnown is an error that the client of these tests documents.
var errKnown = errors.New("known")

// stage is a history with a clock that is set by hand.
type stage struct {
	*check.History
	at time.Time
}

// options are those of the tests: strict about time, so that a step too many shows.
func options() check.Options {
	return check.Options{
		Late: -1, Recovery: time.Second,
		Dials: check.Rate{Most: 3, Per: time.Second}, Recreates: check.Rate{Most: 1, Per: time.Second},
		Typed: func(err error) bool { return errors.Is(err, errKnown) },
	}
}

func newStage(o check.Options) *stage {
	s := &stage{at: time.Unix(1_000_000, 0)}
	s.History = check.New(func() time.Time { return s.at }, o)
	return s
}

func (s *stage) pass(d time.Duration) { s.at = s.at.Add(d) }

// validators are all of them by their guarantee.
var validators = map[check.Guarantee]func(*check.History) error{
	check.G1: check.AckedKept, check.G2: check.OneOutcome, check.G3: check.NoSilentDup, check.G4: check.Ordered,
	check.G5: check.SubsRestored, check.G6: check.AtMostOnceCore, check.G7: check.AtLeastOnceJS, check.G8: check.NoStall,
	check.G9: check.Bounded, check.G10: check.NoLeak, check.G11: check.Typed, check.G12: check.NoCrash,
	check.G13: check.CloseBounded, check.G14: check.NoStorm, check.G15: check.Replay, check.G16: check.NoOrphans,
}

// sentinels are the errors of the validators by their guarantee.
var sentinels = map[check.Guarantee]error{
	check.G1: check.ErrBrokeAckedKept, check.G2: check.ErrBrokeOneOutcome, check.G3: check.ErrBrokeNoSilentDup, check.G4: check.ErrBrokeOrdered,
	check.G5: check.ErrBrokeSubsRestored, check.G6: check.ErrBrokeAtMostOnceCore, check.G7: check.ErrBrokeAtLeastOnceJS, check.G8: check.ErrBrokeNoStall,
	check.G9: check.ErrBrokeBounded, check.G10: check.ErrBrokeNoLeak, check.G11: check.ErrBrokeTyped, check.G12: check.ErrBrokeNoCrash,
	check.G13: check.ErrBrokeCloseBounded, check.G14: check.ErrBrokeNoStorm, check.G15: check.ErrBrokeReplay, check.G16: check.ErrBrokeNoOrphans,
}

// brokenOf asks every validator, and returns those that found their guarantee broken.
// Each has to say so with its own error and no other.
func brokenOf(t testing.TB, h *check.History) map[check.Guarantee]*check.Broken {
	t.Helper()
	found := map[check.Guarantee]*check.Broken{}
	for g, validate := range validators {
		err := validate(h)
		if err == nil || errors.Is(err, check.ErrVoid) {
			continue
		}
		var broken *check.Broken
		if !errors.As(err, &broken) || broken.Guarantee != g || broken.Count < 1 {
			t.Fatalf("%v returned %#v", g, err)
		}
		for other, sentinel := range sentinels {
			if errors.Is(err, sentinel) != (g == other) {
				t.Errorf("errors.Is(%v, %v) is %t", err, sentinel, g != other)
			}
		}
		found[g] = broken
	}
	return found
}
