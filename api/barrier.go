package api

// Barrier calls f once, after the handlers and actors of the subscriptions that there
// are now have dealt with every message that waits for them at this moment. What is
// discarded with a subscription is dealt with, too, so f is called whatever becomes
// of them, also when the connection is closed after this call. Subscriptions without
// a handler do not count.
//
// It returns at once. f runs with the connection's other callbacks: it may make any
// call, and a callback that waits for it waits for ever. Without any subscription
// that counts, it is called before Barrier returns. (nats.go calls it in the
// goroutine of the handler that comes last.)
//
// Errors: ErrInvalidConnection; ErrInvalidCallback for nil; ErrConnectionClosed. f is
// not called then.
func (nc *Conn) Barrier(f func()) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if f == nil {
		return &InvalidCallbackError{Where: "Barrier"}
	}
	return nc.core.Barrier(f)
}
