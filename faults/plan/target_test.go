package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/faults/plan"
)

func TestTargetsMatch(t *testing.T) {
	link := plan.Link("c", "s")
	cases := []struct {
		rule, one plan.Target
		want      bool
	}{
		{plan.Target{}, link, true},
		{plan.Target{}, plan.Target{}, true},
		{plan.Target{}, plan.Server("s"), false},
		{plan.Target{}, plan.Actor("a"), false},
		{link, link, true},
		{link, plan.Link("c", "t"), false},
		{link, plan.Link("d", "s"), false},
		{link, plan.Target{}, false},
		{plan.Link(plan.Any, "s"), link, true},
		{plan.Link("c", plan.Any), link, true},
		{plan.Link(plan.Any, "t"), link, false},
		{plan.Link(plan.Any, plan.Any), plan.Server("s"), false},
		{plan.Server("s"), plan.Server("s"), true},
		{plan.Server("s"), plan.Server("t"), false},
		{plan.Server(plan.Any), plan.Server("t"), true},
		{plan.Actor("a"), plan.Actor("a"), true},
		{plan.Actor(plan.Any), plan.Actor("a"), true},
		{plan.Actor("a"), plan.Actor("b"), false},
		{plan.Actor(plan.Any), link, false},
	}
	for _, c := range cases {
		if got := c.rule.Matches(c.one); got != c.want {
			t.Errorf("%q matches %q: %v", c.rule, c.one, got)
		}
	}
}

func TestCheckTargetsNamesWhatIsNotThere(t *testing.T) {
	known := plan.Known{Links: []plan.Target{plan.Link("c", "s1"), plan.Link("c", "s2")}, Servers: []string{"s1", "s2"}, Actors: []string{"reader"}}
	fine := parse(t, "reset", "link(*, s2) reset", "link(c, s1) reset", "server(s2) kill", "server(*) kill", "actor(reader) panic", "actor(*) panic")
	if err := fine.CheckTargets(known); err != nil {
		t.Error(err)
	}
	if err := (plan.Plan{}).CheckTargets(plan.Known{}); err != nil {
		t.Errorf("the empty plan: %v", err)
	}
	for _, text := range []string{"link(c, s3) reset", "link(d, *) reset", "server(s3) kill", "actor(write) panic"} {
		p := parse(t, "reset", text)
		err := p.CheckTargets(known)
		var wrong *plan.UnknownTargetError
		if !errors.As(err, &wrong) || wrong.Rule != p.Rules[1] || wrong.Target != p.Rules[1].Target || !slices.Equal(wrong.Known.Servers, known.Servers) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"reset", "link(*, *) reset", "server(*) kill", "actor(*) panic"} {
		if err := parse(t, text).CheckTargets(plan.Known{}); err == nil {
			t.Errorf("%s passes where nothing is", text)
		}
	}
}

func TestUnknownTargetErrorsSayWhatIsKnown(t *testing.T) {
	p := parse(t, "for 1s server(s3) kill", "reset")
	known := plan.Known{Links: []plan.Target{plan.Link("c", "s1")}, Servers: []string{"s1"}, Actors: []string{"reader"}}
	want := "plan: no server(s3) in: for 1s server(s3) kill; known: link(c, s1), server(s1), actor(reader)"
	if err := p.CheckTargets(known); fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	want = "plan: no any link in: reset; known: nothing"
	if err := (plan.Plan{Rules: p.Rules[1:]}).CheckTargets(plan.Known{}); fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	many := plan.Known{Servers: slices.Repeat([]string{strings.Repeat("ä", 500)}, 1000)}
	if err := p.CheckTargets(many); len(err.Error()) > 1000 {
		t.Errorf("%d bytes of error", len(err.Error()))
	}
}

func TestKindsSayWhatTheyTake(t *testing.T) {
	cases := []struct {
		kind                       plan.Kind
		link, server, actor        bool
		lasts, needsOp, any, known bool
	}{
		{kind: plan.Latency, link: true, any: true, lasts: true, known: true},
		{kind: plan.Reset, link: true, any: true, known: true},
		{kind: plan.Drop, link: true, any: true, lasts: true, needsOp: true, known: true},
		{kind: plan.Delay, link: true, any: true, actor: true, lasts: true, needsOp: true, known: true},
		{kind: plan.Kill, server: true, lasts: true, known: true},
		{kind: plan.Kick, server: true, known: true},
		{kind: plan.Panic, actor: true, known: true},
		{kind: plan.KindNone},
		{kind: 31},
		{kind: 255},
	}
	for _, c := range cases {
		k := c.kind
		if k.On(plan.TargetLink) != c.link || k.On(plan.TargetServer) != c.server || k.On(plan.TargetActor) != c.actor || k.On(plan.TargetAny) != c.any ||
			k.On(77) || k.Lasts() != c.lasts || k.NeedsOp() != c.needsOp || slices.Contains(plan.Kinds(), k) != c.known {
			t.Errorf("%s is not as said", k)
		}
	}
	if n := len(plan.Kinds()); n != 24 {
		t.Errorf("%d kinds", n)
	}
	for value, want := range map[fmt.Stringer]string{plan.KindNone: "none", plan.Kind(255): "Kind(255)", plan.Kind(31): "Kind(31)",
		plan.Both: "both", plan.Direction(9): "Direction(9)"} {
		if got := value.String(); got != want {
			t.Errorf("printed as %s, want %s", got, want)
		}
	}
}
