package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Publisher creates the unique values of one sequence of messages: one subject, one
// client, in order. It keeps what is known of each value.
type Publisher struct {
	h       *History
	index   int
	name    string
	subject string

	unordered bool
	resends   bool

	next      uint32   // the counter of the next value
	starts    []uint32 // counters at which a connection of the publisher began, ascending
	confirmed uint32   // no value below it waits for a flush any more
	cells     cells
	elsewhere map[uint32]uint64 // where a value is stored, if its ack had another sequence
	uncertain int               // messages that the client reported as possibly lost
	effort    *effort
}

// Publisher adds a publisher. The name must be unique, not empty, and without blanks and
// control characters; the subject must be literal. It panics otherwise, as the test is
// wrong then.
func (h *History) Publisher(name, subject string) *Publisher {
	h.record()
	defer h.mu.Unlock()
	bad := name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' })
	if bad || h.byName[name] != nil {
		panic(fmt.Sprintf("check: publisher %q: the name is taken, empty, or holds blanks", name))
	}
	p := &Publisher{h: h, index: len(h.publishers), name: name, subject: subject}
	p.effort = h.newEffort(name)
	h.publishers = append(h.publishers, p)
	h.byName[name] = p
	for _, g := range h.groups {
		g.meet(p)
	}
	for _, w := range h.witnesses {
		w.meet(p)
	}
	return p
}

// Unordered says that the publisher needs no order: [Ordered] and the order within
// [AtMostOnceCore] do not judge its values. It returns the publisher.
func (p *Publisher) Unordered() *Publisher {
	p.h.record()
	defer p.h.mu.Unlock()
	p.unordered = true
	return p
}

// Resends says that the publisher agrees to messages being sent again that may have
// arrived: [NoSilentDup] and [AtMostOnceCore] accept copies of its values. It returns the
// publisher.
func (p *Publisher) Resends() *Publisher {
	p.h.record()
	defer p.h.mu.Unlock()
	p.resends = true
	return p
}

// NewConnection says that later messages leave over another connection: call it when the
// client reports that it has lost its connection. Order is promised only within one
// connection, as a server may read what is left of the old one after it has begun to read
// the new one.
func (p *Publisher) NewConnection() {
	p.h.record()
	defer p.h.mu.Unlock()
	if n := len(p.starts); n == 0 || p.starts[n-1] != p.next {
		p.starts = append(p.starts, p.next)
	}
}

// connection returns the number of the connection over which a value left.
func (p *Publisher) connection(n uint32) int {
	if k := len(p.starts); k == 0 || n >= p.starts[k-1] {
		return k
	}
	i, exact := slices.BinarySearch(p.starts, n)
	if exact {
		i++
	}
	return i
}

// Uncertain records that the client reported n messages of the publisher as possibly
// lost, without saying which. Up to n missing messages are then not a silent loss.
func (p *Publisher) Uncertain(n int) {
	p.h.record()
	defer p.h.mu.Unlock()
	p.uncertain += n
}

// Publish is one call that publishes a value. It is small, meant to be copied, and not
// safe for concurrent use. One of the methods that end it has to be called once the call
// has returned.
type Publish struct {
	p        *Publisher
	n        uint32
	deadline time.Duration // never: none
}

// Publish records that the next value is about to be published, by a call that has to
// return within the timeout; 0 is no timeout.
func (p *Publisher) Publish(timeout time.Duration) Publish {
	at := p.h.record()
	defer p.h.mu.Unlock()
	o := Publish{p: p, n: p.next, deadline: deadline(at, timeout)}
	p.cells.grow(p.next)
	p.next++
	p.h.values++
	p.effort.start(at)
	return o
}

func deadline(at, timeout time.Duration) time.Duration {
	if timeout <= 0 {
		return never
	}
	return at + timeout
}

// Value returns the text of the value: the publisher's name, a hyphen, a counter. A
// message is recognized if its payload is this text or [Publish.Payload].
func (o Publish) Value() string { return string(appendValue(nil, o.p.name, o.n)) }

// Payload returns a payload of size bytes that carries the value, with a checksum over
// all of it; it is longer if the value needs more. The slice belongs to the caller.
func (o Publish) Payload(size int) []byte { return seal(o.p.name, o.n, size) }

// Accepted records that the call returned without an error and without a confirmation of
// the server, as in core NATS. Another end may follow, such as that of a [Flush].
func (o Publish) Accepted() { o.end(accepted, 0, nil) }

// Acked records that the server confirmed the value, with its sequence in the stream;
// 0 if it has none.
func (o Publish) Acked(seq uint64) { o.end(acked, seq, nil) }

// AckedDuplicate is [Publish.Acked] for an ack that says that the server already had the
// value.
func (o Publish) AckedDuplicate(seq uint64) {
	o.p.h.record()
	o.p.h.again++
	o.p.h.mu.Unlock()
	o.end(acked, seq, nil)
}

