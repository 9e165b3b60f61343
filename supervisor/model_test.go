package supervisor

import (
	"errors"
	"fmt"
	"time"
)

// model replays failures against Decide and checks every promise of the package
// documentation with the simplest possible bookkeeping: a list of everything that ever
// happened.
type model struct {
	policy  Policy
	history History
	clock   time.Time     // the time that Decide gets; may go back
	passed  time.Duration // time that went by; never goes back
	granted []time.Duration

	seen      bool          // a failure was seen; nothing is quiet before the first
	lastAt    time.Duration // when, in passed time
	lastPause time.Duration // the delay it was answered with
	attempt   int           // restarts since the last quiet period
}

// step is one failure, gap after the last.
type step struct {
	gap        time.Duration // negative: the clock goes back
	directive  Directive     // what Policy.Decide answers; Unset: nothing
	neverBegan bool
	ran        time.Duration // how long before the failure it began; negative: unknown
	rand       float64
}

// newModel starts at the epoch. The policy's Decide is replaced.
func newModel(p Policy) *model { return &model{policy: p, clock: epoch} }

// fail makes one failure happen and returns the decision, or what is wrong with it.
func (m *model) fail(s step) (Decision, error) {
	m.clock = m.clock.Add(s.gap)
	m.passed += max(s.gap, 0)
	f := Failure{Path: "conn-1/link", Kind: "link", State: "live", Cause: errTest, NeverBegan: s.neverBegan, Rand: s.rand}
	if s.ran >= 0 {
		f.Began = m.clock.Add(-s.ran)
	}
	m.policy.Decide = func(Failure) (Directive, bool) { return s.directive, s.directive != Unset }
	before := m.history
	d := Decide(m.policy, m.history, f, m.clock)
	if again := Decide(m.policy, m.history, f, m.clock); again.History != d.History || again.Directive != d.Directive || again.Delay != d.Delay {
		return d, errors.New("the same arguments were answered differently")
	}
	if before != m.history {
		return d, errors.New("the history passed in was changed")
	}
	m.history = d.History
	m.expectAttempt(s)
	return d, errors.Join(m.checkDirective(s, d), m.checkRestart(s, d), checkEvent(f, d, m.clock), m.checkWindow())
}

var errTest = errors.New("connection reset by peer")

// expectAttempt forgets the attempts if the actor has been quiet.
func (m *model) expectAttempt(s step) {
	quiet := max(m.passed-m.lastAt-m.lastPause, 0)
	if s.gap < 0 || !m.seen {
		quiet = 0
	}
	if s.ran >= 0 {
		quiet = min(quiet, s.ran)
	}
	stable := m.policy.StableAfter
	if stable == 0 {
		stable = DefaultStableAfter
	}
	if !s.neverBegan && stable > 0 && quiet >= stable {
		m.attempt = 0
	}
	m.seen, m.lastAt, m.lastPause = true, m.passed, 0
}

// checkDirective compares the directive with the declared one.
func (m *model) checkDirective(s step, d Decision) error {
	want := m.policy.Directive
	if s.directive.set() {
		want = s.directive
	}
	if !want.set() {
		want = Restart
	}
	refused := want == Restart && m.mustRefuse()
	mayRefuse := want == Restart && m.mayRefuse()
	switch {
	case !d.Directive.set():
		return fmt.Errorf("a decision without a directive: %v", d.Directive)
	case refused && !d.Exceeded:
		return fmt.Errorf("restart %d was granted within a window of %v", len(m.granted)+1, m.policy.Intensity)
	case d.Exceeded && !mayRefuse:
		return fmt.Errorf("a restart was refused with room left in the window of %v", m.policy.Intensity)
	case d.Exceeded && (d.Directive == Restart || m.policy.Exceeded.set() && m.policy.Exceeded != Restart && d.Directive != m.policy.Exceeded):
		return fmt.Errorf("answered with %v where %v was declared for the limit", d.Directive, m.policy.Exceeded)
	case d.Exceeded != errors.Is(d.Event.Cause, ErrRestartLimit):
		return fmt.Errorf("exceeded is %v, but the cause is %w", d.Exceeded, d.Event.Cause)
	case !d.Exceeded && d.Directive != want:
		return fmt.Errorf("answered with %v where %v was declared", d.Directive, want)
	}
	return nil
}

