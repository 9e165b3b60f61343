package actors

import (
	"sync"
	"sync/atomic"
	"time"
)

// runMax is how many messages a consumer takes at once: enough to make the lane's lock
// cheap, few enough for exact limits and drops.
const runMax = 128

// Limits bounds the messages that may wait for a subscription's handler, the message in
// the handler included. Negative means unlimited.
type Limits struct {
	Msgs     int
	Bytes    int           // payload plus encoded headers
	BlockFor time.Duration // for Block: how long the reader may wait
}

// lane is the data lane of a subscription: a bounded queue of segments between
// the reader and one or more consumers.
//
// Invariants, under mu: accepted = dropped-after-acceptance + taken + queued;
// queued and bytes are sums over segs. When mu is free, account is charged with
// bytes and inflightBytes.
type lane struct {
	mu      sync.Mutex
	segs    []segment
	head    int // first live element of segs
	queued  int
	bytes   int64
	limits  Limits
	account account // in the budget of the connection

	taken         uint64        // messages ever handed to consumers
	started       atomic.Uint64 // of these, handed to user code: Delivered
	inflight      int           // taken and not given back by finish
	inflightBytes int64
	received      uint64 // messages received from the server
	announced     uint64 // of these, not sent on the current socket since its SUB, where the server's count starts
	ahead         uint64 // of these, sent on the socket that will be the next one
	dropped       uint64
	droppedBytes  uint64
	peakMsgs      int
	peakBytes     int64

	slowFrom uint64 // dropped when the episode began
	slowMsgs int    // pending at the last drop

	slowFromBytes uint64
	slowBytes     int64

	refusal *PermissionError // why the server refuses the subscription; nil unless it does

	max       uint64            // messages after which the subscription ends, 0 for never
	last      atomic.Uint64     // no delivery begins after that many; 0 for no bound
	marks     *barrierMark      // positions of barriers, oldest first; nil for none
	next      uint64            // number after the last message that was queued, see segment
	consumers int               // how many may take from the lane concurrently; 1 by default
	wake      func()            // wakes idle consumers; called with mu held
	deliver   func(*Raw) Handed // hands over instead of queuing; called with mu held; nil for a queue
	turned    func()            // called with mu held when slow changes; nil for none
	lost      func(*Raw, bool)  // called for each message that will not be delivered, see SubSpec.Lost; nil for none
	space     *sync.Cond        // Block: room was made or the lane was closed; nil until used

	// Small fields are grouped to save memory: programs have ten thousand subscriptions.
	closed       atomic.Bool // no delivery begins any more
	overflow     Overflow
	byBudget     bool // the last message without room exceeded the budget
	slow         bool // a slow-consumer episode is on
	slowReported bool // NextMsg has reported the episode
	retried      bool // the SUB has been sent again since the refusal
	relay        bool // a worker's own lane: messages keep the numbers of the subscription's lane
	finishing    bool // nothing more comes: the last finish ends the subscription
	waiting      bool // consumers are idle and want a wake-up
	left         bool // the last delivery has ended
}

// pushed says what a push did, for the reader to act on outside the lock.
type pushed struct {
	wake    bool // consumers were idle
	began   bool // a slow-consumer episode began
	last    bool // the subscription has received its maximum of messages
	empty   bool // and none of them waits
	idle    bool // no message is left whose finish could end the slow episode
	refused bool // a message came although the subscription is marked as refused
	gone    bool // the channel that takes the messages is closed
	freed   bool // the budget has more room than before
	dropped int
	beyond  int          // messages that came after it had received its maximum
	ended   *episode     // a slow-consumer episode ended; nil for none
	reached *barrierMark // barriers that are reached, linked; nil for none
}

// push queues a segment, subject to the limits. The lane owns it from here on.
func (l *lane) push(s segment) (p pushed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pushLocked(s, &p)
	return p
}

