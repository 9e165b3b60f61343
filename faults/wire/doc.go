// Package wire applies faults to bytes in transit: it relays between the two ends of a
// connection, and applies the rules of the link to what passes.
//
//	client ──► out: read ─► operations ─► queue ─► effects ─► write ──► server
//	       ◄── in:  write ◄─ effects ◄─ queue ◄─ operations ◄─ read ◄──
//	                              ▲                  ▲
//	            drop, inject, ... ┘                  └ latency, blackhole, ...
//	            triggers of rules
//
// A [Link] is the path from a client to a server. It has any number of connections, one
// after the other or at the same time, each given to [Link.Relay] as a pair of
// [net.Conn]. Rules are those of package plan; they are added and lifted while
// connections run:
//
//	link := wire.New(plan.Target{}, wire.Options{})
//	fault, err := link.Inject("when op(PONG) index(3) reset")
//	go link.Relay(client, server)
//	err = fault.Wait(ctx, 1) // it has happened
//
// Package proxy puts a link in front of a server on TCP, package simnet between a client
// and a server in one process.
//
// # Operations and bytes
//
// The stream of each direction is always read as NATS operations, so a rule with an
// operation that is added in the middle of a frame applies to the frames that begin after
// that. What a rule does to an operation is decided by its control line: the payload
// passes as it arrives, and a message of any size needs no memory. Only an operation that
// is to be duplicated is kept; if it is larger than the window, it passes once. While
// there is a rule with an operation, the beginning of a control line is held back until
// its end has arrived.
//
// A stream that can't be parsed passes as plain bytes from there on: TLS, WebSocket, a
// peer that breaks the protocol. Rules with an operation no longer match in it, all
// others still apply; [Traffic.Unread] counts such streams.
//
// The bytes that a rule counts are those that the source has sent since the rule began to
// hold. Injected texts and copies are not counted; dropped bytes are.
//
// # Where things happen
//
// A fault that is triggered by an operation or a byte happens in its place in the stream:
// everything before it is forwarded first, which takes time if the link has latency. A
// fault that is triggered by time happens at once: a reset loses what is under way. A
// text is injected between two operations; only if the stream can't be parsed, it may
// come in the middle of one. A change of rules also affects what is under way: a link
// that is cleared lets everything pass that it holds.
//
// A blackhole holds bytes and ends of streams, as many as the window allows; then the
// sender blocks. A half-open link swallows both. When one side ends, the other sees the
// same: a FIN as a FIN, for its direction only, if the ends can be closed by halves;
// anything else as a reset.
//
// # Time, memory, order
//
// A link works under virtual time: its goroutines block only in its ends, in channels and
// in timers. A connection has a goroutine for each direction, and one more for each
// direction in which something has had to wait. Without rules a chunk is written from the
// buffer it was read into. With a window of n bytes and a latency of d, n bytes pass in
// each d.
//
// The same seed, rules and bytes give the same faults, however the stream is cut into
// reads: jitter depends on the position of a chunk in its stream, a flipped bit on that
// of its byte, a share of matches on their order.
package wire
