package watch

import "github.com/troupe-go/troupe/jetstream"

// machine.go - what a watcher knows of its sync. It is pure.
//
//	           begin                take: as many as were pending, or
//	           ┌────┐               settle: the server has no more
//	           ▼    │                            │
//	         loading ──────────────────────────► ready ◄──┐
//	           ▲                                   │      │ begin, take
//	           └───────── begin, with a gap ───────┴──────┘
//
// Each generation is one consumer on the server. The next one continues where it ended, or, with
// a gap, begins a new sync. Consumers deliver in order, one message to each delivery number.

// machine is the state of a sync.
//
// Invariant: the revisions that take accepts rise within a sync, and each sync becomes ready
// exactly once.
type machine struct {
	consumer string // of the current generation; empty before the first
	pending  uint64 // deliveries of the generation that complete the sync
	after    uint64 // the generation continues after this revision, which may not have come yet
	taken    uint64 // last delivery of the generation
	last     uint64 // the last revision of the sync, or a later one before which nothing comes
	high     uint64 // the highest revision of this stream
	ready    bool
}

// generation is a consumer that was created.
type generation struct {
	consumer string
	pending  uint64        // messages that it has to deliver
	after    uint64        // last revision that earlier ones handed on; 0 for none
	anew     bool          // it starts over with what is there
	gap      jetstream.Gap // why
}

// begin notes the next generation, and reports whether it makes the sync ready. Of an earlier
// generation, only the revision after which this one continues may still come.
func (m *machine) begin(g generation) (ready bool) {
	if m.consumer == "" {
		m.last = g.after // nothing before the beginning comes
	}
	m.consumer, m.pending, m.after, m.taken = g.consumer, g.pending, g.after, 0
	if g.anew {
		m.after, m.ready = 0, false
	}
	if m.after == 0 {
		m.last = 0
	}
	if g.gap == jetstream.GapReplaced || g.gap == jetstream.GapRegressed {
		m.high = 0 // another stream
	}
	return m.settled()
}

// verdict says what to do with a message.
type verdict struct {
	stale bool // of another sync, or a repetition: drop it
	seen  bool // its revision was handed on in another sync
	ready bool // after it the sync is ready
}

// take decides what to do with a delivery.
func (m *machine) take(consumer string, delivery, revision uint64) verdict {
	if revision <= m.last {
		return verdict{stale: true}
	}
	if consumer != m.consumer {
		if revision != m.after {
			return verdict{stale: true}
		}
	} else {
		m.taken = delivery
	}
	seen := revision <= m.high
	m.last, m.high = revision, max(m.high, revision)
	return verdict{seen: seen, ready: m.settled()}
}

// settle takes the server's answer about a consumer: how many messages it still has to deliver,
// and how many it has delivered. It reports whether that makes the sync ready. The server is
// asked only when nothing comes, because its number of messages to deliver can be too low while
// messages expire.
func (m *machine) settle(consumer string, pending, delivered uint64) (ready bool) {
	if m.ready || consumer != m.consumer || pending > 0 || delivered != m.taken {
		return false
	}
	m.pending = m.taken
	return m.settled()
}

// pass takes the server's answer about the stream: its last revision, and the last one of what
// is watched, read later; 0 for none. consumer is the one before the request: another sync may
// be of another stream. It reports whether no revision up to stream will come any more.
func (m *machine) pass(consumer string, stream, watched uint64) bool {
	if !m.ready || consumer != m.consumer || watched > m.last || stream <= m.last {
		return false
	}
	m.last = stream
	return true
}

// settled makes the sync ready when everything has come.
func (m *machine) settled() bool {
	if m.ready || m.last < m.after || m.taken < m.pending {
		return false
	}
	m.ready = true
	return true
}
