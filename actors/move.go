package actors

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// move.go - moves a live connection to another socket before the one in use is gone,
// because the server is about to stop or the program wants to use new credentials.
//
//	waiting ─► dialing ─► overlapping ─► settling ─► sealed ─► over
//	   ▲          │            │             │          │
//	   └──────────┴────────────┴─────────────┘          │ PONG of the old server
//	       failed: another server                       └ or its end
//
// Until the old server's last PONG everything is sent to it. If it is lost before that,
// the new socket takes its place at once, as soon as there is one.

// ErrServerLeaving: the server is about to stop, so the connection does not move to it.
var ErrServerLeaving error = kind.New("troupe: server is about to stop").In(kind.Connection, kind.Retry)

const (
	// moveSpread bounds the random pause before a move: a server that is about to stop
	// notifies all its clients at once.
	moveSpread = 200 * time.Millisecond
	// moveSettle is how long both servers know the members of queue groups, so that the
	// rest of the cluster learns of the new one before the old one is gone.
	moveSettle = 250 * time.Millisecond
)

type movePhase uint8

const (
	moveWaiting     movePhase = iota // for the next attempt
	moveDialing                      // an attempt is in progress
	moveOverlapping                  // the new server is sent what it must know before it is in use
	moveSettling                     // both servers know the members of queue groups
	moveSealed                       // the last frames for the old server are being confirmed
)

// move is one move; used by link only.
type move struct {
	phase   movePhase
	waiters []chan<- error // of Rotate; none for a lame duck
	tried   []ServerAttempt
	seen    map[*server]bool // tried, by a rotation
	server  *server          // being tried
	attempt uint32
	asked   bool // the program has been asked to choose a server
	// reserved says that the dial limit has been asked, and that its pause is over.
	reserved bool
	next     *line // the new socket; nil before there is one
	written  bool  // the new server's frames have been written
	heard    bool  // and it has answered
}

// due is the message that ends the current phase.
func (m *move) due() moveDue { return moveDue{m, m.attempt, m.phase} }

// leaveFor begins a move unless one is in progress, or the line of the last one has not
// ended.
func (l *link) leaveFor(c *Context) {
	if l.line == nil || l.move != nil || l.leaving != nil || !l.leave && len(l.rotations) == 0 {
		return
	}
	l.move = &move{waiters: l.rotations, seen: map[*server]bool{}}
	l.rotations = nil
	if len(l.move.waiters) > 0 {
		l.moveOn(c)
		return
	}
	c.After(time.Duration(rand.Float64()*float64(moveSpread)), linkMsg(l.move.due()))
}

func (l *link) onRelocate(c *Context, m relocate) {
	if l.line == nil {
		tellAll([]chan<- error{m.done}, ErrConnectionReconnecting)
		return
	}
	l.rotations = append(l.rotations, m.done)
	l.leaveFor(c)
}

// moveOn chooses the next server to try, and gives up when there is none.
func (l *link) moveOn(c *Context) {
	m, conn := l.move, l.conn
	m.phase = moveWaiting
	if len(m.waiters) > 0 {
		if m.server = l.unseen(m); m.server == nil {
			l.settle(&NoServersError{Attempts: m.tried})
			l.leaveFor(c)
			return
		}
		m.seen[m.server] = true
		l.onMoveDue(c, m.due())
		return
	}
	if conn.cfg.Choose != nil && !m.asked && conn.asking.Load() == 0 {
		m.asked = true
		l.askForMove(c)
		return
	}
	m.asked = false
	s, wait := conn.pool.other(l.line.server, time.Now())
	if s == nil {
		l.settle(nil)
		if len(l.rotations) > 0 {
			l.leaveFor(c)
		} // else it begins again when the server announces another one
		return
	}
	l.tryNext(c, s, wait)
}

// unseen returns the next server for a rotation, the one in use first, unless it is about
// to stop; nil when all have been tried.
func (l *link) unseen(m *move) *server {
	if current := l.line.server; !l.leave && !m.seen[current] {
		return current
	}
	for _, s := range l.conn.pool.servers {
		if !m.seen[s] && s != l.line.server {
			return s
		}
	}
	return nil
}

// tryNext tries s after a pause.
func (l *link) tryNext(c *Context, s *server, wait time.Duration) {
	l.move.server = s
	if wait <= 0 {
		l.onMoveDue(c, l.move.due())
		return
	}
	c.After(wait, linkMsg(l.move.due()))
}

// askForMove lets the program choose a server, as before an attempt to reconnect.
func (l *link) askForMove(c *Context) {
	conn, m := l.conn, l.move
	q := question{pool: conn.Pool(), info: conn.info.Load()}
	c.Go(func() any { return linkMsg(chosen{by: l, move: m, answer: conn.decide(&q)}) },
		func(cause error) any {
			return linkMsg(chosen{by: l, move: m, answer: answer{problems: []error{cause}}})
		})
}

