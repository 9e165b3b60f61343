// Command idempotent publishes to a stream through a line that is cut again and again:
// no message is lost, and none is stored twice.
//
//	go run ./examples/idempotent
//
//	                     cut, three times
//	                            │
//	PublishAsync ──► message ──►│──► stream: stored?
//	     ▲                      │      │
//	     └── acknowledgement ◄──│◄─────┘   lost with the line
//
// When the line is cut nobody can tell which of the messages on it were stored. With
// WithIdempotentRetry each message has an id, is sent again, and the stream
// recognizes those that it has. Without, they are not sent again: the publisher says of
// each that its outcome is unknown, and no more than those may be missing.
//
// The last line is "idempotent: ok", and the exit code 0, only if the books balance.
package main
