package plan

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// Defaults of a [Space].
const (
	LengthDefault = time.Minute
	RulesDefault  = 8
)

// Space is what [Random] draws from: the targets, the length of a run, and the kinds of
// faults.
type Space struct {
	Links   []Target // the zero target stands for a link without a name, such as a proxy's
	Servers []string
	Actors  []string // kinds of actors

	// Length is the time in which the faults of a run begin, and those triggered by time
	// end; 0 is LengthDefault, and values below 1 s count as 1 s.
	Length time.Duration

	// Kinds are the kinds that may be drawn; nil is all of them. A kind without a target
	// is never drawn.
	Kinds []Kind

	// Rules is how many rules a plan has at most; 0 is RulesDefault. There is at least
	// one rule if there is a kind to draw.
	Rules int
}

// Known returns the targets in the form that [Plan.CheckTargets] takes.
func (s Space) Known() Known { return Known{Links: s.Links, Servers: s.Servers, Actors: s.Actors} }

// withDefaults returns the space with its defaults filled in.
func (s Space) withDefaults() Space {
	if s.Length == 0 {
		s.Length = LengthDefault
	}
	s.Length = min(max(s.Length, time.Second), DurationMax)
	if s.Rules <= 0 {
		s.Rules = RulesDefault
	}
	s.Rules = min(s.Rules, RulesMax)
	if s.Kinds == nil {
		s.Kinds = Kinds()
	}
	return s
}

// targets returns the targets for which a kind can be drawn.
func (s Space) targets(k Kind) []Target {
	return slices.DeleteFunc(s.Known().targets(), func(t Target) bool { return !k.On(t.Kind) })
}

// Random draws a plan from a seed. Each seed draws which kinds of faults its run has, and
// how often each occurs, so that some runs have a single kind and others a mixture; then
// the rules, each with target, times and conditions. A quarter of the seeds have a calm
// stretch, between a quarter and half of the run, in which no rule holds.
//
// The same seed and space give the same plan in all releases of one minor version of this
// module. To keep a plan for longer, store its text, not its seed. A plan that is drawn
// passes [Plan.Check] and [Plan.CheckTargets], provided that the names of the space do. A
// fault triggered by time ends within the length of the run; one that waits for a
// condition may come later. A server has at most one fault at a time.
func Random(seed uint64, space Space) Plan {
	d := newDraw(seed, space.withDefaults())
	var p Plan
	if len(d.kinds) == 0 {
		return p
	}
	for range 1 + d.dice.below(d.space.Rules) {
		if r := d.rule(); d.apart(&r) {
			p.Rules = append(p.Rules, r)
		}
	}
	return p
}

// draw is the drawing of one plan.
type draw struct {
	dice  dice
	space Space

	kinds []Kind // what may be drawn, each repeated by its weight
	rates [len(forms)]float64

	servers []Rule // the rules for servers so far

	// The calm stretch; its end is 0 if there is none. Nothing holds from calmFrom to
	// calmTo.
	calmFrom, calmTo time.Duration
}

// weightMax is how many times more likely than another a kind can be.
const weightMax = 8

func newDraw(seed uint64, space Space) *draw {
	d := &draw{dice: dice{state: seed}, space: space}
	if d.dice.one(4) {
		length := space.Length/4 + d.dice.duration(0, space.Length/4)
		d.calmFrom = d.dice.duration(0, space.Length-length-space.Length/10)
		d.calmTo = d.calmFrom + length
	}
	possible := slices.DeleteFunc(slices.Clone(space.Kinds), func(k Kind) bool { return len(space.targets(k)) == 0 })
	chosen := slices.DeleteFunc(slices.Clone(possible), func(Kind) bool { return d.dice.one(2) })
	if len(chosen) == 0 && len(possible) > 0 {
		chosen = []Kind{possible[d.dice.below(len(possible))]}
	}
	for _, k := range chosen {
		d.rates[k] = d.dice.decimal(1e3, 0)
		d.kinds = append(d.kinds, slices.Repeat([]Kind{k}, 1+d.dice.below(weightMax))...)
	}
	return d
}

func (d *draw) rule() Rule {
	var r Rule
	r.Fault.Kind = d.kinds[d.dice.below(len(d.kinds))]
	targets := d.space.targets(r.Fault.Kind)
	r.Target = targets[d.dice.below(len(targets))]
	d.arguments(&r.Fault)
	switch r.Target.Kind {
	case TargetAny, TargetLink:
		d.cause(&r)
	case TargetActor:
		d.message(&r)
	}
	d.times(&r)
	return r
}

// inputs and outputs are the operations that trigger faults; the frequent ones stand for
// more than one.
var (
	inputs  = []protocol.Op{protocol.OpMsg, protocol.OpMsg, protocol.OpHMsg, protocol.OpPong, protocol.OpPing, protocol.OpInfo, protocol.OpErr}
	outputs = []protocol.Op{protocol.OpPub, protocol.OpPub, protocol.OpHPub, protocol.OpSub, protocol.OpUnsub, protocol.OpPing, protocol.OpPong, protocol.OpConnect}
)

