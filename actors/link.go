package actors

import (
	"errors"
	"fmt"
	"net"
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
// A reconnect is a restart of this actor. What must survive it (subscriptions,
// unsent frames, the memory of the servers) lies in Conn.

// Messages, in the order of link.Receive.
type (
	linkMsg interface{ isLinkMsg() }

	// open is the first message of every incarnation.
	open struct{}

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
	}

	// informed carries an INFO that came later.
	informed struct {
		attempt uint32
		info    *protocol.Info
	}

	// refused carries an -ERR.
	refused struct {
		attempt uint32
		err     *protocol.ServerError
	}

	// redial gives up the socket, or the wait, at the user's wish.
	redial struct{}

	// stableDue comes when the link has lived long enough to forget failures.
	stableDue struct{ attempt uint32 }
)

func (open) isLinkMsg()      {}
func (dialDue) isLinkMsg()   {}
func (greeted) isLinkMsg()   {}
func (lost) isLinkMsg()      {}
func (informed) isLinkMsg()  {}
func (refused) isLinkMsg()   {}
func (redial) isLinkMsg()    {}
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

type link struct {
	conn     *Conn
	attempt  uint32 // 0 until dialing
	server   *server
	socket   net.Conn // non-nil iff live
	dialing  bool
	wait     *time.Timer
	farewell error // an -ERR after which the server will close
}

// Receive handles one message. It never blocks.
func (l *link) Receive(c *Context, m linkMsg) {
	switch m := m.(type) {
	case open:
		l.onOpen(c)
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
	case redial:
		l.onRedial(c)
	case stableDue:
		l.onStableDue(m)
	default:
		panic(fmt.Sprintf("link: unhandled message %T", m))
	}
}

func (l *link) onOpen(c *Context) {
	// Before anything can be lost: the spawning actor may be slower than a server
	// that closes at once, and a loss that finds nobody would leave a dead link live.
	l.conn.linkBox.set(Ref[linkMsg]{c.host.box})
	now := time.Now()
	s, wait := l.conn.pool.next(now)
	if s == nil {
		c.Fail(&giveUp{&NoServersError{Attempts: l.conn.pool.tried}})
	}
	l.server = s
	wait = max(wait, l.conn.sys.dialWait(now))
	if wait <= 0 {
		l.onDialDue(c)
		return
	}
	c.Become("waiting", fmt.Sprintf("next attempt at %s in %v", redacted(s.url), wait.Round(time.Millisecond)))
	l.wait = c.After(wait, linkMsg(dialDue{}))
}

func (l *link) onDialDue(c *Context) {
	if l.dialing || l.socket != nil || l.server == nil {
		return
	}
	l.dialing = true
	l.attempt = l.conn.attempt.Add(1)
	c.Become("dialing", redacted(l.server.url))
	attempt, server, conn := l.attempt, l.server, l.conn
	c.Go(func() any {
		g, err := greet(conn.tree.ctx, &conn.cfg, server)
		return linkMsg(greeted{attempt: attempt, greeting: g, err: err})
	}, func(cause error) any {
		return linkMsg(greeted{attempt: attempt, err: &DialError{URL: redacted(server.url), Phase: "dial", Err: cause}})
	})
}

func (l *link) onGreeted(c *Context, m greeted) {
	if m.attempt != l.attempt {
		m.discard()
		return
	}
	l.dialing = false
	if m.err != nil {
		l.attemptFailed(c, m.err)
	}
	l.socket = m.greeting.conn
	l.live(c, m.greeting)
}

