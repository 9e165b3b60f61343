package check

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Verdict says whether a guarantee held.
type Verdict uint8

// The verdicts.
const (
	Unjudged Verdict = iota // too little evidence
	Held
	Failed
)

// String returns the verdict in lower case.
func (v Verdict) String() string { return [...]string{"void", "held", "broken"}[min(v, Failed)] }

// Report is the result of a history, for printing and comparing. It is an independent
// copy.
type Report struct {
	Took       time.Duration    // from the first moment until the report
	Values     int              // published
	Outcomes   map[Outcome]int  // by outcome; each value has one
	Lost       map[Blame]int    // lost values, by who is to blame
	Strange    int              // deliveries and observations of what no publisher has published
	Damaged    int              // damaged payloads that were tolerated
	Duplicates int              // acks that said that the server already had the value
	Publishers []PublisherRow   // in the order of creation
	Readers    []ReaderRow      // groups, in the order of creation
	Calls      []CallRow        // by operation, except unused ones
	Samples    []SampleRow      // by name
	Guarantees [last]VerdictRow // G1 first
	Trace      Trace            // of the event log
}

// PublisherRow is one publisher.
type PublisherRow struct {
	Name, Subject string
	Values        int
	Outcomes      map[Outcome]int
	Reported      int // messages that the client reported as possibly lost
}

// ReaderRow is one group, or one subscription that is in no group.
type ReaderRow struct {
	Name, Subject string
	Promise       Promise
	Meant         int // values that were present, or acked, while it was active
	Missed        int // those of them that it did not get
	Delivered     int // deliveries
	Repeated      int // repeated deliveries among them
	Strange       int // deliveries among them that were not meant for it
}

// CallRow is the ended calls of one operation.
type CallRow struct {
	Operation Operation
	Good, Bad int
	Longest   time.Duration
}

// SampleRow is something with a limit.
type SampleRow struct {
	Name           string
	Highest, Limit int64
}

// VerdictRow is one guarantee.
type VerdictRow struct {
	Guarantee Guarantee
	Verdict   Verdict
	Evidence  int // how much evidence there was
	Count     int // how often it was broken
	First     string
}

// Report returns the current result. It evaluates every value.
func (h *History) Report() Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := h.judge()
	r := Report{
		Took: h.now().Sub(h.begin), Values: h.values, Outcomes: map[Outcome]int{}, Lost: map[Blame]int{},
		Strange: h.strange.copies, Damaged: h.strange.damaged, Duplicates: h.again, Trace: h.trace,
	}
	r.Trace.Marks = slices.Clone(r.Trace.Marks)
	for b, n := range j.blames {
		if n > 0 {
			r.Lost[Blame(b)] = n
		}
	}
	for i, p := range h.publishers {
		row := PublisherRow{Name: p.name, Subject: p.subject, Values: int(p.next), Outcomes: map[Outcome]int{}, Reported: p.uncertain}
		for o, n := range j.counts[i] {
			if n > 0 {
				row.Outcomes[Outcome(o)] = n
				r.Outcomes[Outcome(o)] += n
			}
		}
		r.Publishers = append(r.Publishers, row)
	}
	for i, g := range h.groups {
		r.Readers = append(r.Readers, g.row(j, i))
	}
	for o := range Operation(operations) {
		if c := h.outcomes[o]; c != nil {
			r.Calls = append(r.Calls, CallRow{o, c.good, c.bad, c.longest})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.samples)) {
		r.Samples = append(r.Samples, SampleRow{name, h.samples[name].highest, h.samples[name].limit})
	}
	for i, g := range All() {
		r.Guarantees[i] = h.row(j, g)
	}
	return r
}

func (g *Group) row(j *judgement, i int) ReaderRow {
	row := ReaderRow{Name: g.name, Subject: g.subject, Promise: g.promise, Meant: int(j.meant[i]), Missed: int(j.missed[i])}
	for _, s := range g.members {
		row.Delivered += s.delivered
		row.Repeated += s.repeated
		row.Strange += s.strange
	}
	return row
}