// pushAhead is push for a segment from a socket that is not in use yet.
func (l *lane) pushAhead(s segment) (p pushed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead += uint64(s.n)
	l.pushLocked(s, &p)
	return p
}

func (l *lane) pushLocked(s segment, p *pushed) {
	beyond := s.n
	if l.max > 0 && l.received+uint64(s.n) > l.max {
		s = s.first(int(l.max - min(l.received, l.max)))
	}
	beyond -= s.n
	if !l.relay {
		s.seq = l.received
	}
	l.received += uint64(s.n)
	if l.closed.Load() || s.n == 0 {
		p.beyond = int(beyond)
		l.lose(s)
		s.chunk.release()
		return
	}
	switch {
	case l.deliver != nil:
		*p = l.handOver(s)
	case l.fits(int(s.n), s.bytes):
		l.append(s)
	default:
		*p = l.overflowed(s)
	}
	p.beyond = int(beyond)
	if l.queued+l.inflight > l.peakMsgs || l.held() > l.peakBytes {
		l.raise(l.pending()) // the true values, which are at most those just compared
	}
	p.refused = l.refusal != nil
	p.wake = l.waiting && l.queued > 0
	l.waiting = l.waiting && !p.wake
	if l.max > 0 && l.received >= l.max {
		l.finishing = true
		p.last, p.empty = true, l.queued+l.inflight == 0
	}
	if l.account.of != nil {
		p.freed = l.account.settle(l.held())
	}
	if l.marks != nil {
		p.reached = l.reached()
	}
}

// first returns the first k messages of s.
func (s segment) first(k int) segment {
	rest := s.behind(k)
	s.n, s.bytes = uint32(k), s.bytes-rest.bytes
	return s
}

// fits reports whether n messages of that many bytes may wait with the others.
func (l *lane) fits(n int, bytes int64) bool {
	return (l.limits.Msgs < 0 || l.queued+l.inflight+n <= l.limits.Msgs) &&
		(l.limits.Bytes < 0 || l.held()+bytes <= int64(l.limits.Bytes)) && l.affords(n, bytes)
}

func (l *lane) append(s segment) {
	if l.head > 0 && l.head == len(l.segs) {
		l.segs, l.head = l.segs[:0], 0
	}
	l.segs, l.head = moveDown(l.segs, l.head)
	l.segs = append(l.segs, s)
	l.next = max(l.next, s.seq+uint64(s.n)) // a push that waited for room may come late
	l.queued += int(s.n)
	l.bytes += s.bytes
}

// raise raises the high-water marks to the given values.
func (l *lane) raise(msgs int, bytes int64) {
	l.peakMsgs, l.peakBytes = max(l.peakMsgs, msgs), max(l.peakBytes, bytes)
}

// pending returns the number and size of the waiting messages, the message in the handler
// included.
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

// room returns how many of the first messages of s fit now, and records whether the
// budget has no room for the others.
func (l *lane) room(s segment) int {
	msgs, bytes := l.pending()
	budget, alone := l.account.room(l.held()), l.queued+l.inflight == 0
	at := s.head
	for i := range int(s.n) {
		v := &s.chunk.views[at]
		bytes += v.size()
		budget -= v.size()
		if l.limits.Msgs >= 0 && msgs+i+1 > l.limits.Msgs || l.limits.Bytes >= 0 && bytes > int64(l.limits.Bytes) {
			l.byBudget = false
			return i
		}
		if budget < 0 && !(alone && i == 0) {
			l.byBudget = true
			return i
		}
		at = v.next
	}
	return int(s.n)
}

// behind returns s without its first k messages. It iterates over values that fit into
// registers: a whole segment, copied at each step, does not.
func (s segment) behind(k int) segment {
	views, at, bytes := s.chunk.views, s.head, s.bytes
	for range k {
		v := &views[at]
		bytes -= v.size()
		at = v.next
	}
	s.head, s.bytes = at, bytes
	s.n -= uint32(k)
	s.seq += uint64(k)
	return s
}

