package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// decideAll answers the same failure at each of the given times after the epoch.
func decideAll(p Policy, f Failure, at ...time.Duration) []Decision {
	var h History
	var all []Decision
	for _, after := range at {
		d := Decide(p, h, f, epoch.Add(after))
		h = d.History
		all = append(all, d)
	}
	return all
}

// directives returns the directives of the decisions.
func directives(all []Decision) []string {
	words := make([]string, 0, len(all))
	for _, d := range all {
		words = append(words, d.Directive.String())
	}
	return words
}

// attempts returns the numbers of the attempts.
func attempts(all []Decision) []int {
	numbers := make([]int, 0, len(all))
	for _, d := range all {
		numbers = append(numbers, d.Attempt)
	}
	return numbers
}

func TestTheAnswerToAFailure(t *testing.T) {
	retry := func(d Directive, ok bool) func(Failure) (Directive, bool) {
		return func(Failure) (Directive, bool) { return d, ok }
	}
	tests := []struct {
		name   string
		policy Policy
		want   Directive
	}{
		{"the zero policy restarts", Policy{}, Restart},
		{"as declared: resume", Policy{Directive: Resume}, Resume},
		{"as declared: restart", Policy{Directive: Restart}, Restart},
		{"as declared: stop", Policy{Directive: Stop}, Stop},
		{"as declared: escalate", Policy{Directive: Escalate}, Escalate},
		{"as declared: crash", Policy{Directive: Crash}, Crash},
		{"an unknown directive restarts", Policy{Directive: 100}, Restart},
		{"the policy's function goes first", Policy{Directive: Stop, Decide: retry(Resume, true)}, Resume},
		{"it may leave the answer to the policy", Policy{Directive: Stop, Decide: retry(Resume, false)}, Stop},
		{"what it does not know is left too", Policy{Directive: Stop, Decide: retry(99, true)}, Stop},
		{"nothing is no answer", Policy{Directive: Stop, Decide: retry(Unset, true)}, Stop},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := Decide(test.policy, History{}, Failure{Cause: errTest}, epoch)
			if d.Directive != test.want || d.Event.Directive != test.want {
				t.Errorf("decided %v, and the event says %v, want %v", d.Directive, d.Event.Directive, test.want)
			}
		})
	}
}

func TestAPolicyChoosesByCause(t *testing.T) {
	p := Policy{Directive: Stop, Decide: func(f Failure) (Directive, bool) {
		return Restart, errors.Is(f.Cause, context.DeadlineExceeded)
	}}
	if got := Decide(p, History{}, Failure{Cause: fmt.Errorf("dial: %w", context.DeadlineExceeded)}, epoch).Directive; got != Restart {
		t.Errorf("a timeout is answered with %v, want a restart", got)
	}
	if got := Decide(p, History{}, Failure{Cause: errTest}, epoch).Directive; got != Stop {
		t.Errorf("another failure is answered with %v, want a stop", got)
	}
}

func TestAPolicyFunctionThatPanicsIsNotAsked(t *testing.T) {
	p := Policy{Directive: Escalate, Decide: func(Failure) (Directive, bool) { panic("oh no") }}
	d := Decide(p, History{}, Failure{Path: "conn-1", Cause: errTest}, epoch)
	if d.Directive != Escalate {
		t.Errorf("decided %v, want what the policy declares", d.Directive)
	}
	found, ok := errors.AsType[*PanicError](d.Event.Cause)
	if !ok || found.Value != "oh no" || !errors.Is(d.Event.Cause, errTest) {
		t.Errorf("the event does not tell of the panic and of the failure: %v", d.Event.Cause)
	}
}