// live starts the actors of the socket and gives it to the outbox.
func (l *link) live(c *Context, g *greeting) {
	conn := l.conn
	conn.pool.succeeded(l.server)
	conn.info.Store(g.info)
	conn.server.Store(l.server)
	conn.pongsOut.Store(0) // what the last server left unanswered is its own affair
	local := g.conn.LocalAddr().String()
	conn.local.Store(&local)
	c.Become("live", redacted(l.server.url))
	c.After(stableAfter, linkMsg(stableDue{l.attempt}))
	l.discover(g.info)

	name := decimal(uint64(l.attempt))
	reader := spawn(c, Spec{Name: "reader-" + name, Kind: "reader", Policy: escalating, Dedicated: true},
		func() Actor[readerMsg] { return newReader(conn, l.attempt, g) })
	writer := spawn(c, Spec{Name: "writer-" + name, Kind: "writer", Policy: escalating, Dedicated: true},
		func() Actor[writerMsg] { return newWriter(conn, l.attempt, g.conn) })
	spawn(c, Spec{Name: "heartbeat-" + name, Kind: "heartbeat", Policy: own, first: heartbeatMsg(pingDue{})},
		func() Actor[heartbeatMsg] { return &heartbeat{conn: conn, attempt: l.attempt} })

	again := conn.everConnected.Swap(true)
	if again {
		conn.reconnects.Add(1)
	}
	conn.liveAgain()
	tooLarge := conn.out.attach(socket{link: l.attempt, info: g.info, try: tryWriter(g.conn),
		kick: func() { _ = writer.Send(drainOutbox{}) }}, conn.restore)
	_ = reader.Send(read{})
	_ = conn.root.must(linkUp{url: redacted(l.server.url), again: again})
	conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.LinkRestored, Path: c.host.path,
		Attempt: l.server.attempts + 1, Before: firstOrAgain(again), Message: redacted(l.server.url)}})
	conn.refuse(tooLarge, int(g.info.MaxPayload))
}

// refuse reports publishes that waited and that this server would not take, and
// ends the requests among them.
func (c *Conn) refuse(tooLarge []misfit, limit int) {
	for _, m := range tooLarge {
		err := &MaxPayloadError{Subject: m.subject, Size: m.size, HeaderSize: m.header, Limit: limit}
		if m.reply != "" {
			c.reqs.failReply(m.reply, err)
		}
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.MessagesDropped, Path: c.name + "/link", Count: 1, Bytes: uint64(m.size), Cause: err}})
	}
}

// Values of Event.Before for LinkRestored.
const (
	FirstLink = "connecting"
	AgainLink = "reconnecting"
)

func firstOrAgain(again bool) string {
	if again {
		return AgainLink
	}
	return FirstLink
}

// escalating is the policy of the actors that share a socket: when one fails,
// nobody knows what is on the wire, so the link begins anew.
var escalating = supervisor.Policy{Directive: supervisor.Escalate}

// attemptFailed notes a failed attempt and ends this incarnation.
func (l *link) attemptFailed(c *Context, err error) {
	conn := l.conn
	now := time.Now()
	conn.pool.failed(l.server, err, now)
	_, wait := conn.pool.peek(now)
	conn.setLastError(err)
	conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.ConnectAttemptFailed, Path: c.host.path,
		Cause: err, Attempt: l.server.attempts, Delay: wait, Message: redacted(l.server.url)}})
	if end := l.verdict(err); end != nil {
		c.Fail(&giveUp{end})
	}
	if conn.cfg.RetryFirst && conn.pool.allTried() {
		conn.firstPassFailed(err)
	}
	c.Fail(err)
}

// firstPassFailed lets a Connect that is to keep trying return.
func (c *Conn) firstPassFailed(err error) {
	if !c.status.CompareAndSwap(int32(Connecting), int32(Reconnecting)) {
		return
	}
	select {
	case c.first <- err:
	default:
	}
}

// verdict returns the error with which to give up after err, nil to go on.
func (l *link) verdict(err error) error {
	conn, s := l.conn, l.server
	if auth := authError(err); auth != nil {
		repeated := s.lastAuth != nil && errors.Is(auth, s.lastAuth)
		s.lastAuth = auth
		if repeated && !conn.cfg.KeepAfterAuthErrors {
			return err
		}
	}
	var refusal *protocol.ServerError
	if errors.As(err, &refusal) && refusal.Reaction == protocol.ReactStop {
		return err
	}
	if conn.pool.spent(s) || refusal != nil && refusal.Reaction == protocol.ReactDropServer {
		conn.pool.drop(s)
	}
	first := !conn.everConnected.Load() && !conn.cfg.RetryFirst
	if len(conn.pool.servers) == 0 || first && conn.pool.allTried() {
		return &NoServersError{Attempts: conn.pool.tried}
	}
	return nil
}

