package actors

import "fmt"

// router.go - the dispatcher of a concurrent subscription: its workers, which it
// supervises one for one, run the handler.
//
//	any order     lane ◄── take ── worker, worker, worker
//	by key        lane ── router ──► worker's own lane ◄── take ── worker
//
// Messages that a worker has not finished count as pending in the
// subscription's lane, whichever lane they are in.

// worker holds what outlives the incarnations of one worker actor.
type worker struct {
	seat
	lane lane // by key only
}

func newWorkers(s *Sub) []*worker {
	all := make([]*worker, s.spec.Workers)
	for i := range all {
		w := &worker{}
		w.number = i + 1
		w.lane.limits = Limits{Msgs: -1, Bytes: -1}
		w.lane.waiting, w.lane.relay, w.lane.lost = true, true, s.spec.Lost
		from := &s.lane
		if s.spec.Key != nil {
			from = &w.lane
		}
		w.delivery.Store(s.newDelivery(&w.seat, from, 1))
		all[i] = w
	}
	return all
}

func (at *seat) workerName() string { return "worker-" + decimal(uint64(at.number)) }

type router struct {
	sub     *Sub
	started bool // this incarnation has started the workers
}

// Receive handles one message.
func (r *router) Receive(c *Context, m dispatcherMsg) {
	switch m := m.(type) {
	case deliver:
		r.onDeliver(c)
	case handlerBlocked:
		m.sub.onBlocked(c, m)
	default:
		panic(fmt.Sprintf("router: unhandled message %T", m))
	}
}

func (r *router) onDeliver(c *Context) {
	if r.sub.lane.closed.Load() {
		return
	}
	if !r.started {
		r.started = true
		for _, w := range r.sub.workers {
			r.sub.sit(c, &w.seat, nil)
		}
	}
	var w wakeUps
	defer func() { w.flush(r.sub.conn) }() // even when the key function fails: wake-ups were collected
	if r.sub.spec.Key == nil {
		for _, worker := range r.sub.workers {
			w.offer(worker.box.Load())
		}
	} else {
		r.route(&w)
	}
}

// workerStopped ends the subscription when its policy has stopped a worker.
func (s *Sub) workerStopped(reason error) {
	if reason != nil {
		s.conn.unlist(s)
		s.end(reason)
	}
}

// route distributes waiting messages to the workers by key. Messages with the same key
// always go to the same worker, so they stay in order.
func (r *router) route(w *wakeUps) {
	s := r.sub
	d := s.delivery.Load()
	for d.unfinished() || s.lane.take(&d.run, runMax) {
		for d.called < d.run.n {
			r.routeOne(d, w)
		}
		d.called = 0
		d.run.release()
	}
}

// routeOne gives the next message of the run to its worker. If the user's key function
// fails on it, the message counts as delivered, and the next incarnation goes on after
// it.
func (r *router) routeOne(d *delivery, w *wakeUps) {
	s := r.sub
	view := d.run.Cursor
	one := part{seq: d.run.seq + uint64(d.called), n: 1, bytes: view.chunk.views[view.at].size()}
	var m Raw
	d.run.Next(&m)
	d.called++
	keyed := false
	defer func() {
		if !keyed {
			s.lane.lose(segment{chunk: view.chunk, head: view.at, n: 1})
			s.lane.started.Add(1)
			s.giveBack(one)
		}
	}()
	worker := s.workers[s.spec.Key(&m)%uint64(len(s.workers))]
	keyed = true
	view.chunk.refs.Add(1)
	if worker.lane.push(segment{chunk: view.chunk, head: view.at, n: 1, bytes: one.bytes, seq: one.seq}).wake {
		w.offer(worker.box.Load())
	}
}

// Stopping discards what the workers have not begun if the subscription has ended; after
// a failure the next incarnation continues with it.
func (r *router) Stopping(*Context) {
	if !r.sub.lane.closed.Load() {
		return
	}
	if d := r.sub.delivery.Load(); d.unfinished() {
		d.lose()
		d.run.release()
	}
	for _, w := range r.sub.workers {
		w.lane.shut()
	}
}
