package api

import (
	"context"
	"errors"
	"time"
)

// Flush waits until the server has seen everything that was published before,
// for at most 10 s. While there is no server it waits for the next one. Errors
// are those of FlushTimeout.
func (nc *Conn) Flush() error { return nc.FlushTimeout(flushTimeout) }

// FlushTimeout is Flush with a timeout. Errors: ErrInvalidConnection,
// ErrBadTimeout for a timeout that is not positive, ErrFlushTimeout (which is an
// ErrTimeout), ErrDisconnected when the link was lost while it waited,
// ErrConnectionClosed.
func (nc *Conn) FlushTimeout(timeout time.Duration) error {
	return nc.flushFor("flush", timeout)
}

func (nc *Conn) flushFor(op string, timeout time.Duration) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if timeout <= 0 {
		return &BadTimeoutError{Op: op, Value: timeout}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := nc.core.Flush(ctx)
	if err != nil && errors.Is(err, ctx.Err()) && ctx.Err() != nil {
		waiting, _ := nc.core.Buffered()
		return &FlushTimeoutError{Op: op, After: timeout, Buffered: waiting}
	}
	return err
}

// FlushWithContext is Flush that waits until ctx is done, and returns ctx's error
// then. ctx must have a deadline, or the error is ErrNoDeadlineContext;
// ErrInvalidContext for nil.
func (nc *Conn) FlushWithContext(ctx context.Context) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if ctx == nil {
		return ErrInvalidContext
	}
	if _, ok := ctx.Deadline(); !ok {
		return ErrNoDeadlineContext
	}
	return nc.core.Flush(ctx)
}

// RTT measures a round trip to the server. Errors are those of Flush;
// while there is no server it returns an ErrDisconnected at once.
func (nc *Conn) RTT() (time.Duration, error) {
	if !nc.valid() {
		return 0, ErrInvalidConnection
	}
	if s := nc.Status(); s == RECONNECTING || s == CONNECTING || s == DISCONNECTED {
		return 0, &ConnectionStateError{Op: "rtt", State: s}
	}
	begin := time.Now()
	if err := nc.flushFor("rtt", flushTimeout); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}
