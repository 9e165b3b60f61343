package check

import "time"

// Operation is a kind of call.
type Operation uint8

// The operations. Calls that publish are recorded with [Publisher.Publish].
const (
	Request    Operation = iota // has one answer or one error
	Ack                         // the ack of a consumer
	Subscribe                   // subscribe, or create a consumer
	Sync                        // flush, or any other round trip
	Connect                     // the whole call, with all its dials
	Dial                        // one attempt to reach one server
	Close                       // ends a client
	Drain                       // ends a client or a subscription when its work is done
	operations = iota
)

// String returns the operation in lower case.
func (o Operation) String() string {
	return [...]string{"request", "ack", "subscribe", "sync", "connect", "dial", "close", "drain", "unknown"}[min(o, operations)]
}

// guarantee returns the guarantee that is broken by a call that does not end well in
// time.
func (o Operation) guarantee() Guarantee {
	switch o {
	case Close, Drain:
		return G13
	case Dial:
		return G14
	default:
		return G2
	}
}

// Call is one call of a client. It is small and meant to be copied.
type Call struct {
	h  *History
	id uint64
	op Operation
}

// call is a call in progress.
type call struct {
	op       Operation
	who      string
	begin    time.Duration
	deadline time.Duration
	left     int
}

// results counts the calls of one operation that have ended.
type results struct {
	good, bad int
	longest   time.Duration
}

// Begin records that a client is about to make a call, which has to return within the
// timeout; 0 is no timeout. All calls except dials, closes and drains must make progress,
// as publishers must; see [History.Healed].
func (h *History) Begin(op Operation, who string, timeout time.Duration) Call {
	at := h.record()
	defer h.mu.Unlock()
	return h.start(op, who, at, timeout)
}

func (h *History) start(op Operation, who string, at, timeout time.Duration) Call {
	c := Call{h: h, id: h.nextCall, op: op}
	h.nextCall++
	h.evidence[op.guarantee()]++
	h.calls[c.id] = &call{op: op, who: who, begin: at, deadline: deadline(at, timeout)}
	if op.guarantee() == G2 {
		h.caller(who).start(at)
	}
	return c
}

func (h *History) caller(who string) *effort {
	e := h.callers[who]
	if e == nil {
		e = h.newEffort("calls of " + who)
		h.callers[who] = e
	}
	return e
}

// Dial records that a client is about to dial a server. Dials of one client must not
// overlap, nor reach one server more often than [Options.Dials] allows.
func (h *History) Dial(client, server string) Call {
	at := h.record()
	defer h.mu.Unlock()
	h.dials[client]++
	if n := h.dials[client]; n > 1 {
		h.breach(G14, at, "%s has %d dials under way", client, n)
	}
	h.keepPace(client+" dials "+server, at, h.options.Dials)
	return h.start(Dial, client, at, 0)
}

// Unfinished records how much work a client left undone when it was closed or drained:
// the call has to report that with an error. Call it before End.
func (c Call) Unfinished(n int) {
	c.h.record()
	defer c.h.mu.Unlock()
	if under := c.h.calls[c.id]; under != nil {
		under.left = n
	}
}

// End records that the call has returned.
func (c Call) End(err error) {
	c.h.typed(c.op.String(), err)
	at := c.h.record()
	defer c.h.mu.Unlock()
	c.h.end(c, at, err)
}

func (h *History) end(c Call, at time.Duration, err error) {
	promised := c.op.guarantee()
	under := h.calls[c.id]
	if under == nil {
		h.breach(promised, at, "a %v ended twice", c.op)
		return
	}
	delete(h.calls, c.id)
	if under.deadline != never && at > under.deadline+h.late {
		h.breach(promised, at, "%s: %v returned %v after its deadline", under.who, c.op, at-under.deadline)
	}
	if under.left > 0 && err == nil {
		h.breach(promised, at, "%s: %v left %d unfinished and did not report it", under.who, c.op, under.left)
	}
	switch promised {
	case G2:
		h.caller(under.who).finish(at, err == nil)
	case G14:
		h.dials[under.who]--
	}
	h.count(c.op, at-under.begin, err)
}

func (h *History) count(op Operation, took time.Duration, err error) {
	r := h.outcomes[op]
	if r == nil {
		r = &results{}
		h.outcomes[op] = r
	}
	r.longest = max(r.longest, took)
	if err == nil {
		r.good++
	} else {
		r.bad++
	}
}

// paced has the most recent times of a repeated event, in a ring.
type paced struct {
	times []time.Duration
	next  int
}

// keepPace records one more event, and whether it came too soon.
func (h *History) keepPace(what string, at time.Duration, rate Rate) {
	if rate.Most <= 0 || rate.Per <= 0 {
		return
	}
	p := h.pace[what]
	if p == nil {
		p = &paced{}
		h.pace[what] = p
	}
	if len(p.times) < rate.Most {
		p.times = append(p.times, at)
		return
	}
	if since := at - p.times[p.next]; since < rate.Per {
		h.breach(G14, at, "%s %d times within %v", what, rate.Most+1, since)
	}
	p.times[p.next] = at
	p.next = (p.next + 1) % rate.Most
}

// Recreated records that a client created an object on the server again, such as the
// consumer of a watcher. It may do so no more often than [Options.Recreates] allows.
func (h *History) Recreated(who, object string) {
	at := h.record()
	defer h.mu.Unlock()
	h.evidence[G14]++
	h.keepPace(who+" recreates "+object, at, h.options.Recreates)
}

// Crashed records that the process of a client ended, or that a panic spread beyond the
// part in which it happened.
func (h *History) Crashed(who string, cause any) {
	at := h.record()
	defer h.mu.Unlock()
	h.breach(G12, at, "%s crashed: %v", who, cause)
}

// Contained records that a part of a client, or a callback that it called, panicked, and
// that nothing else was harmed.
func (h *History) Contained() {
	h.record()
	defer h.mu.Unlock()
	h.evidence[G12]++
}
