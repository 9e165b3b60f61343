package actors

import (
	"runtime"
	"sync"
	"time"
)

// stallAfter is how long the run queue may wait without any runner taking from it before
// another runner is started. A handler that blocks thus delays others by at most this
// long.
const stallAfter = 200 * time.Microsecond

// runnersMin is the least number of runners, even on one processor, where a handler that
// blocks would otherwise hold up everything for stallAfter.
const runnersMin = 2

// executor runs mailboxes on a few long-lived goroutines.
//
//	submit ─► run queue ─► runner ─► mailbox.run ─► handler
//	                         ▲
//	            stalled: nothing taken for 200 µs, so one more runner
//
// A goroutine per activation costs more than a short handler, and with a fixed pool a few
// blocked handlers would stop everything; hence runners that stay, and a timer that adds
// one when the queue stalls. Extra runners leave when the queue is empty. Without users
// (retain, release) no runner remains.
type executor struct {
	mu      sync.Mutex
	head    *mailbox // run queue, linked by mailbox.nextRunnable
	tail    *mailbox
	idle    []*runner // parked runners; the last one parked runs first
	all     map[uint64]*runner
	runners int // all runners, busy and parked; len(all) lags behind starts
	base    int // number of runners that stay while there are users
	users   int
	taken   uint64 // mailboxes taken from the queue, for the stall check
	seen    uint64 // taken at the last stall check
	armed   bool   // the stall timer is running
	timer   *time.Timer
	gone    *sync.Cond // signalled when a runner leaves
}

// runner is one goroutine of the executor.
type runner struct {
	wake    chan struct{} // capacity 1
	current *mailbox      // guarded by executor.mu; nil while parked
	gid     uint64        // goroutine id
}

func newExecutor() *executor {
	e := &executor{base: max(runnersMin, runtime.GOMAXPROCS(0)), all: make(map[uint64]*runner)}
	e.gone = sync.NewCond(&e.mu)
	return e
}

// retain adds a user; runners are kept while there are users.
func (e *executor) retain() {
	e.mu.Lock()
	e.users++
	e.mu.Unlock()
}

// release removes a user. After the last one the parked runners leave, and the
// busy ones leave when they become idle.
func (e *executor) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users--
	if e.users > 0 {
		return
	}
	if e.timer != nil && e.head == nil {
		e.timer.Stop()
		e.armed = false
	}
	for _, w := range e.idle {
		w.wake <- struct{}{}
	}
	e.idle = e.idle[:0]
}

// settle waits until no runner is left, or only those that run a handler which
// is still busy after bound. The caller's own runner does not count.
func (e *executor) settle(bound time.Duration) {
	expected := 0
	if e.current() != nil {
		expected = 1
	}
	expired := false
	timer := time.AfterFunc(bound, func() {
		e.mu.Lock()
		expired = true
		e.mu.Unlock()
		e.gone.Broadcast()
	})
	defer timer.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.users == 0 && e.runners > expected && !expired {
		e.gone.Wait()
	}
}

// current returns the mailbox that the calling goroutine runs, nil when the
// caller is not one of the runners.
func (e *executor) current() *mailbox {
	gid := goroutineID()
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.all[gid]; w != nil {
		return w.current
	}
	return nil
}

// submit makes one mailbox runnable. The mailbox must be in state queued.
func (e *executor) submit(m *mailbox) { e.submitAll(m, m, 1) }

// submitAll appends a linked list of n mailboxes to the run queue.
func (e *executor) submitAll(first, last *mailbox, n int) {
	last.nextRunnable = nil
	e.mu.Lock()
	if e.tail == nil {
		e.head = first
	} else {
		e.tail.nextRunnable = first
	}
	e.tail = last
	for ; n > 0 && len(e.idle) > 0; n-- {
		w := e.idle[len(e.idle)-1]
		e.idle = e.idle[:len(e.idle)-1]
		w.wake <- struct{}{}
	}
	for ; n > 0 && e.runners < e.base; n-- {
		e.startLocked()
	}
	if n > 0 {
		e.armLocked()
	}
	e.mu.Unlock()
}

func (e *executor) startLocked() {
	e.runners++
	w := &runner{wake: make(chan struct{}, 1)}
	go e.work(w)
}

// armLocked starts the stall timer unless it runs.
func (e *executor) armLocked() {
	if e.armed {
		return
	}
	e.armed = true
	e.seen = e.taken
	if e.timer == nil {
		e.timer = time.AfterFunc(stallAfter, e.stalled)
		return
	}
	e.timer.Reset(stallAfter)
}

// stalled runs when the stall timer fires: if nothing was taken from the queue since it
// was armed, one more runner is started.
func (e *executor) stalled() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.armed = false
	if e.head == nil {
		return
	}
	stalled := e.taken == e.seen
	e.armLocked()
	if stalled {
		e.startLocked()
		e.seen++ // the new runner's first take does not show that the queue moves
	}
}

// work is the life of one runner. A handler that ends its goroutine with
// Goexit ends the runner; a new one then takes its place.
func (e *executor) work(w *runner) {
	w.gid = goroutineID()
	e.mu.Lock()
	e.all[w.gid] = w
	e.mu.Unlock()
	normal := false
	defer func() {
		if normal {
			return
		}
		e.mu.Lock()
		m := w.current
		w.current = nil
		e.mu.Unlock()
		m.reschedule() // while this runner counts: settle waits for what it starts
		e.mu.Lock()
		e.startLocked()
		e.leaveLocked(w)
		e.mu.Unlock()
	}()
	for m := e.take(w); m != nil; m = e.take(w) {
		m.run()
	}
	normal = true
}

// take returns the next runnable mailbox, parking the runner while there is
// none, and nil when the runner should leave.
func (e *executor) take(w *runner) *mailbox {
	e.mu.Lock()
	w.current = nil
	for {
		if m := e.head; m != nil {
			e.head = m.nextRunnable
			if e.head == nil {
				e.tail = nil
			}
			m.nextRunnable = nil
			e.taken++
			w.current = m
			e.mu.Unlock()
			return m
		}
		if e.users == 0 || e.runners > e.base {
			e.leaveLocked(w)
			e.mu.Unlock()
			return nil
		}
		e.idle = append(e.idle, w)
		e.mu.Unlock()
		<-w.wake
		e.mu.Lock()
	}
}

// aside runs f for a mailbox on a goroutine of its own and waits for it: user
// code that ends its goroutine must not end what calls it.
func (e *executor) aside(m *mailbox, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		gid := goroutineID()
		e.mu.Lock()
		e.all[gid] = &runner{current: m}
		e.mu.Unlock()
		defer func() {
			e.mu.Lock()
			delete(e.all, gid)
			e.mu.Unlock()
		}()
		f()
	}()
	<-done
}

func (e *executor) leaveLocked(w *runner) {
	delete(e.all, w.gid)
	e.runners--
	e.gone.Broadcast()
}

// goroutineID returns the id of the calling goroutine. The runtime offers no other way
// than its stack header ("goroutine 12 [running]:"); it is read once per runner and once
// per Close, never on a hot path.
func goroutineID() uint64 {
	var buf [64]byte
	text := buf[:runtime.Stack(buf[:], false)]
	var id uint64
	for _, c := range text[len("goroutine "):] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}