// Rejected records that the call failed, and that the value was certainly not
// published.
func (o Publish) Rejected(err error) { o.end(rejected, 0, err) }

// Unknown records that the call failed, and that the value may nevertheless have been
// published.
func (o Publish) Unknown(cause error) { o.end(unknown, 0, cause) }

var outcomeNames = [...]string{"no outcome", "accepted", "acked", "rejected", "unknown"}

// end ends the call with one of the outcomes; seq is that of an ack.
func (o Publish) end(outcome flags, seq uint64, err error) {
	p := o.p
	p.h.typed(p.name, err)
	at := p.h.record()
	defer p.h.mu.Unlock()
	cell := p.cells.at(o.n)
	before := *cell & outcomeMask
	switch {
	case before != pending && before != accepted, before == accepted && outcome == accepted:
		p.h.breach(G2, at, "%s ended twice: %s, then %s", o.Value(), outcomeNames[before], outcomeNames[outcome])
		return
	case before == pending && o.deadline != never && at > o.deadline+p.h.late:
		p.h.breach(G2, at, "%s returned %v after its deadline", o.Value(), at-o.deadline)
	case outcome >= rejected && err == nil:
		p.h.breach(G2, at, "%s is %s without a cause", o.Value(), outcomeNames[outcome])
	}
	if before == pending {
		p.effort.finish(at, outcome == accepted || outcome == acked)
	}
	*cell = *cell&^outcomeMask | outcome
	if seq != 0 {
		p.setAck(o.n, *cell, seq)
	}
}

// setAck records the sequence of an ack. It shares its place with the sequence at which
// the value was seen in the stream, which is the same unless something is wrong.
func (p *Publisher) setAck(n uint32, cell flags, seq uint64) {
	seen := p.cells.seq(n)
	if cell&(stored|storedBefore) != 0 && seen != 0 && seen != seq {
		p.putElsewhere(n, seen)
	}
	p.cells.setSeq(n, seq)
}

// setStored records the sequence at which a value is stored.
func (p *Publisher) setStored(n uint32, cell flags, seq uint64) {
	switch known := p.cells.seq(n); {
	case known == 0:
		p.cells.setSeq(n, seq)
	case known != seq && cell&outcomeMask == acked:
		p.putElsewhere(n, seq)
	}
}

func (p *Publisher) putElsewhere(n uint32, seq uint64) {
	if p.elsewhere == nil {
		p.elsewhere = map[uint32]uint64{}
	}
	p.elsewhere[n] = seq
}

// storedSeq returns the sequence at which a value was seen in the stream.
func (p *Publisher) storedSeq(n uint32) uint64 {
	if seq := p.elsewhere[n]; seq != 0 {
		return seq
	}
	return p.cells.seq(n)
}

// Flush is one call that confirms what was accepted before it: a flush in core NATS.
type Flush struct {
	p     *Publisher
	until uint32
}

// Flush records that a flush is about to be called. Its end decides about the values that
// were accepted until now.
func (p *Publisher) Flush() Flush {
	p.h.record()
	defer p.h.mu.Unlock()
	return Flush{p: p, until: p.next}
}

// Confirmed records that the flush returned without an error: what was accepted
// before it has reached the server.
func (f Flush) Confirmed() { f.end(acked) }

// Unknown records that the flush failed: what was accepted before it, and not yet
// confirmed, may or may not have arrived.
func (f Flush) Unknown(cause error) {
	f.p.h.typed(f.p.name+": flush", cause)
	if cause == nil {
		at := f.p.h.record()
		f.p.h.breach(G2, at, "%s: a flush failed without a cause", f.p.name)
		f.p.h.mu.Unlock()
	}
	f.end(unknown)
}

func (f Flush) end(outcome flags) {
	p := f.p
	p.h.record()
	defer p.h.mu.Unlock()
	done := true
	for n := p.confirmed; n < f.until; n++ {
		cell := p.cells.at(n)
		if *cell&outcomeMask == accepted {
			*cell = *cell&^outcomeMask | outcome
		}
		if done = done && *cell&outcomeMask != pending; done {
			p.confirmed = n + 1 // the next flush need not consider it
		}
	}
}

// order tracks the counters of one publisher as one observer sees them for the first
// time.
type order struct {
	highest []uint32 // by connection of the publisher: the highest counter seen, plus 1
}

// late reports whether a value arrives after one that left later over the same
// connection.
func (o *order) late(p *Publisher, n uint32) bool {
	c := p.connection(n)
	for len(o.highest) <= c {
		o.highest = append(o.highest, 0)
	}
	if n+1 < o.highest[c] {
		return true
	}
	o.highest[c] = n + 1
	return false
}
