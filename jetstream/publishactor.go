package jetstream

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// publishactor.go - the actor that looks after messages without an outcome.
//
//	idle ──► publishing ──► waiting: there is no link
//	  ▲            │  ▲         │
//	  └────────────┘  └─────────┘
//
// All the state that it works on belongs to the publisher and outlives it. It acts when it
// receives look: after facts about the link, and when something is due.

// look makes the actor check what there is to do.
type look struct{}

// publishing is the actor of one desk.
type publishing struct {
	p    *publisher
	d    *desk
	stop func() bool // the timer; nil for none
}

// Started checks what an earlier incarnation may have left.
func (a *publishing) Started(c *api.ActorContext) { a.onLook(c) }

// Receive handles one message.
func (a *publishing) Receive(c *api.ActorContext, m any) {
	switch m.(type) {
	case look:
		a.onLook(c)
	default:
		panic(fmt.Sprintf("publisher: unhandled message %T", m))
	}
}

// Stopping ends the messages that no actor will look after. While the connection lives another
// incarnation does, unless the messages have already ended.
func (a *publishing) Stopping(c *api.ActorContext) {
	if cause := endOf(c.Conn()); cause != nil {
		a.d.end(cause)
	}
}

// endOf returns why a connection accepts no more messages, nil as long as it does.
func endOf(nc *api.Conn) error {
	switch {
	case nc.IsClosed():
		return api.ErrConnectionClosed
	case nc.IsDraining():
		return api.ErrConnectionDraining
	}
	return nil
}

func (a *publishing) onLook(c *api.ActorContext) {
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
	turn := a.p.turn(a.d)
	if turn.kick != nil {
		turn.kick()
	}
	if turn.wait > 0 {
		a.stop = c.After(turn.wait, look{})
	}
	switch {
	case turn.holding:
		c.Become("waiting", api.Degraded, "messages are waiting for a link")
	case turn.pending > 0:
		c.Become("publishing", api.Well, "")
	default:
		c.Become("idle", api.Well, "")
	}
}

// turn is the result of one check of the messages.
type turn struct {
	kick    func()        // to be called without the lock; nil for nothing
	wait    time.Duration // until something is due; 0 for never
	holding bool
	pending int
}

// roomPause is how soon to check again when the socket has to drain first.
const roomPause = time.Millisecond

// turn does what is due now.
func (p *publisher) turn(d *desk) (t turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.desk != d {
		return t
	}
	facts := d.facts
	d.facts, d.poked = nil, false
	for _, f := range facts {
		f(p)
	}
	now := p.now()
	p.expireLocked(now)
	full := false
	t.kick, full = p.resendLocked(now)
	t.holding, t.pending = p.holding, p.pending
	d.wake = p.nextLocked()
	switch {
	case full:
		t.wait = roomPause
	case d.wake > 0:
		t.wait = max(d.wake-p.now(), time.Microsecond)
	}
	return t
}

// expireLocked ends messages that have timed out.
func (p *publisher) expireLocked(now time.Duration) {
	for _, s := range p.busyLocked(func(s *slot) bool { return s.deadline <= now }) {
		cause := s.failed
		if cause == nil || s.uncertain() {
			cause = ErrAsyncPublishTimeout
		}
		p.failLocked(s, cause, s.uncertain())
	}
}

// resendLocked sends messages that are held or due, oldest first. full says that the socket has
// to drain before the rest can be sent.
func (p *publisher) resendLocked(now time.Duration) (kick func(), full bool) {
	blocked := false
	ready := p.busyLocked(func(s *slot) bool { return s.stage == stageHeld || s.due > 0 && s.due <= now })
	for _, s := range ready {
		switch late := now-s.first > p.resendUntil(); {
		case s.stage == stageSent && late:
			s.due = 0 // a duplicate would not be recognized, but an answer may come
			continue
		case s.maybe && late:
			cause := s.failed
			if cause == nil {
				cause = &api.RequestLostError{Op: "publish", Cause: api.ErrDisconnected}
			}
			p.failLocked(s, cause, true)
			continue
		case s.stage == stageSent:
			s.due, s.maybe = 0, true
		}
		if blocked {
			p.stageLocked(s, stageHeld)
			continue
		}
		more, err := p.putAgainLocked(s, now)
		if more != nil {
			kick = more
		}
		blocked = err != nil
		full = full || errors.Is(err, api.ErrOutletFull)
	}
	p.holding = blocked
	return kick, full
}