// inWindow counts the restarts of the list that are younger than Within.
func (m *model) inWindow() int {
	count := 0
	for _, at := range m.granted {
		if m.passed-at < m.policy.Intensity.Within {
			count++
		}
	}
	return count
}

// mustRefuse reports whether one more restart would break the intensity.
func (m *model) mustRefuse() bool {
	i := m.policy.Intensity
	return i.Max > 0 && (i.Within > 0 && m.inWindow() >= i.Max || i.Within <= 0 && m.attempt >= i.Max)
}

// mayRefuse reports whether a refusal is covered by the documented inexactness of
// large limits.
func (m *model) mayRefuse() bool {
	i := m.policy.Intensity
	early := 0
	if i.Max > IntensityExactMax {
		early = (i.Max - 1) / IntensityExactMax
	}
	return m.mustRefuse() || i.Max > 0 && i.Within > 0 && m.inWindow() >= i.Max-early
}

// checkRestart checks attempt and delay, and records the restart.
func (m *model) checkRestart(s step, d Decision) error {
	if d.Directive != Restart {
		if d.Delay != 0 || d.Attempt != m.attempt {
			return fmt.Errorf("%v with delay %v and attempt %d, want none and %d", d.Directive, d.Delay, d.Attempt, m.attempt)
		}
		return nil
	}
	m.attempt++
	m.lastPause = d.Delay
	m.granted = append(m.granted, m.passed)
	if d.Attempt != m.attempt || d.History.Attempt() != m.attempt {
		return fmt.Errorf("attempt %d, in the history %d, want %d", d.Attempt, d.History.Attempt(), m.attempt)
	}
	if d.History.Restarts() != len(m.granted) {
		return fmt.Errorf("%d restarts, want %d", d.History.Restarts(), len(m.granted))
	}
	if ceiling := m.policy.Backoff.Ceiling(m.attempt); d.Delay < 0 || d.Delay > ceiling {
		return fmt.Errorf("delay %v is outside [0, %v]", d.Delay, ceiling)
	}
	if want := m.policy.Backoff.Delay(m.attempt, s.rand); d.Delay != want {
		return fmt.Errorf("delay %v, want %v", d.Delay, want)
	}
	return nil
}

// checkEvent compares the event with its decision.
func checkEvent(f Failure, d Decision, now time.Time) error {
	e := d.Event
	switch {
	case e.Kind == EventUnknown || e.Kind >= eventKindEnd:
		return fmt.Errorf("a decision without an event: %v", e)
	case e.Directive != d.Directive || e.Delay != d.Delay || e.Attempt != d.Attempt:
		return fmt.Errorf("the event says %v, %v, %d where %v, %v, %d was decided", e.Directive, e.Delay, e.Attempt, d.Directive, d.Delay, d.Attempt)
	case !e.Time.Equal(now) || e.Path != f.Path || e.Before != f.State || e.Seq != 0:
		return fmt.Errorf("the event does not say who, when and from where: %+v", e)
	case e.Cause == nil || f.Cause != nil && !errors.Is(e.Cause, f.Cause):
		return fmt.Errorf("the cause was lost: %w", e.Cause)
	case e.After == "" && d.Directive != Resume || e.String() == "":
		return fmt.Errorf("the event does not say what became of it: %+v", e)
	}
	return nil
}

// checkWindow checks the bounded window against the whole list.
func (m *model) checkWindow() error {
	w := &m.history.window
	if w.used < 0 || w.used > IntensityExactMax {
		return fmt.Errorf("%d slots are in use", w.used)
	}
	for i := 1; i < int(w.used); i++ {
		if w.ages[i] > w.ages[i-1] || w.counts[i] == 0 {
			return fmt.Errorf("slot %d is out of order: ages %v, counts %v", i, w.ages, w.counts)
		}
	}
	if m.policy.Intensity.Max > 0 && m.policy.Intensity.Within > 0 && m.history.InWindow() < m.inWindow() {
		return fmt.Errorf("%d restarts are remembered of %d in the window", m.history.InWindow(), m.inWindow())
	}
	// The promise itself, regardless of what the history contains.
	if most := m.policy.Intensity.Max; most > 0 && m.policy.Intensity.Within > 0 && m.inWindow() > most {
		return fmt.Errorf("%d restarts within %v, at most %d are allowed", m.inWindow(), m.policy.Intensity.Within, most)
	}
	return nil
}
