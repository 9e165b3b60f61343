package actors

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// link.go - one incarnation is one attempt, and if it succeeds one socket.
//
//	         due            greeted
//	waiting ─────► dialing ─────────► live
//	   │              │                │
//	   └──────────────┴────► lost ◄────┘     fails: its supervisor restarts it
//
// A reconnect is a restart of this actor. What must survive it (subscriptions, unsent
// frames, the history of the servers) is in Conn.

// Messages, in the order of link.Receive.
type (
	linkMsg interface{ isLinkMsg() }

	// open is the first message of every incarnation.
	open struct{}

	// chosen is the program's choice, or why there is none.
	chosen struct {
		by     *link // the incarnation that asked
		move   *move // the move that it is for; nil for an attempt to reconnect
		answer answer
	}

	// dialDue ends the wait before an attempt.
	dialDue struct{}

	// greeted is the result of one attempt; exactly one follows each.
	greeted struct {
		attempt  uint32
		greeting *greeting // owned by link; nil iff err != nil
		err      error
	}

	// lost ends a live link. Stale, and dropped, unless attempt is the current one.
	lost struct {
		attempt uint32
		cause   error
		broken  bool // the peer may have sent a reason that is still unread
	}

	// informed says that a line has news: a later INFO.
	informed struct{ line *line }

	// refused carries an -ERR.
	refused struct {
		attempt uint32
		err     *protocol.ServerError
	}

	// repool replaces the servers of the pool.
	repool struct {
		urls []*url.URL
		done chan<- error // capacity 1
	}

	// redial gives up the socket, or the wait, because the user asked for it.
	redial struct{ attempt uint32 } // that was in use; 0 for none

	// relocate asks for a move to another socket.
	relocate struct{ done chan<- error } // capacity 1

	// moveDue ends a pause of a move, or the time of a phase.
	moveDue struct {
		move    *move
		attempt uint32
		phase   movePhase
	}

	// tellAhead sends a new server the changes that occur before it is in use.
	tellAhead struct {
		attempt uint32
		frames  []byte
	}

	// said follows the write of what a new server must know before it is in use.
	said struct{ attempt uint32 }

	// ponged is the PONG for that write, or the last PONG of the old server.
	ponged struct{ attempt uint32 }

	// quiet follows the end of a line's reader.
	quiet struct{ line *line }

	// stableDue fires when the link has lived long enough for failures to be forgotten.
	stableDue struct{ attempt uint32 }
)

func (open) isLinkMsg()      {}
func (chosen) isLinkMsg()    {}
func (dialDue) isLinkMsg()   {}
func (greeted) isLinkMsg()   {}
func (lost) isLinkMsg()      {}
func (informed) isLinkMsg()  {}
func (refused) isLinkMsg()   {}
func (repool) isLinkMsg()    {}
func (redial) isLinkMsg()    {}
func (relocate) isLinkMsg()  {}
func (moveDue) isLinkMsg()   {}
func (tellAhead) isLinkMsg() {}
func (said) isLinkMsg()      {}
func (ponged) isLinkMsg()    {}
func (quiet) isLinkMsg()     {}
func (stableDue) isLinkMsg() {}

// discard closes the socket of a greeting that link never took over.
func (m greeted) discard() {
	if m.greeting != nil {
		m.greeting.conn.Close()
	}
}

// stableAfter is how long a link must live before a server's failed attempts
// are forgotten, so that a flapping server does not reset its backoff.
const stableAfter = 5 * time.Second

// lastWords is how long the reader has to find out why a write failed, for which any reason
// has already arrived; while there are unread bytes, that long again, up to lastWordsTries.
const (
	lastWords      = 100 * time.Millisecond
	lastWordsTries = 10
)

