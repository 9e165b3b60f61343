package api

import "context"

// Rotate moves the connection to a new socket, for which it asks for credentials and
// certificates again: to the server in use if that accepts them, or else to another one. Use
// it to change credentials before they expire. StayOnLameDuck describes how a connection
// moves, and what can be missed. Rotate returns when the move is complete. Concurrent calls
// share a move, or follow each other.
//
// Errors: a *NoServersError with every attempt, in which errors.Is finds the causes, such as
// ErrAuthorization; the connection then stays as it was. ErrConnectionReconnecting while
// there is no server, as the next attempt asks for credentials anyway. ErrDisconnected if the
// link was lost meanwhile. ErrTimeout or context.Canceled when ctx is done; the move
// continues. ErrInvalidContext, ErrInvalidConnection, ErrConnectionClosed.
func (nc *Conn) Rotate(ctx context.Context) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if ctx == nil {
		return ErrInvalidContext
	}
	return nc.core.Rotate(ctx)
}