func (l *link) onMoveChosen(c *Context, m chosen) {
	if m.move != l.move {
		return
	}
	l.report(c, m.answer.problems)
	s := l.conn.pool.find(m.answer.choice.URL)
	if s == nil || s == l.line.server {
		l.moveOn(c)
		return
	}
	l.tryNext(c, s, m.answer.choice.Wait)
}

// onMoveDue ends a pause, or a phase that takes too long.
func (l *link) onMoveDue(c *Context, m moveDue) {
	if m.move != l.move || m != l.move.due() {
		return
	}
	switch m.phase {
	case moveWaiting:
		l.dialNext(c)
	case moveOverlapping:
		if l.move.next.pulse.waits() { // the answer may have arrived unread
			c.After(l.conn.cfg.Timeout, linkMsg(m))
			return
		}
		l.moveFailed(c, &DialError{URL: redacted(l.move.server.url), Phase: "subscribe", Err: &TimeoutError{Op: "move", After: l.conn.cfg.Timeout}})
	case moveSettling:
		l.seal(c)
	case moveSealed:
		if l.line.pulse.waits() {
			c.After(l.conn.cfg.Timeout, linkMsg(m))
			return
		}
		l.end(c, &StaleConnectionError{URL: redacted(l.line.server.url), PingsOut: 1, Interval: l.conn.cfg.Timeout, LastPong: l.conn.lastPong()})
	}
}

func (l *link) dialNext(c *Context) {
	m, conn := l.move, l.conn
	if m.server == nil {
		l.moveOn(c)
		return
	}
	if !m.reserved {
		m.reserved = true
		if wait := conn.sys.dialWait(time.Now()); wait > 0 {
			c.After(wait, linkMsg(m.due()))
			return
		}
	}
	m.reserved = false
	m.phase, m.attempt = moveDialing, conn.attempt.Add(1)
	l.greetOn(c, m.attempt, m.server)
}

// onMoveGreeted continues with the new socket.
func (l *link) onMoveGreeted(c *Context, g greeted) {
	m, conn := l.move, l.conn
	if g.err == nil && g.greeting.info.LameDuckMode {
		g.discard()
		g.err = &DialError{URL: redacted(m.server.url), Phase: "info", Err: ErrServerLeaving}
	}
	if g.err != nil {
		l.moveFailed(c, g.err)
		return
	}
	m.next = l.open(c, m.attempt, m.server, g.greeting)
	m.phase, m.written, m.heard = moveOverlapping, false, false
	_ = m.next.reader.Send(read{})
	_ = m.next.writer.Send(say{conn.beginOverlap(m.attempt)})
	c.After(conn.cfg.Timeout, linkMsg(m.due()))
}

// onSaid records that the frames for the new server have been written.
func (l *link) onSaid(c *Context, m said) {
	if l.isNext(m.attempt) {
		l.move.written = true
		l.settling(c)
	}
}

func (l *link) onPonged(c *Context, m ponged) {
	switch {
	case l.isNext(m.attempt):
		l.move.heard = true
		l.settling(c)
	case l.move != nil && l.move.phase == moveSealed && m.attempt == l.line.attempt:
		l.takeOver(c)
	}
}

// settling begins when the new server has confirmed these frames.
func (l *link) settling(c *Context) {
	if m := l.move; m.phase == moveOverlapping && m.written && m.heard {
		m.phase = moveSettling
		c.After(moveSettle, linkMsg(m.due()))
	}
}

// seal ends the use of the old server: it sends the last frames and a PING.
func (l *link) seal(c *Context) {
	if !l.conn.out.seal(l.line.attempt, l.conn.farewell) { // a Close has come first
		l.abandon(c, l.move.next)
		l.settle(ErrConnectionDraining)
		return
	}
	l.move.phase = moveSealed
	c.After(l.conn.cfg.Timeout, linkMsg(l.move.due()))
}

// takeOver puts the new socket in the place of the old one, from which nothing more
// comes.
func (l *link) takeOver(c *Context) {
	old, next := l.line, l.move.next
	l.move.next = nil
	if next.server != old.server {
		l.conn.pool.left(old.server, time.Now())
		l.leave = false
	}
	l.abandon(c, old)
	l.conn.moves.Add(1)
	l.install(c, next)
	l.conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.LinkMoved, Path: c.host.path,
		Before: redacted(old.server.url), After: redacted(next.server.url)}})
	l.settle(nil)
}

// replace puts the new socket in the place of the old one, which was lost. It returns
// false if there is no new socket that has answered: frames still being written to it
// would get mixed with those of the outbox.
func (l *link) replace(c *Context, old *line) bool {
	if m := l.move; m == nil || m.next == nil || !m.written || !m.heard {
		return false
	}
	next := l.move.next
	l.move.next = nil
	l.leave = false
	l.abandon(c, old)
	l.install(c, next)
	l.settle(nil)
	return true
}

