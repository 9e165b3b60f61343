package check

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure how strict the validators are. The zero value is a sensible choice.
type Options struct {
	// Minimum is how many values the guarantees about values (G1 to G4, G6, G7, G12) need
	// as evidence, and how many a whole run must have published; below it they are void.
	// 0 is 1. The other guarantees need one record of their kind.
	Minimum int

	// Late is how long after its deadline a call may still return. 0 is 10 ms; a negative
	// value allows no delay.
	Late time.Duration

	// Recovery is how long work may wait without progress while a healthy server can
	// be reached. 0 is 5 s.
	Recovery time.Duration

	// Dials bounds how often a client dials one server. The zero value is no bound;
	// overlapping dials are a violation in any case.
	Dials Rate

	// Recreates bounds how often a client creates one object of the server again. The
	// zero value is no bound.
	Recreates Rate

	// Typed reports whether an error is one that the client documents. It is called with
	// every recorded error, never with nil, on the goroutine that records, with no lock
	// held. Nil: Typed is not judged.
	Typed func(error) bool

	// Damaged says how a payload without a value, or with a wrong checksum, is treated.
	Damaged Damage

	// Examples is how many examples a Broken holds at most. 0 is 5.
	Examples int
}

// Rate is a number of times within a window. The zero value is no bound.
type Rate struct {
	Most int
	Per  time.Duration
}

// Damage says how a damaged payload is treated.
type Damage uint8

// How a damaged payload is treated.
const (
	NotExpected Damage = iota // a violation: the client delivered what was never published
	Tolerated                 // only counted: the run flips bits, and the connection has no checksum
)

// History is the record of a run, as far as the validators need it: it keeps violations,
// and about ten bytes for each value. Its methods, and those of everything created from
// it, are safe for concurrent use. None blocks for longer than it takes to record one
// fact, and none calls anything but the clock and [Options.Typed].
//
// Record a beginning before it happens and an end after it has happened: a call before it
// is made and after it has returned, a delivery as the first thing in the handler.
type History struct {
	now     func() time.Time
	options Options
	begin   time.Time

	// turns counts deliveries and ends of subscriptions in their order, which has to be
	// known even where the clock stands still, as it does within a bubble.
	turns atomic.Uint64

	mu         sync.Mutex
	publishers []*Publisher
	byName     map[string]*Publisher
	groups     []*Group
	members    []*Subscription
	witnesses  []*Witness
	efforts    []*effort          // everything that may stall
	callers    map[string]*effort // by caller
	calls      map[uint64]*call   // in progress
	nextCall   uint64
	dials      map[string]int    // in progress, by client
	pace       map[string]*paced // by repeated event
	samples    map[string]*sample
	healthy    time.Duration // since when there is a healthy server; never if there is none
	trace      Trace
	expected   *Trace

	values     int // published
	deliveries int
	late       time.Duration
	recovery   time.Duration
	strange    strangers
	outcomes   map[Operation]*results
	errors     int // checked by Typed
	again      int // acks of duplicates

	broken   [last + 1]tally // found while recording
	evidence [last + 1]int   // for guarantees that are judged while recording
	judged   *judgement      // the result of all of the above; nil once something was recorded
}

// never stands for a time that has not come.
const never time.Duration = -1

// New returns an empty history. The clock is called once for each record; time.Now is
// suitable, and within a bubble returns virtual time.
func New(now func() time.Time, options Options) *History {
	h := &History{
		now: now, options: options, begin: now(),
		byName:  map[string]*Publisher{},
		callers: map[string]*effort{}, calls: map[uint64]*call{},
		dials: map[string]int{}, pace: map[string]*paced{}, samples: map[string]*sample{},
		outcomes: map[Operation]*results{},
		healthy:  never,
		late:     options.Late, recovery: options.Recovery,
		trace: newTrace(),
	}
	if h.late == 0 {
		h.late = 10 * time.Millisecond
	}
	h.late = max(h.late, 0)
	if h.recovery <= 0 {
		h.recovery = 5 * time.Second
	}
	if h.options.Examples <= 0 {
		h.options.Examples = 5
	}
	h.options.Minimum = max(h.options.Minimum, 1)
	return h
}

