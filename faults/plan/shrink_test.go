package plan_test

import (
	"hash/fnv"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/faults/plan"
)

func parse(t testing.TB, lines ...string) plan.Plan {
	t.Helper()
	p, err := plan.Parse(strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestShrinkKeepsWhatIsNeeded(t *testing.T) {
	has := func(kinds ...plan.Kind) func(plan.Plan) bool {
		return func(p plan.Plan) bool {
			for _, k := range kinds {
				if !slices.ContainsFunc(p.Rules, func(r plan.Rule) bool { return r.Fault.Kind == k }) {
					return false
				}
			}
			return true
		}
	}
	whole := parse(t,
		"at 8s for 3s link(client, s2) latency(400ms, 80ms, in)",
		"at 1s when bytes(100) conn(2) reset(in)",
		"for 5s server(s1) kill",
		`when op(MSG) subject("orders.>") every(10) prob(0.5) drop`,
		"when index(30) actor(reader) panic",
		"corrupt(0.5)",
		`inject("PING\r\n", out)`,
	)
	cases := []struct {
		name  string
		fails func(plan.Plan) bool
		want  []string
	}{
		{"nothing", func(plan.Plan) bool { return true }, nil},
		{"what does not fail", func(plan.Plan) bool { return false }, strings.Split(strings.TrimSpace(whole.String()), "\n")},
		{"one rule", has(plan.Reset), []string{"reset"}},
		{"two rules in their order", has(plan.Drop, plan.Kill), []string{"for 1ms server(s1) kill", "when op(MSG) drop"}},
		{"a rule and its direction", func(p plan.Plan) bool {
			return slices.ContainsFunc(p.Rules, func(r plan.Rule) bool { return r.Fault.Dir == plan.Out })
		}, []string{`inject("P", out)`}},
		{"a length", func(p plan.Plan) bool {
			return slices.ContainsFunc(p.Rules, func(r plan.Rule) bool { return r.Fault.Duration.Milliseconds() >= 100 })
		}, []string{"for 1ms link(client, s2) latency(100ms)"}},
		{"a count", func(p plan.Plan) bool {
			return slices.ContainsFunc(p.Rules, func(r plan.Rule) bool { return r.When.Index > 5 })
		}, []string{"when index(7) actor(reader) panic"}},
		{"a share", func(p plan.Plan) bool {
			return slices.ContainsFunc(p.Rules, func(r plan.Rule) bool { return r.Fault.Prob > 0.1 })
		}, []string{"corrupt(0.125)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := whole.String()
			got := plan.Shrink(whole, c.fails)
			if want := parse(t, c.want...); got.String() != want.String() {
				t.Errorf("left:\n%swant:\n%s", got, want)
			}
			if whole.String() != before {
				t.Error("the plan that was given has changed")
			}
		})
	}
}

// callsMax is what the comment of Shrink says, with a constant for a rule.
func callsMax(p plan.Plan) int {
	n := len(p.Rules)
	return 2*n*n + 3*n + 600*n + 10
}

// Whatever makes a plan fail: the result fails, passes Check, loses the failure without
// any one of its rules, and is found in a bounded number of calls.
func TestShrinkIsMinimalInRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := whole()
		space.Rules = rapid.IntRange(1, 24).Draw(t, "rules")
		p := plan.Random(rapid.Uint64().Draw(t, "seed"), space)
		needed := map[plan.Kind]int{}
		for _, r := range p.Rules {
			if rapid.IntRange(0, 3).Draw(t, "needed") == 0 {
				needed[r.Fault.Kind]++
			}
		}
		fails := func(p plan.Plan) bool {
			count := map[plan.Kind]int{}
			for _, r := range p.Rules {
				count[r.Fault.Kind]++
			}
			for k, n := range needed {
				if count[k] < n {
					return false
				}
			}
			return true
		}
		shrinks(t, p, fails)
	})
}

// Even if the answers have no pattern, no rule of the result can be left out.
func TestShrinkIsMinimalForAnyAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := whole()
		space.Rules = rapid.IntRange(1, 16).Draw(t, "rules")
		p := plan.Random(rapid.Uint64().Draw(t, "seed"), space)
		of := rapid.IntRange(2, 5).Draw(t, "of")
		first := p.String()
		shrinks(t, p, func(p plan.Plan) bool {
			text := p.String()
			h := fnv.New32a()
			h.Write([]byte(text))
			return text == first || int(h.Sum32()%5) < of-1
		})
	})
}

func shrinks(t *rapid.T, p plan.Plan, fails func(plan.Plan) bool) {
	calls := 0
	least := plan.Shrink(p, func(p plan.Plan) bool {
		calls++
		if err := p.Check(); err != nil {
			t.Fatalf("asked about what makes no sense: %v", err)
		}
		return fails(p)
	})
	if !fails(least) {
		t.Fatalf("what is left does not fail:\n%s", least)
	}
	if most := callsMax(p); calls > most {
		t.Fatalf("%d calls for %d rules, at most %d", calls, len(p.Rules), most)
	}
	for i := range least.Rules {
		without := plan.Plan{Rules: slices.Delete(slices.Clone(least.Rules), i, i+1)}
		if fails(without) {
			t.Fatalf("rule %d can be left out:\n%s", i+1, least)
		}
	}
}

// Answers that change from call to call cause no endless run.
func TestShrinkEndsWithAnyAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := plan.Random(rapid.Uint64().Draw(t, "seed"), whole())
		state, calls := rapid.Uint64().Draw(t, "answers"), 0
		plan.Shrink(p, func(plan.Plan) bool {
			calls++
			if calls > 100*callsMax(p) {
				t.Fatal("no end")
			}
			state = state*6364136223846793005 + 1442695040888963407
			return calls == 1 || state>>63 == 0
		})
	})
}
