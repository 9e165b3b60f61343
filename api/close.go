package api

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/actors"
)

// Report says what a drain or close left behind: the paths of the Unfinished actors, the
// number of UnsentBytes, and the number of Undelivered messages. The zero Report is a clean end.
type Report = actors.Report

// Done returns a channel that is closed when the connection begins to end for good. During a
// drain that is at its end. For the zero Conn it is nil, which is never closed.
func (nc *Conn) Done() <-chan struct{} {
	if !nc.valid() {
		return nil
	}
	return nc.core.Done()
}

// Close ends the connection. Waiting output is written if the socket takes it within a
// second; messages that wait for handlers are discarded; calls that wait return
// ErrConnectionClosed. Close returns when every actor has ended, or after two seconds if a
// handler does not return. Called from a handler or callback, it does not wait for that one.
// A second call waits as well.
func (nc *Conn) Close() {
	if nc.valid() {
		nc.core.Close(context.Background())
	}
}

// BeforeClose arranges for f to be called once when the connection is about to close, by
// Close or at the end of a drain, and has a link, so that f can still publish. f runs on a
// goroutine of its own and must return when ctx is done: within a second, or within a tenth
// of a second when Close must not wait; for a Close from inside a handler ctx is done at
// once. forget removes f. f is not called when the connection fails by itself. On a nil Conn
// it does nothing.
func (nc *Conn) BeforeClose(f func(ctx context.Context)) (forget func()) {
	if !nc.valid() || f == nil {
		return func() {}
	}
	return nc.core.BeforeClose(f)
}

// CloseContext is Close that waits until ctx is done, or two seconds if ctx has no deadline,
// and reports what was left behind. The error is ErrCloseTimeout if a handler did not return
// in time, and context.Canceled if ctx was cancelled first; the connection is closed in
// either case. It is ErrInvalidContext for nil.
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

// Drain ends the connection in order: subscriptions receive no new messages and finish those
// they have, then published messages are sent, then the connection closes. It returns at
// once; the ClosedHandler reports the end. Until the subscriptions have finished, Publish
// works and Subscribe returns ErrConnectionDraining. If the drain does not finish within
// DrainTimeout, the ErrorHandler receives an ErrDrainTimeout.
//
// Errors: ErrConnectionClosed; while there is no server, ErrConnectionReconnecting, with a
// *ConnectionStateError, which leaves the connection as it is (nats.go closes it). A second
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

// DrainContext is Drain that returns when the connection is closed, and reports what was left
// behind. When ctx is done first, or after DrainTimeout if ctx has no deadline, it stops
// waiting and closes the connection: handlers that have not returned are listed in the Report
// and end later, and unsent output is lost and counted there. The error is then an
// ErrDrainTimeout, or context.Canceled if ctx was cancelled.
//
// Other errors: ErrInvalidContext for nil; ErrConnectionDraining if a drain is in progress;
// those of Drain. Inside a handler of this connection use Drain, because the handler would
// wait for itself.
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
