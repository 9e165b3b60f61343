// Command batch publishes to streams in two ways that single messages do not offer: all
// or nothing, and without an acknowledgement for each message.
//
//	go run ./examples/batch
//
//	atomic batch   -10 from ann ──┐
//	               +10 to bob   ──┴─ commit ──► both are stored, or none is
//
//	fast ingest    reading, reading, … ──► stored as they arrive
//	                          ◄── one acknowledgement for hundreds of them
//
// A transfer whose precondition no longer holds leaves nothing behind. The connection of
// the fast publisher is cut half way; nevertheless each reading is stored exactly once.
//
// The last line is "batch: ok", and the exit code 0, only if the streams hold what they
// should.
package main