// putAgainLocked sends a message that is in a slot. With an error it and those after it have to
// wait.
func (p *publisher) putAgainLocked(s *slot, now time.Duration) (kick func(), err error) {
	var room [128]byte
	reply := appendToken(append(room[:0], p.desk.replies...), s.index, s.use)
	number, kick, err := p.desk.outlet.Put(s.subject, string(reply), s.frame[:s.block], s.frame[s.block:])
	switch {
	case err == nil:
		p.placedLocked(s, number, now)
		return kick, nil
	case errors.Is(err, api.ErrOutletFull), errors.Is(err, api.ErrOutletDown):
		p.stageLocked(s, stageHeld)
		return nil, err
	default:
		p.failLocked(s, err, s.uncertain())
		return nil, nil
	}
}

// nextLocked returns when something is due next; 0 for never.
func (p *publisher) nextLocked() (next time.Duration) {
	for i := range p.slots {
		s := &p.slots[i]
		if s.stage == stageFree {
			continue
		}
		if next == 0 || s.deadline < next {
			next = s.deadline
		}
		if s.stage != stageHeld && s.due > 0 && s.due < next {
			next = s.due
		}
	}
	return next
}

// onLost handles a lost link: messages that may have been sent are sent again if that is safe,
// and end otherwise; those that were not sent are sent again.
func (p *publisher) onLost(loss api.OutletLoss) {
	now := p.now()
	for _, s := range p.busyLocked(func(s *slot) bool { return s.stage == stageSent && s.number <= loss.Accepted }) {
		if s.number > loss.Sent {
			s.attempts--
			p.stageLocked(s, stageHeld)
			continue
		}
		if s.id == "" || now-s.first > p.resendUntil() {
			p.failLocked(s, &api.RequestLostError{Op: "publish", Cause: loss.Cause}, true)
			continue
		}
		s.maybe = true
		p.stageLocked(s, stageHeld)
	}
}

// onRefused ends messages that a server does not permit: the one with the reply, or those on the
// subject that may have been sent.
func (p *publisher) onRefused(subject, reply string, err error) {
	if reply != "" {
		if token, ok := strings.CutPrefix(reply, p.desk.replies); ok {
			if s := p.waitingLocked(token); s != nil {
				p.failLocked(s, err, s.maybe)
			}
		}
		return
	}
	written := p.desk.outlet.Sent()
	for _, s := range p.busyLocked(func(s *slot) bool { return s.stage == stageSent && s.subject == subject && s.number <= written }) {
		p.failLocked(s, err, s.maybe)
	}
}

// onReply handles the answer to a message. The subscription's dispatcher calls it.
func (d *desk) onReply(m *api.Msg) {
	p, token := d.p, m.Subject[min(len(d.replies), len(m.Subject)):]
	silent := len(m.Data) == 0 && m.Status() == 503
	var ack PubAck
	var err error
	if !silent {
		ack, err = d.acks.read(m.Data)
	}
	p.mu.Lock()
	s := p.waitingLocked(token)
	var poke *desk
	switch {
	case s == nil || p.desk != d:
		p.counts.late++
	case err == nil && !silent:
		p.endLocked(s, &ack, nil)
	default:
		poke = p.answeredLocked(s, silent, err)
	}
	p.mu.Unlock()
	if poke != nil {
		poke.look()
	}
}

// answeredLocked decides what to do with a message that was not acknowledged: there was no
// responder, or a stream has refused it.
func (p *publisher) answeredLocked(s *slot, silent bool, err error) (poke *desk) {
	now := p.now()
	patient := p.opts.idempotent && s.id != ""
	again := false
	switch {
	case silent:
		err = ErrNoStreamResponse
		again = patient || s.left > 0
		s.left--
	case errors.Is(err, ErrDuplicateMsgInProcess):
		again = s.id != ""
	case errors.Is(err, ErrAPI):
		again = patient && kind.CanRetry(err)
	}
	if again && s.stage != stageSent {
		return nil // it is sent again anyway: this is the answer to an earlier frame
	}
	late := s.maybe && now-s.first > p.resendUntil()
	if !again || late || now+s.pause >= s.deadline && !patient {
		p.failLocked(s, err, s.maybe || errors.Is(err, ErrInvalidJSAck))
		return nil
	}
	p.stageLocked(s, stagePaused)
	s.failed, s.due = err, now+s.pause
	if patient {
		s.pause = min(2*s.pause, retryPauseMax)
	}
	return p.desk.dueLocked(s)
}

// retryPauseMax limits the pause before a message that was temporarily refused is sent again.
const retryPauseMax = 2 * time.Second
