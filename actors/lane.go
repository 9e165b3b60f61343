package actors

import (
	"sync"
	"sync/atomic"
	"time"
)

// runMax is how many messages a consumer takes at once: enough to make the
// lane's lock cheap, few enough that limits and drops stay exact.
const runMax = 128

// Overflow says what a full lane does with messages.
type Overflow uint8

const (
	// DropNewest drops the message that does not fit. The default.
	DropNewest Overflow = iota
	// DropOldest makes room by dropping the messages that wait longest.
	DropOldest
	// Block makes the connection's reader wait for room, for at most
	// Limits.BlockFor, and drops the newest after that. It delays everything
	// else on the connection and is chosen where losing is worse than waiting.
	Block
	// RestartEmpty drops everything that waits and restarts the dispatcher.
	RestartEmpty
	// StopSubscription drops the message and ends the subscription.
	StopSubscription
	// EscalateOverflow drops the message and closes the connection with the error.
	EscalateOverflow
)

// String returns the name of the policy.
func (o Overflow) String() string {
	names := [...]string{"drop newest", "drop oldest", "block", "restart empty", "stop", "escalate"}
	if int(o) < len(names) {
		return names[o]
	}
	return "overflow?"
}

// Limits bounds what may wait for a subscription's handler. The message in the
// handler counts. Negative means unlimited.
type Limits struct {
	Msgs     int
	Bytes    int           // payload plus encoded headers
	BlockFor time.Duration // for Block: how long the reader may wait
}

// lane is the data lane of a subscription: a bounded queue of segments between
// the reader and one or more consumers.
//
// Invariants, under mu: accepted = dropped-after-acceptance + taken + queued;
// queued and bytes are sums over segs.
type lane struct {
	mu       sync.Mutex
	segs     []segment
	head     int // first live element of segs
	queued   int
	bytes    int64
	limits   Limits
	overflow Overflow

	taken         uint64        // messages ever handed to consumers
	started       atomic.Uint64 // of these, handed to user code: Delivered
	inflight      int           // taken and not given back by finish
	inflightBytes int64
	received      uint64 // messages that the server sent
	announced     uint64 // of these, before the SUB on the present socket: the server counts from there
	dropped       uint64
	droppedBytes  uint64
	peakMsgs      int
	peakBytes     int64

	slow         bool   // a slow-consumer episode is on
	slowReported bool   // NextMsg has reported the episode
	slowFrom     uint64 // dropped when the episode began

	slowFromBytes uint64

	max       uint64        // messages after which the subscription ends, 0 for never
	last      atomic.Uint64 // no delivery begins after that many; 0 for no bound
	finishing bool          // nothing more comes: the last finish ends the subscription
	closed    atomic.Bool   // no delivery begins any more
	waiting   bool          // consumers are idle and want a wake-up
	consumers int           // how many take from the lane at once; 1 unless concurrent
	wake      func()        // wakes idle consumers; called with mu held
	space     *sync.Cond    // Block: room was made or the lane was closed; nil until used
}

// pushed says what a push did, for the reader to act on outside the lock.
type pushed struct {
	wake    bool // consumers were idle
	began   bool // a slow-consumer episode began
	last    bool // the subscription has received as many as it may
	empty   bool // and none of them waits
	idle    bool // nothing is left whose end could end the episode
	dropped int
}

// push queues a segment under the limits. The lane owns it from here on.
func (l *lane) push(s segment) pushed {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.max > 0 && l.received+uint64(s.n) > l.max {
		s = s.first(int(l.max - min(l.received, l.max)))
	}
	l.received += uint64(s.n)
	if l.closed.Load() || s.n == 0 {
		s.chunk.release()
		return pushed{}
	}
	var p pushed
	if l.fits(int(s.n), s.bytes) {
		l.append(s)
	} else {
		p = l.overflowed(s)
	}
	p.wake = l.waiting && l.queued > 0
	l.waiting = l.waiting && !p.wake
	if l.max > 0 && l.received >= l.max {
		l.finishing = true
		p.last, p.empty = true, l.queued+l.inflight == 0
	}
	return p
}

// first returns the first k messages of s.
func (s segment) first(k int) segment {
	rest := s
	for range k {
		rest = rest.behindFirst()
	}
	s.n, s.bytes = uint32(k), s.bytes-rest.bytes
	return s
}

