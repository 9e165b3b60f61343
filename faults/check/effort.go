package check

import "time"

// effort is something that has to make progress while a healthy server can be reached: a
// publisher, a subscription, the calls of one client, or work declared by a test.
type effort struct {
	h      *History
	name   string
	since  time.Duration // waiting since then; never: there is nothing to do
	under  int           // calls in progress
	last   time.Duration // when the last of them ended
	judged bool          // whether anything was ever pending with a healthy server
}

func (h *History) newEffort(name string) *effort {
	e := &effort{h: h, name: name, since: never, last: never}
	h.efforts = append(h.efforts, e)
	return e
}

// start records the beginning of a call. If the call before it failed a short time ago,
// both belong to the same wait: a client that tries again and again, and fails, waits all
// the time.
func (e *effort) start(at time.Duration) {
	idle := e.under == 0 && e.last != never && at-e.last > e.h.recovery
	if e.since == never || idle {
		e.since = at
	}
	e.under++
}

// finish records the end of a call; only a successful one is progress.
func (e *effort) finish(at time.Duration, succeeded bool) {
	e.check(at)
	e.under = max(e.under-1, 0)
	e.last = at
	switch {
	case succeeded && e.under == 0:
		e.since = never
	case succeeded:
		e.since = at
	}
}

// want records that there is something to do.
func (e *effort) want(at time.Duration) {
	if e.since == never {
		e.since = at
	}
	e.under = max(e.under, 1)
}

// progress records that something was done.
func (e *effort) progress(at time.Duration) {
	e.check(at)
	if e.since != never {
		e.since = at
	}
}

// rest records that there is nothing more to do.
func (e *effort) rest() { e.since, e.under = never, 0 }

// waits reports whether work could be done now. After a call that failed, nothing is in
// progress until the next one begins.
func (e *effort) waits() bool { return e.under > 0 && e.since != never && e.h.healthy != never }

// waited returns for how long nothing was done although it could have been.
func (e *effort) waited(at time.Duration) time.Duration {
	if !e.waits() {
		return 0
	}
	return at - max(e.since, e.h.healthy)
}

// check records a wait that was too long. It may be called at any time during the wait;
// what it has recorded is not counted again.
func (e *effort) check(at time.Duration) {
	if e.waits() {
		e.judged = true
	}
	if wait := e.waited(at); wait > e.h.recovery {
		e.h.breach(G8, at, stalled, e.name, wait)
		e.since = at
	}
}

// stalled is the text for an effort that waited too long.
const stalled = "%s made no progress for %v"

// Healed records that from now on at least one healthy server can be reached: everything
// pending must make progress within [Options.Recovery]. Nothing is judged before the
// first Healed.
func (h *History) Healed() {
	at := h.record()
	defer h.mu.Unlock()
	if h.healthy == never {
		h.healthy = at
	}
}

// Impaired records that from now on there may be no server that can be reached.
func (h *History) Impaired() {
	at := h.record()
	defer h.mu.Unlock()
	for _, e := range h.efforts {
		e.check(at)
	}
	h.healthy = never
}

// Work is anything that has to make progress and is not a publisher, a subscription or a
// call.
type Work struct {
	e *effort
}

// Work adds work under a name. It is not pending yet.
func (h *History) Work(name string) Work {
	h.record()
	defer h.mu.Unlock()
	return Work{e: h.newEffort(name)}
}

// Pending records that there is something to do.
func (w Work) Pending() {
	at := w.e.h.record()
	defer w.e.h.mu.Unlock()
	w.e.want(at)
}

// Progress records that some of it was done.
func (w Work) Progress() {
	at := w.e.h.record()
	defer w.e.h.mu.Unlock()
	w.e.progress(at)
}

// Done records that all of it is done.
func (w Work) Done() {
	at := w.e.h.record()
	defer w.e.h.mu.Unlock()
	w.e.check(at)
	w.e.rest()
}
