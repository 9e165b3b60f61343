package api

import "github.com/troupe-go/troupe/actors"

// Outlet publishes for an owner that keeps what it publishes until it is answered, as
// the JetStream publisher does: what is put while there is no link is refused instead of
// kept, and what waits when the link is lost is thrown away, so that the owner alone
// decides what is sent on the next one.
type Outlet = actors.Outlet

// OutletSpec says what the owner of an Outlet wants to be told.
type OutletSpec = actors.OutletSpec

// OutletLoss says what a lost link means to the publishes of an Outlet.
type OutletLoss = actors.OutletLoss

// Kinds of errors of an Outlet.
var (
	// ErrOutletDown: there is no link, and nothing is kept for the next one. It is an
	// ErrDisconnected.
	ErrOutletDown = actors.ErrOutletDown
	// ErrOutletFull: the socket has to take something first. It is an ErrOutboundBufferLimit.
	ErrOutletFull = actors.ErrOutletFull
)

// Outlet returns an Outlet of the connection, which lives until its Close. All
// functions of spec have to be set. ErrInvalidConnection; ErrInvalidCallback.
func (nc *Conn) Outlet(spec OutletSpec) (*Outlet, error) {
	if !nc.valid() {
		return nil, ErrInvalidConnection
	}
	if spec.Lost == nil || spec.Linked == nil || spec.Refused == nil {
		return nil, &InvalidCallbackError{Where: "OutletSpec"}
	}
	return nc.core.NewOutlet(spec), nil
}
