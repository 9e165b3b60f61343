package plan_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/faults/plan"
)

// whole is a space with everything in it.
func whole() plan.Space {
	return plan.Space{
		Links:   []plan.Target{plan.Link("client", "s1"), plan.Link("client", "s2")},
		Servers: []string{"s1", "s2"},
		Actors:  []string{"reader", "writer"},
	}
}

// Each plan that is drawn is valid, has only existing targets, and ends in time.
func TestRandomDrawsWhatHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := plan.Space{Length: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "length")), Rules: rapid.IntRange(0, 40).Draw(t, "rules")}
		if rapid.Bool().Draw(t, "links") {
			space.Links = rapid.SampledFrom([][]plan.Target{{{}}, {plan.Link("a", "b")}, {plan.Link("a", "b"), plan.Link("a", "c d")}}).Draw(t, "which links")
		}
		if rapid.Bool().Draw(t, "servers") {
			space.Servers = []string{"s1", "s2"}
		}
		if rapid.Bool().Draw(t, "actors") {
			space.Actors = []string{"reader"}
		}
		if rapid.Bool().Draw(t, "kinds") {
			space.Kinds = rapid.SliceOfN(rapid.SampledFrom(plan.Kinds()), 1, 3).Draw(t, "which kinds")
		}
		seed := rapid.Uint64().Draw(t, "seed")
		p := plan.Random(seed, space)
		check(t, p, space)
		if again := plan.Random(seed, space); !slices.Equal(again.Rules, p.Rules) {
			t.Fatalf("seed %d draws\n%sand then\n%s", seed, p, again)
		}
	})
}

func check(t *rapid.T, p plan.Plan, space plan.Space) {
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	if err := p.CheckTargets(space.Known()); err != nil {
		t.Fatal(err)
	}
	if most := max(space.Rules, plan.RulesDefault*(1-min(space.Rules, 1))); len(p.Rules) > most {
		t.Fatalf("%d rules, at most %d", len(p.Rules), most)
	}
	possible := false
	for _, k := range plan.Kinds() {
		possible = possible || (space.Kinds == nil || slices.Contains(space.Kinds, k)) && (len(space.Links) > 0 && k.On(plan.TargetLink) ||
			len(space.Servers) > 0 && k.On(plan.TargetServer) || len(space.Actors) > 0 && k.On(plan.TargetActor))
	}
	if possible != (len(p.Rules) > 0) {
		t.Fatalf("%d rules drawn where one is possible: %v", len(p.Rules), possible)
	}
	length := space.Length
	if length == 0 {
		length = plan.LengthDefault
	}
	for _, r := range p.Rules {
		if r.At+r.For > max(length, time.Second) {
			t.Fatalf("in %s: %s", length, r)
		}
		if space.Kinds != nil && !slices.Contains(space.Kinds, r.Fault.Kind) {
			t.Fatalf("not among %v: %s", space.Kinds, r)
		}
		if back, err := plan.ParseRule(r.String()); back != r || err != nil {
			t.Fatalf("%s reads as %s, %v", r, back, err)
		}
	}
}

// A server that is down can't be killed, and a paused one can't be asked.
func TestRandomDoesOneThingToAServerAtATime(t *testing.T) {
	space := plan.Space{Servers: []string{"s1", "s2"}, Rules: 40}
	for seed := range uint64(1000) {
		last := map[string]time.Duration{} // ends by server
		rules := plan.Random(seed, space).Rules
		slices.SortFunc(rules, func(a, b plan.Rule) int { return cmp.Compare(a.At, b.At) })
		for _, r := range rules {
			if end, found := last[r.Target.Server]; found && r.At <= end {
				t.Fatalf("seed %d: something else happens to the server still: %s", seed, r)
			}
			last[r.Target.Server] = r.At + r.For
		}
	}
}

// Over many seeds every kind occurs, in many different combinations, and so does each
// kind of trigger.
func TestRandomReachesEverything(t *testing.T) {
	kinds := map[plan.Kind]int{}
	mixtures := map[string]bool{}
	single := 0
	reached := map[string]int{}
	const seeds = 2000
	for seed := range uint64(seeds) {
		seen := map[plan.Kind]bool{}
		for _, r := range plan.Random(seed, whole()).Rules {
			seen[r.Fault.Kind] = true
			for word := range strings.FieldsSeq(r.String()) {
				name, _, _ := strings.Cut(word, "(")
				reached[name]++
			}
		}
		var mixture []string
		for k := range seen {
			kinds[k]++
			mixture = append(mixture, k.String())
		}
		slices.Sort(mixture)
		mixtures[strings.Join(mixture, " ")] = true
		if len(seen) == 1 {
			single++
		}
	}
	for _, k := range plan.Kinds() {
		if kinds[k] < seeds/50 {
			t.Errorf("%s is in %d of %d plans", k, kinds[k], seeds)
		}
	}
	if len(mixtures) < seeds/2 || single < seeds/50 {
		t.Errorf("%d mixtures of kinds in %d plans, and %d plans with one kind", len(mixtures), seeds, single)
	}
	for _, name := range []string{"at", "for", "op", "index", "every", "prob", "bytes", "conn", "link", "server", "actor"} {
		if reached[name] < seeds/50 {
			t.Errorf("%s is in %d rules of %d plans", name, reached[name], seeds)
		}
	}
}

// What a seed draws is promised within a minor version: when this fails, the change
// belongs into the notes of the next one, with the new text.
func TestRandomDrawsWhatItDrew(t *testing.T) {
	path := filepath.Join("testdata", "random.txt")
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, seed := range []uint64{1, 2, 3, 1 << 63} {
		got.WriteString(plan.Random(seed, whole()).String())
	}
	if got.String() != string(want) {
		t.Errorf("drawn:\n%swant, as in %s:\n%s", got.String(), path, want)
	}
}
