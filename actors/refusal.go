package actors

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// refusal.go - subscriptions that the server refuses.
//
//	active ── denied ──► refused ── next link ──► tried again ── PONG, or a message ──► active
//	                        ▲                          │
//	                        └───────── denied ─────────┘
//
// A server does not confirm a SUB that it accepts, so a subscription counts as refused
// until something that came after the SUB proves that it was not denied again.

// PermissionError says what the server did not allow. It wraps a *protocol.ServerError
// and so matches ErrPermissionViolation or, for a subscription, possibly
// ErrMaxSubscriptionsExceeded or ErrBadSubject instead.
type PermissionError struct {
	Op      protocol.Role // RolePublish, RoleReply or RoleSubscribe
	Subject string
	Queue   string // queue group of a refused subscription
	SID     uint64 // number of a refused subscription
	Raw     string // what the server said
	cause   *protocol.ServerError
}

// Error names what was refused and quotes the server.
func (e *PermissionError) Error() string {
	return fmt.Sprintf("%v: %v %q (server: %q)", e.cause.Kind, e.Op, e.Subject, e.Raw)
}

// Unwrap returns the server's error, which unwraps to its kind.
func (e *PermissionError) Unwrap() []error { return []error{e.cause} }

// permissionError describes a refusal; s is the subscription concerned, nil for none.
func permissionError(e *protocol.ServerError, s *Sub) *PermissionError {
	p := &PermissionError{Op: e.Op, Subject: e.Subject, Queue: e.Queue, SID: e.SID, Raw: e.Text, cause: e}
	if s != nil {
		p.Subject, p.Queue, p.SID = s.Subject, s.Queue, s.sid
	}
	return p
}

// complained handles an -ERR that does not end the link. It returns false when e ends the
// link, or came on a socket that is not in use. The reader calls it, so that such errors
// are reported in the order in which they came.
func (c *Conn) complained(attempt uint32, e *protocol.ServerError) bool {
	if e.Closes {
		return false
	}
	if c.denied(attempt, e) {
		return true
	}
	c.out.mu.Lock()
	inUse := c.out.link == attempt
	c.out.mu.Unlock()
	if inUse {
		c.reportServerError(e)
	}
	return inUse
}

// reportServerError publishes an event for an -ERR that does not end the link.
func (c *Conn) reportServerError(e *protocol.ServerError) {
	kind, cause := supervisor.ServerErrorReported, error(e)
	if errors.Is(e, protocol.ErrPermissionViolation) {
		denial := permissionError(e, nil)
		kind, cause = supervisor.PermissionDenied, denial
		c.reqs.denied(denial)
		c.outlets.denied(denial)
	}
	c.setLastError(cause)
	c.observe(Notice{Event: supervisor.Event{Kind: kind, Path: c.name, Cause: cause}})
}

// denied marks the subscription that e is about. It returns false when e is about
// something else, or came on a socket that is not in use any more. The reader calls it,
// so that no PONG that came after e is handled before the mark is set.
func (c *Conn) denied(attempt uint32, e *protocol.ServerError) bool {
	s := c.deniedSub(attempt, e)
	if s == nil {
		return false
	}
	cause := permissionError(e, s)
	if s.mux {
		c.reqs.denied(cause)
		c.setLastError(cause)
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.PermissionDenied, Path: c.name, Cause: cause}})
		return true
	}
	s.refuse(cause)
	return true
}

// deniedSub finds the subscription that an -ERR is about. A permission error names number
// or subject. Other errors name neither: they are about the newest unconfirmed SUB.
func (c *Conn) deniedSub(attempt uint32, e *protocol.ServerError) (found *Sub) {
	if e.Op != protocol.RoleSubscribe {
		return nil
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.link != attempt {
		return nil
	}
	if e.SID != 0 {
		return c.subs.get(e.SID)
	}
	named := errors.Is(e, protocol.ErrPermissionViolation)
	c.subs.all(func(s *Sub) {
		switch {
		case named && (found != nil || s.Subject != e.Subject || s.Queue != e.Queue):
		case !named && s.sid <= c.out.confirmedSub:
		case s.refused():
		default:
			found = s
		}
	})
	return found
}

// refused reports whether the server has denied the last SUB.
func (s *Sub) refused() bool {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	return s.lane.refusal != nil && !s.lane.retried
}

// refuse marks the subscription, wakes everything that waits on it, and applies the
// policy.
func (s *Sub) refuse(cause *PermissionError) {
	s.lane.mu.Lock()
	if s.lane.closed.Load() {
		s.lane.mu.Unlock()
		return
	}
	s.lane.refusal, s.lane.retried = cause, false
	s.turned()
	s.lane.mu.Unlock()
	s.conn.setLastError(cause)
	s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.PermissionDenied, Path: s.Path(), Cause: cause, Message: s.Subject}})
	s.next.signal()
	switch s.spec.Refused {
	case supervisor.Stop:
		s.conn.unlist(s)
		s.end(cause)
	case supervisor.Escalate:
		go s.conn.fail(cause)
	}
}

// Refusal returns why the server refuses the subscription, nil if it does not.
func (s *Sub) Refusal() error {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	if s.lane.refusal == nil {
		return nil
	}
	return s.lane.refusal
}

// retry appends a PING whose PONG confirms the SUBs of refused subscriptions at the
// beginning of dst. It is called with the outbox's lock, before any other PING.
func (c *Conn) retry(dst []byte) []byte {
	c.retried.Store(c.out.link)
	c.out.marks = append(c.out.marks, mark{pubs: c.out.confirmed, sub: c.subs.last})
	return protocol.AppendPing(dst)
}

// confirmed is called for each PONG on the socket of an attempt.
func (c *Conn) confirmed(attempt uint32) {
	if attempt == 0 || !c.retried.CompareAndSwap(attempt, 0) {
		return
	}
	var accepted []*Sub
	c.out.mu.Lock()
	c.subs.all(func(s *Sub) {
		s.lane.mu.Lock()
		if s.lane.retried {
			s.accept()
			accepted = append(accepted, s)
		}
		s.lane.mu.Unlock()
	})
	c.out.mu.Unlock()
	for _, s := range accepted {
		s.accepted()
	}
}

// accept removes the mark; called with the lane's lock.
func (s *Sub) accept() {
	s.lane.refusal, s.lane.retried = nil, false
	s.turned()
}

// accepted reports that the server has accepted the subscription after all.
func (s *Sub) accepted() {
	s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.SubscriptionRestored, Path: s.Path(), Message: s.Subject}})
}

// proven removes the mark because a message came.
func (s *Sub) proven() {
	s.lane.mu.Lock()
	marked := s.lane.refusal != nil
	if marked {
		s.accept()
	}
	s.lane.mu.Unlock()
	if marked {
		s.accepted()
	}
}

// refuse reports publishes that waited but that this server would not accept, and ends
// the requests among them.
func (c *Conn) refuse(misfits []misfit) {
	for _, m := range misfits {
		if m.reply != "" {
			c.reqs.failReply(m.reply, m.err)
			c.outlets.misfit(m)
		}
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.MessagesDropped, Path: c.name + "/link", Count: 1, Bytes: uint64(m.size), Cause: m.err}})
	}
}
