package wire

import (
	"errors"
	"net"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/protocol"
)

// connection is one connection of a link while it is relayed. It has a pump for each
// direction, and knows which lasting faults are in force for it.
//
// Locks are taken in this order: link, connection, pump, injection. None is held while an
// end is read, written or closed.
type connection struct {
	link           *Link
	number         int // counted from 1; 0 until the link has begun to relay it
	client, server net.Conn
	in, out        *pump

	writers sync.WaitGroup
	once    sync.Once
	done    chan struct{} // closed with the ends

	mu    sync.Mutex
	faced map[*Injection]bool // time-triggered rules that have begun here
	holds []*hold             // lasting faults in force, in the order in which they began
}

// hold is a lasting fault that is in force for a connection.
type hold struct {
	by    *Injection
	cause plan.Direction // direction of the trigger, Both if time triggered it
	end   *callout       // nil if it ends with its rule
}

func newConnection(l *Link, client, server net.Conn) *connection {
	c := &connection{link: l, client: client, server: server, done: make(chan struct{}), faced: map[*Injection]bool{}}
	c.out = newPump(c, plan.Out, protocol.NewClientParser(limits))
	c.in = newPump(c, plan.In, protocol.NewServerParser(limits))
	c.out.source, c.out.sink, c.out.other, c.out.count = client, server, c.in, &l.out
	c.in.source, c.in.sink, c.in.other, c.in.count = server, client, c.out, &l.in
	return c
}

// pumps returns both directions, that of the client's bytes first.
func (c *connection) pumps() [2]*pump { return [2]*pump{c.out, c.in} }

// relay forwards bytes until the connection and everything of it has ended.
func (c *connection) relay() {
	c.update()
	var readers sync.WaitGroup
	readers.Go(c.out.read)
	c.in.read()
	readers.Wait()
	<-c.done
	c.settle()
	c.writers.Wait()
}

// settle stops the timers of an ended connection, and prevents further goroutines from
// being started for it.
func (c *connection) settle() {
	for _, p := range c.pumps() {
		p.retire()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.holds {
		h.end.stop()
	}
	c.holds = nil
}

// update applies the link's current rules to the connection.
func (c *connection) update() {
	if c.over() {
		return
	}
	c.mu.Lock()
	rules := *c.link.rules.Load()
	reset := c.drop(func(h *hold) bool { return !slices.Contains(rules, h.by) })
	for _, i := range rules {
		if i.lasts() && !i.admits() && i.timed() && i.about(c.number) && !c.faced[i] {
			c.faced[i] = true
			c.hold(&hold{by: i})
		}
	}
	c.install(rules)
	c.mu.Unlock()
	if reset {
		c.reset()
	}
}

// hold puts a lasting fault in force. c.mu is held, and the caller calls install next.
func (c *connection) hold(h *hold) {
	c.holds = append(c.holds, h)
	if h.by.rule.Fault.Kind != plan.Corrupt {
		h.by.hit(1)
	}
}

// drop ends the lasting faults that fn picks, and reports whether one of them ends in a
// reset. c.mu is held, and the caller calls install next.
func (c *connection) drop(fn func(*hold) bool) bool {
	reset := false
	c.holds = slices.DeleteFunc(c.holds, func(h *hold) bool {
		gone := fn(h)
		if gone {
			h.end.stop()
			reset = reset || h.by.rule.Fault.Kind == plan.HalfOpen
		}
		return gone
	})
	return reset
}

// install gives the pumps what is in force. c.mu is held.
func (c *connection) install(rules []*Injection) {
	for _, p := range c.pumps() {
		p.install(rules, c.holds)
	}
}

// take puts a lasting fault in force that was triggered in the direction cause. If it is
// already in force, its time starts again.
func (c *connection) take(i *Injection, cause plan.Direction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rules := *c.link.rules.Load()
	if !slices.Contains(rules, i) || c.over() {
		return // lifted meanwhile
	}
	c.holds = slices.DeleteFunc(c.holds, func(h *hold) bool {
		again := h.by == i && h.cause == cause
		if again {
			h.end.stop()
		}
		return again
	})
	h := &hold{by: i, cause: cause}
	if i.rule.For > 0 {
		h.end = c.link.after(i.rule.For, func() { c.expire(h) })
	}
	c.hold(h)
	c.install(rules)
}

// expire ends a lasting fault that take began, when its time is up.
func (c *connection) expire(one *hold) {
	c.mu.Lock()
	reset := c.drop(func(h *hold) bool { return h == one })
	c.install(*c.link.rules.Load())
	c.mu.Unlock()
	if reset {
		c.reset()
	}
}

// happen carries out a rule that was triggered by time.
func (c *connection) happen(i *Injection) {
	if c.over() {
		return
	}
	i.hit(1)
	c.befall(i, plan.Both)
}

// befall carries out a fault without a length that was triggered in the direction cause.
// In that direction, the caller is at the place in the stream where the fault belongs.
func (c *connection) befall(i *Injection, cause plan.Direction) {
	fault := &i.rule.Fault
	if fault.Kind == plan.Reset {
		c.reset()
		return
	}
	for _, p := range c.pumps() {
		if !i.hurts(p.dir, cause) {
			continue
		}
		here := p.dir == cause
		switch {
		case fault.Kind == plan.Fin && here:
			p.conclude()
		case fault.Kind == plan.Fin:
			p.finish()
		case fault.Kind == plan.Replay:
			p.replay(int(fault.Size), cause)
		case fault.Kind == plan.Inject:
			p.insert(fault.Text)
		}
	}
}

// over reports whether the connection has ended.
func (c *connection) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// part ends the connection once both directions have.
func (c *connection) part() {
	if c.in.hasEnded() && c.out.hasEnded() {
		c.once.Do(func() { c.end(net.Conn.Close) })
	}
}

// reset ends the connection as a network failure does.
func (c *connection) reset() {
	c.once.Do(func() {
		c.link.resets.Add(1)
		c.end(resetEnd)
	})
}

// end closes both ends. It is called once.
func (c *connection) end(how func(net.Conn) error) {
	close(c.done)
	how(c.client)
	how(c.server)
}

// resetEnd closes an end so that its peer sees a reset, if the end supports it.
func resetEnd(conn net.Conn) error {
	var err error
	switch conn := conn.(type) {
	case interface{ Reset() error }:
		err = conn.Reset()
	case *net.TCPConn:
		err = conn.SetLinger(0)
	}
	return errors.Join(err, conn.Close())
}

// finishEnd tells an end that no more bytes follow.
func finishEnd(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return conn.Close()
}
