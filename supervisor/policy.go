package supervisor

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// DefaultStableAfter is the quiet period of a Policy whose StableAfter is zero.
const DefaultStableAfter = 30 * time.Second

// Policy declares how the failures of one actor are answered. It may be shared; do not
// change it once an actor runs under it.
//
// The zero Policy restarts without limit: the first time at once, then with a growing
// delay, which is reset after 30 s without a failure. It never spins.
type Policy struct {
	// Directive is the answer to a failure; Unset means Restart.
	Directive Directive
	// Intensity bounds the restarts; its zero value sets no bound.
	Intensity Intensity
	// Exceeded is the answer to a failure when Intensity does not allow another restart;
	// Unset means Stop. It is not Escalate, because a part that keeps failing must not
	// take its neighbours with it; an actor without which its parent is useless sets
	// Escalate. Restart is not possible here and counts as Stop.
	Exceeded Directive
	// Backoff paces the restarts; its zero value is a sensible default.
	Backoff Backoff
	// StableAfter is how long an actor must run without a failure before its next one
	// counts as the first: Attempt, and with it the delay, are reset. For a restarted
	// actor the time counts from the end of its delay, see also Failure.Began. Restarts
	// inside Intensity.Within still count. Zero means DefaultStableAfter, negative means
	// never.
	StableAfter time.Duration
	// Decide, if not nil, is asked first: it returns the directive for this failure, or
	// false to leave the answer to Directive. It must be pure. A panic or an unknown
	// directive counts as false. Intensity applies to its answer too.
	Decide func(Failure) (Directive, bool)
	// Scope says which actors are restarted along with this one, see Affected. The
	// executor applies it; it changes no decision.
	Scope Scope
}

// forgets reports whether the attempts are reset after a quiet time this long.
func (p Policy) forgets(quiet time.Duration) bool {
	switch {
	case p.StableAfter < 0:
		return false
	case p.StableAfter == 0:
		return quiet >= DefaultStableAfter
	default:
		return quiet >= p.StableAfter
	}
}

// answer returns the directive for f before the intensity is applied. trouble is what
// went wrong in Policy.Decide, or nil.
func (p Policy) answer(f Failure) (d Directive, trouble error) {
	d = p.Directive
	if !d.set() {
		d = Restart
	}
	if p.Decide == nil {
		return d, nil
	}
	// A panic in Policy.Decide must not end the supervisor: the failure is answered as if
	// there were no Decide, and the event says what happened.
	defer func() {
		if v := recover(); v != nil {
			trouble = &PanicError{Value: v, Message: "deciding about " + f.Path}
		}
	}()
	if own, ok := p.Decide(f); ok && own.set() {
		d = own
	}
	return d, nil
}

// exceededAnswer returns the directive for a failure beyond the intensity.
func (p Policy) exceededAnswer() Directive {
	if !p.Exceeded.set() || p.Exceeded == Restart {
		return Stop
	}
	return p.Exceeded
}

// Validate returns a *PolicyError naming the first invalid field, or nil. Decide works
// with every policy and interprets such fields as their documentation says; Validate is
// for callers that take policies from a user and want to refuse invalid ones at once.
func (p Policy) Validate() error {
	bad := func(field, reason string) error { return &PolicyError{Field: field, Reason: reason} }
	switch {
	case p.Directive >= directiveEnd:
		return bad("Directive", p.Directive.String()+" is unknown")
	case p.Exceeded >= directiveEnd:
		return bad("Exceeded", p.Exceeded.String()+" is unknown")
	case p.Exceeded == Restart:
		return bad("Exceeded", "cannot be restart, which the intensity no longer allows")
	case p.Scope >= scopeEnd:
		return bad("Scope", p.Scope.String()+" is unknown")
	case p.Intensity.Max < 0:
		return bad("Intensity.Max", "is negative")
	case p.Intensity.Within < 0:
		return bad("Intensity.Within", "is negative")
	}
	return p.Backoff.validate("Backoff")
}

// validate is Validate for a Backoff that is the field of a policy.
func (b Backoff) validate(field string) error {
	bad := func(name, reason string) error { return &PolicyError{Field: field + "." + name, Reason: reason} }
	switch {
	case b.Max < 0:
		return bad("Max", "is negative")
	case b.Max > 0 && b.Initial > b.Max:
		return bad("Initial", "is longer than "+field+".Max")
	case math.IsNaN(b.Factor) || math.IsInf(b.Factor, 0) || b.Factor != 0 && b.Factor < 1:
		return bad("Factor", "is not a number of at least 1")
	}
	return nil
}

// String describes the policy in one line, with the defaults written out.
func (p Policy) String() string {
	var s strings.Builder
	d, _ := Policy{Directive: p.Directive}.answer(Failure{})
	s.WriteString(d.String())
	if p.Decide != nil {
		s.WriteString(" unless decided otherwise")
	}
	if i := p.Intensity; i.Max > 0 {
		fmt.Fprintf(&s, ", at most %v, then %v", i, p.exceededAnswer())
	}
	fmt.Fprintf(&s, "; %v", p.Backoff)
	if p.Scope != OneForOne {
		fmt.Fprintf(&s, "; %v", p.Scope)
	}
	return s.String()
}

// String describes the intensity, as in "10 restarts within 1m0s".
func (i Intensity) String() string {
	switch {
	case i.Max <= 0:
		return "any number of restarts"
	case i.Within <= 0:
		return fmt.Sprintf("%d restarts in a row", i.Max)
	default:
		return fmt.Sprintf("%d restarts within %v", i.Max, i.Within)
	}
}

// String describes the backoff, as in "wait up to 50ms, times 2, at most 10s".
func (b Backoff) String() string {
	if b.Initial < 0 {
		return "no delay"
	}
	first := ""
	if b.Immediate || b == (Backoff{}) {
		first = "first at once, then "
	}
	d := b.withDefaults()
	return fmt.Sprintf("%swait up to %v, times %g, at most %v", first, min(d.Initial, d.Max), d.Factor, d.Max)
}
