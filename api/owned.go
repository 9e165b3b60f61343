package api

import (
	"context"
	"strings"
	"unsafe"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervisor"
)

// owned.go - delivers messages that the handler may keep.
//
//	read buffer ──copy──► slab  [Msg Msg Msg … Msg]
//	                              │   │   │      │
//	                      arena [data data data  data]
//
// Several messages share two allocations. A message that is kept retains both, so their
// size is bounded by slabBytesMax, or by slabTimesMax times the smallest message in them
// if that is more.

// Bounds of a slab with its arena.
const (
	slabBytesMax = 2048
	slabTimesMax = 8
	msgBytes     = int(unsafe.Sizeof(Msg{}))
)

// owned is the consumer of a subscription without Borrow.
type owned struct {
	sub    *Subscription
	call   MsgHandler
	giveUp context.CancelCauseFunc
	msgs   []Msg // the slab in delivery; nil after its last message
}

func (s *Subscription) ownedConsumer() actors.Consumer {
	c := &owned{sub: s}
	c.call, c.giveUp = s.caller()
	return c
}

// Build copies as many messages as may share a slab. It parses them twice, to measure
// and to copy: keeping views of all of them in between would cost more than the second
// pass.
func (c *owned) Build(at *actors.Cursor, n int) int {
	ahead := *at
	k, arenaBytes := c.measure(ahead, n)
	msgs := make([]Msg, k)
	arena := newArena(arenaBytes)
	subject := c.sub.Subject
	var raw actors.Raw
	for i := range msgs {
		m := &msgs[i]
		at.Next(&raw)
		if string(raw.Subject) != subject {
			subject = arena.keepString(raw.Subject)
		}
		m.Subject = subject
		m.Sub = c.sub
		m.Data = arena.keep(raw.Payload)
		if len(raw.Reply) > 0 {
			m.Reply = arena.keepString(raw.Reply)
		}
		if len(raw.Header) > 0 {
			c.sub.setHeader(m, arena.keep(raw.Header))
		}
	}
	c.msgs = msgs
	return k
}

// Call hands the k-th message to the handler.
func (c *owned) Call(k int) {
	m := &c.msgs[k]
	if k == len(c.msgs)-1 {
		c.msgs = nil // an idle subscription retains nothing
	}
	c.call(m)
}

// GivenUp tells the handler that its call was given up.
func (c *owned) GivenUp(cause error) { c.giveUp(cause) }

// measure returns how many messages make one slab, at least one and no more than the
// bounds allow, and the bytes of its arena. A subject is shared if it equals that of the
// previous message or of the subscription. Slabs share only the latter, because any other
// would retain the other slab.
func (c *owned) measure(at actors.Cursor, n int) (k, arenaBytes int) {
	last := c.sub.Subject
	total, smallest := 0, 0
	var raw actors.Raw
	for k < n {
		at.Next(&raw)
		own := len(raw.Payload) + len(raw.Reply) + len(raw.Header)
		if string(raw.Subject) != last {
			last = stringOf(raw.Subject)
			own += len(last)
		}
		total += own + msgBytes
		if len(raw.Header) > 0 {
			total += headerCost(len(raw.Header))
		}
		if k == 0 || own < smallest {
			smallest = own
		}
		if k > 0 && total > max(slabBytesMax, slabTimesMax*smallest) {
			return k, arenaBytes
		}
		arenaBytes += own
		k++
	}
	return k, arenaBytes
}

// arena hands out pieces of one allocation.
type arena struct {
	free []byte
}

// newArena allocates without clearing, because everything will be overwritten: for large
// payloads clearing costs as much as copying. Only strings.Builder can do that.
func newArena(size int) arena {
	if size == 0 {
		return arena{}
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteByte(0) // a string of length 0 would have no address
	return arena{free: unsafe.Slice(unsafe.StringData(b.String()), size)}
}

// keep copies b into the arena. Appending to the result cannot overwrite other data.
func (a *arena) keep(b []byte) []byte {
	n := copy(a.free, b)
	kept := a.free[:n:n]
	a.free = a.free[n:]
	return kept
}

func (a *arena) keepString(b []byte) string { return stringOf(a.keep(b)) }

// copyMsg copies one message into m with an arena of its own. It returns an error for a
// header block that cannot be read.
func copyMsg(m *Msg, raw *actors.Raw) error {
	arena := newArena(len(raw.Subject) + len(raw.Reply) + len(raw.Header) + len(raw.Payload))
	m.Subject = arena.keepString(raw.Subject)
	m.Reply = arena.keepString(raw.Reply)
	m.Data = arena.keep(raw.Payload)
	if len(raw.Header) == 0 {
		return nil
	}
	header, err := ownedHeader(arena.keep(raw.Header))
	m.Header = header
	return err
}

// setHeader decodes an owned block. A message with a bad one is still delivered,
// without a header.
func (s *Subscription) setHeader(m *Msg, block []byte) {
	header, err := ownedHeader(block)
	if err != nil {
		s.nc.reportBadHeader(s.nc.core, s.bound(), err)
	}
	m.Header = header
}

// reportBadHeader reports a header block that cannot be read as an event, and so to the
// ErrorHandler.
func (nc *Conn) reportBadHeader(core *actors.Conn, sub *actors.Sub, err error) {
	e := supervisor.Event{Kind: ServerErrorReported, Cause: err}
	if sub != nil {
		e.Path, e.Message = sub.Path(), sub.Subject
	}
	core.Report(actors.Notice{Event: e, Sub: sub})
}
