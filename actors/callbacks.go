package actors

import (
	"fmt"
	"sync"

	"github.com/troupe-go/troupe/supervisor"
)

// callbacks.go - calls the user's event callback: every event, in order, off every hot
// path. Whatever the callback does, and however long it takes, it affects only later
// events.

// Messages, in the order of callbacks.Receive.
type (
	callbacksMsg interface{ isCallbacksMsg() }

	// deliverEvents says that events wait.
	deliverEvents struct{}
)

func (deliverEvents) isCallbacksMsg() {}

// policy goes on with the next event when a callback fails. A failure without any event
// taken out since the one before is a defect of ours, which would recur at once and for
// ever: it is answered like that of any other actor.
func (l *eventLog) policy() supervisor.Policy {
	p := own
	p.Decide = func(supervisor.Failure) (supervisor.Directive, bool) {
		if l.advanced() {
			return supervisor.Resume, true
		}
		return supervisor.Restart, true
	}
	return p
}

// advanced reports whether an event was taken out since the last call.
func (l *eventLog) advanced() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.seen
	l.seen = l.popped
	return l.popped != before
}

// eventsPerTurn is how many events are delivered before others get the worker.
const eventsPerTurn = 64

type callbacks struct{ conn *Conn }

// Receive handles one message; it takes as long as the user's callbacks do.
func (a *callbacks) Receive(c *Context, m callbacksMsg) {
	switch m.(type) {
	case deliverEvents:
		a.onDeliverEvents(c)
	default:
		panic(fmt.Sprintf("callbacks: unhandled message %T", m))
	}
}

func (a *callbacks) onDeliverEvents(c *Context) {
	log := &a.conn.events
	for range eventsPerTurn {
		n, ok := log.pop()
		if !ok {
			log.finished()
			return
		}
		a.deliver(n)
	}
	c.host.box.offerData()
}

// deliver hands one event to the user's callback.
func (a *callbacks) deliver(n Notice) {
	if n.call != nil {
		n.call()
		return
	}
	n.Conn = a.conn
	if n.Kind == supervisor.SubscriptionStopped && n.Sub != nil && n.Sub.spec.Ended != nil {
		defer n.Sub.spec.Ended(n.Sub, n.Cause)
	}
	if a.conn.cfg.OnEvent != nil {
		a.conn.cfg.OnEvent(n)
	}
}

// eventsMax bounds the events that wait for a slow callback; eventsKept is how many past
// events can be looked up.
const (
	eventsMax  = 8192
	eventsKept = 256
)

// eventLog numbers events, keeps the last ones, and queues them for the
// callbacks actor. Pushing never blocks: when a callback is so slow that the
// queue is full, events are dropped and counted, and one event says so.
type eventLog struct {
	mu      sync.Mutex
	conn    *Conn
	box     *mailbox
	seq     supervisor.Sequence
	queue   []Notice
	head    int
	kept    []supervisor.Event
	popped  uint64 // events and calls taken out, ever
	seen    uint64 // popped at the last failure
	dropped uint64 // ever
	unsaid  uint64 // dropped since the last EventsDropped
	closed  bool   // the end has been queued: later events are only kept
	ending  bool   // notify the root when the queue is empty
	over    bool   // the root has been notified
}

func (l *eventLog) init(c *Conn) { l.conn = c }

// attach sets the mailbox of the callbacks actor.
func (l *eventLog) attach(box *mailbox) {
	l.mu.Lock()
	l.box = box
	waiting := len(l.queue) > l.head
	l.mu.Unlock()
	if waiting {
		l.wake(box)
	}
}

func (l *eventLog) wake(box *mailbox) {
	if box != nil && box.offerData() {
		box.schedule(box)
	}
}

func (l *eventLog) push(n Notice) {
	l.mu.Lock()
	full := len(l.queue)-l.head >= eventsMax
	if l.unsaid > 0 && !full && !l.closed {
		e := supervisor.Event{Kind: supervisor.EventsDropped, Path: n.Path, Time: n.Time, Seq: l.seq.Next(), Count: l.unsaid}
		l.unsaid = 0
		l.queue = append(l.queue, Notice{Event: e})
	}
	n.Seq = l.seq.Next()
	l.keep(n.Event)
	// Events about the callbacks actor itself would cause each other for ever.
	if l.closed && n.Kind != supervisor.SubscriptionStopped || l.box != nil && l.box.host != nil && n.Path == l.box.host.path {
		l.mu.Unlock()
		return
	}
	// Events of ends are bounded in number, and somebody may be waiting for each, so they
	// are never dropped.
	end := n.Kind == supervisor.SubscriptionStopped || n.Kind == supervisor.ConnectionClosed
	if full && !end {
		l.dropped++
		l.unsaid++
		l.mu.Unlock()
		return
	}
	l.queue, l.head = moveDown(l.queue, l.head)
	l.queue = append(l.queue, n)
	box := l.box
	l.mu.Unlock()
	l.wake(box)
}

// call queues f after the events that wait. It returns false when the end of the
// connection has been delivered.
func (l *eventLog) call(f func()) bool {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return false
	}
	l.queue, l.head = moveDown(l.queue, l.head)
	l.queue = append(l.queue, Notice{call: f})
	box := l.box
	l.mu.Unlock()
	l.wake(box)
	return true
}

func (l *eventLog) keep(e supervisor.Event) {
	if len(l.kept) >= 2*eventsKept {
		l.kept = append(l.kept[:0], l.kept[eventsKept:]...)
	}
	l.kept = append(l.kept, e)
}

func (l *eventLog) pop() (Notice, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head == len(l.queue) {
		l.queue, l.head = l.queue[:0], 0
		if cap(l.queue) > 1024 {
			l.queue = nil
		}
		return Notice{}, false
	}
	n := l.queue[l.head]
	l.queue[l.head] = Notice{}
	l.head++
	l.popped++
	return n, true
}

// close ends the stream: what is queued is still delivered.
func (l *eventLog) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
}

// finish asks for a message to the root when everything has been delivered.
func (l *eventLog) finish() {
	l.mu.Lock()
	l.ending = true
	box := l.box
	l.mu.Unlock()
	l.wake(box)
}

// finished is called by the actor when it has found the queue empty.
func (l *eventLog) finished() {
	l.mu.Lock()
	tell := l.ending && l.head == len(l.queue)
	if tell {
		l.ending, l.over = false, true
	}
	l.mu.Unlock()
	if tell {
		_ = l.conn.root.must(eventsDelivered{})
	}
}

func (l *eventLog) droppedCount() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// Events returns the last events, oldest first.
func (c *Conn) Events() []supervisor.Event {
	c.events.mu.Lock()
	defer c.events.mu.Unlock()
	kept := c.events.kept
	if len(kept) > eventsKept {
		kept = kept[len(kept)-eventsKept:]
	}
	return append([]supervisor.Event(nil), kept...)
}