// record locks the history for one record, and returns the current time. The caller
// unlocks.
func (h *History) record() time.Duration {
	at := h.now().Sub(h.begin) // before the lock: waiting for it must not add to the time
	h.mu.Lock()
	h.judged = nil
	return at
}

// breach records a violation of a guarantee.
func (h *History) breach(g Guarantee, at time.Duration, format string, args ...any) {
	t := &h.broken[g]
	t.count++
	if len(t.examples) < h.options.Examples { // formatting costs more than counting
		t.examples = append(t.examples, Example{At: at, What: fmt.Sprintf(format, args...)})
	}
}

// typed checks that an error is a documented one. It must be called without the lock.
func (h *History) typed(where string, err error) {
	if err == nil || h.options.Typed == nil {
		return
	}
	known := h.options.Typed(err)
	at := h.record()
	defer h.mu.Unlock()
	h.errors++
	h.evidence[G11]++
	if !known {
		h.breach(G11, at, "%s: undocumented error %T: %v", where, err, err)
	}
}

// Failed records an error that belongs to no call, such as one passed to a callback of
// the client. Only [Typed] considers it.
func (h *History) Failed(where string, err error) { h.typed(where, err) }

// strangersMax bounds the number of texts of strange payloads that are kept, and
// strangerBytes the length of each.
const (
	strangersMax  = 1024
	strangerBytes = 48
)

// strangers are payloads that no publisher has published.
type strangers struct {
	seen    map[string]bool // seen on a second path, so the delivery is not at fault
	damaged int             // tolerated
	copies  int             // delivered or seen, except tolerated ones
	arrived []stranger
	beyond  [last + 1]int // deliveries without room in arrived, by the guarantee they break
}

// stranger is the delivery of a payload that no publisher has published.
type stranger struct {
	text  string
	to    *Subscription
	at    time.Duration
	cause string
}

func shorten(payload []byte) string { return string(payload[:min(len(payload), strangerBytes)]) }

// message is a payload that was parsed before taking the lock, as its checksum covers all
// of it.
type message struct {
	payload []byte // borrowed
	name    []byte // nil: it is damaged
	n       uint32
}

func read(payload []byte) message {
	m := message{payload: payload}
	if name, n, ok := open(payload); ok {
		m.name, m.n = name, n
	}
	return m
}

// find returns the publisher of a message, or nil and the reason why there is none. The
// caller holds the lock.
func (h *History) find(m message) (p *Publisher, cause string) {
	if m.name == nil {
		return nil, "damaged"
	}
	p = h.byName[string(m.name)]
	if p == nil || m.n >= p.next {
		return nil, "never published"
	}
	return p, ""
}

// stray records a delivery that was not published, or not for this subscription.
func (h *History) stray(s *Subscription, at time.Duration, payload []byte, cause string) {
	if cause == "damaged" && h.options.Damaged == Tolerated {
		h.strange.damaged++
		return
	}
	h.strange.copies++
	s.strange++
	if len(h.strange.arrived) == strangersMax {
		h.strange.beyond[s.group.promise.guarantee()]++
		return
	}
	h.strange.arrived = append(h.strange.arrived, stranger{shorten(payload), s, at, cause})
}

// strayStored records that a second path saw something that was not published.
func (h *History) strayStored(w *Witness, at time.Duration, payload []byte, cause string) {
	if cause == "damaged" && h.options.Damaged == Tolerated {
		h.strange.damaged++
		return
	}
	h.strange.copies++
	if h.strange.seen == nil {
		h.strange.seen = map[string]bool{}
	}
	if len(h.strange.seen) < strangersMax {
		h.strange.seen[shorten(payload)] = true
	}
	h.breach(G3, at, "%q was seen on %s, %s", shorten(payload), w.name, cause)
}
