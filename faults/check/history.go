package check

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how strict the validators are. The zero value is a sensible choice.
type Options struct {
	// Minimum is how many values a guarantee about values (G1 to G4, G6, G7, G12)
	// must have seen, and how many a run as a whole must have published, to be
	// judged at all; below it they are void. 0 is 1. The other guarantees need one
	// record of their kind.
	Minimum int

	// Late is how long after its deadline a call may still return. 0 is 10 ms;
	// negative is not at all.
	Late time.Duration

	// Recovery is how long work may wait without progress while a healthy server can
	// be reached. 0 is 5 s.
	Recovery time.Duration

	// Dials bounds how often a client dials one server. The zero value is no bound:
	// that it dials one at a time is judged in any case.
	Dials Rate

	// Recreates bounds how often a client makes one object of the server anew. The
	// zero value is no bound.
	Recreates Rate

	// Typed reports whether an error is one that the client documents. It is called
	// with every error that the history gets to see, never with nil, from the
	// goroutine that records, which holds no lock then. Nil: Typed is not judged.
	Typed func(error) bool

	// Damaged says what a payload means that carries no value, or whose checksum is
	// wrong.
	Damaged Damage

	// Examples is how many examples a Broken holds at most. 0 is 5.
	Examples int
}

// Rate is a number of times within a window. The zero value is no bound.
type Rate struct {
	Most int
	Per  time.Duration
}

// Damage says what a damaged payload means.
type Damage uint8

// What a damaged payload means.
const (
	NotExpected Damage = iota // the client delivered what was never published
	Tolerated                 // it is counted: the run flips bits, and the line has no checksum
)

// History is what happened in a run, as far as the validators need it: it keeps what
// breaks a guarantee, and about ten bytes for each value. Its methods, and those of
// all that is made from it, may be called from any goroutine. None blocks for longer
// than it takes to write down one fact, and none calls anything but the clock and
// [Options.Typed].
//
// Record what begins before it begins, and what has ended after it has: a call from
// before it is made until after it returned, a delivery as the first thing in the
// handler.
type History struct {
	now     func() time.Time
	options Options
	begin   time.Time

	// turns counts deliveries and ends of subscriptions as they come in: which was first
	// is to be known also where the clock stands still, as it does within a bubble.
	turns atomic.Uint64

	mu         sync.Mutex
	publishers []*Publisher
	byName     map[string]*Publisher
	groups     []*Group
	members    []*Subscription
	witnesses  []*Witness
	efforts    []*effort          // of all that may stall
	callers    map[string]*effort // of who calls
	calls      map[uint64]*call   // those under way
	nextCall   uint64
	dials      map[string]int    // by client: under way
	pace       map[string]*paced // by what is done again and again
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
	errors     int // that Typed was asked about
	again      int // acks that said the server had it already

	broken   [last + 1]tally // found while recording
	evidence [last + 1]int   // of guarantees that are judged while recording
	judged   *judgement      // what all of the above comes to; nil once something was recorded
}

// never stands for a moment that has not come.
const never time.Duration = -1

// New returns an empty history. The clock is asked once for each record; time.Now
// fits, and within a bubble is virtual.
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

// record locks the history for one record, and returns when it was made. The caller
// unlocks.
func (h *History) record() time.Duration {
	at := h.now().Sub(h.begin) // before the lock: others must not make it late
	h.mu.Lock()
	h.judged = nil
	return at
}

// breach notes that a guarantee was broken.
func (h *History) breach(g Guarantee, at time.Duration, format string, args ...any) {
	t := &h.broken[g]
	t.count++
	if len(t.examples) < h.options.Examples { // formatting costs more than counting
		t.examples = append(t.examples, Example{At: at, What: fmt.Sprintf(format, args...)})
	}
}

// typed asks whether an error is a documented one. It must be called without the
// lock.
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

// Failed records an error that belongs to no call: one that a callback of the client
// got. It counts for [Typed] alone.
func (h *History) Failed(where string, err error) { h.typed(where, err) }

// strangersMax bounds the texts of strange payloads that are kept, and strangerBytes
// each of them.
const (
	strangersMax  = 1024
	strangerBytes = 48
)

// strangers are payloads that nobody published.
type strangers struct {
	seen    map[string]bool // on a second path: whoever published is to blame
	damaged int             // tolerated
	copies  int             // delivered or seen, tolerated ones left out
	arrived []stranger
	beyond  [last + 1]int // deliveries without room in arrived, by the guarantee they break
}

// stranger is the delivery of a payload that nobody published.
type stranger struct {
	text  string
	to    *Subscription
	at    time.Duration
	cause string
}

func shorten(payload []byte) string { return string(payload[:min(len(payload), strangerBytes)]) }

// message is a payload that was read, before the lock is taken: its checksum is over
// all of it.
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

// find returns the publisher of a message, or nil and why it has none. The caller
// holds the lock.
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

// stray notes a delivery of what was not published, or not for this subscription.
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

// strayStored notes that a second path saw what was not published.
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
