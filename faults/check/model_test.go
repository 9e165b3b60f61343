package check_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/faults/check"
)

// The model is a client and a server that keep every guarantee, drawn at random. What
// they do is a list of steps, so that one of them can be changed before they are
// recorded.

// verb is what a step records.
type verb int

const (
	begins verb = iota
	accepts
	acks
	rejects
	unknowns
	flushes  // confirms all accepted values of the publisher
	renews   // the publisher has a new connection
	shows    // the second path shows the value
	delivers // the reader gets the value
	confirms // the reader's ack of the value was confirmed
	ends     // the reader has ended
	calls
	returns
	dials
	dialled
	closes
	closed
	interests
	samples
	leaves
	fails
	crashes
	logs
	owns
	heals
	impairs
	works
	progresses
	recreates
)

// step is one record. Which fields it uses depends on its verb.
type step struct {
	verb   verb
	p, n   int // publisher, its counter
	reader int
	seq    uint64
	wait   time.Duration // passes before the step
	size   int           // of samples, interest, leftovers, objects
	text   string
}

// The readers: two of core, a queue group of two, a consumer and an ordered one.
const (
	plain = iota
	queueOne
	queueTwo
	durable
	inOrder
	readers
)

// The publishers: the first two publish core messages, the others to a stream.
const (
	corePublishers = 2
	publishers     = 4
)

// world is the model while it is drawn.
type world struct {
	t       *rapid.T
	steps   []step
	next    [publishers]int
	pending [readers][]step // stored, and not delivered yet
	stored  uint64
}

func (w *world) do(s step) { w.steps = append(w.steps, s) }

func (w *world) chance(of int, what string) bool { return rapid.IntRange(1, 100).Draw(w.t, what) <= of }

// draw returns the steps of an honest run, with steps of every kind.
func draw(t *rapid.T) []step {
	w := &world{t: t}
	for p := range publishers { // enough of everything for each mutation
		for range 3 {
			w.publish(p, true)
		}
	}
	w.others()
	for range rapid.IntRange(0, 60).Draw(t, "actions") {
		switch rapid.IntRange(0, 9).Draw(t, "action") {
		case 0:
			w.do(step{verb: renews, p: rapid.IntRange(0, publishers-1).Draw(t, "publisher")})
		case 1:
			w.others()
		case 2, 3:
			w.deliver(rapid.IntRange(0, 4).Draw(t, "deliveries"))
		default:
			w.publish(rapid.IntRange(0, publishers-1).Draw(t, "publisher"), false)
		}
	}
	w.deliver(1 << 20)
	for p := range corePublishers {
		w.do(step{verb: flushes, p: p})
	}
	for r := range readers {
		w.do(step{verb: ends, reader: r, wait: 1})
	}
	return w.steps
}

// publish publishes one value, which may or may not arrive; it certainly does if it
// has to.
func (w *world) publish(p int, has bool) {
	s := step{p: p, n: w.next[p]}
	w.next[p]++
	w.do(step{verb: begins, p: p, n: s.n})
	s.wait = time.Duration(rapid.IntRange(0, 100).Draw(w.t, "takes")) * time.Millisecond
	arrives := has || w.chance(80, "arrives")
	s.verb = unknowns
	switch {
	case p < corePublishers && arrives:
		s.verb = accepts
	case p >= corePublishers && arrives && (has || w.chance(80, "is acked")):
		s.verb = acks
	case !arrives && w.chance(30, "is rejected"):
		s.verb = rejects
	}
	if arrives {
		w.stored++
		s.seq = w.stored
		w.do(step{verb: shows, p: p, n: s.n, seq: s.seq})
		w.route(s)
	}
	w.do(s)
}

// route puts a value into the queues of its receivers.
func (w *world) route(s step) {
	if s.p >= corePublishers {
		w.pending[durable] = append(w.pending[durable], s)
		w.pending[inOrder] = append(w.pending[inOrder], s)
		return
	}
	if s.n < 3 || w.chance(80, "reaches the subscription") { // the first ones are there to be mutated
		w.pending[plain] = append(w.pending[plain], s)
	}
	member := queueOne + rapid.IntRange(0, 1).Draw(w.t, "member")
	w.pending[member] = append(w.pending[member], s)
}

