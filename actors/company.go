package actors

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/supervisor"
)

// company.go - the users' actors of one connection, by groups. A group is a node
// below the connection with a supervisor of its own.

// siblings are the actors below one supervisor, in the order of their start.
type siblings struct {
	order []*userActor
	names map[string]*userActor
	count uint64 // ever, to name actors that were given no name
}

// add enters u under its name, or under a number.
func (s *siblings) add(u *userActor) error {
	s.count++
	if u.spec.Name == "" {
		u.spec.Name = "actor-" + decimal(s.count)
	}
	if s.names[u.spec.Name] != nil {
		return ErrActorExists
	}
	if s.names == nil {
		s.names = make(map[string]*userActor)
	}
	s.names[u.spec.Name] = u
	s.order = append(s.order, u)
	return nil
}

func (s *siblings) remove(u *userActor) {
	if s.names[u.spec.Name] != u {
		return
	}
	delete(s.names, u.spec.Name)
	s.order = slices.DeleteFunc(s.order, func(other *userActor) bool { return other == u })
}

// group is the actors below one supervisor.
type group struct {
	conn    *Conn
	name    string
	box     place[usersMsg] // empty before the first actor of the group
	present siblings        // guarded by company.mu; their children belong to them
}

// all returns the actors of the group, in the order of their start.
func (g *group) all() []*userActor {
	g.conn.company.mu.Lock()
	defer g.conn.company.mu.Unlock()
	return slices.Clone(g.present.order)
}

// company is what a connection knows of its user's actors.
type company struct {
	ids       atomic.Uint64 // one for each start: no two share a name in the actor library
	discarded atomic.Uint64 // letters that nobody handled

	mu      sync.Mutex
	groups  []*group // in the order of compareGroups
	closed  bool
	stopped []supervisor.Node // ended by a failure, oldest first
}

// usersGroup is the group of actors that name none.
const usersGroup = "actors"

// compareGroups is the order of groups in the tree; a drain goes through them backward.
// The user's own actors come first, so that the actors that work for them end before
// them.
func compareGroups(a, b string) int {
	if a == b {
		return 0
	}
	switch usersGroup {
	case a:
		return -1
	case b:
		return 1
	}
	return cmp.Compare(a, b)
}

// groupLocked returns the group of a name, empty for the user's own; nil if the tree has
// another node of that name.
func (c *company) groupLocked(conn *Conn, name string) *group {
	switch name {
	case "":
		name = usersGroup
	case "callbacks", "requests", "subscriptions", "link":
		return nil
	}
	i, found := slices.BinarySearchFunc(c.groups, name, func(g *group, name string) int { return compareGroups(g.name, name) })
	if !found {
		c.groups = slices.Insert(c.groups, i, &group{conn: conn, name: name})
	}
	return c.groups[i]
}

// list returns the groups.
func (c *company) list() []*group {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.groups)
}

// all returns the actors below the supervisors, by groups and in the order of their start.
func (c *company) all() (all []*userActor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.groups {
		all = append(all, g.present.order...)
	}
	return all
}

// live reports whether the supervisor of a group has not stopped.
func (c *company) live() bool {
	return slices.ContainsFunc(c.list(), func(g *group) bool { return g.box.live() })
}

// show adds the groups, in their order, after the other children of the connection, each
// with the actors that a failure has ended.
func (c *company) show(n *supervisor.Node) {
	slices.SortStableFunc(n.Children, func(a, b supervisor.Node) int {
		switch {
		case a.Kind == b.Kind && a.Kind == usersGroup:
			return compareGroups(a.Name, b.Name)
		case a.Kind == usersGroup:
			return 1
		case b.Kind == usersGroup:
			return -1
		}
		return 0
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range n.Children {
		g := &n.Children[i]
		for _, stopped := range c.stopped {
			if g.Kind == usersGroup && strings.HasPrefix(stopped.Path, g.Path+"/") {
				g.Children = append(g.Children, stopped)
			}
		}
	}
}

// drain lets the actors finish what they have and stops them, the last started first, as
// it may be sending to earlier ones.
func (c *company) drain(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return drainAll(ctx, c.all())
}

// undrained lists the actors that a drain has not finished.
func (c *company) undrained() (paths []string) {
	for _, u := range c.all() {
		paths = append(paths, u.path)
	}
	return paths
}
