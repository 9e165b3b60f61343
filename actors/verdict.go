package actors

import (
	"errors"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// verdict.go - what follows from a failed attempt or a lost link: another attempt,
// or the end.

// setDown records why there is no server.
func (c *Conn) setDown(err error) {
	c.mu.Lock()
	c.lastErr, c.down = err, err
	c.mu.Unlock()
}

// Live reports whether the connection has a server, possibly while draining.
func (c *Conn) Live() bool {
	s := c.Status()
	return (s == Connected || s == DrainingSubs || s == DrainingPubs) && c.server.Load() != nil
}

// NoServer returns the error of an operation that needs a server while there is none, in
// the given state: a *ConnectionStateError.
func (c *Conn) NoServer(op string, s Status) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &ConnectionStateError{Op: op, State: s, Cause: c.down}
}

// endedBy returns why the connection is closed, or what kept the drain that closed it
// from finishing; nil if it is not closed, or was closed on request.
func (c *Conn) endedBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	return c.undone
}

// attemptFailed records a failed attempt and ends this incarnation.
func (l *link) attemptFailed(c *Context, err error) {
	err = l.refusedBy(l.server, l.during(), err)
	conn := l.conn
	now := time.Now()
	conn.pool.failed(l.server, err, now)
	var dial *DialError
	if errors.As(err, &dial) && dial.info != nil {
		l.discover(dial.info) // a server that is full or refuses us may know others
	}
	_, wait := conn.pool.peek(now)
	conn.setDown(err)
	conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.ConnectAttemptFailed, Path: c.host.path,
		Cause: err, Attempt: l.server.attempts, Delay: wait, Message: redacted(l.server.url)}})
	if end := l.verdict(err); end != nil {
		c.Fail(&giveUp{end})
	}
	if conn.cfg.RetryFirst && conn.pool.allTried() {
		conn.pool.counting = true
		conn.firstPassFailed(err)
	}
	c.Fail(err)
}

// firstPassFailed lets a Connect with RetryFirst return.
func (c *Conn) firstPassFailed(err error) {
	if !c.status.CompareAndSwap(int32(Connecting), int32(Reconnecting)) {
		return
	}
	select {
	case c.first <- err:
	default:
	}
}

// verdict returns the error with which to give up after err, or nil to go on.
func (l *link) verdict(err error) error {
	conn, s := l.conn, l.server
	defer conn.publishPool()
	if auth := authError(err); auth != nil {
		repeated := s.lastAuth != nil && errors.Is(auth, s.lastAuth)
		s.lastAuth = auth
		if repeated && !conn.cfg.KeepAfterAuthErrors {
			return err
		}
	}
	var refusal *protocol.ServerError
	if errors.As(err, &refusal) && refusal.Reaction == protocol.ReactStop && !l.misheard(err) {
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

// misheard reports whether err is from an attempt to reconnect: our CONNECT was accepted
// before, so if a server rejects it as malformed, it may have been corrupted on the way.
func (l *link) misheard(err error) bool {
	var dial *DialError
	return l.conn.everConnected.Load() && errors.As(err, &dial)
}

// authError returns the kind of refusal of our credentials in err, nil if there is none.
// A timeout at the server does not count as a refusal.
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
