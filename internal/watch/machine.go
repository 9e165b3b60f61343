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
// Each generation is one consumer of the server's. Another one goes on where it ended, or, with a gap, begins a new
// sync. Consumers deliver in order, one message to each delivery number.

// machine knows where a watcher is.
//
// Invariant: revisions that take says are entries rise within a sync, and each sync has one moment at
// which it becomes ready.
type machine struct {
	consumer string // of the present generation; empty before the first
	pending  uint64 // deliveries of the generation after which all is there that was there
	after    uint64 // it goes on behind this revision, which may not have come yet
	taken    uint64 // its last delivery
	last     uint64 // the last revision of the sync, or one behind it that nothing comes before
	high     uint64 // the highest revision of this stream
	ready    bool
}

// generation is a consumer that was made.
type generation struct {
	consumer string
	pending  uint64        // messages that it had to deliver
	after    uint64        // what was handed on before by others; 0 for nothing
	anew     bool          // it delivers what is there, not what is new
	gap      jetstream.Gap // why
}

// begin notes the next generation, and reports whether it makes the sync ready. An earlier generation delivers
// nothing more but the revision behind which this one goes on, if it has not come yet.
func (m *machine) begin(g generation) (ready bool) {
	if m.consumer == "" {
		m.last = g.after // nothing comes of what is before the beginning
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

// verdict says what becomes of a message.
type verdict struct {
	stale bool // it is of another sync, or was there before: drop it
	seen  bool // its revision was handed on in another sync
	ready bool // behind it the sync is ready
}

// take decides about a delivery.
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

// settle decides about what the server says of a consumer: how many messages it has still to deliver, and
// how many it has delivered. It reports whether that makes the sync ready. Only when nothing comes that is asked: a
// number of messages to deliver of a server's can be too low while messages expire.
func (m *machine) settle(consumer string, pending, delivered uint64) (ready bool) {
	if m.ready || consumer != m.consumer || pending > 0 || delivered != m.taken {
		return false
	}
	m.pending = m.taken
	return m.settled()
}

// pass decides about what the server says of the stream: its last revision, and after that the last one of what is
// watched, 0 for none. consumer is the one that there was before the question: another sync may be one of another stream. It reports
// whether nothing up to the former comes any more.
func (m *machine) pass(consumer string, stream, watched uint64) bool {
	if !m.ready || consumer != m.consumer || watched > m.last || stream <= m.last {
		return false
	}
	m.last = stream
	return true
}

// settled makes the sync ready when all has come.
func (m *machine) settled() bool {
	if m.ready || m.last < m.after || m.taken < m.pending {
		return false
	}
	m.ready = true
	return true
}
