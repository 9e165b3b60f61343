// Package simnet is a network in memory: servers stand in it under host names, clients
// dial them, and on the way between the two is a [wire.Link] that does to the bytes what
// the rules of a plan say.
//
//	client ── dials "s1:4222" ──► Dialer ──► link(client, s1): may it?
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