// cause draws what triggers a link's fault, and its direction.
func (d *draw) cause(r *Rule) {
	form := r.Fault.Kind.form()
	if form.timed {
		return
	}
	if form.aim == aimEffect && r.Fault.Dir == Both {
		r.Fault.Dir = directions[d.dice.below(len(directions))]
	}
	if !form.byOp && d.dice.one(2) {
		return // by time alone
	}
	if !form.byOp && d.dice.one(4) {
		r.When.Bytes = d.dice.number(1, 1<<16)
		if form.aim == aimCause {
			r.Fault.Dir = directions[d.dice.below(len(directions))]
		}
		if d.dice.one(2) {
			r.When.Conn = int(d.dice.number(1, rareMax))
		}
		return
	}
	r.When.Op = slices.Concat(inputs, outputs)[d.dice.below(len(inputs)+len(outputs))]
	if form.aim == aimCause && DirectionOf(r.When.Op) == Both {
		r.Fault.Dir = directions[d.dice.below(len(directions))]
	}
	most := int64(matchMax)
	switch r.When.Op {
	case protocol.OpInfo, protocol.OpConnect, protocol.OpErr:
		most = rareMax // once per connection, if all goes well
	}
	d.which(r, most)
}

// message draws which messages of an actor a fault applies to.
func (d *draw) message(r *Rule) {
	if !d.dice.one(8) {
		d.which(r, matchMax)
	}
}

// The highest numbers of matches and of connections that are drawn.
const (
	matchMax = 200
	rareMax  = 4
)

// which draws which matches trigger a fault, given about how many there are at most.
func (d *draw) which(r *Rule, most int64) {
	switch d.dice.below(4) {
	case 0:
		r.When.Every = int(d.dice.number(2, most))
	case 1:
		r.When.Prob = d.rates[r.Fault.Kind]
	default:
		r.When.Index = int(d.dice.number(1, most))
	}
}

// times draws when a rule holds, outside the calm stretch. A rule that waits for a
// condition begins after the stretch, if at least a tenth of the run is left.
func (d *draw) times(r *Rule) {
	from, to := time.Duration(0), d.space.Length
	before := d.calmFrom > to/20 && !waits(*r) && d.dice.one(2)
	switch {
	case before:
		to = d.calmFrom
	case d.calmTo > 0:
		from = d.calmTo
	}
	r.At = d.dice.duration(from, to)
	if r.Fault.Kind.Lasts() {
		r.For = max(d.dice.duration(0, min(to-r.At, d.space.Length/4)), time.Millisecond)
		r.At = max(from, min(r.At, to-r.For))
	}
}

// apartTries is how often other times are drawn for a rule that overlaps another.
const apartTries = 8

// apart draws times for a server's rule until it overlaps no other rule for that server,
// and reports whether it found any.
func (d *draw) apart(r *Rule) bool {
	if r.Target.Kind != TargetServer {
		return true
	}
	for range apartTries {
		if !slices.ContainsFunc(d.servers, func(o Rule) bool { return o.Target == r.Target && meet(o, *r) }) {
			d.servers = append(d.servers, *r)
			return true
		}
		d.times(r)
	}
	return false
}

// apartLeast is the shortest time between two faults of a server.
const apartLeast = time.Second

func meet(a, b Rule) bool {
	return a.At < b.At+b.For+apartLeast && b.At < a.At+a.For+apartLeast
}

// waits reports whether a rule may trigger its fault at any time after it began.
func waits(r Rule) bool {
	return r.Fault.Kind == Panic || r.When != (When{}) && !(r.Fault.Kind.NeedsOp() && r.Fault.Kind.Lasts())
}

// texts are the injected texts, each with the direction in which it could pass.
var texts = []struct {
	text string
	dir  Direction
}{
	{"-ERR 'Stale Connection'\r\n", In},
	{"-ERR 'Unknown Protocol Operation'\r\n", In},
	{"+OK\r\n", In},
	{"INFO {}\r\n", In},
	{"MSG x 1 99999999999\r\n", In},
	{"HMSG x 1 2 1\r\n", In},
	{"PING\r\n", Both},
	{"PONG\r\n", Both},
	{"\r\n", Both},
	{"\x00\x01\xfe\xff", Both},
	{"GET / HTTP/1.1\r\n\r\n", Both},
}

// arguments draws the arguments of a fault, in the ranges in which networks misbehave.
func (d *draw) arguments(f *Fault) {
	switch f.Kind {
	case Latency:
		f.Duration = d.dice.logDuration(time.Millisecond, 2*time.Second)
		f.Jitter = d.dice.duration(0, f.Duration)
	case Coalesce, Delay:
		f.Duration = d.dice.logDuration(time.Millisecond, 2*time.Second)
	case SlowClose:
		f.Duration = d.dice.logDuration(10*time.Millisecond, 10*time.Second)
	case Bandwidth:
		f.Size = d.dice.number(1<<10, 1<<30)
	case Slice:
		f.Size = d.dice.number(1, 1<<12)
	case Limit:
		f.Size = d.dice.number(1, 4)
	case Replay:
		f.Size = d.dice.number(1, 1<<12)
	case Corrupt:
		f.Prob = d.dice.decimal(1e6, 1e2)
	case Inject:
		chosen := texts[d.dice.below(len(texts))]
		f.Text, f.Dir = chosen.text, chosen.dir
	case Rewrite:
		f.Text = texts[d.dice.below(len(texts))].text
	}
}