// authError returns the kind of refused credentials in err, nil if it is none.
// A timeout of the server is not a verdict on the credentials.
func authError(err error) error {
	for _, kind := range []error{protocol.ErrAuthExpired, protocol.ErrAuthRevoked, protocol.ErrAccountAuthExpired} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	if errors.Is(err, protocol.ErrAuthorization) && !errors.Is(err, protocol.ErrAuthTimeout) {
		return protocol.ErrAuthorization
	}
	return nil
}

func (l *link) onLost(c *Context, m lost) {
	if m.attempt != l.attempt || l.socket == nil {
		return
	}
	cause := m.cause
	if l.farewell != nil {
		cause = l.farewell
	}
	l.end(c, cause)
}

// end gives up a live socket because of cause.
func (l *link) end(c *Context, cause error) {
	conn := l.conn
	l.release(cause)
	if conn.cfg.NoReconnect {
		c.Fail(&giveUp{cause})
	}
	conn.pool.failed(l.server, cause, time.Now())
	if end := l.verdict(cause); end != nil {
		c.Fail(&giveUp{end})
	}
	c.Fail(cause)
}

// release closes the socket and takes it from the outbox.
func (l *link) release(cause error) {
	if l.socket == nil {
		return
	}
	conn := l.conn
	l.socket.Close()
	l.socket = nil
	conn.server.Store(nil)
	conn.linkLost(l.attempt, cause)
	_ = conn.root.must(linkDown{cause})
}

// Stopping closes what this incarnation holds.
func (l *link) Stopping(*Context) { l.release(ErrDisconnected) }

func (l *link) onInformed(c *Context, m informed) {
	if m.attempt != l.attempt || l.socket == nil {
		return
	}
	conn := l.conn
	conn.info.Store(m.info)
	conn.out.limits(m.info)
	l.discover(m.info)
	if m.info.LameDuckMode {
		conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.LameDuck, Path: c.host.path, Message: redacted(l.server.url)}})
	}
}

// discover takes over the servers that an INFO announces.
func (l *link) discover(info *protocol.Info) {
	conn := l.conn
	if conn.cfg.IgnoreDiscovered {
		return
	}
	added := conn.pool.discover(info.ConnectURLs, l.server.url.Scheme, l.server.url.User)
	if added > 0 && conn.everConnected.Load() {
		conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.ServersDiscovered, Path: conn.name, Count: uint64(added)}})
	}
	conn.publishPool()
}

func (l *link) onRefused(c *Context, m refused) {
	if m.attempt != l.attempt || l.socket == nil {
		return
	}
	l.conn.reportServerError(m.err)
	if !m.err.Closes {
		return
	}
	// The server closes after this; its reason is worth more than the EOF.
	l.farewell = &LinkError{URL: redacted(l.server.url), Phase: "server", Err: m.err}
	l.end(c, l.farewell)
}

func (l *link) onRedial(c *Context) {
	switch {
	case l.socket != nil:
		l.end(c, ErrForcedReconnect)
	case l.wait != nil && l.wait.Stop():
		l.onDialDue(c)
	}
}

func (l *link) onStableDue(m stableDue) {
	if m.attempt == l.attempt && l.socket != nil {
		l.conn.pool.stable(l.server)
	}
}

// linkLost takes the socket from the outbox and reports what is uncertain.
func (c *Conn) linkLost(attempt uint32, cause error) {
	before := c.Status()
	if before != DrainingSubs && before != DrainingPubs { // a drain stays one
		before = c.moveTo(Reconnecting)
	}
	if before != Closed {
		c.setLastError(cause)
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.LinkLost, Path: c.name + "/link",
			Before: before.String(), After: c.Status().String(), Cause: cause}})
	}
	c.out.detach(attempt, cause)
}

// settled reports what a lost link left uncertain, once the last write ended.
func (c *Conn) settled(l loss) {
	for _, w := range l.waiters {
		w <- ErrDisconnected
	}
	_ = c.reqsBox.must(failSent{upTo: l.written, cause: l.cause})
	if l.uncertain == 0 {
		return
	}
	c.uncertain.Add(l.uncertain)
	c.observe(Notice{Event: supervisor.Event{Kind: supervisor.PublishUncertain, Path: c.name + "/link", Count: l.uncertain, Cause: l.cause}})
}

// liveAgain sets the status after a handshake, unless the connection is on its
// way to the end.
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
