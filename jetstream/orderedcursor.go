package jetstream

import "time"

// orderedcursor.go - what an ordered consumer has delivered, and which arriving message is next.
// It is pure.
//
//	        begin              deliver, deliver, …        gap, end
//	ended ─────────► generation n ────────────────────────────────► ended
//	  ▲                                                               │
//	  └───────────── the next one begins at resume ───────────────────┘
//
// Each generation is one consumer on the server, whose deliveries are numbered from 1. A delivery
// of another consumer is stale, whenever it arrives. A delivery that is not the next one shows a
// gap, and ends the generation: no more of its messages are delivered.

// orderedVerdict says how to treat a delivery.
type orderedVerdict uint8

const (
	orderedStale   orderedVerdict = iota // drop it
	orderedGap                           // drop it, and start the next generation
	orderedDeliver                       // pass it on
	orderedLast                          // pass it on, and nothing after it
	orderedVerdictEnd
)

// orderedCursor holds the position in the stream.
//
// Invariant: messages delivered since the last rebase have rising stream sequences, and the
// server had nothing to deliver between two of them.
type orderedCursor struct {
	stop int // maximum of messages to deliver in all; 0 for any number

	consumer string // of the current generation; empty when it has ended
	next     uint64 // its next delivery
	place    orderedPlace
	taken    int // messages delivered
}

// orderedPlace is where to continue in a stream.
type orderedPlace struct {
	known bool      // if false, begin where the config says
	seq   uint64    // messages after it are still to be delivered
	at    time.Time // when that message was stored, or when it was the last one
}

// begin makes a consumer the current generation. It delivers the messages after the place.
func (c *orderedCursor) begin(consumer string) { c.consumer, c.next = consumer, 1 }

// end ends the generation of a consumer; another one continues.
func (c *orderedCursor) end(consumer string) {
	if c.consumer == consumer {
		c.consumer = ""
	}
}

// pin notes where the first generation begins, according to the server, unless the place is
// already known.
func (c *orderedCursor) pin(seq uint64, at time.Time) {
	if !c.place.known {
		c.place = orderedPlace{known: true, seq: seq, at: at}
	}
}

// rebase notes that the stream ends before the place: its sequences mean other messages now.
func (c *orderedCursor) rebase(seq uint64) { c.place.seq = min(c.place.seq, seq) }

// restart forgets the place: the next generation begins where the config says.
func (c *orderedCursor) restart() { c.place = orderedPlace{} }

// accept decides how to treat a delivery.
func (c *orderedCursor) accept(meta *MsgMetadata) orderedVerdict {
	switch {
	case c.consumer == "" || meta.Consumer != c.consumer || c.finished():
		return orderedStale
	case meta.Sequence.Consumer < c.next:
		return orderedStale // it arrived before
	case meta.Sequence.Consumer > c.next, c.place.known && meta.Sequence.Stream <= c.place.seq:
		c.consumer = ""
		return orderedGap
	}
	c.next++
	c.taken++
	c.place = orderedPlace{known: true, seq: meta.Sequence.Stream, at: meta.Timestamp}
	if c.finished() {
		return orderedLast
	}
	return orderedDeliver
}

// behind reports whether a consumer has delivered more than has arrived, although all that
// arrived was passed on.
func (c *orderedCursor) behind(consumer string, delivered uint64) bool {
	return c.consumer == consumer && consumer != "" && delivered >= c.next
}

// finished reports whether everything that may be delivered has been.
func (c *orderedCursor) finished() bool { return c.stop > 0 && c.taken >= c.stop }
