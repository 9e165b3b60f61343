// Command replay reads a stream from its first message to its last, each message once and
// in order, over a connection that is cut and from a server that is killed on the way.
//
//	go run ./examples/replay
//
//	           cut    killed
//	            │       │
//	stream ──1──┼──...──┼──► ordered consumer ──► balance 1, 2, 3, …
//	            │       │      └ creates its consumer again, and goes on where it was
//
// An account's balance is the sum of its bookings: one that is missing, repeated or out
// of order makes it wrong. So the handler compares its balance with the one in each
// booking.
//
// The last line is "replay: ok", and the exit code 0, only if every balance was right.
package main