// deliver delivers up to n values to each reader, in their order.
func (w *world) deliver(most int) {
	for r := range readers {
		n := min(most, len(w.pending[r]))
		for _, s := range w.pending[r][:n] {
			s.verb, s.reader, s.wait = delivers, r, 0
			w.do(s)
			if r != durable {
				continue
			}
			if w.chance(20, "comes again") {
				w.do(s)
			}
			if s.n == 0 || w.chance(50, "ack is confirmed") {
				s.verb = confirms
				w.do(s)
			}
		}
		w.pending[r] = w.pending[r][n:]
	}
}

// others records one of everything that is not about values.
func (w *world) others() {
	w.do(step{verb: calls})
	w.do(step{verb: returns, wait: 100 * time.Millisecond})
	w.do(step{verb: dials, wait: time.Second})
	w.do(step{verb: dialled, wait: 10 * time.Millisecond})
	w.do(step{verb: closes})
	w.do(step{verb: closed, wait: time.Second})
	w.do(step{verb: interests, size: 3})
	w.do(step{verb: samples, size: rapid.IntRange(0, 100).Draw(w.t, "size")})
	w.do(step{verb: leaves})
	w.do(step{verb: fails, text: "known"})
	w.do(step{verb: logs, text: rapid.StringN(0, 5, 5).Draw(w.t, "line")})
	w.do(step{verb: owns, size: 1})
	w.do(step{verb: recreates, wait: time.Second})
	w.do(step{verb: heals}) // for this work only: a change elsewhere is not a stall
	w.do(step{verb: works})
	w.do(step{verb: progresses, wait: time.Second})
	w.do(step{verb: impairs})
}

// player records steps.
type player struct {
	*stage
	publishers [publishers]*check.Publisher
	values     [publishers][]check.Publish
	readers    [readers]*check.Subscription
	witness    *check.Witness
	call       check.Call
	dial       check.Call
	close      check.Call
	work       check.Work
}

func newPlayer() *player {
	p := &player{stage: newStage(options())}
	p.witness = p.Witness("second path", ">")
	for i := range publishers {
		subject := "core"
		if i >= corePublishers {
			subject = "stream"
		}
		p.publishers[i] = p.Publisher(fmt.Sprint("p", i), subject)
	}
	p.readers[plain] = p.Subscription("plain", "core", check.AtMostOnce)
	queue := p.Group("queue", "core", check.AtMostOnce)
	p.readers[queueOne], p.readers[queueTwo] = queue.Member("one"), queue.Member("two")
	p.readers[durable] = p.Subscription("durable", "stream", check.AtLeastOnce)
	p.readers[inOrder] = p.Subscription("in order", "stream", check.InOrder)
	p.work = p.Work("work")
	return p
}

// play records the steps, and returns the history.
func play(steps []step, trace check.Trace) *check.History {
	p := newPlayer()
	p.Replays(trace)
	for _, s := range steps {
		p.pass(s.wait)
		if s.verb <= ends {
			p.value(s)
		} else {
			p.other(s)
		}
	}
	return p.History
}

func (p *player) value(s step) {
	if s.verb == begins {
		p.values[s.p] = append(p.values[s.p], p.publishers[s.p].Publish(time.Second))
		return
	}
	var o check.Publish
	if s.n < len(p.values[s.p]) {
		o = p.values[s.p][s.n]
	}
	switch s.verb {
	case accepts:
		o.Accepted()
	case acks:
		o.Acked(s.seq)
	case rejects:
		o.Rejected(errKnown)
	case unknowns:
		o.Unknown(errKnown)
	case flushes:
		p.publishers[s.p].Flush().Confirmed()
	case renews:
		p.publishers[s.p].NewConnection()
	case shows:
		p.witness.Saw(o.Payload(40), s.seq)
	case delivers:
		if s.text != "" {
			p.readers[s.reader].Delivered([]byte(s.text))
			return
		}
		p.readers[s.reader].DeliveredSeq(o.Payload(40), s.seq)
	case confirms:
		p.readers[s.reader].Acked(o.Payload(40))
	case ends:
		p.readers[s.reader].Ended()
	}
}

