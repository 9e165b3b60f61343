package api

import "github.com/troupe-go/troupe/actors"

// Outlet publishes for an owner that keeps its messages until they are acknowledged, such as
// the JetStream publisher. Without a link, publishes are refused instead of kept; when the
// link is lost, unsent messages are discarded. So the owner alone decides what is sent on the
// next link.
type Outlet = actors.Outlet

// OutletSpec holds the callbacks of an Outlet's owner.
type OutletSpec = actors.OutletSpec

// OutletLoss says what a lost link means for the publishes of an Outlet.
type OutletLoss = actors.OutletLoss

// Kinds of errors of an Outlet.
var (
	// ErrOutletDown: there is no link, and an Outlet keeps nothing for the next one. It is an
	// ErrDisconnected.
	ErrOutletDown = actors.ErrOutletDown
	// ErrOutletFull: earlier publishes must be sent first. It is an ErrOutboundBufferLimit.
	ErrOutletFull = actors.ErrOutletFull
)

// Outlet returns an Outlet of the connection, which lives until its Close. All functions of
// spec must be set. Errors: ErrInvalidConnection; ErrInvalidCallback.
func (nc *Conn) Outlet(spec OutletSpec) (*Outlet, error) {
	if !nc.valid() {
		return nil, ErrInvalidConnection
	}
	if spec.Lost == nil || spec.Linked == nil || spec.Refused == nil {
		return nil, &InvalidCallbackError{Where: "OutletSpec"}
	}
	return nc.core.NewOutlet(spec), nil
}
