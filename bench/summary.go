package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// line is one line of the report: a row, and one of troupe's sides.
type line struct {
	Suite string `json:"suite"`
	Row   string `json:"row"`
	// Mode is owned or borrowed.
	Mode string `json:"mode"`
	// Peer, Troupe and Limit are medians of the figures; 0 means that there is none.
	Peer   float64 `json:"natsgo"`
	Troupe float64 `json:"troupe"`
	Limit  float64 `json:"limit,omitempty"`
	// Ratio is the median of the pairs' ratios nats.go / troupe, Least and Most their range.
	Ratio  float64 `json:"ratio"`
	Least  float64 `json:"ratio_min"`
	Most   float64 `json:"ratio_max"`
	Target float64 `json:"target,omitempty"`
	// CPURatio is the median of the pairs' ratios of processor time. It stays meaningful
	// when a busy machine makes elapsed times useless.
	CPURatio float64 `json:"cpu_ratio"`
	// Costs per operation, medians.
	PeerCost   costs `json:"natsgo_cost"`
	TroupeCost costs `json:"troupe_cost"`
	// Notes are further figures and what went wrong.
	Notes []string `json:"notes,omitempty"`

	unit   unit
	voided string // why there is no figure: drops, failed
}

// costs are shown beside a figure.
type costs struct {
	CPU    float64 `json:"cpu_ns"`
	Allocs float64 `json:"allocs"`
	Bytes  float64 `json:"bytes"`
}

// failed reports whether a figure is missing.
func (m measurement) failed() bool {
	for s := range m.runs {
		if m.voided(s) != "" {
			return true
		}
	}
	return false
}

// voided returns why a side has no figure, "" if it has one.
func (m measurement) voided(s side) string {
	for _, o := range m.runs[s] {
		switch {
		case o.err != nil:
			return "failed"
		case o.result.Dropped != 0:
			return "drops"
		}
	}
	return ""
}

// summarise makes the lines of all rows.
func summarise(all []measurement) []line {
	var out []line
	for _, m := range all {
		out = append(out, m.line(sideOwned))
		if len(m.runs[sideBorrowed]) > 0 {
			out = append(out, m.line(sideBorrowed))
		}
	}
	return out
}

// line compares one of troupe's sides with nats.go.
func (m measurement) line(s side) line {
	l := line{Suite: m.row.suite, Row: m.row.name, Mode: "owned", Target: m.row.target, unit: m.row.unit}
	if s == sideBorrowed {
		l.Mode, l.Target = "borrowed", m.row.targetBorrowed
	}
	for _, side := range []side{sidePeer, s, sideLimit} {
		if why := m.voided(side); why != "" {
			l.voided = why
			l.Notes = append(l.Notes, m.complaint(side))
		}
	}
	l.Peer, l.PeerCost = m.median(sidePeer)
	l.Troupe, l.TroupeCost = m.median(s)
	l.Limit, _ = m.median(sideLimit)
	if l.voided != "" {
		return l
	}
	if ratios := m.ratios(s, func(r *job.Result) float64 { return r.Figure }); len(ratios) > 0 {
		l.Ratio, l.Least, l.Most = middle(ratios), slices.Min(ratios), slices.Max(ratios)
	}
	if ratios := m.ratios(s, func(r *job.Result) float64 { return r.CPU }); len(ratios) > 0 {
		l.CPURatio = middle(ratios)
	}
	l.Notes = append(l.Notes, m.extras(s)...)
	return l
}

// ratios returns nats.go's value divided by that of a side, pair by pair. Pairs without a
// value are left out.
func (m measurement) ratios(s side, value func(*job.Result) float64) (out []float64) {
	for i, peer := range m.runs[sidePeer] {
		if ours := value(m.runs[s][i].result); ours > 0 {
			out = append(out, value(peer.result)/ours)
		}
	}
	return out
}

// complaint returns what went wrong on a side.
func (m measurement) complaint(s side) string {
	for _, o := range m.runs[s] {
		if o.err != nil {
			return fmt.Sprintf("%v: %v", s, o.err)
		}
		if o.result.Dropped != 0 {
			return fmt.Sprintf("%v: %d messages dropped or wrong", s, o.result.Dropped)
		}
	}
	return ""
}

// median returns the median figure and costs of a side, zero if it has none.
func (m measurement) median(s side) (float64, costs) {
	if m.voided(s) != "" || len(m.runs[s]) == 0 {
		return 0, costs{}
	}
	var figure, cpu, allocs, bytes []float64
	for _, o := range m.runs[s] {
		figure, cpu = append(figure, o.result.Figure), append(cpu, o.result.CPU)
		allocs, bytes = append(allocs, o.result.Allocs), append(bytes, o.result.Bytes)
	}
	return middle(figure), costs{CPU: middle(cpu), Allocs: middle(allocs), Bytes: middle(bytes)}
}

// extras returns the medians of the further figures of nats.go and of a side.
func (m measurement) extras(s side) []string {
	var names []string
	for name := range m.runs[s][0].result.Extra {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		values := func(s side) (v []float64) {
			for _, o := range m.runs[s] {
				v = append(v, o.result.Extra[name])
			}
			return v
		}
		out = append(out, strings.Join([]string{name, short(middle(values(sidePeer))), "/", short(middle(values(s)))}, " "))
	}
	return out
}

// middle returns the median.
func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// short formats a number with about three digits.
func short(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
