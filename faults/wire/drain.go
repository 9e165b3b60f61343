package wire

import (
	"net"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
)

// The pacing of a bandwidth: bytes are written in pieces of a hundredth of a second. A
// delay of more than debtMax that the sink caused is not made up for.
const (
	piecesPerSecond = 100
	debtMax         = 100 * time.Millisecond
)

// settleMax is how many milliseconds a reset waits for the bytes before it to be taken.
const settleMax = 1000

// pace says when the next piece may be written under a bandwidth.
type pace struct {
	running bool
	due     time.Time // when the last piece will have passed
	carry   int64     // remainder of due, in nanoseconds times bytes per second
}

// step is what the drainer has to do next.
type step struct {
	what  stepKind
	item  item // stepAct
	write write
}

type stepKind uint8

const (
	stepIdle  stepKind = iota // nothing: the queue is empty, and draining has stopped
	stepWait                  // wait until pump.until, or for a change
	stepWrite                 // write
	stepAct                   // carry out the item
)

// write is data to write, and the faults that flip bits in it.
type write struct {
	data    []byte
	offset  int64
	corrupt []*Injection
}

// drain processes the queue. It returns true when there is no more to do, false when it
// has to wait. Only the drainer calls it.
func (p *pump) drain() bool {
	for !p.conn.over() {
		switch s := p.next(); s.what {
		case stepIdle:
			return true
		case stepWait:
			return false
		case stepWrite:
			p.send(s.write)
		case stepAct:
			p.act(s.item)
		}
	}
	return true
}

// wait waits as drain has decided, and reports false when the connection is over.
func (p *pump) wait() bool {
	var due <-chan time.Time
	if !p.until.IsZero() {
		timer := time.NewTimer(time.Until(p.until))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-p.wake:
		return true
	case <-due:
		return true
	case <-p.conn.done:
		return false
	}
}

// next decides the next step from the front of the queue.
func (p *pump) next() step {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		it := p.queue.front()
		if it == nil {
			p.draining, p.handed, p.pace.running = false, false, false
			return step{what: stepIdle}
		}
		if p.effects.blackhole {
			p.pace.running = false
			return p.pauseUntil(time.Time{})
		}
		ready := p.ready(it)
		if !ready.IsZero() && ready.After(time.Now()) {
			p.pace.running = false
			return p.pauseUntil(ready)
		}
		if it.kind == itemData && !p.lost() {
			return p.cut(it, ready)
		}
		if s, ok := p.step(p.pop()); ok {
			return s
		}
	}
}

// step returns the step that an item needs, if any, after the item was taken. p.mu is
// held.
func (p *pump) step(it item) (step, bool) {
	switch it.kind {
	case itemData:
		return step{}, false
	case itemPause:
		p.pausing = time.Now().Add(it.pause)
		return step{}, false
	case itemFin, itemReset:
		if p.effects.halfOpen {
			it.kind = itemGone
		}
	}
	return step{what: stepAct, item: it}, true
}

// lost reports whether data that is forwarded reaches nobody. p.mu is held.
func (p *pump) lost() bool { return p.effects.halfOpen || p.ended || p.broken }

// pop takes the first item. p.mu is held.
func (p *pump) pop() item {
	signal(p.room)
	return p.queue.pop()
}

// pauseUntil makes the drainer wait. p.mu is held.
func (p *pump) pauseUntil(t time.Time) step {
	p.until = t
	return step{what: stepWait}
}

// ready returns when an item arrives, zero if it already has. p.mu is held.
func (p *pump) ready(it *item) time.Time {
	var late time.Duration
	if len(p.effects.latency) > 0 {
		late = p.effects.delay(p.stream(), it.offset)
	}
	if it.kind == itemFin || it.kind == itemReset {
		late += p.effects.slowClose
	}
	if late == 0 {
		return p.pausing
	}
	if ready := it.at.Add(late); ready.After(p.pausing) {
		return ready
	}
	return p.pausing
}

// cut takes the part of the data at the front that may be written at once. p.mu is held.
func (p *pump) cut(it *item, ready time.Time) step {
	e := &p.effects
	if e.coalesce > 0 && !it.gathered {
		if until := later(ready, it.at).Add(e.coalesce); until.After(time.Now()) {
			return p.pauseUntil(until)
		}
		p.gather()
		it = p.queue.front()
	}
	n := len(it.data)
	if e.slice > 0 {
		n = min(n, e.slice)
	}
	if e.bandwidth > 0 {
		n = min(n, max(1, int(e.bandwidth/piecesPerSecond)))
		if due := p.pace.next(int64(n), e.bandwidth); due.After(time.Now()) {
			return p.pauseUntil(due)
		}
		p.pace.pass(int64(n), e.bandwidth)
	}
	w := write{corrupt: e.corrupt, offset: it.offset}
	if it.foreign {
		w.corrupt = nil
	}
	if n < len(it.data) {
		w.data, _ = p.queue.cut(n)
		signal(p.room)
	} else {
		w.data = p.pop().data
	}
	return step{what: stepWrite, write: w}
}

