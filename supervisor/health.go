package supervisor

import (
	"strconv"
	"strings"
	"time"
)

// problemsShownMax bounds the text of a HealthError, not its data.
const problemsShownMax = 5

// Problem is one actor that is not well.
type Problem struct {
	// Path, State and Reason are those of the Node.
	Path, State, Reason string
	// Level is how bad it is: Degraded or Down.
	Level Level
	// For is how long it has been in this state; zero if unknown.
	For time.Duration
}

// String returns the problem in one line, without control characters or secrets.
func (p Problem) String() string {
	s := oneLine(orNone(p.Path), pathRunesMax) + " is " + oneLine(orNone(p.State), stateRunesMax)
	if p.For > 0 {
		s += " for " + durationText(p.For)
	}
	if p.Reason != "" {
		s += " (" + oneLine(p.Reason, reasonRunesMax) + ")"
	}
	return s
}

// HealthError lists the actors of a tree that are not well. It matches ErrUnhealthy.
type HealthError struct {
	// Problems lists them in the order of Node.Walk; never empty.
	Problems []Problem
}

// Error names the first few and says how many there are.
func (e *HealthError) Error() string {
	var s strings.Builder
	s.WriteString(ErrUnhealthy.Error() + ": ")
	for i, p := range e.Problems {
		if i == problemsShownMax {
			s.WriteString("; and " + strconv.Itoa(len(e.Problems)-i) + " more")
			break
		}
		if i > 0 {
			s.WriteString("; ")
		}
		s.WriteString(p.String())
	}
	return s.String()
}

// Unwrap returns ErrUnhealthy.
func (e *HealthError) Unwrap() error { return ErrUnhealthy }

// Worst returns the worst level among the problems, for callers that restart what is Down
// and only watch what is Degraded.
func (e *HealthError) Worst() Level {
	worst := Well
	for _, p := range e.Problems {
		worst = max(worst, p.Level)
	}
	return worst
}

// Health reduces a tree to one answer: nil if every node is Well, else a *HealthError.
// Each node is listed for its own level, independent of its parent's and its children's.
func Health(n Node) error {
	var problems []Problem
	walk(&n, 0, func(m *Node, _ int) bool {
		if m.Level != Well {
			problems = append(problems, Problem{
				Path: m.label(), State: m.State, Reason: m.Reason, Level: m.Level, For: m.age(n.Taken),
			})
		}
		return true
	})
	if problems == nil {
		return nil
	}
	return &HealthError{Problems: problems}
}

// Unhealthy returns the nodes that are not well, in the order of Walk, without
// their children.
func (n Node) Unhealthy() []Node {
	var found []Node
	walk(&n, 0, func(m *Node, _ int) bool {
		if m.Level != Well {
			alone := *m
			alone.Children = nil
			found = append(found, alone)
		}
		return true
	})
	return found
}

// label returns the path, or the name of a node that has none.
func (n *Node) label() string {
	if n.Path != "" {
		return n.Path
	}
	return n.Name
}

// age returns how long n had been in its state at now; zero if unknown.
func (n *Node) age(now time.Time) time.Duration {
	if n.Since.IsZero() || now.IsZero() {
		return 0
	}
	return max(now.Sub(n.Since), 0)
}