type link struct {
	conn     *Conn
	attempt  uint32 // 0 until dialing
	server   *server
	line     *line // the socket in use; non-nil iff live
	reserved bool  // the dial limit has been asked
	dialing  bool
	wait     *alarm
	farewell error // from an -ERR after which the server will close the socket
	broken   int   // a write failed, and the reader looks for the reason for that many times, see lastWords

	leave     bool           // the server in use is about to stop
	rotations []chan<- error // callers that wait for the next move
	move      *move          // in progress; nil for none
	leaving   *line          // line that was left but whose reader has not ended; nil for none
}

// Receive handles one message. It never blocks.
func (l *link) Receive(c *Context, m linkMsg) {
	switch m := m.(type) {
	case open:
		l.onOpen(c)
	case chosen:
		l.onChosen(c, m)
	case dialDue:
		l.onDialDue(c)
	case greeted:
		l.onGreeted(c, m)
	case lost:
		l.onLost(c, m)
	case informed:
		l.onInformed(c, m)
	case refused:
		l.onRefused(c, m)
	case repool:
		l.onRepool(c, m)
	case redial:
		l.onRedial(c, m)
	case relocate:
		l.onRelocate(c, m)
	case moveDue:
		l.onMoveDue(c, m)
	case tellAhead:
		l.onTellAhead(m)
	case said:
		l.onSaid(c, m)
	case ponged:
		l.onPonged(c, m)
	case quiet:
		l.onQuiet(c, m)
	case stableDue:
		l.onStableDue(m)
	default:
		panic(fmt.Sprintf("link: unhandled message %T", m))
	}
}

func (l *link) onOpen(c *Context) {
	// Set this before anything can be lost: the spawning actor may be slower than a
	// server that closes at once, and a loss without a receiver would leave a dead link
	// live.
	l.conn.linkBox.set(Ref[linkMsg]{c.host.box})
	if len(l.conn.pool.servers) == 0 {
		l.giveUp(c)
	}
	if l.conn.mayAsk() {
		l.ask(c)
		return
	}
	l.onChosen(c, chosen{by: l})
}

func (l *link) onDialDue(c *Context) {
	if l.dialing || l.line != nil || l.server == nil || !l.admitted(c) {
		return
	}
	l.dialing = true
	l.attempt = l.conn.attempt.Add(1)
	c.Become("dialing", redacted(l.server.url))
	l.greetOn(c, l.attempt, l.server)
}

// greetOn makes one attempt at s; greeted follows.
func (l *link) greetOn(c *Context, attempt uint32, s *server) {
	conn := l.conn
	c.Go(func() any {
		g, err := greet(conn.tree.ctx, &conn.cfg, s)
		return linkMsg(greeted{attempt: attempt, greeting: g, err: err})
	}, func(cause error) any {
		return linkMsg(greeted{attempt: attempt, err: &DialError{URL: redacted(s.url), Phase: "dial", Err: cause}})
	})
}

func (l *link) onGreeted(c *Context, m greeted) {
	switch {
	case l.move != nil && l.move.phase == moveDialing && m.attempt == l.move.attempt:
		l.onMoveGreeted(c, m)
		return
	case m.attempt != l.attempt || !l.dialing:
		m.discard()
		return
	}
	l.dialing = false
	if m.err != nil {
		l.attemptFailed(c, m.err)
	}
	n := l.open(c, l.attempt, l.server, m.greeting)
	l.install(c, n)
	_ = n.reader.Send(read{})
}

