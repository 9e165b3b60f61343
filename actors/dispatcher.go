package actors

import "fmt"

// dispatcher.go - runs the user's handler for one subscription.
//
//	deliver ─► take a run from the lane ─► build ─► call, call, … ─► give back
//
// Where it stands in a run is kept in Sub.delivery: after a panic the next
// incarnation goes on with the message behind the one that caused it.

// Messages, in the order of dispatcher.Receive.
type (
	dispatcherMsg interface{ isDispatcherMsg() }

	// deliver says that the lane has messages, or that a run is unfinished.
	deliver struct{}
)

func (deliver) isDispatcherMsg() {}

// messagesPerTurn is about how many messages are delivered before others get
// the worker.
const messagesPerTurn = 1024

// dispatcher also serves as the worker of a concurrent subscription.
type dispatcher struct{ delivery *delivery }

// Receive handles one message; it takes as long as the user's handler does.
func (d *dispatcher) Receive(c *Context, m dispatcherMsg) {
	switch m.(type) {
	case deliver:
		d.onDeliver(c)
	default:
		panic(fmt.Sprintf("dispatcher: unhandled message %T", m))
	}
}

func (d *dispatcher) onDeliver(c *Context) {
	for delivered := 0; delivered < messagesPerTurn; {
		if !d.delivery.unfinished() && !d.delivery.from.take(&d.delivery.run, d.delivery.most) {
			return
		}
		delivered += d.delivery.run.n
		d.delivery.work()
	}
	c.host.box.offerData()
}

// unfinished reports whether a run was begun and not given back.
func (d *delivery) unfinished() bool { return d.run.chunk != nil }

// work delivers what is left of the current run and gives it back.
func (d *delivery) work() {
	lane := &d.sub.lane
	if d.left == 0 && d.built == 0 {
		d.left = d.run.n
	}
	for !lane.closed.Load() {
		for d.called < d.built && !lane.closed.Load() {
			k := d.called
			d.called++
			if n, last := lane.started.Add(1), lane.last.Load(); last > 0 && n > last {
				lane.started.Add(^uint64(0))
				d.sub.end(nil) // closes the lane
				break
			}
			d.consumer.Call(k)
		}
		if d.left == 0 || lane.closed.Load() {
			break
		}
		d.called, d.built = 0, 0
		d.built = d.consumer.Build(&d.run.Cursor, d.left)
		d.left -= d.built
	}
	d.left, d.built, d.called = 0, 0, 0
	n, bytes := d.run.n, d.run.bytes
	d.run.release()
	if d.from != lane {
		d.from.finish(n, bytes)
	}
	d.sub.giveBack(n, bytes)
}

// abandon gives up an unfinished run when no dispatcher will go on with it.
func (d *delivery) abandon() {
	if d.unfinished() {
		d.run.release()
	}
}

// about names the message whose call is going on, for the report of a failure:
// under a wildcard the subscription's own subject would not tell which it was.
func (d *delivery) about() string {
	if d.run.chunk == nil || d.called == 0 {
		return d.sub.Subject
	}
	before := 0 // messages of the run built and delivered earlier; a router builds none
	if d.built > 0 {
		before = d.run.n - d.left - d.built
	}
	at := d.run.start
	for range before + d.called - 1 {
		at = d.run.chunk.views[at].next
	}
	one := Cursor{chunk: d.run.chunk, at: at}
	var m Raw
	one.Next(&m)
	return string(m.Subject)
}