func (p *player) other(s step) {
	switch s.verb {
	case calls:
		p.call = p.Begin(check.Request, "c", time.Second)
	case returns:
		p.call.End(nil)
	case dials:
		p.dial = p.Dial("c", "s")
	case dialled:
		p.dial.End(nil)
	case closes:
		p.close = p.Begin(check.Close, "c", time.Second)
	case closed:
		p.close.End(nil)
	case interests:
		want := []check.Interest{{Subject: "a"}, {Subject: "b"}, {Subject: "c"}, {Subject: "c"}}
		p.Interest("c", want[:3], want[:s.size])
	case samples:
		p.Sample("memory", int64(s.size), 100)
	case leaves:
		p.Leftovers("goroutines", s.size)
	case fails:
		if s.text == "known" {
			p.Failed("callback", errKnown)
		} else {
			p.Failed("callback", fmt.Errorf("text: %s", s.text))
		}
	case crashes:
		p.Crashed("c", s.text)
	case logs:
		p.Log(s.text)
	case owns:
		p.Objects("watcher", 1, []string{"one", "two"}[:s.size])
	case heals:
		p.Healed()
	case impairs:
		p.Impaired()
	case works:
		p.work.Pending()
	case progresses:
		p.work.Done()
	case recreates:
		p.Recreated("c", "consumer")
	}
}

// traceOf returns the trace of the steps.
func traceOf(steps []step) check.Trace {
	s := newStage(options())
	for _, one := range steps {
		if one.verb == logs {
			s.Log(one.text)
		}
	}
	return s.Trace()
}

func TestHonestModelsAreClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := draw(t)
		h := play(steps, traceOf(steps))
		for g, validate := range validators {
			if err := validate(h); err != nil {
				t.Errorf("%v: %v", g, err)
			}
		}
		if err := h.Check(); err != nil {
			t.Error(err)
		}
		if r := h.Report(); r.Outcomes[check.Lost]+r.Outcomes[check.Duplicated]+r.Outcomes[check.Reordered]+r.Outcomes[check.Unexpected] > 0 {
			t.Error(r)
		}
	})
}

// mutation changes the steps of an honest run so that it breaks one guarantee.
type mutation struct {
	name string
	of   check.Guarantee
	do   func(w *mutant)
}

// mutant is the steps of a run that are being changed.
type mutant struct {
	t     *rapid.T
	steps []step
}