func (h *History) row(j *judgement, g Guarantee) VerdictRow {
	t, evidence := h.tally(j, g)
	row := VerdictRow{Guarantee: g, Verdict: Held, Evidence: evidence, Count: t.count}
	switch err := h.verdict(j, g); {
	case errors.Is(err, ErrVoid):
		row.Verdict = Unjudged
	case err != nil:
		row.Verdict = Failed
	}
	if len(t.examples) > 0 {
		row.First = t.examples[0].What
		if t.examples[0].Blame != Unproven {
			row.First += " (" + t.examples[0].Blame.String() + ")"
		}
	}
	return row
}

// String returns the report as tables: the values by publisher, the readers, calls and
// samples, and one line for each guarantee.
func (r Report) String() string {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	r.printValues(t)
	r.printReaders(t)
	r.printCalls(t)
	r.printVerdicts(t)
	t.Flush()
	return trailing.ReplaceAllString(text.String(), "\n")
}

// trailing matches the blanks at the end of a line whose last cells are empty.
var trailing = regexp.MustCompile(` +\n`)

// shown is the outcomes in the order of the columns.
var shown = [...]Outcome{OK, Recovered, Uncertain, Refused, Lost, Duplicated, Reordered, Unexpected}

func (r Report) printValues(t *tabwriter.Writer) {
	fmt.Fprint(t, "publisher\tsubject\tvalues")
	for _, o := range shown {
		fmt.Fprintf(t, "\t%v", o)
	}
	fmt.Fprintln(t)
	for _, p := range r.Publishers {
		fmt.Fprintf(t, "%s\t%s\t%d%s\n", p.Name, p.Subject, p.Values, columns(p.Outcomes))
	}
	if len(r.Publishers) > 1 {
		fmt.Fprintf(t, "all\t\t%d%s\n", r.Values, columns(r.Outcomes))
	}
	if r.Outcomes[Lost] > 0 {
		fmt.Fprintf(t, "lost: %d %v, %d %v, %d %v\n", r.Lost[Client], Client, r.Lost[Server], Server, r.Lost[Unproven], Unproven)
	}
	if r.Strange+r.Damaged > 0 {
		fmt.Fprintf(t, "also: %d never published, %d damaged\n", r.Strange, r.Damaged)
	}
	fmt.Fprintln(t)
}

func columns(counts map[Outcome]int) string {
	var text strings.Builder
	for _, o := range shown {
		fmt.Fprintf(&text, "\t%d", counts[o])
	}
	return text.String()
}

func (r Report) printReaders(t *tabwriter.Writer) {
	if len(r.Readers) == 0 {
		return
	}
	fmt.Fprintln(t, "reader\tsubject\tpromise\tmeant\tmissed\tdelivered\trepeated\tstrange")
	for _, s := range r.Readers {
		fmt.Fprintf(t, "%s\t%s\t%v\t%d\t%d\t%d\t%d\t%d\n", s.Name, s.Subject, s.Promise, s.Meant, s.Missed, s.Delivered, s.Repeated, s.Strange)
	}
	fmt.Fprintln(t)
}

func (r Report) printCalls(t *tabwriter.Writer) {
	if len(r.Calls) > 0 {
		fmt.Fprintln(t, "call\tgood\tfailed\tlongest")
		for _, c := range r.Calls {
			fmt.Fprintf(t, "%v\t%d\t%d\t%v\n", c.Operation, c.Good, c.Bad, c.Longest)
		}
		fmt.Fprintln(t)
	}
	if len(r.Samples) > 0 {
		fmt.Fprintln(t, "sample\thighest\tlimit")
		for _, s := range r.Samples {
			fmt.Fprintf(t, "%s\t%d\t%d\n", s.Name, s.Highest, s.Limit)
		}
		fmt.Fprintln(t)
	}
}

func (r Report) printVerdicts(t *tabwriter.Writer) {
	fmt.Fprintln(t, "guarantee\t\tverdict\tseen\tbroken\tfirst")
	for _, v := range r.Guarantees {
		fmt.Fprintf(t, "G%d\t%v\t%v\t%d\t%d\t%s\n", v.Guarantee, v.Guarantee, v.Verdict, v.Evidence, v.Count, v.First)
	}
}

// String returns the row in one line: the name, the verdict, and if the guarantee is
// broken the count and the first example.
func (v VerdictRow) String() string {
	line := fmt.Sprintf("G%d %v: %v", v.Guarantee, v.Guarantee, v.Verdict)
	if v.Count > 0 {
		line += fmt.Sprintf(", %d times, first: %s", v.Count, v.First)
	}
	return line
}
