package plan

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// What a [Space] that says nothing of it gets.
const (
	LengthDefault = time.Minute
	RulesDefault  = 8
)

// Space is what [Random] draws from: what is there, how long a run takes, what may go
// wrong.
type Space struct {
	Links   []Target // the zero target stands for a link without a name, such as a proxy's
	Servers []string
	Actors  []string // kinds of actors

	// Length is the time in which the faults of a run begin, and those that the time
	// sets off end; 0 is LengthDefault, and at least 1 s is taken.
	Length time.Duration

	// Kinds are the kinds that may be drawn; nil is all of them. A kind for which no
	// target is there is never drawn.
	Kinds []Kind

	// Rules is how many rules a plan has at most; 0 is RulesDefault. There is at least
	// one if there is a kind to draw.
	Rules int
}

// Known returns what is there, as [Plan.CheckTargets] takes it.
func (s Space) Known() Known { return Known{Links: s.Links, Servers: s.Servers, Actors: s.Actors} }

// withDefaults returns the space with nothing left out.
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

// targets returns those for which a kind can be drawn.
func (s Space) targets(k Kind) []Target {
	return slices.DeleteFunc(s.Known().targets(), func(t Target) bool { return !k.On(t.Kind) })
}

// Random draws a plan from a seed. Each seed draws which kinds of faults its run has at
// all, and how often each, so that some runs have a single kind and others a mixture;
// then the rules, each with target, times and conditions. A quarter of the seeds leave
// a stretch of the run calm, a quarter to a half of its length: nothing holds in it.
//
// The same seed and space give the same plan in each release of one minor version of
// this module; keep the text of a plan, not its seed, where it has to last. A plan that
// is drawn passes [Plan.Check] and [Plan.CheckTargets], provided that the names of the
// space do. A fault that the time sets off ends within the length of the run; one that
// waits for a condition may come later. One server has one fault at a time.
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

	kinds []Kind // what may be drawn, each as often as its weight
	rates [len(forms)]float64

	servers []Rule // about servers, so far

	// The calm stretch; its end is 0 if there is none. Nothing holds from calmFrom to
	// calmTo.
	calmFrom, calmTo time.Duration
}

// weightMax is how much more often than another a kind may be drawn.
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

// inputs and outputs are the operations that set faults off; the frequent ones stand
// for more than one.
var (
	inputs  = []protocol.Op{protocol.OpMsg, protocol.OpMsg, protocol.OpHMsg, protocol.OpPong, protocol.OpPing, protocol.OpInfo, protocol.OpErr}
	outputs = []protocol.Op{protocol.OpPub, protocol.OpPub, protocol.OpHPub, protocol.OpSub, protocol.OpUnsub, protocol.OpPing, protocol.OpPong, protocol.OpConnect}
)

// cause draws what sets a fault of a link off, and its direction.
func (d *draw) cause(r *Rule) {
	form := r.Fault.Kind.form()
	if form.timed {
		return
	}
	if form.aim == aimEffect && r.Fault.Dir == Both {
		r.Fault.Dir = directions[d.dice.below(len(directions))]
	}
	if !form.byOp && d.dice.one(2) {
		return // the time alone
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
		most = rareMax // once a connection, if all goes well
	}
	d.which(r, most)
}

// message draws which messages of an actor a fault meets.
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

// which draws which of the matches set a fault off, of which there are about most.
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

// times draws when a rule holds, outside the calm stretch. What may wait begins after
// it, where a tenth of the run is left at least.
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

// apartTries is how often other times are drawn for a rule that meets another one.
const apartTries = 8

// apart draws other times for a rule about a server until it meets no other rule about
// that server, and reports whether there were such times.
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

// apartLeast is the time between the end of one fault of a server and the next.
const apartLeast = time.Second

func meet(a, b Rule) bool {
	return a.At < b.At+b.For+apartLeast && b.At < a.At+a.For+apartLeast
}

// waits reports whether a rule may set its fault off at any time after it began.
func waits(r Rule) bool {
	return r.Fault.Kind == Panic || r.When != (When{}) && !(r.Fault.Kind.NeedsOp() && r.Fault.Kind.Lasts())
}

// texts are what is injected, with the direction in which it could come.
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

// arguments draws those of a fault, in the ranges in which networks misbehave.
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
