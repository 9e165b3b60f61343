// Command idempotent publishes to a stream over a connection that is cut again and again:
// no message is lost, and none is stored twice.
//
//	go run ./examples/idempotent
//
//	                     cut, three times
//	                            │
//	PublishAsync ──► message ──►│──► stream: stored?
//	     ▲                      │      │
//	     └── acknowledgement ◄──│◄─────┘   lost with the connection
//
// When the connection is cut nobody can tell which of the messages on it were stored.
// With WithIdempotentRetry each message has an id and is sent again, and the stream
// recognizes those that it already has. Without it they are not sent again: the publisher
// reports the outcome of each as unknown, and only those may be missing.
//
// The last line is "idempotent: ok", and the exit code 0, only if the books balance.
package main
