// Command batch publishes to streams in two ways that single messages do not have: all or
// nothing, and without an acknowledgement for each message.
//
//	go run ./examples/batch
//
//	atomic batch   -10 from ann ──┐
//	               +10 to bob   ──┴─ commit ──► both are stored, or none is
//
//	fast ingest    reading, reading, … ──► stored as they come
//	                          ◄── one acknowledgement for hundreds of them
//
// A transfer whose precondition does not hold any more leaves nothing behind. The line of
// the fast publisher is cut in the middle: each reading is stored once all the same.
//
// The last line is "batch: ok", and the exit code 0, only if the streams hold what they
// should.
package main
