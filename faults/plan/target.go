package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Link returns the target of the connections from a client to a server; either may be
// [Any].
func Link(client, server string) Target {
	return Target{Kind: TargetLink, Client: client, Server: server}
}

// Server returns the target of a whole server; name may be [Any].
func Server(name string) Target { return Target{Kind: TargetServer, Server: name} }

// Actor returns the target of each actor of a kind; kind may be [Any].
func Actor(kind string) Target { return Target{Kind: TargetActor, Actor: kind} }

// Matches reports whether a rule with target t applies to one: TargetAny applies to every
// link, and [Any] in t stands for every name.
func (t Target) Matches(one Target) bool {
	if t.Kind == TargetAny {
		return one.Kind == TargetAny || one.Kind == TargetLink
	}
	return t.Kind == one.Kind && fits(t.Client, one.Client) && fits(t.Server, one.Server) && fits(t.Actor, one.Actor)
}

func fits(pattern, name string) bool { return pattern == Any || pattern == name }

// Known has the targets that exist in a run.
type Known struct {
	Links   []Target // of kind TargetLink
	Servers []string
	Actors  []string // kinds of actors
}

// targets returns all of them as targets.
func (k Known) targets() []Target {
	all := slices.Clone(k.Links)
	for _, name := range k.Servers {
		all = append(all, Server(name))
	}
	for _, kind := range k.Actors {
		all = append(all, Actor(kind))
	}
	return all
}

// CheckTargets returns an [*UnknownTargetError] for the first rule whose target matches
// nothing known, so that it could never take effect, and nil if there is none.
func (p Plan) CheckTargets(known Known) error {
	targets := known.targets()
	for _, rule := range p.Rules {
		if !slices.ContainsFunc(targets, rule.Target.Matches) {
			return &UnknownTargetError{Rule: rule, Target: rule.Target, Known: known}
		}
	}
	return nil
}

// UnknownTargetError says that a rule names something that does not exist. A plan with
// such a rule is not played at all.
type UnknownTargetError struct {
	Rule   Rule
	Target Target // the rule's target
	Known  Known  // what exists
}

// Error names the target and what is known, up to a bound.
func (e *UnknownTargetError) Error() string {
	target := e.Target.String()
	if target == "" {
		target = "any link"
	}
	var names []string
	for _, t := range e.Known.targets() {
		names = append(names, t.String())
	}
	known := "nothing"
	if len(names) > 0 {
		known = strings.Join(names, ", ")
	}
	return fmt.Sprintf("plan: no %s in: %s; known: %s", brief(target), brief(e.Rule.String()), brief(known))
}
