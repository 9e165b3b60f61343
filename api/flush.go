package api

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/actors"
)

// Flush waits until the server has received everything that was published before, for at most
// 10 s. While there is no server it waits for the next one. Errors are those of FlushTimeout.
func (nc *Conn) Flush() error { return nc.FlushTimeout(flushTimeout) }

// FlushTimeout is Flush with a timeout. Errors: ErrInvalidConnection; ErrBadTimeout if the
// timeout is not positive; ErrFlushTimeout, which is an ErrTimeout; a *RequestLostError,
// which is an ErrDisconnected, if the link was lost meanwhile; ErrConnectionClosed.
func (nc *Conn) FlushTimeout(timeout time.Duration) error { return nc.flushFor("flush", timeout) }

// FlushContext is Flush that waits until ctx is done. The error is then ErrFlushTimeout if
// its deadline has passed, and otherwise context.Canceled; it also wraps the cause of ctx. It
// is ErrInvalidContext for nil. A deadline is not required.
func (nc *Conn) FlushContext(ctx context.Context) error { return nc.flushUntil(ctx, "flush") }

// FlushWithContext is FlushContext for a context that must have a deadline, as in nats.go:
// without one the error is ErrNoDeadlineContext.
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
	return nc.flushUntil(ctx, "flush")
}

// RTT measures a round trip to the server. Errors are those of Flush; while there is
// no server it returns an ErrDisconnected at once.
func (nc *Conn) RTT() (time.Duration, error) {
	return nc.roundTrip(func() error { return nc.flushFor("rtt", flushTimeout) })
}

// RTTContext is RTT that waits until ctx is done. Errors are those of RTT and
// FlushContext.
func (nc *Conn) RTTContext(ctx context.Context) (time.Duration, error) {
	return nc.roundTrip(func() error { return nc.flushUntil(ctx, "rtt") })
}

func (nc *Conn) roundTrip(flush func() error) (time.Duration, error) {
	if !nc.valid() {
		return 0, ErrInvalidConnection
	}
	if s := nc.Status(); s != CLOSED && !nc.core.Live() {
		return 0, nc.core.NoServer("rtt", s)
	}
	begin := time.Now()
	if err := flush(); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

// flushFor flushes for at most timeout.
func (nc *Conn) flushFor(op string, timeout time.Duration) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if timeout <= 0 {
		return &BadTimeoutError{Op: op, Value: timeout}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := nc.flushUntil(ctx, op)
	var late *FlushTimeoutError
	if errors.As(err, &late) {
		late.After, late.Cause = timeout, nil // the context is not the caller's
	}
	return err
}

// flushUntil flushes until ctx is done.
func (nc *Conn) flushUntil(ctx context.Context, op string) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if ctx == nil {
		return ErrInvalidContext
	}
	began := time.Now()
	err := nc.core.Flush(ctx)
	if err == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	err = actors.Interrupted(ctx, op, "", began)
	var canceled *CanceledError
	if errors.As(err, &canceled) {
		canceled.Sent = true // what was published before it
	}
	var late *TimeoutError
	if !errors.As(err, &late) {
		return err
	}
	waiting, _ := nc.core.Buffered()
	return &FlushTimeoutError{Op: op, After: late.After, Elapsed: late.Elapsed, Buffered: waiting, Cause: late.Cause}
}