// settle ends the move, and reports the result to the callers that wait for it.
func (l *link) settle(result error) {
	m := l.move
	l.move = nil
	l.conn.endOverlap()
	tellAll(m.waiters, result)
}

// tellAll sends the result to the callers that wait, except to those that already have
// one.
func tellAll(waiters []chan<- error, result error) {
	for _, w := range waiters {
		select {
		case w <- result:
		default:
		}
	}
}

// onTellAhead passes on changes that a new server must know before it is in use.
func (l *link) onTellAhead(m tellAhead) {
	switch {
	case l.isNext(m.attempt):
		_ = l.move.next.writer.Send(say{m.frames})
	case l.line != nil && m.attempt == l.attempt: // it is in use by now
		l.conn.out.control(func(dst []byte) []byte { return append(dst, m.frames...) })
	}
}

// dropMove ends the move when the incarnation ends.
func (l *link) dropMove() {
	if l.move != nil {
		if l.move.next != nil {
			l.move.next.socket.Close()
		}
		l.settle(ErrDisconnected)
	}
	tellAll(l.rotations, ErrDisconnected)
	l.rotations = nil
}

// informedAhead adopts an INFO of the new server.
func (l *link) informedAhead(c *Context, info *protocol.Info) {
	next := l.move.next
	info.Complete(next.info)
	next.info = info
	limitMessages(next.socket, info)
	if info.LameDuckMode {
		l.moveFailed(c, &DialError{URL: redacted(next.server.url), Phase: "info", Err: ErrServerLeaving})
	}
}

// refusedAhead handles an -ERR of the new server. A subscription that it refuses is
// refused again, and reported, when that server is in use.
func (l *link) refusedAhead(c *Context, m refused) {
	switch {
	case m.err.Op == protocol.RoleSubscribe && l.conn.deniedAhead(m.err):
	case m.err.Closes || m.err.Op == protocol.RoleSubscribe:
		l.moveFailed(c, &LinkError{URL: redacted(l.move.server.url), Phase: "server", Err: m.err})
	default:
		l.conn.reportServerError(m.err)
	}
}

// isNext reports whether attempt is that of the new socket.
func (l *link) isNext(attempt uint32) bool {
	return l.move != nil && l.move.next != nil && l.move.attempt == attempt
}

// moveFailed gives up one attempt.
func (l *link) moveFailed(c *Context, err error) {
	m, conn := l.move, l.conn
	if m.next != nil {
		l.abandon(c, m.next)
		m.next = nil
		conn.endOverlap()
	}
	if m.phase == moveSealed { // the old server has ended our subscriptions
		l.end(c, err)
		return
	}
	err = l.refusedBy(m.server, "move", err)
	now := time.Now()
	if len(m.waiters) > 0 && len(m.tried) < attemptsKept {
		m.tried = append(m.tried, ServerAttempt{URL: redacted(m.server.url), Err: err, At: now})
	}
	conn.pool.lost(m.server, err, now)
	conn.setLastError(err)
	conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.ConnectAttemptFailed, Path: c.host.path, Cause: err,
		Attempt: m.server.attempts, Message: redacted(m.server.url)}})
	if l.leaving == nil {
		l.moveOn(c)
		return
	}
	m.phase, m.server = moveWaiting, nil // onQuiet goes on
}

// onQuiet follows the end of a line's reader.
func (l *link) onQuiet(c *Context, m quiet) {
	if m.line != l.leaving {
		return
	}
	l.leaving = nil
	if l.move != nil && l.move.phase == moveWaiting && l.move.server == nil {
		l.moveOn(c)
		return
	}
	l.leaveFor(c)
}

// Rotate moves to a new socket, asking for the credentials again: to the server in use if
// it accepts them, or else to another. It returns when that is done. The error is a
// *NoServersError with every attempt, after which the connection stays as it was;
// ErrConnectionReconnecting while there is no server; ErrDisconnected when the link was
// lost meanwhile; a *TimeoutError or *CanceledError when ctx ended, while the move goes
// on; or a *ConnectionClosedError.
func (c *Conn) Rotate(ctx context.Context) error {
	began := time.Now()
	done := make(chan error, 1)
	if err := c.linkBox.must(relocate{done}); err != nil {
		return c.rotateError(err)
	}
	select {
	case err := <-done:
		return c.rotateError(err)
	case <-ctx.Done():
		return Interrupted(ctx, "rotate", "", began)
	}
}

// rotateError distinguishes a link that is gone from a connection that is closed.
func (c *Conn) rotateError(err error) error {
	switch {
	case err == nil:
		return nil
	case c.Status() == Closed:
		return c.closedError()
	case errors.Is(err, ErrActorStopped):
		return ErrConnectionReconnecting
	}
	return err
}

// discard tells the waiting caller that there is no link any more.
func (m relocate) discard() { tellAll([]chan<- error{m.done}, ErrActorStopped) }