// next returns when the next n bytes will have passed.
func (c *pace) next(n, bandwidth int64) time.Time {
	now := time.Now()
	if !c.running {
		*c = pace{running: true, due: later(c.due, now)}
	}
	due := c.due.Add(time.Duration((n*int64(time.Second) + c.carry) / bandwidth))
	if debt := now.Sub(due); debt > debtMax {
		c.due = c.due.Add(debt)
		return now
	}
	return due
}

// pass records that n bytes pass.
func (c *pace) pass(n, bandwidth int64) {
	c.carry += n * int64(time.Second)
	c.due = c.due.Add(time.Duration(c.carry / bandwidth))
	c.carry %= bandwidth
}

// gather merges all data at the front that has arrived into one item. p.mu is held.
func (p *pump) gather() {
	all := item{foreign: true, gathered: true, at: p.queue.front().at, offset: p.queue.front().offset}
	for now := time.Now(); ; {
		it := p.queue.front()
		if it == nil || it.kind != itemData || p.ready(it).After(now) {
			break
		}
		data := p.pop()
		from := len(all.data)
		all.data = append(all.data, data.data...)
		if !data.foreign {
			flip(p.effects.corrupt, all.data[from:], p.stream(), data.offset)
		}
	}
	p.queue.pushFront(all)
}

// send writes to the sink.
func (p *pump) send(w write) {
	if len(w.corrupt) > 0 {
		flip(w.corrupt, w.data, p.stream(), w.offset)
	}
	n, err := p.sink.Write(w.data)
	p.count.written.Add(int64(n))
	p.mu.Lock()
	p.remember(w.data[:n])
	p.broken = p.broken || err != nil
	p.mu.Unlock()
	if err != nil {
		p.other.abort()
	}
}

// remember keeps the last bytes that were forwarded. p.mu is held.
func (p *pump) remember(data []byte) {
	keep := p.rules.past
	if len(data) >= keep {
		p.past = append(p.past[:0], data[len(data)-keep:]...)
		return
	}
	if len(p.past)+len(data) > 2*keep {
		p.past = append(p.past[:0], p.past[len(p.past)-(keep-len(data)):]...)
	}
	p.past = append(p.past, data...)
}

// act carries out an item.
func (p *pump) act(it item) {
	switch it.kind {
	case itemFin:
		p.conclude()
	case itemReset:
		p.conn.reset()
	case itemGone:
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.conn.part()
	case itemFault:
		if it.by.lasts() {
			p.conn.take(it.by, p.dir)
			return
		}
		if it.by.rule.Fault.Kind == plan.Reset {
			p.settle()
		}
		it.by.hit(1)
		p.conn.befall(it.by, p.dir)
	}
}

// settle waits until the sink's peer has taken what was written, because a reset would
// lose it and everything before the reset has to arrive first. The wait is short: the
// peer may have stopped reading.
func (p *pump) settle() {
	conn, ok := p.sink.(*net.TCPConn)
	for tries := 0; ok && tries < settleMax && unsent(conn) > 0; tries++ {
		select {
		case <-time.After(time.Millisecond):
		case <-p.conn.done:
			return
		}
	}
}

// conclude tells the sink that no more bytes follow. Only the drainer calls it.
func (p *pump) conclude() {
	p.mu.Lock()
	before := p.ended
	p.ended, p.ending = true, true
	p.mu.Unlock()
	if !before {
		finishEnd(p.sink)
		p.conn.part()
	}
}

// finish puts the end of the stream into the queue, even if the source has more to send.
func (p *pump) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ending {
		p.ending = true
		p.queue.push(item{kind: itemFin, offset: p.offset, at: time.Now()})
		p.follow()
	}
}

// abort puts a reset into the queue: the source can't be written to, so it is dead.
func (p *pump) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = true
	p.queue.push(item{kind: itemReset, offset: p.offset, at: time.Now()})
	p.follow()
}

// replay sends the last n bytes again: after what waits or, if the drainer is at the
// place for it, here.
func (p *pump) replay(n int, where plan.Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.past[max(0, len(p.past)-n):]
	if len(last) == 0 {
		return
	}
	it := item{data: append([]byte(nil), last...), foreign: true, offset: p.offset}
	if where == p.dir {
		p.queue.pushFront(it)
		return
	}
	it.at = time.Now()
	p.queue.push(it)
	p.follow()
}

// insert puts a text between two frames.
func (p *pump) insert(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chunk = chunk{at: time.Now()}
	p.insertText(text)
	p.follow()
}

// stream identifies this direction of this connection for random draws.
func (p *pump) stream() uint64 { return uint64(p.conn.number)<<2 | uint64(p.dir) }

// later returns the later of two moments.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
