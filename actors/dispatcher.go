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

// runsPerTurn is how many runs a dispatcher works on before others get the
// worker.
const runsPerTurn = 8

type dispatcher struct{ sub *Sub }

func newDispatcher(s *Sub) *dispatcher { return &dispatcher{sub: s} }

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
	s := d.sub
	for range runsPerTurn {
		if !s.delivery.unfinished() && !s.lane.take(&s.delivery.run, runMax) {
			return
		}
		s.work()
	}
	c.host.box.offerData()
}

// unfinished reports whether a run was begun and not given back.
func (d *delivery) unfinished() bool { return d.run.chunk != nil }

// work delivers what is left of the current run and gives it back.
func (s *Sub) work() {
	d := &s.delivery
	if d.left == 0 && d.built == 0 {
		d.left = d.run.n
	}
	for !s.lane.closed.Load() {
		for d.called < d.built && !s.lane.closed.Load() {
			k := d.called
			d.called++
			s.lane.started.Add(1)
			d.consumer.Call(k)
		}
		if d.left == 0 || s.lane.closed.Load() {
			break
		}
		d.called, d.built = 0, 0
		d.built = d.consumer.Build(&d.run.Cursor, d.left)
		d.left -= d.built
	}
	d.left, d.built, d.called = 0, 0, 0
	s.giveBack(&d.run)
}
