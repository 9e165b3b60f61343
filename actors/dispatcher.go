package actors

import "fmt"

// dispatcher.go - runs the user's handler for one subscription.
//
//	deliver ─► take a run from the lane ─► build ─► call, call, … ─► give back
//
// Its position in a run is kept in its delivery: after a panic the next incarnation goes
// on with the message after the one that caused it.

// Messages, in the order of dispatcher.Receive.
type (
	dispatcherMsg interface{ isDispatcherMsg() }

	// deliver says that the lane has messages, or that a run is unfinished.
	deliver struct{}
)

func (deliver) isDispatcherMsg() {}

// messagesPerTurn is roughly how many messages are delivered before other actors get the
// runner.
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
		if !d.delivery.work() {
			return // its supervisor has given it up
		}
	}
	c.host.box.offerData()
}
