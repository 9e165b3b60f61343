package actors

import (
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// Tree returns a snapshot of the actors of the connection, subscriptions that
// sleep included.
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
		if n.Children[i].Kind == "subscriptions" {
			n.Children[i].Children = c.subscriptionNodes()
		}
	}
	if s := c.Status(); s != Connected && s != DrainingSubs && s != DrainingPubs {
		n.Level = supervisor.Down
	}
	return n
}

// Health returns nil while everything works, and otherwise a
// *supervisor.HealthError that names what does not, and why.
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
	for _, c := range children {
		n.Children = append(n.Children, c.snapshot())
	}
	return n
}

// subscriptionNodes describes every subscription, in the order of subscribing,
// and behind them those that a failure has stopped.
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
	if box := s.box.Load(); box != nil && box.owner() != nil {
		h := box.owner()
		h.mu.Lock()
		n.Restarts, n.Since = h.restarts, h.since
		h.mu.Unlock()
	}
	counts := s.Counts()
	n.MailboxMsgs, n.MailboxBytes = int64(counts.PendingMsgs), counts.PendingBytes
	if counts.PendingMsgs > 0 {
		n.State = "busy"
	}
	if s.Slow() {
		n.State, n.Level = "slow", supervisor.Degraded
	}
	if s.Draining() {
		n.State = "draining"
	}
	n.Counters = []supervisor.Counter{
		{Name: "received", Value: counts.Received},
		{Name: "delivered", Value: counts.Delivered},
		{Name: "dropped", Value: counts.Dropped},
	}
	return n
}
