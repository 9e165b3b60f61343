package api

import (
	"errors"

	"github.com/troupe-go/troupe/actors"
)

// callsFor appends the callbacks that an event calls for.
func (nc *Conn) callsFor(calls []func(), n *actors.Notice) []func() {
	nc.mu.Lock()
	cbs := nc.callbacks
	nc.mu.Unlock()
	switch n.Kind {
	case LinkRestored:
		if n.Before == actors.AgainLink {
			return nc.call(calls, cbs.reconnected)
		}
		return nc.call(calls, nc.Opts.ConnectedCB)
	case LinkLost:
		return nc.lostCalls(calls, &cbs, n.Cause)
	case ConnectAttemptFailed:
		return nc.attemptCalls(calls, n.Cause)
	case ServersDiscovered:
		return nc.call(calls, cbs.discovered)
	case LameDuck:
		return nc.call(calls, nc.Opts.LameDuckModeHandler)
	case ConnectionClosed:
		return nc.closeCalls(calls, &cbs, n)
	default:
		return nc.errorCalls(calls, cbs.failed, n)
	}
}

func (nc *Conn) call(calls []func(), cb ConnHandler) []func() {
	if cb == nil {
		return calls
	}
	return append(calls, func() { cb(nc) })
}

// lostCalls reports the loss of a link to the DisconnectErrHandler or, without one, to the
// DisconnectHandler.
func (nc *Conn) lostCalls(calls []func(), cbs *callbackSet, cause error) []func() {
	if cbs.disconnected == nil {
		return nc.call(calls, cbs.lost)
	}
	return nc.callErr(calls, cbs.disconnected, cause)
}

func (nc *Conn) callErr(calls []func(), cb ConnErrHandler, err error) []func() {
	if cb == nil {
		return calls
	}
	return append(calls, func() { cb(nc, err) })
}

// tells reports whether failed attempts are reported to callbacks. Before the first link
// Connect returns them, unless RetryOnFailedConnect is set.
func (nc *Conn) tells() bool { return nc.everUp || nc.Opts.RetryOnFailedConnect }

// attemptCalls reports a failed attempt, unless Connect will return it.
func (nc *Conn) attemptCalls(calls []func(), err error) []func() {
	if !nc.tells() {
		return calls
	}
	return nc.callErr(calls, nc.Opts.ReconnectErrCB, err)
}

// closeCalls reports the end of the connection, after the loss of the link if it had one.
// The cause is nil if the program closed the connection.
func (nc *Conn) closeCalls(calls []func(), cbs *callbackSet, n *actors.Notice) []func() {
	if n.Before == CONNECTING.String() && !nc.Opts.RetryOnFailedConnect {
		return calls // Connect returns the error, so the program never had the Conn
	}
	if n.Cause == nil && nc.Opts.NoCallbacksAfterClientClose {
		return calls
	}
	switch n.Before {
	case CONNECTED.String(), DRAINING_SUBS.String(), DRAINING_PUBS.String():
		calls = nc.lostCalls(calls, cbs, n.Cause)
	}
	return nc.call(calls, cbs.closed)
}

// errorCalls hands the error of an event to the ErrorHandler.
func (nc *Conn) errorCalls(calls []func(), cb ErrHandler, n *actors.Notice) []func() {
	if cb == nil || n.Cause == nil || n.Kind == AuthenticationFailed && !nc.tells() {
		return calls
	}
	switch n.Kind {
	case SubscriptionStopped:
		if actors.AsAsked(n.Cause) {
			return calls // the program stopped its actor, and with it the subscription
		}
	case SlowConsumerBegan, ServerErrorReported, PermissionDenied, AuthenticationFailed, HandlerPanicked,
		HandlerFailed, HandlerBlocked, HandlerUnblocked, DrainTimedOut:
	case MessagesDropped:
		if errors.Is(n.Cause, actors.ErrActorStopped) {
			return calls // messages of Send in the mailbox of an actor, not messages from a server
		}
	default:
		return calls
	}
	sub, err := subscriptionOf(n.Sub), n.Cause
	return append(calls, func() { cb(nc, sub, err) })
}

// subscriptionOf returns the Subscription of a runtime subscription, nil for none.
func subscriptionOf(s *actors.Sub) *Subscription {
	if s == nil {
		return nil
	}
	sub, _ := s.Tag().(*Subscription)
	return sub
}

// change changes a callback under the lock; on a nil Conn it does nothing.
func (nc *Conn) change(f func(*callbackSet)) {
	if nc == nil {
		return
	}
	nc.mu.Lock()
	defer nc.mu.Unlock()
	f(&nc.callbacks)
}

// now returns the current callbacks, none for a nil Conn.
func (nc *Conn) now() callbackSet {
	if nc == nil {
		return callbackSet{}
	}
	nc.mu.Lock()
	defer nc.mu.Unlock()
	return nc.callbacks
}

// SetDisconnectErrHandler replaces the DisconnectErrHandler; nil removes it.
func (nc *Conn) SetDisconnectErrHandler(cb ConnErrHandler) {
	nc.change(func(c *callbackSet) { c.disconnected = cb })
}

// SetDisconnectHandler replaces the DisconnectHandler; nil removes it. It is called
// only while there is no DisconnectErrHandler.
//
// Deprecated: use SetDisconnectErrHandler.
func (nc *Conn) SetDisconnectHandler(cb ConnHandler) {
	nc.change(func(c *callbackSet) { c.lost = cb })
}

// DisconnectErrHandler returns the callback for lost links.
func (nc *Conn) DisconnectErrHandler() ConnErrHandler { return nc.now().disconnected }

// SetReconnectHandler replaces the ReconnectHandler; nil removes it.
func (nc *Conn) SetReconnectHandler(cb ConnHandler) {
	nc.change(func(c *callbackSet) { c.reconnected = cb })
}

// ReconnectHandler returns the callback for reconnects.
func (nc *Conn) ReconnectHandler() ConnHandler { return nc.now().reconnected }

// SetDiscoveredServersHandler replaces the DiscoveredServersHandler; nil removes it.
func (nc *Conn) SetDiscoveredServersHandler(cb ConnHandler) {
	nc.change(func(c *callbackSet) { c.discovered = cb })
}

// DiscoveredServersHandler returns the callback for discovered servers.
func (nc *Conn) DiscoveredServersHandler() ConnHandler { return nc.now().discovered }

// SetClosedHandler replaces the ClosedHandler; nil removes it.
func (nc *Conn) SetClosedHandler(cb ConnHandler) {
	nc.change(func(c *callbackSet) { c.closed = cb })
}

// ClosedHandler returns the callback for the end of the connection.
func (nc *Conn) ClosedHandler() ConnHandler { return nc.now().closed }

// SetErrorHandler replaces the ErrorHandler; nil removes it.
func (nc *Conn) SetErrorHandler(cb ErrHandler) {
	nc.change(func(c *callbackSet) { c.failed = cb })
}

// ErrorHandler returns the callback for errors that no call can return.
func (nc *Conn) ErrorHandler() ErrHandler { return nc.now().failed }
