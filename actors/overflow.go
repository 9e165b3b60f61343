package actors

import (
	"sync"
)

// overflow.go - what a lane does with messages that find no room, and the slow-consumer
// episodes.

// Overflow says what a full lane does with messages.
type Overflow uint8

const (
	// DropNewest drops the message that does not fit. It is the default.
	DropNewest Overflow = iota
	// DropOldest makes room by dropping the messages that wait longest.
	DropOldest
	// Block makes the connection's reader wait for room, for at most Limits.BlockFor, and
	// drops the newest after that. It delays everything else on the connection; choose it
	// where losing is worse than waiting.
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

// episode is what was lost while a lane was full.
type episode struct{ msgs, bytes uint64 }

// overflowed queues what fits of s and applies the policy to the rest.
func (l *lane) overflowed(s segment) pushed {
	fit := l.room(s)
	if fit == int(s.n) {
		l.append(s)
		return pushed{}
	}
	before, beforeBytes := l.dropped, l.droppedBytes
	msgs, bytes := l.pending()
	l.raise(msgs+fit+1, bytes+s.first(fit+1).bytes) // the message that does not fit counts, as in nats.go
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
	if p.dropped > 0 {
		nowMsgs, nowBytes := l.pending()
		l.slowMsgs, l.slowBytes = max(msgs, nowMsgs), max(bytes, nowBytes)
	}
	if p.dropped > 0 && !l.slow {
		l.beginSlow(before, beforeBytes)
		p.began = true
	}
	p.idle = p.dropped > 0 && l.queued+l.inflight == 0
	return p
}

// beginSlow begins an episode; the counts are those of drops before it.
func (l *lane) beginSlow(dropped, bytes uint64) {
	l.slow, l.slowReported = true, false
	l.slowFrom, l.slowFromBytes = dropped, bytes
	l.turn()
}

// endSlow ends an episode and returns what was lost in it.
func (l *lane) endSlow() *episode {
	l.slow = false
	l.turn()
	return &episode{l.dropped - l.slowFrom, l.droppedBytes - l.slowFromBytes}
}

// endEpisode ends the current episode, if any, when the subscription ends.
func (l *lane) endEpisode() *episode {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.slow {
		return nil
	}
	return l.endSlow()
}

func (l *lane) turn() {
	if l.turned != nil {
		l.turned()
	}
}

// appendFirst queues the first k messages of s and drops the others.
func (l *lane) appendFirst(s segment, k int) {
	rest := s.behind(k)
	l.count(rest)
	if k == 0 {
		s.chunk.release()
		return
	}
	s.n, s.bytes = uint32(k), s.bytes-rest.bytes
	l.append(s)
}

// trim drops the oldest waiting messages until the rest is within the limits. Messages
// that a consumer has taken are not affected.
func (l *lane) trim() {
	for l.queued > 0 && !l.within() {
		s := &l.segs[l.head]
		first := segment{chunk: s.chunk, head: s.head, n: 1, bytes: s.chunk.views[s.head].size()}
		l.count(first)
		l.pass(s.seq, 1)
		l.queued--
		l.bytes -= first.bytes
		*s = s.behind(1)
		if s.n == 0 {
			s.chunk.release()
			l.shift()
		}
	}
}

func (l *lane) within() bool {
	msgs, bytes := l.pending()
	return (l.limits.Msgs < 0 || msgs <= l.limits.Msgs) && (l.limits.Bytes < 0 || bytes <= int64(l.limits.Bytes)) && l.affords(0, 0)
}

// clear drops everything that waits.
func (l *lane) clear() {
	for ; l.head < len(l.segs); l.shift() {
		l.pass(l.segs[l.head].seq, int(l.segs[l.head].n))
		l.drop(l.segs[l.head])
	}
	l.queued, l.bytes = 0, 0
}

// blockFor makes the reader wait for room, piece by piece, up to BlockFor.
func (l *lane) blockFor(s segment) {
	if l.space == nil {
		l.space = sync.NewCond(&l.mu)
	}
	expired := false
	timer := newAlarm(l.limits.BlockFor, func(*alarm) {
		l.mu.Lock()
		expired = true
		l.mu.Unlock()
		l.space.Broadcast()
	})
	defer timer.Stop()
	defer l.account.of.await(l)() // before the budget is checked, so that anything freed afterwards wakes this push
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
		l.account.settle(l.held())
		l.space.Wait()
	}
}

// appendPiece queues the first k messages of s and returns the others.
func (l *lane) appendPiece(s segment, k int) segment {
	rest := s.behind(k)
	s.chunk.refs.Add(1)
	s.n, s.bytes = uint32(k), s.bytes-rest.bytes
	l.append(s)
	return rest
}
