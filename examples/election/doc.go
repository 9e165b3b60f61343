// Command election has two candidates lead in turn, one at a time, while the leader of the
// moment is cut off.
//
//	go run ./examples/election
//
//	ann ─── line ───┐
//	                ├──► bucket "roles": the key "writer" has the leader's name, and expires
//	bob ────────────┘        │
//	                         └──► the observer is told who leads
//
// The line of the leader is cut for longer than it may be silent. It stops by itself, by its own clock,
// before the key expires and the other one is elected: see who is told what, and when. What the
// leader writes carries its term, so that a store which keeps the highest one it has seen
// can refuse a leader who is late.
//
// The last line is "election: ok", and the exit code 0, only if nobody led while another one did.
package main
