// Command websocket reaches a server through an HTTP gateway.
//
//	go run ./examples/websocket
//
//	client ── ws://gateway/nats, with a pass ──► gateway ──► server ◄── nats:// ── client
//	stranger ── ws://gateway/nats ──► 401
//
// WebSockets are for networks that let only HTTP through. A client that uses one is like
// any other: here it talks to a client that connects directly, and reconnects after the
// server is killed. The last line is "websocket: ok", and the exit code 0, only if all
// answers arrived.
package main
