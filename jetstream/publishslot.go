package jetstream

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// publishslot.go - the slots of messages that have no outcome yet.
//
//	          put                    acknowledged, refused
//	free ───────────────► sent ───────────────────────────► free
//	  │                   │ ▲ │
//	  │ no link    link   │ │ │ no responders: try later
//	  └────────► held ◄───┘ │ └───────────────► paused
//	               └────────┴─── when due ◄────────┘
//
// Every waiting message has a deadline, at which it ends.

// stage is the state of a message.
type stage uint8

const (
	stageFree   stage = iota
	stageHeld         // not sent; to be sent in order, as soon as possible
	stageSent         // sent
	stagePaused       // was answered, and will be sent again when due
)

// slot holds one message until its outcome. It is reused; a reply for another use is late.
type slot struct {
	index  uint32
	future *pubAckFuture
	use    uint64
	stage  stage
	order  uint64 // of messages
	number uint64 // of its newest frame, see api.Outlet

	subject  string
	block    int    // bytes of frame that are the header
	frame    []byte // header and data, the slot's own copy
	id       string // empty if it must not be sent twice
	stream   string // expected
	expected uint64 // last sequence

	deadline time.Duration
	first    time.Duration // when its first frame was put
	due      time.Duration // when to send it again; 0 for never
	attempts int           // frames
	left     int           // retries without an answer
	pause    time.Duration // before the next retry
	maybe    bool          // an earlier frame may have taken effect
	failed   error         // error of the last answer, while paused
}

// slotBytesKept is how much memory a free slot keeps for the next message.
const slotBytesKept = 4 << 10

// Tokens of acknowledgements: slot and use.
const (
	slotDigits = 4
	useDigits  = 6
	tokenLen   = slotDigits + useDigits
	useMask    = 1<<(6*useDigits) - 1

	tokenDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"
)

// tokenValues maps a digit to its value, 255 for other bytes.
var tokenValues = func() (v [256]byte) {
	for i := range v {
		v[i] = 255
	}
	for i := range len(tokenDigits) {
		v[tokenDigits[i]] = byte(i)
	}
	return v
}()

// appendToken appends the token of a use of a slot.
func appendToken(dst []byte, index uint32, use uint64) []byte {
	for i := slotDigits - 1; i >= 0; i-- {
		dst = append(dst, tokenDigits[index>>(6*i)&63])
	}
	for i := useDigits - 1; i >= 0; i-- {
		dst = append(dst, tokenDigits[use>>(6*i)&63])
	}
	return dst
}

// parseToken reads a token.
func parseToken(token string) (index int, use uint64, ok bool) {
	if len(token) != tokenLen {
		return 0, 0, false
	}
	for i := range len(token) {
		v := tokenValues[token[i]]
		if v == 255 {
			return 0, 0, false
		}
		if i < slotDigits {
			index = index<<6 | int(v)
		} else {
			use = use<<6 | uint64(v)
		}
	}
	return index, use, true
}

// waitingLocked returns the slot that waits for the answer with that token, nil for none.
func (p *publisher) waitingLocked(token string) *slot {
	index, use, ok := parseToken(token)
	if !ok || index >= len(p.slots) {
		return nil
	}
	if s := &p.slots[index]; s.stage != stageFree && s.use&useMask == use {
		return s
	}
	return nil
}

// takeLocked returns a free slot for the next use.
func (p *publisher) takeLocked() *slot {
	var index uint32
	if n := len(p.free); n > 0 {
		index = p.free[n-1]
		p.free = p.free[:n-1]
	} else {
		index = uint32(len(p.slots))
		p.slots = append(p.slots, slot{index: index})
	}
	s := &p.slots[index]
	s.use++
	return s
}

// fillLocked puts a message into a slot.
func (p *publisher) fillLocked(s *slot, m *outgoing) *pubAckFuture {
	f := &pubAckFuture{p: p, msg: m.msg}
	if p.subject != m.subject {
		p.subject = strings.Clone(m.subject) // the caller's may be borrowed
	}
	if f.msg == nil {
		f.own = api.Msg{Subject: p.subject, Data: m.payload}
		f.msg = &f.own
	}
	p.order++
	s.future, s.order, s.subject = f, p.order, p.subject
	s.block = len(m.block)
	s.frame = append(append(s.frame[:0], m.block...), m.payload...)
	s.id, s.stream, s.expected = m.id, m.stream, m.expected
	s.left, s.pause = m.retries, m.pause
	s.number, s.attempts, s.maybe, s.failed, s.due = 0, 0, false, nil, 0
	p.pending++
	return f
}

