// Package stub is a server that speaks just enough of the protocol to put load on a
// client, and uses so little time that the client is what is measured.
//
//	          INFO, PONG, prepared MSG frames in large writes
//	client ◄──────────────────────────────────────────────── stub
//	       ───────────────────────────────────────────────►
//	          CONNECT, PING, SUB, PUB (counted, not parsed twice)
//
//	worker ──fire, pace, cut, pubs, credit──► stub (control connection)
//
// A control connection opens a session: the stub forgets the subscriptions and counts of
// the previous session, and sends an answer first. Within a session one client connection
// is served at a time, the newest. Commands are lines; a plus sign, without a line
// ending, is a credit:
//
//	fire count window size headers    send count messages in turn over the subscriptions,
//	                                  two windows ahead of the credits; answers "ok bytes"
//	pace count batch intervalNs every  send count messages to the first subscription, batch at
//	                                  a time on a fixed schedule, the intended time (Unix ns,
//	                                  little-endian) in the payload; with every > 0 each such
//	                                  batch also has one message for the second one; answers "ok 0"
//	cut                               close the client connection and wait until as many SUBs
//	                                  as before have come back; answers "ok total afterAccept" in ns
//	pubs                              answers "ok n", the messages published so far
package stub