// install gives a line to the outbox, and marks the connection as live.
func (l *link) install(c *Context, n *line) {
	conn, moved := l.conn, l.line != nil
	l.line, l.server, l.attempt = n, n.server, n.attempt
	l.farewell, l.broken = nil, 0
	conn.pool.take(n.server)
	conn.pool.succeeded(n.server)
	conn.info.Store(n.info)
	conn.line.Store(n)
	conn.tls.Store(n.tls)
	conn.server.Store(n.server)
	conn.pongsOut.Store(0) // PINGs that the previous server left unanswered do not count
	conn.answered.Store(time.Now().UnixNano())
	local := n.socket.LocalAddr().String()
	conn.local.Store(&local)
	c.Become("live", redacted(n.server.url))
	c.After(stableAfter, linkMsg(stableDue{n.attempt}))
	l.discover(n.info)
	conn.publishPool()
	l.watchOver(c, n)

	again := conn.everConnected.Swap(true)
	if again && !moved {
		conn.reconnects.Add(1)
	}
	conn.liveAgain()
	conn.reqs.linked()
	misfits := conn.out.attach(n.forOutbox(), conn.restore)
	n.ahead.Store(false)
	conn.outlets.linked()
	conn.linkNews.up(moved)
	_ = conn.root.must(linkUp{url: redacted(n.server.url), again: again})
	if !moved {
		conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.LinkRestored, Path: c.host.path,
			Attempt: n.server.attempts + 1, Before: firstOrAgain(again), Message: redacted(n.server.url)}})
	}
	conn.refuse(misfits)
}

// escalating is the policy of the actors that share a socket: when one fails, the state
// of the stream is unknown, so the link restarts.
var escalating = supervisor.Policy{Directive: supervisor.Escalate}

func (l *link) onLost(c *Context, m lost) {
	switch {
	case l.isNext(m.attempt):
		l.moveFailed(c, m.cause)
		return
	case l.line == nil || m.attempt != l.attempt:
		return
	case m.broken && (l.broken == 0 || l.broken < lastWordsTries && l.line.pulse.waits()):
		// A server that ends the connection says why and closes. That reason is worth
		// more than the error of the write that failed.
		l.broken++
		c.After(lastWords, linkMsg(m))
		return
	}
	cause := m.cause
	if l.farewell != nil {
		cause = l.farewell
	}
	l.end(c, cause)
}

// end gives up a live socket because of cause. If there already is another one, it takes
// its place; otherwise this incarnation ends.
func (l *link) end(c *Context, cause error) {
	conn, old := l.conn, l.line
	l.release(cause)
	if l.replace(c, old) {
		return
	}
	if conn.final(cause) {
		c.Fail(&giveUp{cause})
	}
	if end := l.verdict(cause); end != nil {
		c.Fail(&giveUp{end})
	}
	c.Fail(cause)
}

// release closes the socket and takes it from the outbox. The server counts as lost even
// if one of our actors has failed, so that a recurring defect is paced too.
func (l *link) release(cause error) {
	if l.line == nil {
		return
	}
	conn := l.conn
	conn.pool.lost(l.line.server, cause, time.Now())
	l.line.socket.Close()
	l.line = nil
	conn.line.Store(nil)
	conn.server.Store(nil)
	conn.linkLost(l.attempt, cause)
	_ = conn.root.must(linkDown{cause})
}

// Stopping releases what this incarnation holds.
func (l *link) Stopping(*Context) {
	l.dropMove()
	l.release(ErrDisconnected)
}

// onInformed clears the news only after they were adopted: a caller whose PONG came after
// them may ask at once (see Conn.Info). An INFO that came meanwhile is handled in another
// turn.
func (l *link) onInformed(c *Context, m informed) {
	news := m.line.news.Load()
	info := *news // our copy; others may still read the original
	switch {
	case l.isNext(m.line.attempt):
		l.informedAhead(c, &info)
	case l.line == m.line:
		l.informedNow(c, &info)
	}
	if !m.line.news.CompareAndSwap(news, nil) {
		_ = l.conn.linkBox.must(m)
	}
}

// informedNow adopts an INFO of the server in use.
func (l *link) informedNow(c *Context, info *protocol.Info) {
	conn := l.conn
	info.Complete(conn.info.Load())
	conn.info.Store(info)
	conn.out.limits(info)
	limitMessages(l.line.socket, info)
	l.discover(info)
	conn.publishPool()
	if info.LameDuckMode {
		conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.LameDuck, Path: c.host.path, Message: redacted(l.server.url)}})
		l.leave = !conn.cfg.StayOnLameDuck && !conn.cfg.NoReconnect
	}
	l.leaveFor(c)
}

