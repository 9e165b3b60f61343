package plan

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// Shrink returns a plan that fails as p does and is smaller. It deletes rules, in runs
// first, then one by one; it makes each rule that is left simpler: drops conditions,
// and halves times, durations, sizes, counts, shares and texts; and it begins again
// until nothing changes. Of what it returns no rule can be left out: without any single
// one of them, fails is false.
//
// fails says whether a run of a plan fails in the way that is looked for. It is called
// one call at a time. It has to give the same answer for the same plan; where it does
// not, Shrink still ends, but what it returns may not be the least. If it is false for p
// itself, p is returned. Each plan that it is asked about passes [Plan.Check] if p does.
//
// The calls are bounded: for deleting by 2n²+3n with n rules, for simplifying by a
// constant times the number of bits in the fields of all rules. In practice that is some
// dozen for each rule that is left. p is not changed.
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
		s.deleteEach() // what is simpler now may do without others
	}
	return Plan{Rules: s.rules}
}

// shrinking is a plan that fails, on its way to the least one.
type shrinking struct {
	rules []Rule
	fails func(Plan) bool
}

// try replaces the rules if they fail, too. rules is owned by s from here on.
func (s *shrinking) try(rules []Rule) bool {
	if !s.fails(Plan{Rules: slices.Clone(rules)}) {
		return false
	}
	s.rules = rules
	return true
}

// deleteRuns deletes each run of size rules that is not needed, and reports whether
// there was one.
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

// simplifyEach simplifies each rule as far as it goes, and reports whether anything
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

// simplify takes each step with rule i as often as it can be taken.
func (s *shrinking) simplify(i int) bool {
	changed := false
	for _, step := range steps {
		for s.take(i, step) {
			changed = true
		}
	}
	return changed
}

// take takes one step with rule i, if that changes the rule and leaves one that makes
// sense and that fails.
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

// steps make a rule simpler, or leave it as it is. Each lowers a number or empties a
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