// pick draws one of the steps that fit.
func (m *mutant) pick(fits func(s step) bool) int {
	var all []int
	for i, s := range m.steps {
		if fits(s) {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		m.t.Fatal("no step fits")
	}
	return rapid.SampledFrom(all).Draw(m.t, "step")
}

func (m *mutant) is(v verb) int { return m.pick(func(s step) bool { return s.verb == v }) }

// drop removes the steps that fit.
func (m *mutant) drop(fits func(s step) bool) { m.steps = slices.DeleteFunc(m.steps, fits) }

// again repeats a step directly after itself.
func (m *mutant) again(i int) { m.steps = slices.Insert(m.steps, i+1, m.steps[i]) }

// delay inserts a pause before a step.
func (m *mutant) delay(i int, d time.Duration) { m.steps[i].wait += d }

// sameValue reports whether two steps are about one value.
func sameValue(a, b step) bool {
	return a.verb <= confirms && b.verb <= confirms && a.verb != flushes && b.verb != flushes &&
		a.verb != renews && b.verb != renews && a.p == b.p && a.n == b.n
}

// swapSeen swaps the first two values of a publisher, sent over one connection, in the
// named steps.
func (m *mutant) swapSeen(p int, who func(s step) bool) {
	second := step{verb: begins, p: p, n: 1}
	m.drop(func(s step) bool { return s == second })
	first := slices.Index(m.steps, step{verb: begins, p: p})
	m.steps = slices.Insert(m.steps, first+1, second) // before anybody sees it
	for i, s := range m.steps {
		if who(s) && s.p == p && s.n < 2 {
			m.steps[i].n = 1 - s.n
		}
	}
}

func mutations() []mutation {
	toStream := func(v verb) func(s step) bool {
		return func(s step) bool { return s.verb == v && s.p >= corePublishers }
	}
	to := func(readers ...int) func(s step) bool {
		return func(s step) bool { return s.verb == delivers && slices.Contains(readers, s.reader) }
	}
	wait := func(v verb, d time.Duration) func(m *mutant) { return func(m *mutant) { m.delay(m.is(v), d) } }
	grow := func(v verb, size int) func(m *mutant) { return func(m *mutant) { m.steps[m.is(v)].size = size } }
	return []mutation{
		{"an acked value is gone", check.G1, func(m *mutant) {
			gone := m.steps[m.pick(toStream(acks))]
			m.drop(func(s step) bool { return sameValue(s, gone) && s.verb >= shows })
		}},
		{"an ack says another sequence", check.G1, func(m *mutant) { m.steps[m.pick(toStream(acks))].seq += 1000 }},
		{"an outcome is missing", check.G2, func(m *mutant) {
			i := m.pick(func(s step) bool { return s.verb >= accepts && s.verb <= unknowns })
			m.steps = slices.Delete(m.steps, i, i+1)
		}},
		{"an outcome comes twice", check.G2, func(m *mutant) {
			m.again(m.pick(func(s step) bool { return s.verb >= accepts && s.verb <= unknowns }))
		}},
		{"a call is late", check.G2, wait(returns, 950*time.Millisecond)},
		{"an accepted value is gone without a word", check.G2, func(m *mutant) {
			gone := m.steps[m.is(accepts)]
			m.drop(func(s step) bool { return s.verb == flushes || sameValue(s, gone) && s.verb >= shows })
		}},
		{"a value is stored twice", check.G3, func(m *mutant) { m.again(m.is(shows)) }},
		{"two values are stored in the wrong order", check.G4, func(m *mutant) {
			p := rapid.IntRange(0, publishers-1).Draw(m.t, "publisher")
			m.swapSeen(p, func(s step) bool { return s.verb >= shows && s.verb <= confirms || s.verb == acks })
		}},
		{"interest is forgotten", check.G5, grow(interests, 2)},
		{"interest is doubled", check.G5, grow(interests, 4)},
		{"a core message comes twice", check.G6, func(m *mutant) { m.again(m.pick(to(plain, queueOne, queueTwo))) }},
		{"core messages come in the wrong order", check.G6, func(m *mutant) { m.swapSeen(0, to(plain)) }},
		{"a core message comes after the end", check.G6, func(m *mutant) {
			late := m.steps[m.pick(to(plain, queueOne, queueTwo))]
			m.drop(func(s step) bool { return s == late })
			late.wait = time.Millisecond
			m.steps = append(m.steps, late)
		}},
		{"a core message that nobody published", check.G6, func(m *mutant) { m.steps[m.pick(to(plain))].text = "nobody-1" }},
		{"a consumer misses a message", check.G7, func(m *mutant) {
			gone := m.steps[m.pick(to(durable, inOrder))]
			m.drop(func(s step) bool {
				return sameValue(s, gone) && s.reader == gone.reader && (s.verb == delivers || s.verb == confirms)
			})
		}},
		{"an ordered consumer repeats", check.G7, func(m *mutant) { m.again(m.pick(to(inOrder))) }},
		{"a message comes again after its ack", check.G7, func(m *mutant) {
			i := m.is(confirms)
			again := m.steps[i]
			again.verb = delivers
			m.steps = slices.Insert(m.steps, i+1, again)
		}},
		{"nothing moves", check.G8, wait(progresses, time.Millisecond)},
		{"a limit is passed", check.G9, grow(samples, 101)},
		{"a goroutine stays", check.G10, grow(leaves, 1)},
		{"an error is not documented", check.G11, func(m *mutant) { m.steps[m.is(fails)].text = "what" }},
		{"a crash", check.G12, func(m *mutant) { m.steps = append(m.steps, step{verb: crashes, text: "nil map"}) }},
		{"a close is late", check.G13, wait(closed, time.Millisecond)},
		{"a close hangs", check.G13, func(m *mutant) { m.drop(func(s step) bool { return s.verb == closed }) }},
		{"two dials at a time", check.G14, func(m *mutant) { m.again(m.is(dials)) }},
		{"a consumer is recreated at once", check.G14, func(m *mutant) {
			i := m.is(recreates)
			m.again(i)
			m.steps[i+1].wait = 0
		}},
		{"another line", check.G15, func(m *mutant) { m.steps[m.is(logs)].text += "x" }},
		{"an orphan", check.G16, grow(owns, 2)},
	}
}

func TestEachMutationIsCaughtByItsValidator(t *testing.T) {
	mutated := map[check.Guarantee]bool{}
	all := mutations()
	for _, mutation := range all {
		mutated[mutation.of] = true
	}
	for g := range validators {
		if !mutated[g] {
			t.Errorf("no mutation breaks %v", g)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		steps := draw(t)
		trace := traceOf(steps)
		for _, mutation := range all {
			m := &mutant{t: t, steps: slices.Clone(steps)}
			mutation.do(m)
			h := play(m.steps, trace)
			for g, validate := range validators {
				if err := validate(h); (err != nil) != (g == mutation.of) {
					t.Errorf("%s: %v: %v", mutation.name, g, err)
				}
			}
		}
	})
}
