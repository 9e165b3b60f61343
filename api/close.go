package api

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/actors"
)

// Report says what a drain or close left behind: the paths of the actors that are
// Unfinished, UnsentBytes, and Undelivered messages. The zero Report is a clean end.
type Report = actors.Report

// Done returns a channel that is closed when the connection begins to end for good. A drain
// closes it at its end. It is nil, and never closed, for the zero Conn.
func (nc *Conn) Done() <-chan struct{} {
	if !nc.valid() {
		return nil
	}
	return nc.core.Done()
}

// Close ends the connection. What waits to be sent is written if the socket
// takes it within a second; what waits for handlers is discarded; calls that
// wait return ErrConnectionClosed. It returns when every actor is gone, or after
// two seconds when a handler does not return. Called from a handler or callback
// it does not wait for that one. A second call waits as well.
func (nc *Conn) Close() {
	if nc.valid() {
		nc.core.Close(context.Background())
	}
}

// BeforeClose has f called once when the connection is about to close, by Close or at the end
// of a drain, and has a link: then f may still publish. It runs on a goroutine of its own, and
// returns when ctx is done: within a second, or a tenth of one when Close is not to wait; at
// once for a Close from inside a handler. forget takes it back. Nothing is called for an end
// that nobody asked for. On a nil Conn it does nothing.
func (nc *Conn) BeforeClose(f func(ctx context.Context)) (forget func()) {
	if !nc.valid() || f == nil {
		return func() {}
	}
	return nc.core.BeforeClose(f)
}

// CloseContext is Close that waits until ctx is done, or two seconds if ctx has no
// deadline, and says what it left behind. ErrCloseTimeout when a handler did not
// return in time, context.Canceled when ctx was cancelled before: the connection is
// closed all the same. ErrInvalidContext for nil.
func (nc *Conn) CloseContext(ctx context.Context) (Report, error) {
	if !nc.valid() {
		return Report{}, ErrInvalidConnection
	}
	if ctx == nil {
		return Report{}, ErrInvalidContext
	}
	began := time.Now()
	report := nc.core.Close(ctx)
	switch {
	case len(report.Unfinished) == 0:
		return report, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return report, actors.Interrupted(ctx, "close", "", began)
	default:
		return report, &CloseTimeoutError{Report: report, Cause: context.Cause(ctx)}
	}
}

// Drain ends the connection in order: subscriptions get no new messages and
// finish what they have, then what was published leaves, then the connection
// closes. It returns at once; the ClosedHandler tells of the end. Until
// subscriptions have finished, Publish works and Subscribe returns
// ErrConnectionDraining. What does not finish within DrainTimeout goes to the
// ErrorHandler as an ErrDrainTimeout.
//
// Errors: ErrConnectionClosed; ErrConnectionReconnecting, with a
// *ConnectionStateError, while there is no server, which leaves the connection as it is (nats.go closes it). A second
// call returns nil.
func (nc *Conn) Drain() error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	err := nc.core.BeginDrain()
	if errors.Is(err, ErrConnectionDraining) {
		return nil
	}
	if err != nil {
		return err
	}
	nc.statuses.changed(DRAINING_SUBS)
	go func() {
		// The error has gone to the ErrorHandler.
		_, _ = nc.core.FinishDrain(context.Background())
	}()
	return nil
}

// DrainContext is Drain that returns when the connection is closed, and says
// what was left behind. When ctx is done before, or after DrainTimeout if ctx has
// no deadline, it does not wait any longer: the connection is closed, handlers that
// have not returned are in the Report, and end later, and what waits to be sent is
// lost and counted there. The error is then an ErrDrainTimeout, or context.Canceled
// for a ctx that was cancelled.
// ErrInvalidContext for nil; ErrConnectionDraining when a drain is going on. From inside a
// handler of this connection use Drain: the handler would wait for itself.
func (nc *Conn) DrainContext(ctx context.Context) (Report, error) {
	if !nc.valid() {
		return Report{}, ErrInvalidConnection
	}
	if ctx == nil {
		return Report{}, ErrInvalidContext
	}
	if err := nc.core.BeginDrain(); err != nil {
		return Report{}, err
	}
	nc.statuses.changed(DRAINING_SUBS)
	return nc.core.FinishDrain(ctx)
}
