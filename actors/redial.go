package actors

// redial.go - a reconnect that the program asks for:
//
//	caller: outbox down, status Reconnecting ── redial ──► link: next attempt
//	        socket closed

// ForceReconnect gives up the link, or ends the wait for the next attempt. The link's actor
// does the rest; but when this returns, nothing more is accepted for the old socket or read
// from it, and the status is not Connected because of it.
func (c *Conn) ForceReconnect() error {
	if c.Status() == Closed {
		return c.closedError()
	}
	attempt := c.out.drop(ErrForcedReconnect)
	if attempt != 0 {
		c.setDown(ErrForcedReconnect)
		c.status.CompareAndSwap(int32(Connected), int32(Reconnecting))
	}
	_ = c.linkBox.must(redial{attempt}) // refused by an actor whose successor has no link yet
	if n := c.line.Load(); n != nil && n.attempt == attempt {
		n.socket.Close() // after the request, so that the link does not blame what its reader finds
	}
	return nil
}

// onRedial leaves alone a socket that is newer than the request.
func (l *link) onRedial(c *Context, m redial) {
	switch {
	case l.line != nil && l.attempt == m.attempt:
		l.end(c, ErrForcedReconnect)
	case l.line != nil:
		l.conn.liveAgain() // ForceReconnect may have set the status after this one was installed
	case l.wait != nil && l.wait.Stop():
		l.onDialDue(c)
	}
}
