package actors

import (
	"runtime/debug"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/supervisor"
)

// turnMax is how many messages (a batch of NATS messages counts as one) a
// mailbox handles before it goes to the end of the run queue.
const turnMax = 16

// MailboxDefault bounds the waiting control messages if a Spec sets no bound.
const MailboxDefault = 8192

type runState uint8

const (
	runIdle    runState = iota // nothing to do
	runQueued                  // in the run queue
	runRunning                 // on a worker
	runDead                    // its actor has stopped
)

// mailbox is the queue of one actor, in place of protoactor's own.
//
//	system lane   protoactor's lifecycle: first, unbounded, never refused
//	control lane  messages of actors: next, bounded by count
//	data lane     runs of NATS messages: last, bounded by count and bytes (see lane)
//
// An actor that was suspended by its supervisor gets system messages only. A panic or
// Goexit while a message is handled becomes a failure for the supervisor; the messages
// after it stay queued.
type mailbox struct {
	schedule func(*mailbox) // hands a queued mailbox to its goroutine

	mu         sync.Mutex
	state      runState
	suspended  bool // by the supervisor, until resumed or restarted
	stopping   bool // its actor is stopping: system messages only
	dataReady  bool // the data lane has work
	system     fifo
	control    fifo
	controlMax int
	refused    uint64 // control messages refused because the lane was full

	invoker      actor.MessageInvoker
	host         *host
	data         any      // message that is delivered for the data lane; nil when there is none
	nextRunnable *mailbox // link of the executor's run queue, guarded by its lock

	current any // message being handled; run's goroutine only
}

// fifo is a queue that frees its memory when it is empty.
type fifo struct {
	items []any
	head  int
}

func (q *fifo) len() int { return len(q.items) - q.head }

func (q *fifo) push(v any) {
	q.items, q.head = moveDown(q.items, q.head)
	q.items = append(q.items, v)
}

// moveDown makes room in a slice that is full to its end and at least half free before
// head. Without it a queue that never becomes empty would grow for ever.
func moveDown[T any](items []T, head int) ([]T, int) {
	if len(items) < cap(items) || 2*head < len(items) || head == 0 {
		return items, head
	}
	n := copy(items, items[head:])
	clear(items[n:])
	return items[:n], 0
}

func (q *fifo) pop() any {
	v := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	if q.head < len(q.items) {
		return v
	}
	q.head = 0
	if cap(q.items) > 64 {
		q.items = nil
		return v
	}
	q.items = q.items[:0]
	return v
}

var _ actor.Mailbox = (*mailbox)(nil)

// PostUserMessage is for protoactor; our own code uses post, which can refuse.
func (m *mailbox) PostUserMessage(message any) { _ = m.post(message) }

// post queues a control message. It returns ErrMailboxFull when the lane is full and
// ErrActorStopped after the actor's end.
func (m *mailbox) post(message any) error {
	m.mu.Lock()
	if m.state == runDead {
		m.mu.Unlock()
		return ErrActorStopped
	}
	if m.control.len() >= m.controlMax {
		m.refused++
		m.mu.Unlock()
		return ErrMailboxFull
	}
	m.control.push(message)
	m.wakeLocked()
	return nil
}

// must is post without the bound.
func (m *mailbox) must(message any) error {
	m.mu.Lock()
	if m.state == runDead {
		m.mu.Unlock()
		return ErrActorStopped
	}
	m.control.push(message)
	m.wakeLocked()
	return nil
}

// PostSystemMessage queues a message of protoactor's lifecycle.
func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	if m.state == runDead {
		m.mu.Unlock()
		return
	}
	m.system.push(message)
	m.wakeLocked()
}

// wakeLocked makes the mailbox runnable if it is idle, and unlocks it.
func (m *mailbox) wakeLocked() {
	wake := m.state == runIdle && m.invoker != nil
	if wake {
		m.state = runQueued
	}
	m.mu.Unlock()
	if wake {
		m.schedule(m)
	}
}

// offerData says that the data lane has work. It reports true when the caller must put
// the mailbox into the run queue, which it may do for many at once.
func (m *mailbox) offerData() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dataReady = true
	if m.state != runIdle || m.invoker == nil || m.suspended || m.stopping {
		return false
	}
	m.state = runQueued
	return true
}