// fits reports whether n messages of that many bytes may wait with the others.
func (l *lane) fits(n int, bytes int64) bool {
	return (l.limits.Msgs < 0 || l.queued+l.inflight+n <= l.limits.Msgs) &&
		(l.limits.Bytes < 0 || l.bytes+l.inflightBytes+bytes <= int64(l.limits.Bytes))
}

func (l *lane) append(s segment) {
	if l.head > 0 && l.head == len(l.segs) {
		l.segs, l.head = l.segs[:0], 0
	}
	l.segs, l.head = moveDown(l.segs, l.head)
	l.segs = append(l.segs, s)
	l.queued += int(s.n)
	l.bytes += s.bytes
	l.peakMsgs = max(l.peakMsgs, l.queued+l.inflight)
	l.peakBytes = max(l.peakBytes, l.bytes+l.inflightBytes)
}

// pending returns what waits, the message in the handler included.
func (l *lane) pending() (msgs int, bytes int64) {
	begun := l.inflight - int(l.taken-l.started.Load()) // finished, or in a handler
	done := max(0, begun-l.consumers)
	msgs = l.queued + l.inflight - done
	bytes = l.bytes + l.inflightBytes
	if l.inflight > 0 {
		bytes -= l.inflightBytes * int64(done) / int64(l.inflight)
	}
	return msgs, bytes
}

// room returns how many of the first messages of s fit now.
func (l *lane) room(s segment) int {
	msgs, bytes := l.pending()
	at := s.head
	for i := range int(s.n) {
		v := &s.chunk.views[at]
		bytes += v.size()
		if l.limits.Msgs >= 0 && msgs+i+1 > l.limits.Msgs || l.limits.Bytes >= 0 && bytes > int64(l.limits.Bytes) {
			return i
		}
		at = v.next
	}
	return int(s.n)
}

// overflowed queues what fits of s and applies the policy to the rest.
func (l *lane) overflowed(s segment) pushed {
	fit := l.room(s)
	if fit == int(s.n) {
		l.append(s)
		return pushed{}
	}
	before, beforeBytes := l.dropped, l.droppedBytes
	switch l.overflow {
	case DropOldest:
		l.append(s)
		l.trim()
	case Block:
		l.blockFor(s)
	case RestartEmpty:
		l.drop(s)
		l.clear()
	default:
		l.appendFirst(s, fit)
	}
	p := pushed{dropped: int(l.dropped - before)}
	if p.dropped > 0 && !l.slow {
		l.slow, l.slowReported = true, false
		l.slowFrom, l.slowFromBytes = before, beforeBytes
		p.began = true
	}
	p.idle = p.dropped > 0 && l.queued+l.inflight == 0
	return p
}

// appendFirst queues the first k messages of s and drops the others.
func (l *lane) appendFirst(s segment, k int) {
	rest := s
	for range k {
		rest = rest.behindFirst()
	}
	msgs, bytes := l.pending()
	l.peakMsgs = max(l.peakMsgs, msgs+k+1) // the message that did not fit counts, as in nats.go
	l.peakBytes = max(l.peakBytes, bytes+s.bytes-rest.bytes)
	l.count(rest)
	if k == 0 {
		s.chunk.release()
		return
	}
	s.n, s.bytes = uint32(k), s.bytes-rest.bytes
	l.append(s)
}

// behindFirst returns s without its first message.
func (s segment) behindFirst() segment {
	v := &s.chunk.views[s.head]
	s.bytes -= v.size()
	s.head = v.next
	s.n--
	return s
}

func (l *lane) count(s segment) {
	l.dropped += uint64(s.n)
	l.droppedBytes += uint64(s.bytes)
}

func (l *lane) drop(s segment) {
	l.count(s)
	s.chunk.release()
}

// trim drops the oldest waiting messages until the rest is within the limits.
// Messages that a consumer has taken are out of its reach.
func (l *lane) trim() {
	for l.queued > 0 && !l.within() {
		s := &l.segs[l.head]
		first := segment{chunk: s.chunk, n: 1, bytes: s.chunk.views[s.head].size()}
		l.count(first)
		l.queued--
		l.bytes -= first.bytes
		*s = s.behindFirst()
		if s.n == 0 {
			s.chunk.release()
			l.shift()
		}
	}
}

func (l *lane) within() bool {
	msgs, bytes := l.pending()
	return (l.limits.Msgs < 0 || msgs <= l.limits.Msgs) && (l.limits.Bytes < 0 || bytes <= int64(l.limits.Bytes))
}