// discover adds the servers that an INFO announces.
func (l *link) discover(info *protocol.Info) {
	conn := l.conn
	if conn.cfg.IgnoreDiscovered {
		return
	}
	added := conn.pool.discover(info.ConnectURLs, l.server.url.Scheme, l.server.url.User)
	if added > 0 && conn.everConnected.Load() {
		conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.ServersDiscovered, Path: conn.name, Count: uint64(added)}})
	}
}

func (l *link) onRefused(c *Context, m refused) {
	switch {
	case l.isNext(m.attempt):
		l.refusedAhead(c, m)
		return
	case l.line == nil || m.attempt != l.attempt:
		return
	}
	if !m.err.Closes {
		l.conn.reportServerError(m.err)
		return
	}
	// The server closes the socket after this; its reason is worth more than the EOF.
	l.farewell = l.refusedBy(l.server, l.during(), &LinkError{URL: redacted(l.server.url), Phase: "server", Err: l.explained(m.err)})
	if !errors.Is(m.err, protocol.ErrAuthorization) {
		l.conn.reportServerError(m.err)
	}
	l.end(c, l.farewell)
}

// explained turns an -ERR that ends the link into the error type of its kind.
func (l *link) explained(said *protocol.ServerError) error {
	switch said.Kind {
	case protocol.ErrStaleConnection:
		return &StaleConnectionError{URL: redacted(l.server.url), LastPong: l.conn.lastPong(), ByServer: true, Err: said}
	case protocol.ErrMaxPayload:
		return &MaxPayloadError{Limit: int(l.conn.Info().MaxPayload), ByServer: true, Err: said}
	default:
		return said
	}
}

func (l *link) onStableDue(m stableDue) {
	if m.attempt == l.attempt && l.line != nil {
		l.conn.pool.stable(l.server)
	}
}

// final reports whether the configuration makes the loss of a link end the connection.
func (c *Conn) final(cause error) bool {
	return c.cfg.NoReconnect && !errors.Is(cause, ErrForcedReconnect)
}

// linkLost takes the socket from the outbox and reports what is uncertain.
func (c *Conn) linkLost(attempt uint32, cause error) {
	before := c.Status()
	if before != Closed {
		c.setDown(cause)
	}
	if before != DrainingSubs && before != DrainingPubs { // a draining status stays
		next := Reconnecting
		if c.final(cause) {
			next = Disconnected
		}
		before = c.moveTo(next)
	}
	if before == Reconnecting { // as ForceReconnect says at once
		before = Connected
	}
	if before != Closed {
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.LinkLost, Path: c.name + "/link",
			Before: before.String(), After: c.Status().String(), Cause: cause}})
	}
	c.out.detach(attempt, cause)
	c.linkNews.down()
}

// settled reports what a lost link left uncertain, once the last write has ended.
func (c *Conn) settled(l loss) {
	for _, w := range l.waiters {
		w <- &RequestLostError{Op: "flush", Cause: l.cause}
	}
	_ = c.reqsBox.must(failSent{upTo: l.written, cause: l.cause})
	c.outlets.lost(OutletLoss{Sent: l.written, Accepted: l.accepted, Cause: l.cause})
	if l.uncertain == 0 {
		return
	}
	c.uncertain.Add(l.uncertain)
	c.observe(Notice{Event: supervisor.Event{Kind: supervisor.PublishUncertain, Path: c.name + "/link", Count: l.uncertain, Cause: l.cause}})
}

// liveAgain sets the status after a handshake, unless the connection is draining or
// closed.
func (c *Conn) liveAgain() {
	for {
		s := c.Status()
		if s != Connecting && s != Reconnecting && s != Disconnected {
			return
		}
		if c.status.CompareAndSwap(int32(s), int32(Connected)) {
			return
		}
	}
}