// RegisterHandlers receives the actor behind the mailbox.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.mu.Lock()
	m.invoker = invoker
	m.mu.Unlock()
}

// Start schedules what was posted before the actor was there.
func (m *mailbox) Start() {
	m.mu.Lock()
	m.wakeLocked()
}

func (m *mailbox) setHost(h *host) {
	m.mu.Lock()
	m.host = h
	m.mu.Unlock()
}

// owner returns the host, for callers outside the actor's own turn.
func (m *mailbox) owner() *host {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.host
}

// UserMessageCount returns the number of waiting control messages.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.control.len()
}

// run handles up to turnMax messages and then returns to its runner.
func (m *mailbox) run() {
	m.mu.Lock()
	m.state = runRunning
	m.mu.Unlock()
	for range turnMax {
		message, system := m.next()
		if message == nil {
			return
		}
		m.invoke(message, system)
	}
	m.reschedule()
}

// next takes the next message, or makes the mailbox idle and returns nil.
func (m *mailbox) next() (message any, system bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == runDead {
		m.system, m.control = fifo{}, fifo{}
		return nil, false
	}
	if m.system.len() > 0 {
		return m.system.pop(), true
	}
	open := !m.suspended && !m.stopping
	if open && m.control.len() > 0 {
		return m.control.pop(), false
	}
	if open && m.dataReady && m.data != nil {
		m.dataReady = false
		return m.data, false
	}
	m.state = runIdle
	return nil, false
}

// reschedule puts a running mailbox at the end of the run queue.
func (m *mailbox) reschedule() {
	m.mu.Lock()
	if m.state == runDead {
		m.mu.Unlock()
		return
	}
	m.state = runQueued
	m.mu.Unlock()
	m.schedule(m)
}

// invoke hands one message to the actor; a panic or Goexit becomes a failure.
func (m *mailbox) invoke(message any, system bool) {
	if system && m.ownMessage(message) {
		return
	}
	m.current = message
	finished := false
	defer func() {
		m.current = nil
		if !finished {
			m.fail(recover(), message)
		}
	}()
	if system {
		m.invoker.InvokeSystemMessage(message)
	} else {
		m.invoker.InvokeUserMessage(message)
	}
	finished = true
}

// ownMessage handles the two system messages that are for the mailbox itself.
func (m *mailbox) ownMessage(message any) bool {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.setSuspended(true)
	case *actor.ResumeMailbox:
		m.setSuspended(false)
	default:
		return false
	}
	return true
}

func (m *mailbox) setSuspended(suspended bool) {
	m.mu.Lock()
	m.suspended = suspended
	m.mu.Unlock()
}

// paused reports whether the supervisor has not answered a failure yet.
func (m *mailbox) paused() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.suspended
}

// setStopping closes the control and data lanes while the actor stops or restarts:
// protoactor itself would go on delivering while a child is alive.
func (m *mailbox) setStopping(stopping bool) {
	m.mu.Lock()
	m.stopping = stopping
	m.mu.Unlock()
}

// busy reports whether a message is being handled or waits to be.
func (m *mailbox) busy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state == runRunning || m.state == runQueued
}

func (m *mailbox) dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state == runDead
}

// terminate ends the mailbox and returns the control messages that were not handled.
func (m *mailbox) terminate() (leftover []any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = runDead
	for m.control.len() > 0 {
		leftover = append(leftover, m.control.pop())
	}
	return leftover
}

// fail passes a recovered value (nil after Goexit) to the supervisor as a failure.
func (m *mailbox) fail(value any, message any) {
	discard(message)
	if m.data != nil && message == m.data {
		m.offerData() // what comes after the failed message still waits
	}
	if f, ok := value.(*failure); ok {
		m.host.escalate(f, message)
		return
	}
	text := m.host.describe(message)
	f := &failure{cause: &supervisor.GoexitError{Message: text}, text: text}
	if value != nil {
		f.stack = debug.Stack()
		f.cause = &supervisor.PanicError{Value: value, Stack: f.stack, Message: text, Internal: m.host.spec.sub == nil && !m.host.spec.user}
	}
	m.host.escalate(f, message)
}
