package faults

import (
	"fmt"
	"maps"
	"slices"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

// Server is a server that rules can name: natsserver.Server, or a substitute. It may also
// have these methods, for the rules that need them:
//
//	pause      Pause() error, Resume() error
//	lameduck   LameDuck() <-chan struct{}
//	kick       KickAll() (int, error)
type Server interface {
	// Kill ends the server without notice to its clients; it returns when the server has
	// ended.
	Kill()
	// Restart starts it again, even if it is running.
	Restart() error
}

type pauser interface {
	Pause() error
	Resume() error
}

type leaver interface{ LameDuck() <-chan struct{} }

type kicker interface{ KickAll() (int, error) }

// Stage is what a plan is played on: the parts of a system that can fail. Any part may be
// left out. Playing a plan does not change the stage.
type Stage struct {
	// Links are those of a network or of proxies. A rule without a target applies to all
	// of them.
	Links []*wire.Link

	// Servers are those that can be killed, by the names that rules use.
	Servers map[string]Server

	// Actors are the actor faults of a private system; nil for none.
	Actors *ActorFaults
}

// Known returns what rules can name.
func (s *Stage) Known() plan.Known {
	known := plan.Known{Servers: slices.Sorted(maps.Keys(s.Servers))}
	for _, l := range s.Links {
		known.Links = append(known.Links, l.Name())
	}
	if s.Actors != nil {
		known.Actors = ActorKinds()
	}
	return known
}

// UnableError says that a server can't do what a rule asks for.
type UnableError struct {
	Rule   plan.Rule
	Server string // its name
	Want   string // the methods that it lacks
}

// Error returns a text with all fields.
func (e *UnableError) Error() string {
	return fmt.Sprintf("faults: server %s has no %s for the rule: %s", e.Server, e.Want, e.Rule)
}

// check returns why a plan can't be played, nil if it can.
func (s *Stage) check(p plan.Plan) error {
	if err := p.Check(); err != nil {
		return err
	}
	if err := p.CheckTargets(s.Known()); err != nil {
		return err
	}
	for _, rule := range p.Rules {
		for _, name := range s.matching(rule.Target) {
			if want := lacks(s.Servers[name], rule.Fault.Kind); want != "" {
				return &UnableError{Rule: rule, Server: name, Want: want}
			}
		}
	}
	return nil
}

// matching returns the names of the servers that match a target, sorted.
func (s *Stage) matching(target plan.Target) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(s.Servers)) {
		if target.Matches(plan.Server(name)) {
			names = append(names, name)
		}
	}
	return names
}

// lacks returns the methods that a server would need for a kind of fault and does not
// have.
func lacks(server Server, kind plan.Kind) string {
	has, want := true, ""
	switch kind {
	case plan.Pause:
		_, has = server.(pauser)
		want = "Pause and Resume"
	case plan.LameDuck:
		_, has = server.(leaver)
		want = "LameDuck"
	case plan.Kick:
		_, has = server.(kicker)
		want = "KickAll"
	}
	if has {
		return ""
	}
	return want
}
