package proof_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// TestAMillionPublishes plays a plan for each seed on a publisher, a consumer and their
// server, until a million messages were published: lines that break, hang, lose and are
// slow, a server that is killed, stopped, restarted and sent away, actors that panic.
//
// After each plan everything continues, and is judged. G1: what was acked is there. G2: each
// call ends once, in time. G3: nothing is there twice; near half of the messages have no id. G7:
// each message comes to the consumer, and none again whose ack was confirmed, and each to an
// ordered one, once and in order. G8: everything continues when the plan is over. G16: the
// server has the one durable consumer then.
func TestAMillionPublishes(t *testing.T) {
	const length = time.Minute
	var all million
	began := time.Now()
	for seed := *firstSeed; all.values < sized(1_000_000, 5_000, 2_500); seed++ {
		faults.Bubble(t, func(b *faults.Env) { all.play(b, seed, length) }, faults.Seed(seed))
	}
	all.took = time.Since(began)
	t.Log(all.String())
}

var firstSeed = flag.Uint64("seed", 0, "the seed of the first plan, where one is drawn for each")

// million is what all plans together come to.
type million struct {
	plans, rules, deaths int
	kinds                map[plan.Kind]bool
	values               int
	outcomes             map[check.Outcome]int
	lost                 map[check.Blame]int
	again, delivered     int
	took                 time.Duration
}

// play has a system work for a while with the plan of a seed, lets it recover, and judges
// it.
func (m *million) play(b *faults.Env, seed uint64, length time.Duration) {
	s := inBubble(b)
	s.pace, s.burst, s.plain, s.ordered = 200*time.Millisecond, 4, true, true
	s.writer, s.reader = append(s.writer, api.System(b.System)), append(s.reader, api.System(b.System))
	st := s.begin(b.T)
	known := b.Stage.Known()
	p := plan.Random(seed, plan.Space{Links: []plan.Target{plan.Link("writer", "s1"), plan.Link("reader", "s1")},
		Servers: known.Servers, Actors: known.Actors, Length: length, Kinds: lossy()})
	p.Rules = slices.DeleteFunc(p.Rules, unfair)
	st.history.Impaired()
	run := must.Get(b.Play(p))(b.T)
	defer func() {
		if b.T.Failed() {
			b.T.Logf("seed %d, with the plan\n%s\n%v\n%v", seed, p, st.writer.Tree(), st.reader.Tree())
		}
	}()
	time.Sleep(length)
	hits := run.Hits()
	run.Stop()
	must.Do(b.T, run.Err())
	st.history.Healed()
	st.flow(100)
	st.judge()
	m.add(st.history.Report(), p, hits)
}

// lossy are the kinds of faults after which a client can know what was. With the others bytes
// arrive that were never sent, and are taken for something else.
func lossy() []plan.Kind {
	return slices.DeleteFunc(plan.Kinds(), func(k plan.Kind) bool {
		return slices.Contains([]plan.Kind{plan.Corrupt, plan.Replay, plan.Inject, plan.Duplicate, plan.Rewrite}, k)
	})
}

// unfair reports whether a rule is more than a client is to bear: one that takes a
// subscription out of a line that goes on, which neither side can find out, and one with
// which actors panic so often that the connection ends, as its policy says.
func unfair(r plan.Rule) bool {
	switch r.Fault.Kind {
	case plan.Drop:
		return r.When.Op == protocol.OpSub || r.When.Op == protocol.OpUnsub
	case plan.Panic:
		return r.When.Index == 0
	}
	return false
}

func (m *million) add(r check.Report, p plan.Plan, hits []int) {
	if m.kinds == nil {
		m.kinds, m.outcomes, m.lost = map[plan.Kind]bool{}, map[check.Outcome]int{}, map[check.Blame]int{}
	}
	m.plans++
	for i, n := range hits {
		if n == 0 {
			continue
		}
		m.rules++
		m.kinds[p.Rules[i].Fault.Kind] = true
		if p.Rules[i].Target.Kind == plan.TargetServer {
			m.deaths++
		}
	}
	m.values += r.Values
	m.again += r.Duplicates
	for o, n := range r.Outcomes {
		m.outcomes[o] += n
	}
	for blame, n := range r.Lost {
		m.lost[blame] += n
	}
	for _, reader := range r.Readers {
		m.delivered += reader.Delivered
	}
}

// String returns the figures.
func (m *million) String() string {
	text := fmt.Sprintf("%d publishes over %d plans, of which %d rules of %d kinds had an effect, %d on the server; in %v:",
		m.values, m.plans, m.rules, len(m.kinds), m.deaths, m.took.Round(time.Second))
	for _, o := range slices.Sorted(maps.Keys(m.outcomes)) {
		text += fmt.Sprintf(" %d %v,", m.outcomes[o], o)
	}
	return text + fmt.Sprintf(" %d lost by the client, %d by the server; %d acked as duplicates; %d deliveries",
		m.lost[check.Client]+m.lost[check.Unproven], m.lost[check.Server], m.again, m.delivered)
}
