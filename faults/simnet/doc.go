// Package simnet is a network in memory: servers have host names in it, clients dial
// them, and between the two is a [wire.Link] that applies the rules of a plan to the
// bytes.
//
//	client ── dials "s1:4222" ──► Dialer ──► link(client, s1): allowed?
//
//	client ◄──► Conn ═ Pipe ═ Conn ◄──► wire.Link ◄──► InProcessConn ◄──► server s1
//	            window, deadlines,      latency, cuts,                    Provider
//	            FIN and RST as in TCP   blackholes, resets …
//
// It is made for testing/synctest bubbles, where there are no sockets: all waiting in it
// is durable, so that hours of virtual time pass in milliseconds and timers are exact to
// the nanosecond. It works in real time as well. Nothing of it is left after
// [Network.Close].
package simnet