// clear drops everything that waits.
func (l *lane) clear() {
	for ; l.head < len(l.segs); l.shift() {
		l.drop(l.segs[l.head])
	}
	l.queued, l.bytes = 0, 0
}

// shift forgets the first segment; its reference has been given away.
func (l *lane) shift() {
	l.segs[l.head] = segment{}
	l.head++
	if l.head < len(l.segs) {
		return
	}
	l.head = 0
	if cap(l.segs) > 32 {
		l.segs = nil
		return
	}
	l.segs = l.segs[:0]
}

// blockFor makes the reader wait for room, piece by piece, up to the bound.
func (l *lane) blockFor(s segment) {
	if l.space == nil {
		l.space = sync.NewCond(&l.mu)
	}
	expired := false
	timer := time.AfterFunc(l.limits.BlockFor, func() {
		l.mu.Lock()
		expired = true
		l.mu.Unlock()
		l.space.Broadcast()
	})
	defer timer.Stop()
	for {
		fit := l.room(s)
		if l.closed.Load() {
			l.drop(s)
			return
		}
		if fit == int(s.n) || expired {
			l.appendFirst(s, fit)
			return
		}
		if fit > 0 {
			s = l.appendPiece(s, fit)
		}
		if l.waiting && l.queued > 0 {
			l.waiting = false
			l.wake()
		}
		l.space.Wait()
	}
}

// appendPiece queues the first k messages of s and returns the others.
func (l *lane) appendPiece(s segment, k int) segment {
	rest := s
	for range k {
		rest = rest.behindFirst()
	}
	s.chunk.refs.Add(1)
	s.n, s.bytes = uint32(k), s.bytes-rest.bytes
	l.append(s)
	return rest
}

// run is a number of messages that one consumer has taken. It holds a
// reference to their chunk until finish.
type run struct {
	Cursor
	start uint32 // the cursor's first place
	n     int
	bytes int64
}

// release gives up the messages' chunk; borrowed messages end here.
func (r *run) release() {
	r.chunk.release()
	r.chunk = nil
}

// take hands up to most messages to a consumer, or marks the lane as waited on
// and returns false.
func (l *lane) take(r *run, most int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queued == 0 || l.closed.Load() {
		l.waiting = true
		return false
	}
	s := &l.segs[l.head]
	r.Cursor, r.start = Cursor{chunk: s.chunk, at: s.head}, s.head
	r.n, r.bytes = int(s.n), s.bytes
	if r.n > most {
		rest := *s
		for range most {
			rest = rest.behindFirst()
		}
		r.n, r.bytes = most, s.bytes-rest.bytes
		s.chunk.refs.Add(1)
		*s = rest
	} else {
		l.shift()
	}
	l.queued -= r.n
	l.bytes -= r.bytes
	l.inflight += r.n
	l.inflightBytes += r.bytes
	l.taken += uint64(r.n)
	return true
}

// finished says what a finish led to.
type finished struct {
	ended     bool   // a slow-consumer episode ended
	lost      uint64 // messages lost in it
	lostBytes uint64
	last      bool // the subscription is to end: nothing waits and nothing comes
	more      bool // messages wait
}

// finish gives back n taken messages that have been delivered or discarded.
func (l *lane) finish(n int, bytes int64) (f finished) {
	l.mu.Lock()
	l.inflight -= n
	l.inflightBytes -= bytes
	if l.slow && (l.queued == 0 || l.queued+l.inflight <= l.limits.Msgs/2) {
		f.ended, f.lost, f.lostBytes = true, l.dropped-l.slowFrom, l.droppedBytes-l.slowFromBytes
		l.slow = false
	}
	if l.space != nil {
		l.space.Broadcast()
	}
	f.more = l.queued > 0
	f.last = l.finishing && l.queued+l.inflight == 0
	l.mu.Unlock()
	return f
}

// shut ends the lane: what waits is discarded, nothing new is taken. It
// returns how many messages were waiting.
func (l *lane) shut() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Swap(true) {
		return 0
	}
	left := l.queued
	for ; l.head < len(l.segs); l.shift() {
		l.segs[l.head].chunk.release()
	}
	l.queued, l.bytes = 0, 0
	if l.space != nil {
		l.space.Broadcast()
	}
	return left
}
