package api

// Barrier calls f once, when the handlers and actors of all current subscriptions have
// finished with every message that is waiting for them now. Messages that are discarded with
// their subscription count as finished, so f is called in any case, even when the connection
// is closed after this call. Subscriptions without a handler do not count.
//
// Barrier returns at once. f runs with the connection's other callbacks and may make any
// call; a callback that waits for f waits forever. If no subscription counts, f is called
// before Barrier returns. (nats.go calls it on the goroutine of the last handler.)
//
// Errors: ErrInvalidConnection; ErrInvalidCallback for nil; ErrConnectionClosed. With an
// error f is not called.
func (nc *Conn) Barrier(f func()) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if f == nil {
		return &InvalidCallbackError{Where: "Barrier"}
	}
	return nc.core.Barrier(f)
}
