package api

import "context"

// Rotate moves the connection to a new socket, for which credentials and certificates
// are asked anew: to the server in use if it takes them, or else to another. It is how
// credentials are changed before they expire. StayOnLameDuck tells how a connection
// moves, and what can be missed. It returns when the move is over. Calls at one time
// share a move, or follow each other.
//
// Errors: a *NoServersError with every attempt, whose causes errors.Is sees, such as
// ErrAuthorization; the connection stays as it was then. ErrConnectionReconnecting
// while there is no server: the next attempt asks for credentials anyway.
// ErrDisconnected when the link was lost meanwhile. ErrTimeout or context.Canceled
// when ctx is done; the move goes on. ErrInvalidContext, ErrInvalidConnection,
// ErrConnectionClosed.
func (nc *Conn) Rotate(ctx context.Context) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if ctx == nil {
		return ErrInvalidContext
	}
	return nc.core.Rotate(ctx)
}
