// Command replay reads a stream from its first message to its last, in order, each message
// once, over a line that is cut and with a server that is killed on the way.
//
//	go run ./examples/replay
//
//	           cut    killed
//	            │       │
//	stream ──1──┼──...──┼──► ordered consumer ──► balance 1, 2, 3, …
//	            │       │      └ makes the consumers behind it anew, where it was
//
// An account's balance is the sum of its bookings: one that is missing, twice or in the
// wrong place makes it wrong. So the handler compares each balance with the one that
// its booking says.
//
// The last line is "replay: ok", and the exit code 0, only if every balance was right.
package main
