// Package wire applies faults to bytes on their way: it relays between the two ends of
// a connection, and does to what passes what the rules of the link say.
//
//	client ──► out: read ─► operations ─► queue ─► effects ─► write ──► server
//	       ◄── in:  write ◄─ effects ◄─ queue ◄─ operations ◄─ read ◄──
//	                              ▲                  ▲
//	            drop, inject, ... ┘                  └ latency, blackhole, ...
//	            what sets a rule off
//
// A [Link] is the way from a client to a server. It has any number of connections, one
// after the other or at a time, each given to [Link.Relay] as a pair of [net.Conn].
// Rules are those of package plan; they are added and lifted while connections run:
//
//	link := wire.New(plan.Target{}, wire.Options{})
//	fault, err := link.Inject("when op(PONG) index(3) reset")
//	go link.Relay(client, server)
//	err = fault.Wait(ctx, 1) // it has happened
//
// Package proxy puts a link in front of a server on TCP, package simnet between a
// client and a server in one process.
//
// # Operations and bytes
//
// The stream of each direction is read as NATS operations all the time, so a rule with
// an operation that comes in the middle of a frame meets the frames that begin from
// then on. What a rule says about an operation is decided by its control line: the
// payload passes as it comes, and a message of any size needs no memory; only one that
// is to be duplicated is kept, and passes once if it is larger than the window. While
// there is a rule with an operation, a control line that has begun is held until its
// end is there.
//
// A stream that can't be read passes as bytes from there on: TLS, WebSocket, a peer
// that breaks the protocol. Rules with an operation meet nothing in it, all others go
// on; [Traffic.Unread] counts such streams.
//
// The bytes that a rule counts are those which the source has sent since the rule began
// to hold; a text that was put in and a copy are not among them, what was dropped is.
//
// # Where things happen
//
// What an operation or a byte sets off happens in its place in the stream: all before
// it is handed on first, and if there is latency on the link, that takes its time. What
// the time sets off happens at once: a reset loses what is under way. A text comes
// between two operations, in the middle of one only if the stream can't be read. A change of rules counts for what is under way as well: a
// link that is cleared lets everything pass that it holds.
//
// A blackhole holds bytes and ends of streams, as many as the window takes; then the
// sender comes to a stop. A half-open link swallows both. The end of one side is handed
// on as what it was: FIN as FIN, for its direction only, if the ends can be closed by
// halves; anything else as a reset.
//
// # Time, memory, order
//
// A link works under virtual time: its goroutines block in its ends, in channels and in
// timers only. A connection has a goroutine for each direction, and one more for each
// once something had to wait. Without rules a chunk is written from the buffer it was
// read into. With a window of n bytes and a latency of d, n bytes pass in each d.
//
// The same seed, rules and bytes give the same faults, however the stream is cut: jitter
// belongs to the place of a chunk in its stream, a flipped bit to its byte, a share of
// matches to their order.
package wire
