package actors

import "fmt"

// router.go - the dispatcher of a concurrent subscription: it leaves the
// handler to workers, which it supervises one by one.
//
//	any order     lane ◄── take ── worker, worker, worker
//	by key        lane ── router ──► worker's own lane ◄── take ── worker
//
// Messages that a worker has not finished count as pending in the
// subscription's lane, whichever lane they are in.

// worker is what outlives the incarnations of one worker actor.
type worker struct {
	delivery delivery
	lane     lane // by key only
	box      *mailbox
}

func newWorkers(s *Sub) []*worker {
	all := make([]*worker, s.spec.Workers)
	for i := range all {
		w := &worker{}
		w.lane.limits = Limits{Msgs: -1, Bytes: -1}
		w.lane.waiting = true
		w.delivery = delivery{sub: s, from: &s.lane, most: 1, consumer: s.spec.Consumer()}
		if s.spec.Key != nil {
			w.delivery.from = &w.lane
		}
		all[i] = w
	}
	return all
}

type router struct {
	sub     *Sub
	started bool // this incarnation has started the workers
}

// Receive handles one message.
func (r *router) Receive(c *Context, m dispatcherMsg) {
	switch m.(type) {
	case deliver:
		r.onDeliver(c)
	default:
		panic(fmt.Sprintf("router: unhandled message %T", m))
	}
}

func (r *router) onDeliver(c *Context) {
	if !r.started {
		r.started = true
		r.startWorkers(c)
	}
	var w wakeUps
	defer func() { w.flush(r.sub.conn) }() // also when the key function fails: workers have been claimed
	if r.sub.spec.Key == nil {
		for _, worker := range r.sub.workers {
			w.offer(worker.box)
		}
	} else {
		r.route(&w)
	}
}

func (r *router) startWorkers(c *Context) {
	s := r.sub
	for i, w := range s.workers {
		spec := Spec{Name: "worker-" + decimal(uint64(i+1)), Kind: "worker", Policy: s.spec.Policy,
			data: dispatcherMsg(deliver{}), lane: w.delivery.from, about: w.delivery.about, OnStopped: s.workerStopped}
		box := newMailbox(c.host.tree.system, spec)
		box.dataReady = true // an older incarnation may have left something
		spec.adopted = box
		w.box = box
		spawn(c, spec, func() Actor[dispatcherMsg] { return &dispatcher{delivery: &w.delivery} })
	}
}

// workerStopped ends the subscription with a worker that its policy stopped.
func (s *Sub) workerStopped(reason error) {
	if reason != nil {
		s.conn.unlist(s)
		s.end(reason)
	}
}

// route hands what waits to the workers by key. A key's messages always go to
// the same worker, so they stay in order.
func (r *router) route(w *wakeUps) {
	s := r.sub
	d := &s.delivery
	for d.unfinished() || s.lane.take(&d.run, runMax) {
		for d.called < d.run.n {
			r.routeOne(d, w)
		}
		d.called = 0
		d.run.release()
	}
}

// routeOne gives the next message of the run to its worker. If the user's key
// function fails on it, the message counts as delivered, and the next
// incarnation goes on behind it.
func (r *router) routeOne(d *delivery, w *wakeUps) {
	s := r.sub
	view := d.run.Cursor
	size := view.chunk.views[view.at].size()
	var m Raw
	d.run.Next(&m)
	d.called++
	keyed := false
	defer func() {
		if !keyed {
			s.lane.started.Add(1)
			s.giveBack(1, size)
		}
	}()
	worker := s.workers[s.spec.Key(&m)%uint64(len(s.workers))]
	keyed = true
	view.chunk.refs.Add(1)
	if worker.lane.push(segment{chunk: view.chunk, head: view.at, n: 1, bytes: size}).wake {
		w.offer(worker.box)
	}
}

// Stopping discards what the workers have not begun when the subscription has
// ended; after a failure it stays for the next incarnation.
func (r *router) Stopping(*Context) {
	if !r.sub.lane.closed.Load() {
		return
	}
	if d := &r.sub.delivery; d.unfinished() {
		d.run.release()
	}
	for _, w := range r.sub.workers {
		w.lane.shut()
	}
}
