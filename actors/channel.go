package actors

import "github.com/troupe-go/troupe/internal/kind"

// channel.go - subscriptions whose messages go straight into the user's channel. What
// waits there belongs to the user: nothing is queued in the lane, and the reader does not
// wait for room.

// ErrChannelClosed: the channel of a subscription was closed by its receiver.
var ErrChannelClosed error = kind.New("troupe: channel of the subscription is closed", ErrBadSubscription)

// Handed is the outcome of handing a message to a channel.
type Handed uint8

// The outcomes of a hand-over.
const (
	// HandedOver: the channel has it.
	HandedOver Handed = iota
	// HandedNone: there was no room.
	HandedNone
	// HandedClosed: the channel is closed.
	HandedClosed
	// HandedEasily: the channel has it, and at most half of its room is taken.
	HandedEasily
)

// handOver gives the messages of s to the channel, one by one.
func (l *lane) handOver(s segment) (p pushed) {
	defer s.chunk.release()
	before, beforeBytes := l.dropped, l.droppedBytes
	easy := false
	for ; s.n > 0 && !p.gone; s = s.behind(1) {
		at := Cursor{chunk: s.chunk, at: s.head}
		var m Raw
		at.Next(&m)
		handed := l.deliver(&m)
		easy = handed == HandedEasily
		switch handed {
		case HandedOver, HandedEasily:
			l.taken++
			l.started.Add(1)
		case HandedClosed:
			p.gone = true
			l.count(s)
		default:
			l.count(s.first(1))
		}
	}
	p.dropped = int(l.dropped - before)
	switch {
	case p.gone:
	case p.dropped > 0 && !l.slow:
		l.beginSlow(before, beforeBytes)
		p.began = true
	case p.dropped == 0 && l.slow && easy:
		// Not at the first message that finds room: a receiver at its limit would begin
		// and end an episode with each message.
		p.ended = l.endSlow()
	}
	return p
}