func TestTheIntensityWindowSlides(t *testing.T) {
	const s = time.Second
	three := Intensity{Max: 3, Within: 10 * s}
	tests := []struct {
		name   string
		policy Policy
		at     []time.Duration
		want   []string
	}{
		{"the fourth in the window stops", Policy{Intensity: three}, []time.Duration{0, 1 * s, 2 * s, 3 * s}, []string{"restart", "restart", "restart", "stop"}},
		{
			"at the end of the window the first no longer counts", Policy{Intensity: three},
			[]time.Duration{0, 1 * s, 2 * s, 10 * s},
			[]string{"restart", "restart", "restart", "restart"},
		},
		{
			"just before it does", Policy{Intensity: three},
			[]time.Duration{0, 1 * s, 2 * s, 10*s - 1},
			[]string{"restart", "restart", "restart", "stop"},
		},
		{
			"refused restarts do not count", Policy{Intensity: three, Exceeded: Resume},
			[]time.Duration{0, 0, 0, 5 * s, 9 * s, 10 * s},
			[]string{"restart", "restart", "restart", "resume", "resume", "restart"},
		},
		{"as declared for the limit", Policy{Intensity: Intensity{Max: 1, Within: s}, Exceeded: Escalate}, []time.Duration{0, 0}, []string{"restart", "escalate"}},
		{"a restart is no answer to too many", Policy{Intensity: Intensity{Max: 1, Within: s}, Exceeded: Restart}, []time.Duration{0, 0}, []string{"restart", "stop"}},
		{"unknown is no answer either", Policy{Intensity: Intensity{Max: 1, Within: s}, Exceeded: 44}, []time.Duration{0, 0}, []string{"restart", "stop"}},
		{"what resumes is not limited", Policy{Directive: Resume, Intensity: Intensity{Max: 1, Within: s}}, []time.Duration{0, 0, 0}, []string{"resume", "resume", "resume"}},
		{"no limit", Policy{Intensity: Intensity{Within: s}}, []time.Duration{0, 0, 0, 0}, []string{"restart", "restart", "restart", "restart"}},
		{"a negative limit is none", Policy{Intensity: Intensity{Max: -1, Within: s}}, []time.Duration{0, 0, 0}, []string{"restart", "restart", "restart"}},
		{
			"without a window only rest makes room", Policy{Intensity: Intensity{Max: 2}, StableAfter: 60 * s},
			[]time.Duration{0, 50 * s, 100 * s, 220 * s},
			[]string{"restart", "restart", "stop", "restart"},
		},
		{
			"a clock that goes back makes no room", Policy{Intensity: three},
			[]time.Duration{0, -100 * s, -100 * s, -100 * s},
			[]string{"restart", "restart", "restart", "stop"},
		},
		{
			"and goes on from there", Policy{Intensity: three},
			[]time.Duration{0, 0, 0, -100 * s, -91 * s, -90 * s},
			[]string{"restart", "restart", "restart", "stop", "stop", "restart"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := directives(decideAll(test.policy, Failure{Cause: errTest}, test.at...))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("wrong decisions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALimitThatIsReachedIsATypedCause(t *testing.T) {
	p := Policy{Intensity: Intensity{Max: 1, Within: time.Minute}}
	d := decideAll(p, Failure{Path: "conn-1/link", Cause: errTest}, 0, 0)[1]
	limit, ok := errors.AsType[*IntensityError](d.Event.Cause)
	if !ok || !d.Exceeded {
		t.Fatalf("exceeded is %v with cause %v, want an *IntensityError", d.Exceeded, d.Event.Cause)
	}
	if limit.Path != "conn-1/link" || limit.Intensity != p.Intensity || !errors.Is(limit, errTest) || !errors.Is(limit, ErrRestartLimit) {
		t.Errorf("the error does not say who, how many and why: %+v", limit)
	}
}

func TestLimitsAroundTheExactBound(t *testing.T) {
	for _, most := range []int{1, IntensityExactMax - 1, IntensityExactMax, IntensityExactMax + 1, 2 * IntensityExactMax, 1000, 100_000} {
		p := Policy{Intensity: Intensity{Max: most, Within: time.Minute}, Backoff: Backoff{Initial: NoDelay}}
		var h History
		for i := range most {
			d := Decide(p, h, Failure{Cause: errTest}, epoch)
			if h = d.History; d.Directive != Restart {
				t.Fatalf("at most %d: restart %d was refused", most, i+1)
			}
		}
		if h.InWindow() != most {
			t.Errorf("at most %d: %d are remembered", most, h.InWindow())
		}
		if d := Decide(p, h, Failure{Cause: errTest}, epoch); d.Directive != Stop {
			t.Errorf("at most %d: one more was granted", most)
		}
		if d := Decide(p, h, Failure{Cause: errTest}, epoch.Add(time.Minute)); d.Directive != Restart {
			t.Errorf("at most %d: refused in a new window", most)
		}
	}
}

func TestUpToTheExactBoundNoRestartIsRefusedEarly(t *testing.T) {
	for _, most := range []int{1, 2, IntensityExactMax - 1, IntensityExactMax} {
		// One restart each millisecond is exactly what the window allows.
		p := Policy{Intensity: Intensity{Max: most, Within: time.Duration(most) * time.Millisecond}}
		var h History
		for i := range 5 * most {
			d := Decide(p, h, Failure{}, epoch.Add(time.Duration(i)*time.Millisecond))
			if h = d.History; d.Exceeded {
				t.Fatalf("at most %d: restart %d was refused", most, i+1)
			}
		}
		if d := Decide(p, h, Failure{}, h.LastFailure().Add(time.Millisecond-1)); !d.Exceeded {
			t.Errorf("at most %d: one that came a nanosecond early was granted", most)
		}
	}
}

func TestTheWindowGoesWithTheLimit(t *testing.T) {
	h := Decide(Policy{Intensity: Intensity{Max: 3, Within: time.Hour}}, History{}, Failure{}, epoch).History
	if h.InWindow() != 1 {
		t.Fatalf("%d restarts in the window, want 1", h.InWindow())
	}
	for _, p := range []Policy{{}, {Intensity: Intensity{Max: 3}}, {Intensity: Intensity{Within: time.Hour}}} {
		if got := Decide(p, h, Failure{}, epoch).History; got.InWindow() != 0 || got.Restarts() != 2 {
			t.Errorf("%v: %d restarts in the window, want none of %d", p.Intensity, got.InWindow(), got.Restarts())
		}
	}
}

func TestADelayCountsOnce(t *testing.T) {
	// Restarted after 8 s, resumed soon after, then quiet for the whole period: the old
	// delay must not be subtracted again.
	p := Policy{StableAfter: 10 * time.Second, Backoff: Backoff{Initial: 8 * time.Second, Factor: 1}}
	h := Decide(p, History{}, Failure{Rand: 1}, epoch).History
	resume := p
	resume.Directive = Resume
	h = Decide(resume, h, Failure{}, epoch.Add(9*time.Second)).History
	if d := Decide(p, h, Failure{}, epoch.Add(19*time.Second)); d.Attempt != 1 {
		t.Errorf("attempt %d after a quiet period, want 1", d.Attempt)
	}
}

func TestALimitThatChangesErrsOnTheStrictSide(t *testing.T) {
	wide := Policy{Intensity: Intensity{Max: 20, Within: time.Minute}}
	var h History
	for range 20 {
		h = Decide(wide, h, Failure{}, epoch).History
	}
	if d := Decide(Policy{Intensity: Intensity{Max: 5, Within: time.Minute}}, h, Failure{}, epoch); !d.Exceeded {
		t.Error("a lowered limit forgot the restarts it had seen")
	}
	raised := Policy{Intensity: Intensity{Max: 4000, Within: time.Minute}}
	granted := 20
	for {
		d := Decide(raised, h, Failure{}, epoch)
		if h = d.History; d.Exceeded {
			break
		}
		granted++
	}
	if granted != 4000 {
		t.Errorf("%d restarts were granted within the raised limit of 4000", granted)
	}
}

func TestALinkThatFlapsKeepsItsBackoff(t *testing.T) {
	p := Policy{Backoff: Backoff{Initial: 100 * time.Millisecond, Max: time.Minute, Factor: 2}, StableAfter: 10 * time.Second}
	var h History
	now := epoch
	// Lost half a second after it went live, again and again. In the end the
	// delay is longer than the quiet period, and must not count as one.
	for want := 1; want <= 12; want++ {
		d := Decide(p, h, Failure{Cause: errTest, Rand: 0.999}, now)
		if d.Attempt != want {
			t.Fatalf("attempt %d, want %d: a flap reset the backoff", d.Attempt, want)
		}
		h = d.History
		now = now.Add(d.Delay + 500*time.Millisecond)
	}
	if h.LastFailure().After(now) || h.Restarts() != 12 {
		t.Errorf("%d restarts, the last failure at %v, want 12 before %v", h.Restarts(), h.LastFailure(), now)
	}
}

func TestTimeSpentDialingIsNotQuiet(t *testing.T) {
	p := Policy{Backoff: Backoff{Initial: NoDelay}, StableAfter: 10 * time.Second}
	const s = time.Second
	tests := []struct {
		name string
		at   []time.Duration
		next func(now time.Time) Failure
		want []int
	}{
		{"dials that take longer than the quiet period", []time.Duration{0, 20 * s, 40 * s}, func(time.Time) Failure {
			return Failure{NeverBegan: true}
		}, []int{1, 2, 3}},
		{"a slow dial, then lost at once", []time.Duration{0, 20 * s, 40 * s}, func(now time.Time) Failure {
			return Failure{Began: now.Add(-s)}
		}, []int{1, 2, 3}},
		{"a slow dial, then quiet", []time.Duration{0, 20 * s, 40 * s}, func(now time.Time) Failure {
			return Failure{Began: now.Add(-10 * s)}
		}, []int{1, 1, 1}},
		{"nothing is said of the beginning", []time.Duration{0, 10 * s, 20*s - 1}, func(time.Time) Failure {
			return Failure{}
		}, []int{1, 1, 2}},
		{"a beginning in the future", []time.Duration{0, 20 * s, 40 * s}, func(now time.Time) Failure {
			return Failure{Began: now.Add(s)}
		}, []int{1, 2, 3}},
		{"a beginning before the last failure", []time.Duration{0, 5 * s, 10 * s}, func(now time.Time) Failure {
			return Failure{Began: now.Add(-s * 1000)}
		}, []int{1, 2, 3}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var h History
			var all []Decision
			for _, after := range test.at {
				now := epoch.Add(after)
				all = append(all, Decide(p, h, test.next(now), now))
				h = all[len(all)-1].History
			}
			if diff := cmp.Diff(test.want, attempts(all)); diff != "" {
				t.Errorf("wrong attempts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhenAttemptsAreForgotten(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name        string
		stableAfter time.Duration
		at          []time.Duration
		want        []int
	}{
		{"by default after half a minute", 0, []time.Duration{0, DefaultStableAfter - 1, 2*DefaultStableAfter - 1}, []int{1, 2, 1}},
		{"after the declared time", 5 * s, []time.Duration{0, 5*s - 1, 10*s - 1}, []int{1, 2, 1}},
		{"never", -1, []time.Duration{0, 1e6 * s, 2e6 * s}, []int{1, 2, 3}},
		{"not by a clock that goes back", 5 * s, []time.Duration{0, -100 * s, -96 * s, -91 * s}, []int{1, 2, 3, 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := Policy{StableAfter: test.stableAfter, Backoff: Backoff{Initial: NoDelay}}
			if diff := cmp.Diff(test.want, attempts(decideAll(p, Failure{}, test.at...))); diff != "" {
				t.Errorf("wrong attempts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResumingDoesNotGrowTheBackoff(t *testing.T) {
	p := Policy{Directive: Resume}
	for _, d := range decideAll(p, Failure{Cause: errTest}, 0, 0, 0) {
		if d.Attempt != 0 || d.Delay != 0 || d.History.Restarts() != 0 {
			t.Errorf("a resumed actor has attempt %d, delay %v, %d restarts", d.Attempt, d.Delay, d.History.Restarts())
		}
	}
}

func TestCountersAtTheirEnd(t *testing.T) {
	h := History{last: epoch, attempt: math.MaxInt - 1, restarts: math.MaxUint64 - 1}
	p := Policy{StableAfter: -1, Backoff: Backoff{Initial: time.Second, Max: time.Hour}}
	for range 3 {
		d := Decide(p, h, Failure{Rand: 0.5}, epoch)
		if h = d.History; d.Attempt != math.MaxInt || d.Delay != 30*time.Minute || h.Restarts() != math.MaxInt {
			t.Fatalf("attempt %d, delay %v, %d restarts: a counter wrapped", d.Attempt, d.Delay, h.Restarts())
		}
	}
}

func TestTheWindowWithFullSlots(t *testing.T) {
	w := window{used: IntensityExactMax}
	for i := range w.counts {
		w.counts[i] = math.MaxUint32
		w.ages[i] = time.Duration(IntensityExactMax - i)
	}
	w.add(math.MaxInt)
	if w.used != IntensityExactMax || w.counts[0] != math.MaxUint32 || w.counts[IntensityExactMax-1] != 1 {
		t.Errorf("the oldest slots were not merged: %v", w.counts)
	}
	w.advance(math.MaxInt64, math.MaxInt64)
	if w != (window{}) {
		t.Errorf("something is left after all time has passed: %+v", w)
	}
}

func TestTheEventOfADecision(t *testing.T) {
	panicked := &PanicError{Value: "boom", Stack: []byte("the panic's stack")}
	tests := []struct {
		name    string
		failure Failure
		want    EventKind
		stack   string
	}{
		{"an actor", Failure{Cause: errTest, Stack: []byte("its stack")}, ActorFailed, "its stack"},
		{"no cause", Failure{}, ActorFailed, ""},
		{"a handler's panic", Failure{Cause: panicked}, HandlerPanicked, "the panic's stack"},
		{"a handler's panic, wrapped", Failure{Cause: fmt.Errorf("orders: %w", panicked)}, HandlerPanicked, "the panic's stack"},
		{"a stack of its own goes first", Failure{Cause: panicked, Stack: []byte("its stack")}, HandlerPanicked, "its stack"},
		{"our own panic", Failure{Cause: &PanicError{Value: "boom", Internal: true}}, ActorFailed, ""},
		{"a handler that exits", Failure{Cause: &GoexitError{}}, HandlerPanicked, ""},
		{"a handler that blocks", Failure{Cause: &BlockedError{}}, HandlerBlocked, ""},
		{"a handler's error", Failure{Cause: fmt.Errorf("%w: no", ErrHandlerFailed)}, HandlerFailed, ""},
		{"a child that escalated", Failure{Cause: &EscalatedError{Cause: panicked}}, ActorFailed, "the panic's stack"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := Decide(Policy{}, History{}, test.failure, epoch).Event
			if e.Kind != test.want || string(e.Stack) != test.stack || e.Cause == nil {
				t.Errorf("event %v with stack %q and cause %v, want %v with %q", e.Kind, e.Stack, e.Cause, test.want, test.stack)
			}
		})
	}
}

func TestTheStateAfterEachDirective(t *testing.T) {
	want := map[Directive]string{Resume: "busy", Restart: "restarting", Stop: "stopped", Escalate: "escalated", Crash: "crashed"}
	for directive, state := range want {
		e := Decide(Policy{Directive: directive}, History{}, Failure{State: "busy", Message: "orders.new"}, epoch).Event
		if e.Before != "busy" || e.After != state || e.Message != "orders.new" {
			t.Errorf("%v: from %q to %q handling %q, want from busy to %q handling orders.new", directive, e.Before, e.After, e.Message, state)
		}
	}
}