// placedLocked notes that a frame of the message was put.
func (p *publisher) placedLocked(s *slot, number uint64, now time.Duration) {
	p.stageLocked(s, stageSent)
	s.number = number
	if s.attempts++; s.attempts == 1 {
		s.first = now
	} else {
		p.counts.resent++
	}
	s.due = 0
	if s.id != "" {
		s.due = now + min(resendAfter<<min(s.attempts-1, 8), resendAfterMax)
	}
}

// Pauses before a message with an id is sent again because no answer came.
const (
	resendAfter    = 2 * time.Second
	resendAfterMax = 8 * time.Second
)

// stageLocked changes the stage of a message, and counts what is held.
func (p *publisher) stageLocked(s *slot, next stage) {
	if s.stage == stageHeld {
		p.heldBytes -= len(s.frame)
	}
	if next == stageHeld {
		p.heldBytes += len(s.frame)
	}
	s.stage = next
}

// releaseLocked frees the slot of a message that has its outcome.
func (p *publisher) releaseLocked(s *slot) {
	p.stageLocked(s, stageFree)
	s.future, s.subject, s.id, s.stream, s.failed = nil, "", "", "", nil
	if cap(s.frame) > slotBytesKept {
		s.frame = nil
	}
	p.free = append(p.free, s.index)
	p.pending--
}

// endLocked gives a message its outcome: ack, or err. The credit goes to the next waiter, or
// stays with the call of a handler.
func (p *publisher) endLocked(s *slot, ack *PubAck, err error) {
	f := s.future
	p.releaseLocked(s)
	f.err = err
	if err == nil {
		f.ack = *ack
		p.counts.acked++
		if ack.Duplicate {
			p.counts.duplicates++
		}
	}
	f.endLocked()
	if err == nil && p.opts.onAck != nil || err != nil && p.opts.onErr != nil {
		p.calls = append(p.calls, f)
		p.desk.callSoonLocked()
		return
	}
	p.creditLocked()
	p.completeLocked()
}

// failLocked ends a message that was not acknowledged. unknown says that the stream may
// have it.
func (p *publisher) failLocked(s *slot, cause error, unknown bool) {
	var wrong *WrongLastSequenceError
	if errors.As(cause, &wrong) {
		wrong.Expected = s.expected
	}
	switch {
	case unknown:
		p.counts.unknown++
	case errors.Is(cause, ErrAPI):
		p.counts.refused++
	default:
		p.counts.unsent++
	}
	p.endLocked(s, nil, &PublishError{Subject: s.subject, MsgID: s.id, Stream: s.stream, Attempts: s.attempts, Unknown: unknown, Err: cause})
}

// uncertain reports whether the stream may have a message without an answer.
func (s *slot) uncertain() bool { return s.maybe || s.stage == stageSent }

// endAllLocked ends every message for the same reason.
func (p *publisher) endAllLocked(cause error) {
	for _, s := range p.busyLocked(func(*slot) bool { return true }) {
		p.failLocked(s, cause, s.uncertain())
	}
}

// busyLocked returns the messages for which where holds, oldest first.
func (p *publisher) busyLocked(where func(s *slot) bool) []*slot {
	var found []*slot
	for i := range p.slots {
		if s := &p.slots[i]; s.stage != stageFree && where(s) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *slot) int { return cmp.Compare(a.order, b.order) })
	return found
}

// keepableLocked returns why a message cannot wait for a link, nil if it can.
func (p *publisher) keepableLocked(m *outgoing) error {
	if err := protocol.CheckFrameSubject(m.subject); err != nil {
		return err
	}
	limit, size := p.js.nc.Opts.ReconnectBufSize, len(m.block)+len(m.payload)
	if limit < 0 || p.heldBytes > 0 && p.heldBytes+size > limit {
		return &api.OutboundBufferLimitError{Buffered: p.heldBytes, Need: size, Limit: limit}
	}
	return nil
}
