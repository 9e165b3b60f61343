package plan

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// Shrink returns a smaller plan that fails as p does. It deletes rules, first in runs,
// then one by one; it simplifies each rule that is left, by dropping conditions and
// halving times, durations, sizes, counts, shares and texts; and it repeats this until
// nothing changes. No rule of the result can be left out: without any one of them, fails
// is false.
//
// fails says whether a run of a plan fails in the way in question. It is never called
// concurrently. It has to give the same answer for the same plan; if it does not, Shrink
// still ends, but the result may not be minimal. If it is false for p itself, p is
// returned. Each plan that is passed to fails passes [Plan.Check] if p does.
//
// The number of calls is bounded: deleting takes at most 2n²+3n calls for n rules,
// simplifying a constant times the number of bits in the fields of all rules. In practice
// it is some dozen calls for each rule that is left. p is not changed.
func Shrink(p Plan, fails func(Plan) bool) Plan {
	if !fails(p) {
		return p
	}
	s := shrinking{rules: slices.Clone(p.Rules), fails: fails}
	for size := len(s.rules) / 2; size > 1; size /= 2 {
		s.deleteRuns(size)
	}
	s.deleteEach()
	for s.simplifyEach() {
		s.deleteEach() // simpler rules may no longer need the others
	}
	return Plan{Rules: s.rules}
}

// shrinking is a failing plan that is being made smaller.
type shrinking struct {
	rules []Rule
	fails func(Plan) bool
}

// try replaces the rules if the plan still fails with the new ones. rules is owned by s
// from here on.
func (s *shrinking) try(rules []Rule) bool {
	if !s.fails(Plan{Rules: slices.Clone(rules)}) {
		return false
	}
	s.rules = rules
	return true
}

// deleteRuns deletes each run of size rules that is not needed, and reports whether there
// was one.
func (s *shrinking) deleteRuns(size int) bool {
	deleted := false
	for start := 0; start < len(s.rules); {
		rest := slices.Concat(s.rules[:start], s.rules[min(start+size, len(s.rules)):])
		if s.try(rest) {
			deleted = true
			continue
		}
		start += size
	}
	return deleted
}

// deleteEach deletes rules one by one until none can be left out.
func (s *shrinking) deleteEach() {
	for s.deleteRuns(1) {
	}
}

// simplifyEach simplifies each rule as far as possible, and reports whether anything
// changed.
func (s *shrinking) simplifyEach() bool {
	changed := false
	for again := true; again; {
		again = false
		for i := range s.rules {
			again = s.simplify(i) || again
		}
		changed = changed || again
	}
	return changed
}

// simplify takes each step with rule i as often as possible.
func (s *shrinking) simplify(i int) bool {
	changed := false
	for _, step := range steps {
		for s.take(i, step) {
			changed = true
		}
	}
	return changed
}

// take takes one step with rule i if that changes the rule, and the changed rule is valid
// and still fails.
func (s *shrinking) take(i int, step func(*Rule)) bool {
	rule := s.rules[i]
	step(&rule)
	if rule == s.rules[i] || rule.Check() != nil {
		return false
	}
	rules := slices.Clone(s.rules)
	rules[i] = rule
	return s.try(rules)
}

// steps make a rule simpler, or leave it unchanged. Each lowers a number or empties a
// field and raises nothing, so that they come to an end in any order.
var steps = [...]func(*Rule){
	func(r *Rule) { r.When = When{} },
	func(r *Rule) { r.When.Op, r.When.Subject = protocol.OpNone, "" },
	func(r *Rule) { r.When.Subject = "" },
	func(r *Rule) { r.When.Index = 0 },
	func(r *Rule) { r.When.Every = 0 },
	func(r *Rule) { r.When.Prob = 0 },
	func(r *Rule) { r.When.Bytes = 0 },
	func(r *Rule) { r.When.Conn = 0 },
	func(r *Rule) { r.Fault.Dir = Both },
	func(r *Rule) { r.Fault.Jitter = 0 },
	func(r *Rule) { r.At = 0 },

	func(r *Rule) { r.At = halfOf(r.At) },
	func(r *Rule) { r.For = halfOf(r.For) },
	func(r *Rule) { r.Fault.Duration = halfOf(r.Fault.Duration) },
	func(r *Rule) { r.Fault.Jitter = halfOf(r.Fault.Jitter) },
	func(r *Rule) { r.Fault.Size = half(r.Fault.Size) },
	func(r *Rule) { r.Fault.Prob = halfShare(r.Fault.Prob) },
	func(r *Rule) { r.Fault.Text = r.Fault.Text[:half(len(r.Fault.Text))] },
	func(r *Rule) { r.When.Index = half(r.When.Index) },
	func(r *Rule) { r.When.Every = half(r.When.Every) },
	func(r *Rule) { r.When.Bytes = half(r.When.Bytes) },
	func(r *Rule) { r.When.Conn = half(r.When.Conn) },
}

// half halves a number that is above 1.
func half[N int | int64](n N) N {
	if n <= 1 {
		return n
	}
	return n / 2
}

// halfOf halves a duration, to whole milliseconds where it has any.
func halfOf(d time.Duration) time.Duration {
	if d <= time.Millisecond {
		return d
	}
	return max((d / 2).Truncate(time.Millisecond), time.Millisecond)
}

// shareLeast is the share below which none is halved.
const shareLeast = 1e-9

func halfShare(p float64) float64 {
	if p < shareLeast {
		return p
	}
	return p / 2
}
