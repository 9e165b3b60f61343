package supervisor

import (
	"iter"
	"strconv"
	"strings"
	"time"
)

// Level says how well an actor is. Each kind of actor assigns a level to each of its
// states.
type Level uint8

const (
	// Well is the zero value: the actor does its work, or has done it.
	Well Level = iota
	// Degraded means that it works, but worse than it should: a slow consumer.
	Degraded
	// Down means that it does not work now: a link without a socket, a
	// subscription that was stopped by a failure.
	Down

	levelEnd // one past the last level
)

var levelNames = [levelEnd]string{Well: "well", Degraded: "degraded", Down: "down"}

// String returns the stable name of the level.
func (l Level) String() string {
	if l >= levelEnd {
		return "level(" + strconv.Itoa(int(l)) + ")"
	}
	return levelNames[l]
}

// MarshalText returns the stable name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Counter is one named number of a Node.
type Counter struct {
	// Name says what is counted, with the unit if it is not messages.
	Name string
	// Value is the count since the actor was first started.
	Value uint64
}

// Node is a snapshot of one actor and, through Children, of the tree below it.
// It is a plain value that shares nothing with the running actor: whoever
// receives one owns it.
type Node struct {
	// Path is the place in the tree: the names from the root, joined by "/".
	Path string
	// Name is the last part of Path, unique among its siblings.
	Name string
	// Kind is the role: "link", "dispatcher".
	Kind string
	// State is its state; the names depend on its Kind.
	State string
	// Level says how good that state is; Health is computed from it.
	Level Level
	// Since is when it entered the state.
	Since time.Time
	// Reason is why it is in the state; empty if that is obvious.
	Reason string
	// Restarts counts its restarts in its whole life.
	Restarts int
	// MailboxMsgs and MailboxBytes are what waits in its mailbox.
	MailboxMsgs, MailboxBytes int64
	// Counters are its progress; the order depends on its Kind.
	Counters []Counter
	// Children are the actors it supervises, in the order of their start.
	Children []Node
	// Taken is when the snapshot was taken. It matters only for the node on which String
	// or Health is called.
	Taken time.Time
}

// Counter returns the value of the counter with the given name, and whether there is one.
func (n Node) Counter(name string) (value uint64, ok bool) {
	for _, c := range n.Counters {
		if c.Name == name {
			return c.Value, true
		}
	}
	return 0, false
}

// Find returns the node at path, and whether there is one: the first, in the order of
// Walk, whose Path equals path or which is reached from n by the names in path. So, from
// the root, "conn-1/link/reader" and "link/reader" are the same.
func (n Node) Find(path string) (Node, bool) {
	if found := find(&n, path, path, true); found != nil {
		return *found, true
	}
	return Node{}, false
}

// find looks for path in n and below it. on says that the names from the root of the
// search down to n are the beginning of path; rest is then what is left of it.
func find(n *Node, path, rest string, on bool) *Node {
	if n.Path == path && path != "" {
		return n
	}
	for i := range n.Children {
		c := &n.Children[i]
		below, follows := "", false
		if on {
			below, follows = strings.CutPrefix(rest, c.Name)
			if follows && below == "" && c.Name != "" {
				return c
			}
			if follows {
				below, follows = strings.CutPrefix(below, "/")
			}
		}
		if found := find(c, path, below, follows); found != nil {
			return found
		}
	}
	return nil
}

// Walk calls visit for n and every node below it, parents before children and children in
// their order, with the depth below n. It stops when visit returns false, and reports
// whether it visited all nodes.
func (n Node) Walk(visit func(n Node, depth int) bool) bool {
	return walk(&n, 0, func(n *Node, depth int) bool { return visit(*n, depth) })
}

// All returns n and every node below it in the order of Walk.
func (n Node) All() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		walk(&n, 0, func(n *Node, _ int) bool { return yield(*n) })
	}
}

// walk is Walk without copies.
func walk(n *Node, depth int, visit func(n *Node, depth int) bool) bool {
	if !visit(n, depth) {
		return false
	}
	for i := range n.Children {
		if !walk(&n.Children[i], depth+1, visit) {
			return false
		}
	}
	return true
}
