package actors

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// roster.go - subscriptions that the server no longer knows but that are still of
// interest.
//
//	table ── limit reached, drained ──► leaving ── last message ──► gone
//	  ├───── stopped by its policy ───► stopped, the last 64, for Tree and Health
//	  └───── ended ──► unheard ── PONG: the server knows

// stoppedMax bounds how many stopped subscriptions are remembered.
const stoppedMax = 64

// roster is guarded by the outbox's lock, like the table that it complements.
type roster struct {
	leaving map[*Sub]struct{} // out of the table and not ended
	stopped []supervisor.Node // ended by a failure, oldest first
	ending  []*Sub            // ended by the end of the connection

	// unheard holds, by number, ended subscriptions with SubSpec.Lost, until the server
	// has confirmed that nothing more comes for them.
	unheard map[uint64]*Sub
	unknown atomic.Int32 // len(unheard); the reader checks this first
}

// untilHeardLocked keeps a subscription that left the table visible to the reader until a
// PONG. It reports whether the caller must send the PING for that.
func (c *Conn) untilHeardLocked(s *Sub) bool {
	if s.spec.Lost == nil || c.out.state != outLive {
		return false
	}
	if c.roster.unheard == nil {
		c.roster.unheard = make(map[uint64]*Sub)
	}
	c.roster.unheard[s.sid] = s
	c.roster.unknown.Store(int32(len(c.roster.unheard)))
	return true
}

// heard removes one subscription from unheard.
func (c *Conn) heard(sid uint64) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	delete(c.roster.unheard, sid)
	c.roster.unknown.Store(int32(len(c.roster.unheard)))
}

// heardLocked removes all of them, because the server is another one.
func (c *Conn) heardLocked() {
	c.roster.unheard = nil
	c.roster.unknown.Store(0)
}

// unheardOf returns the subscription with that number whose end the server may not know
// yet; nil for none.
func (c *Conn) unheardOf(sid uint64) *Sub {
	if c.roster.unknown.Load() == 0 {
		return nil
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.roster.unheard[sid]
}

// leaveLocked takes s from the table and reports whether it was there. Until it ends, s
// is in leaving.
func (c *Conn) leaveLocked(s *Sub) bool {
	if !c.subs.remove(s) {
		return false
	}
	if !s.lane.closed.Load() {
		if c.roster.leaving == nil {
			c.roster.leaving = make(map[*Sub]struct{})
		}
		c.roster.leaving[s] = struct{}{}
	}
	return true
}

// left records the end of s, whose lane is shut. If it has a cause, s stays in the tree.
func (c *Conn) left(s *Sub, cause error) {
	var n supervisor.Node
	if AsAsked(cause) {
		cause = nil // it ended with its actor: nothing is wrong
	}
	if cause != nil {
		n = s.node()
		n.State, n.Level, n.Since = "stopped", supervisor.Down, time.Now()
		n.Reason += ": " + cause.Error()
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	delete(c.roster.leaving, s)
	if cause == nil {
		return
	}
	if len(c.roster.stopped) == stoppedMax {
		c.roster.stopped = slices.Delete(c.roster.stopped, 0, 1)
	}
	c.roster.stopped = append(c.roster.stopped, n)
}

// present returns the subscriptions that have not ended, in the order of subscribing,
// without the reply inbox.
func (c *Conn) present() []*Sub {
	var all []*Sub
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.subs.all(func(s *Sub) {
		if !s.mux {
			all = append(all, s)
		}
	})
	for s := range c.roster.leaving {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Sub) int { return cmp.Compare(a.sid, b.sid) })
	return all
}

// stoppedNodes describes the subscriptions that a failure has ended.
func (c *Conn) stoppedNodes() []supervisor.Node {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return slices.Clone(c.roster.stopped)
}

// undrained lists the subscriptions that a drain has not finished.
func (c *Conn) undrained() (paths []string) {
	for _, s := range c.present() {
		if s.Draining() {
			paths = append(paths, s.Path())
		}
	}
	return paths
}

// endSubscriptions ends all subscriptions when the connection closes.
func (c *Conn) endSubscriptions() {
	all := c.present()
	c.out.mu.Lock()
	c.subs.all(func(s *Sub) { c.subs.remove(s) })
	c.roster.ending = all
	c.heardLocked()
	c.out.mu.Unlock()
	for _, s := range all {
		s.end(nil)
	}
}

// ending returns the subscriptions that the end of the connection has ended.
func (c *Conn) ending() []*Sub {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.roster.ending
}

// undelivered counts the messages that the end of the connection has discarded.
func (c *Conn) undelivered() int {
	var n uint64
	for _, s := range c.ending() {
		n += s.undelivered()
	}
	return int(n)
}

// undelivered counts the messages that came but were neither dropped nor handed to user
// code. It is final once the last handler call has ended.
func (s *Sub) undelivered() uint64 {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	return s.lane.received - s.lane.dropped - s.lane.started.Load()
}
