package check

import (
	"fmt"
	"maps"
	"slices"
)

// Outcome is what happened to one value.
type Outcome uint8

// The outcomes. Present means: seen on the second path, or, for a publisher that has
// none, delivered to anyone.
const (
	OK         Outcome = iota // accepted or acked, and present
	Recovered                 // its call ended as unknown, and it is present
	Uncertain                 // its call ended as unknown or without a confirmation, or the client reported it uncertain later, and it is not present
	Refused                   // its call was rejected, and it is not present, as it should be
	Lost                      // acked and not present; or present, and not delivered to a subscription that has to get each value
	Duplicated                // present more than once
	Reordered                 // present, after one that was published later
	Unexpected                // present although its call was rejected; also payloads that no publisher has published
	outcomes   = iota
)

// String returns the outcome in lower case.
func (o Outcome) String() string {
	return [...]string{"ok", "recovered", "uncertain", "refused", "lost", "duplicated", "reordered", "unexpected", "unknown"}[min(o, outcomes)]
}

// judgement is the result of a history at one time.
type judgement struct {
	keep     int // examples
	tallies  [last + 1]tally
	evidence [last + 1]int
	counts   [][outcomes]int // by publisher
	blames   [Server + 1]int // of lost values
	missed   []uint32        // by group: values that it had to get, or could have got, and did not get
	meant    []uint32        // by group: values that were meant for it
}

// judge evaluates all values; the result is reused until something is recorded. The
// caller holds the lock.
func (h *History) judge() *judgement {
	if h.judged != nil {
		return h.judged
	}
	j := &judgement{
		keep:     h.options.Examples,
		evidence: h.evidence,
		counts:   make([][outcomes]int, len(h.publishers)),
		missed:   make([]uint32, len(h.groups)), meant: make([]uint32, len(h.groups)),
	}
	for g := range j.tallies {
		j.tallies[g].count = h.broken[g].count
		j.tallies[g].examples = slices.Clone(h.broken[g].examples)
	}
	for _, p := range h.publishers {
		h.judgePublisher(j, p)
	}
	h.judgeStrangers(j)
	h.judgeCalls(j)
	h.judgeTrace(j)
	j.evidence[G2] += h.values
	j.evidence[G12] += h.values + h.deliveries
	for _, s := range h.members {
		j.evidence[s.group.promise.guarantee()] += s.delivered
	}
	h.judged = j
	return j
}

// add records a violation that shows at the end.
func (j *judgement) add(g Guarantee, blame Blame, format string, args ...any) {
	t := &j.tallies[g]
	if t.count++; len(t.examples) < j.keep {
		t.examples = append(t.examples, Example{What: fmt.Sprintf(format, args...), Blame: blame})
	}
}

// scan is the evaluation of one publisher's values.
type scan struct {
	*judgement
	h       *History
	p       *Publisher
	witness *Witness

	tracks    []reading
	lost      []uint32 // acked, not on the second path, for no known reason
	accepted  []uint32 // accepted only, and not on the second path; the first ones
	acceptedN int
}

// reading is a group that reads the publisher.
type reading struct {
	group int
	track *track
}

func (h *History) judgePublisher(j *judgement, p *Publisher) {
	s := &scan{judgement: j, h: h, p: p, witness: h.witness(p)}
	for i, g := range h.groups {
		t := g.tracks[p.index]
		if t == nil {
			continue
		}
		s.tracks = append(s.tracks, reading{i, t})
		if g.promise == AtMostOnce && s.witness == nil && !p.unordered {
			j.evidence[G4] += int(t.count)
		}
	}
	for n := range p.next {
		cell := *p.cells.at(n)
		missing := s.groups(n, cell)
		outcome := s.classify(n, cell, missing)
		j.counts[p.index][outcome]++
		s.breaches(n, cell)
	}
	s.silent()
	s.losses()
	for _, n := range slices.Sorted(maps.Keys(p.elsewhere)) {
		seq := p.elsewhere[n]
		if *p.cells.at(n)&storedTwice == 0 {
			j.add(G1, Client, "%s-%d was acked at %d, and is stored at %d", p.name, n, p.cells.seq(n), seq)
		}
	}
}

