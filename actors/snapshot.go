package actors

import (
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// Tree returns a snapshot of the actors of the connection, including subscriptions
// without a running dispatcher.
func (c *Conn) Tree() supervisor.Node {
	c.tree.mu.Lock()
	root := c.tree.root
	c.tree.mu.Unlock()
	if root == nil {
		return supervisor.Node{Path: c.name, Name: c.name, Kind: "connection", State: "closed", Taken: time.Now()}
	}
	n := root.snapshot()
	n.Taken = time.Now()
	for i := range n.Children {
		if child := &n.Children[i]; child.Kind == "subscriptions" {
			child.Children = c.subscriptionNodes()
			c.budget.show(child)
		}
	}
	c.company.show(&n)
	if cause := c.endedBy(); cause != nil {
		n.Reason = cause.Error()
	}
	if !c.Live() {
		n.Level = supervisor.Down
	}
	return n
}

// Health returns nil while everything works, and otherwise a *supervisor.HealthError that
// names the actors that do not, and why.
func (c *Conn) Health() error { return supervisor.Health(c.Tree()) }

// snapshot describes h and everything below it.
func (h *host) snapshot() supervisor.Node {
	h.mu.Lock()
	n := supervisor.Node{
		Path: h.path, Name: h.spec.Name, Kind: h.spec.Kind, State: h.state,
		Since: h.since, Reason: h.why, Restarts: h.restarts,
	}
	var children []*host
	if h.spec.Kind != "subscriptions" {
		children = append(children, h.children...)
	}
	h.mu.Unlock()
	n.MailboxMsgs = int64(h.box.UserMessageCount())
	if h.spec.member != nil {
		h.spec.member.show(&n)
	}
	for _, c := range children {
		if c.spec.member != nil && c.spec.member.ended() {
			continue // its host is about to end; if it failed, it is listed among the stopped actors
		}
		n.Children = append(n.Children, c.snapshot())
	}
	return n
}

// subscriptionNodes describes every subscription, in the order of subscribing, followed
// by those that a failure has stopped.
func (c *Conn) subscriptionNodes() []supervisor.Node {
	all := c.present()
	nodes := make([]supervisor.Node, 0, len(all))
	for _, s := range all {
		nodes = append(nodes, s.node())
	}
	return append(nodes, c.stoppedNodes()...)
}

func (s *Sub) node() supervisor.Node {
	n := supervisor.Node{Path: s.Path(), Name: s.name(), Kind: "dispatcher", State: "idle", Reason: s.Subject}
	if s.Queue != "" {
		n.Reason += " queue " + s.Queue
	}
	if s.actor != nil {
		n.Reason += " to " + s.actor.path
	}
	s.seat.show(&n)
	counts := s.Counts()
	n.MailboxMsgs, n.MailboxBytes = int64(counts.PendingMsgs), counts.PendingBytes
	if counts.PendingMsgs > 0 {
		n.State = "busy"
	}
	s.calls(&n)
	if given := s.abandoned.Load(); given > 0 {
		n.Level = supervisor.Degraded
		n.Reason += ": calls given up and not returned: " + decimal(uint64(given))
	}
	if s.Slow() {
		n.State, n.Level = "slow", supervisor.Degraded
	}
	if s.Draining() {
		n.State = "draining"
	}
	if refusal := s.Refusal(); refusal != nil {
		n.State, n.Level = "refused", supervisor.Down
		n.Reason += ": " + refusal.Error()
	}
	n.Counters = []supervisor.Counter{
		{Name: "received", Value: counts.Received},
		{Name: "delivered", Value: counts.Delivered},
		{Name: "dropped", Value: counts.Dropped},
	}
	return n
}

// show adds what is known of the actor on a seat to its node.
func (at *seat) show(n *supervisor.Node) {
	box := at.box.Load()
	if box == nil || box.owner() == nil {
		return
	}
	h := box.owner()
	h.mu.Lock()
	n.Restarts, n.Since = h.restarts, h.since
	h.mu.Unlock()
}

// busyLong is how long a call must take before the tree names its message.
const busyLong = 100 * time.Millisecond

// goingOn is a current call of a handler.
type goingOn struct {
	since   int64  // by the tree's clock; 0 for none
	subject string // of its message, if it takes long
	blocked bool   // it has been reported
}

// calls adds the longest current call of the handler, and the workers, to the node.
func (s *Sub) calls(n *supervisor.Node) {
	d := s.delivery.Load()
	if d == nil || s.actor != nil || s.box.Load() == nil {
		return
	}
	var longest goingOn
	if d.from != nil {
		longest = d.goingOn()
	}
	for _, w := range s.workers {
		child := supervisor.Node{Path: s.pathOf(&w.seat), Name: w.workerName(), Kind: "worker", State: "idle"}
		w.show(&child)
		call := w.delivery.Load().goingOn()
		call.show(&child, s)
		n.Children = append(n.Children, child)
		if call.since > 0 && (longest.since == 0 || call.since < longest.since) {
			longest.since, longest.subject = call.since, call.subject
		}
		longest.blocked = longest.blocked || call.blocked
	}
	longest.show(n, s)
}

// show adds the call to a node.
func (g *goingOn) show(n *supervisor.Node, s *Sub) {
	if g.since == 0 {
		return
	}
	n.State, n.Since = "busy", s.conn.tree.at(g.since)
	if g.blocked {
		n.State, n.Level = "blocked", supervisor.Degraded
	}
	if g.subject != "" && g.subject != s.Subject {
		if n.Reason != "" {
			n.Reason += " "
		}
		n.Reason += "handling " + g.subject
	}
}

// goingOn returns the current call. Unless calls are stamped, it may have begun later
// than reported, by the time that earlier calls of its run took.
func (d *delivery) goingOn() (g goingOn) {
	box := d.at.box.Load()
	if box == nil || !box.busy() || box.paused() {
		return g
	}
	d.from.mu.Lock()
	defer d.from.mu.Unlock()
	began := d.call.Load()
	if d.run.chunk == nil || began == 0 || began == callGivenUp {
		return g
	}
	g.blocked = began < 0
	g.since = max(began, -began)
	if time.Duration(d.sub.conn.tree.clock()-g.since) >= busyLong {
		k := int(d.sub.lane.started.Load() - d.run.base)
		g.subject = d.run.subject(min(max(k, 1), d.run.n))
	}
	return g
}
