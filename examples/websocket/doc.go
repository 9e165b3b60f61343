// Command websocket reaches a server through an HTTP gateway.
//
//	go run ./examples/websocket
//
//	client ── ws://gateway/nats, with a pass ──► gateway ──► server ◄── nats:// ── client
//	stranger ── ws://gateway/nats ──► 401
//
// WebSockets are for where nothing but HTTP gets through. A client that comes that
// way is one like any other: here it talks with one that comes directly, and stays
// connected when the server is killed. The last line is "websocket: ok", and the
// exit code 0, only if all answers came.
package main