// there reports whether a value is known to be present.
func (s *scan) there(cell flags) bool {
	if s.witness != nil {
		return cell&stored != 0
	}
	return cell&arrived != 0
}

// groups counts what the groups were meant to get, and reports whether one that has to
// get each value missed this one.
func (s *scan) groups(n uint32, cell flags) (missing bool) {
	expected := cell&outcomeMask == acked
	if s.witness != nil {
		expected = cell&stored != 0
	}
	for _, r := range s.tracks {
		i, t, g := r.group, r.track, s.h.groups[r.group]
		if n < t.begin || n >= t.end {
			continue
		}
		core := g.promise == AtMostOnce
		if !expected && !(core && s.witness == nil && cell&outcomeMask == accepted) {
			continue
		}
		s.meant[i]++
		if t.seen.has(n) {
			continue
		}
		s.missed[i]++
		if !core {
			missing = true
			s.add(G7, Client, "%s-%d was never delivered to %s", s.p.name, n, g.name)
		}
	}
	return missing
}

// classify returns the outcome of a value; the worst one takes precedence.
func (s *scan) classify(n uint32, cell flags, missing bool) Outcome {
	outcome, there := cell&outcomeMask, s.there(cell)
	switch {
	case outcome == rejected && cell&(stored|arrived) != 0:
		return Unexpected
	case outcome == rejected:
		return Refused
	case there && missing:
		s.blames[Client]++
		return Lost
	case !there && outcome == acked:
		s.loss(n, cell)
		return Lost
	case !there:
		return Uncertain
	case cell&(storedTwice|arrivedTwice) != 0:
		return Duplicated
	case cell&(storedLate|arrivedLate) != 0:
		return Reordered
	case outcome == accepted || outcome == acked:
		return OK
	default:
		return Recovered
	}
}

// loss records a value that was acked and is not present. If it was seen before, the
// server lost it; for the others [scan.losses] looks for a reason.
func (s *scan) loss(n uint32, cell flags) {
	switch {
	case s.witness == nil:
		s.blames[Unproven]++
	case cell&storedBefore != 0:
		s.blames[Server]++
	default:
		s.lost = append(s.lost, n)
	}
}

// breaches finds the violations that the flags of one value show.
func (s *scan) breaches(n uint32, cell flags) {
	p, j := s.p, s.judgement
	switch outcome := cell & outcomeMask; {
	case outcome == pending:
		j.add(G2, Unproven, "%s-%d has no outcome", p.name, n)
	case outcome == rejected && cell&(stored|arrived) != 0:
		j.add(G2, Unproven, "%s-%d was rejected, and is present", p.name, n)
	case outcome == accepted && s.witness != nil && cell&(stored|storedBefore) == 0:
		s.acceptedN++
		if len(s.accepted) < j.keep {
			s.accepted = append(s.accepted, n)
		}
	}
	if s.witness != nil && cell&outcomeMask == acked {
		j.evidence[G1]++
	}
	if cell&stored != 0 {
		j.evidence[G3]++
	}
	if cell&stored != 0 && !p.unordered {
		j.evidence[G4]++
	}
	if !p.resends {
		s.copies(n, cell)
	}
	if !p.unordered {
		s.disorder(n, cell)
	}
}

func (s *scan) copies(n uint32, cell flags) {
	switch {
	case cell&storedTwice != 0:
		s.add(G3, Unproven, "%s-%d is present more than once", s.p.name, n)
	case cell&arrivedTwice != 0:
		s.add(G6, Unproven, "%s-%d was delivered more than once", s.p.name, n)
	}
}

func (s *scan) disorder(n uint32, cell flags) {
	switch {
	case cell&storedLate != 0:
		s.add(G4, Unproven, "%s-%d is present after one that was published later", s.p.name, n)
	case cell&arrivedLate != 0 && s.witness == nil:
		s.add(G4, Unproven, "%s-%d was delivered after one that was published later", s.p.name, n)
	case cell&arrivedLate != 0:
		s.add(G6, Unproven, "%s-%d was delivered after one that is later on the second path", s.p.name, n)
	}
}

// silent compares what is missing without a report with what the client reported.
func (s *scan) silent() {
	quiet := s.acceptedN - s.p.uncertain
	for i := range max(quiet, 0) {
		if i < len(s.accepted) {
			s.add(G2, Unproven, "%s-%d was accepted, is not present, and was not reported", s.p.name, s.accepted[i])
			continue
		}
		s.tallies[G2].count++
	}
}

