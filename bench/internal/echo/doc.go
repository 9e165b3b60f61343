// Package echo answers requests over a bare socket, as fast as a socket allows:
// the responder of the request suite, the same for every client.
//
//	requester ──PUB subject inbox──► nats-server ──MSG──► echo
//	requester ◄──MSG inbox────────── nats-server ◄──PUB── echo    one write for each read
package echo
