package jetstream

import "time"

// orderedcursor.go - what an ordered consumer has handed on, and which of what comes
// is next. It is pure.
//
//	        begin              deliver, deliver, …        gap, end
//	ended ─────────► generation n ────────────────────────────────► ended
//	  ▲                                                               │
//	  └───────────── the next one begins at resume ───────────────────┘
//
// Each generation is one consumer of the server's, whose deliveries it numbers from 1.
// What another one has delivered is stale, whenever it comes; what is not the next
// delivery shows a gap, and ends the generation: nothing of it is handed on any more.

// orderedVerdict says what becomes of a delivery.
type orderedVerdict uint8

const (
	orderedStale   orderedVerdict = iota // drop it
	orderedGap                           // drop it, and begin anew
	orderedDeliver                       // hand it on
	orderedLast                          // hand it on, and nothing behind it
	orderedVerdictEnd
)

// orderedCursor has the place in the stream.
//
// Invariant: what was handed on since the last rebase has rising numbers in the stream,
// and between two of them the server had nothing to deliver.
type orderedCursor struct {
	stop int // how many messages are to be handed on at all; 0 for any number

	consumer string // of the present generation; empty when it has ended
	next     uint64 // its next delivery
	place    orderedPlace
	taken    int // messages handed on
}

// orderedPlace is where in a stream to go on.
type orderedPlace struct {
	known bool      // if not, where the config says
	seq   uint64    // what is behind it is to come
	at    time.Time // when that was stored, or when it was the last one
}

// begin makes a consumer the present generation. It delivers what is behind the place.
func (c *orderedCursor) begin(consumer string) { c.consumer, c.next = consumer, 1 }

// end ends the generation of a consumer; another one goes on.
func (c *orderedCursor) end(consumer string) {
	if c.consumer == consumer {
		c.consumer = ""
	}
}

// pin notes where the first generation begins, as the server has understood the config,
// unless something is known already.
func (c *orderedCursor) pin(seq uint64, at time.Time) {
	if !c.place.known {
		c.place = orderedPlace{known: true, seq: seq, at: at}
	}
}

// rebase notes that the stream ends before the place: its numbers mean others now.
func (c *orderedCursor) rebase(seq uint64) { c.place.seq = min(c.place.seq, seq) }

// restart forgets the place: the next generation begins where the config says.
func (c *orderedCursor) restart() { c.place = orderedPlace{} }

// accept decides about a delivery.
func (c *orderedCursor) accept(meta *MsgMetadata) orderedVerdict {
	switch {
	case c.consumer == "" || meta.Consumer != c.consumer || c.finished():
		return orderedStale
	case meta.Sequence.Consumer < c.next:
		return orderedStale // the server has said it before
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

// behind reports whether a consumer has delivered more than has come, all of which was
// handed on.
func (c *orderedCursor) behind(consumer string, delivered uint64) bool {
	return c.consumer == consumer && consumer != "" && delivered >= c.next
}

// finished reports whether all that may be handed on has been.
func (c *orderedCursor) finished() bool { return c.stop > 0 && c.taken >= c.stop }