// losses looks for the reason why each value that was acked is not present.
func (s *scan) losses() {
	reported := max(s.p.uncertain-s.acceptedN, 0)
	holders := s.holders()
	for _, n := range s.lost {
		seq := s.p.cells.seq(n)
		holder, other := holders[seq]
		switch {
		case seq == 0 && reported > 0: // the client reported it, so it is not a loss
			reported--
			s.counts[s.p.index][Lost]--
			s.counts[s.p.index][Uncertain]++
		case seq == 0:
			s.blames[Unproven]++
			s.add(G1, Unproven, "%s-%d was confirmed, and is not present", s.p.name, n)
		case other:
			s.blames[Client]++
			s.add(G1, Client, "%s-%d was acked at %d, where %s is stored", s.p.name, n, seq, holder)
		case s.witness.acks.has(seq):
			s.blames[Server]++
		default:
			s.blames[Unproven]++
			s.add(G1, Unproven, "%s-%d was acked at %d, and is not present", s.p.name, n, seq)
		}
	}
}

// holders returns what is stored at the sequences of the lost values' acks.
func (s *scan) holders() map[uint64]string {
	wanted, found := map[uint64]string{}, map[uint64]string{}
	for _, n := range s.lost {
		if seq := s.p.cells.seq(n); seq != 0 {
			wanted[seq] = ""
		}
	}
	if len(wanted) == 0 {
		return found
	}
	for _, p := range s.h.publishers {
		if s.witness.covers[p.index] {
			p.holds(wanted, found)
		}
	}
	return found
}

// holds adds to found the wanted sequences that hold a value of the publisher.
func (p *Publisher) holds(wanted, found map[uint64]string) {
	for n := range p.next {
		if *p.cells.at(n)&stored == 0 {
			continue
		}
		seq := p.storedSeq(n)
		if _, ok := wanted[seq]; ok && seq != 0 {
			found[seq] = string(appendValue(nil, p.name, n))
		}
	}
}

// judgeStrangers assigns payloads that no publisher has published to whoever produced
// them: what the second path also saw was stored, and delivered correctly.
func (h *History) judgeStrangers(j *judgement) {
	for _, s := range h.strange.arrived {
		if h.strange.seen[s.text] {
			continue
		}
		g := s.to.group.promise.guarantee()
		t := &j.tallies[g]
		t.add(h.options.Examples, Example{At: s.at, What: fmt.Sprintf("%s got %q, %s", s.to.name, s.text, s.cause)})
	}
	for g, n := range h.strange.beyond {
		j.tallies[g].count += n
	}
}

// judgeCalls finds calls that have not returned.
func (h *History) judgeCalls(j *judgement) {
	for _, id := range slices.Sorted(maps.Keys(h.calls)) {
		c := h.calls[id]
		if g := c.op.guarantee(); g != G14 {
			j.add(g, Unproven, "%s: %v has not returned", c.who, c.op)
		}
	}
}

// tally returns the violations of a guarantee, and the evidence for it. Stalls are looked
// for in each call, as waiting continues while nothing is recorded.
func (h *History) tally(j *judgement, g Guarantee) (t tally, evidence int) {
	t, evidence = j.tallies[g], j.evidence[g]
	t.examples = slices.Clone(t.examples)
	if g != G8 {
		return t, evidence
	}
	at := h.now().Sub(h.begin)
	for _, e := range h.efforts {
		if e.judged || e.waits() {
			evidence++
		}
		if wait := e.waited(at); wait > h.recovery {
			t.add(h.options.Examples, Example{At: at, What: fmt.Sprintf(stalled, e.name, wait)})
		}
	}
	return t, evidence
}

func (h *History) judgeTrace(j *judgement) {
	if h.expected == nil {
		return
	}
	j.evidence[G15] += h.expected.Lines
	if after, before := h.trace.parting(h.expected); before != 0 {
		j.add(G15, Unproven, "the runs differ after line %d, at line %d at the latest; hash %016x, want %016x",
			after, before, h.trace.Hash, h.expected.Hash)
	}
}