func (l *lane) count(s segment) {
	l.dropped += uint64(s.n)
	l.droppedBytes += uint64(s.bytes)
	l.lose(s)
}

// lose reports messages that will not be delivered.
func (l *lane) lose(s segment) {
	if l.lost == nil {
		return
	}
	var m Raw
	at, ended := Cursor{chunk: s.chunk, at: s.head}, l.closed.Load()
	for range s.n {
		at.Next(&m)
		l.lost(&m, ended)
	}
}

func (l *lane) drop(s segment) {
	l.count(s)
	s.chunk.release()
}

// shift removes the first segment, whose reference has been passed on.
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

// run is a number of messages that one consumer has taken. It holds a
// reference to their chunk until finish.
type run struct {
	Cursor
	start uint32 // the cursor's first position
	base  uint64 // messages that the lane's consumers had begun when it was taken
	part
}

// part is a sequence of consecutive messages.
type part struct {
	seq   uint64 // of the first, see segment
	n     int
	bytes int64
}

// release gives up the messages' chunk; borrowed messages are invalid from here on.
func (r *run) release() {
	r.chunk.release()
	r.chunk = nil
}

// take hands up to most messages to a consumer; if none wait, it marks the lane as waited
// on and returns false.
func (l *lane) take(r *run, most int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queued == 0 || l.closed.Load() {
		l.waiting = true
		return false
	}
	s := &l.segs[l.head]
	r.Cursor, r.start, r.base = Cursor{chunk: s.chunk, at: s.head}, s.head, l.started.Load()
	r.part = part{seq: s.seq, n: int(s.n), bytes: s.bytes}
	if r.n > most {
		rest := s.behind(most)
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

// finished is the result of a finish.
type finished struct {
	ended   *episode     // a slow-consumer episode ended; nil for none
	last    bool         // the subscription must end: nothing waits and nothing more comes
	more    bool         // messages wait
	reached *barrierMark // barriers that are reached, linked; nil for none
}

// finish gives back taken messages that have been delivered or discarded.
func (l *lane) finish(p part) finished { return l.finishRun(&run{part: p}) }

// finishRun gives back a run. The caller releases its chunk.
func (l *lane) finishRun(r *run) (f finished) {
	l.mu.Lock()
	r.chunk = nil
	l.inflight -= r.n
	l.inflightBytes -= r.bytes
	if l.marks != nil {
		l.pass(r.seq, r.n)
		f.reached = l.reached()
	}
	if l.slow && (l.queued == 0 || l.queued+l.inflight <= l.slowMsgs/2 && l.held() <= l.slowBytes/2) {
		f.ended = l.endSlow()
	}
	less := l.account.of != nil && l.account.settle(l.held())
	if l.space != nil {
		l.space.Broadcast()
	}
	f.more = l.queued > 0
	f.last = l.finishing && l.queued+l.inflight == 0
	l.mu.Unlock()
	if less {
		l.account.of.freed()
	}
	return f
}

// leave gives up the messages that no consumer will give back: their bytes, and their
// hold on later barriers.
func (l *lane) leave() (reached *barrierMark) {
	l.mu.Lock()
	less := l.account.close()
	reached = l.marks
	l.marks, l.left = nil, true
	l.mu.Unlock()
	if less {
		l.account.of.freed()
	}
	return reached
}

// shut ends the lane: waiting messages are discarded and no new ones accepted. It returns
// how many were waiting.
func (l *lane) shut() int {
	l.mu.Lock()
	if l.closed.Swap(true) {
		l.mu.Unlock()
		return 0
	}
	left := l.queued
	for ; l.head < len(l.segs); l.shift() {
		l.lose(l.segs[l.head])
		l.segs[l.head].chunk.release()
	}
	l.queued, l.bytes = 0, 0
	less := l.account.settle(l.held())
	if l.space != nil {
		l.space.Broadcast()
	}
	l.mu.Unlock()
	if less {
		l.account.of.freed()
	}
	return left
}
