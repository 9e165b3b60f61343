// Command election has two candidates lead in turn, one at a time, while the current
// leader is cut off.
//
//	go run ./examples/election
//
//	ann ─── line ───┐
//	                ├──► bucket "roles": the key "writer" has the leader's name, and expires
//	bob ────────────┘        │
//	                         └──► the observer is notified who leads
//
// The leader's connection is cut for longer than a leader may be silent. It stops by
// itself, by its own clock, before the key expires and the other candidate is elected:
// the output shows who learns what, and when. What the leader writes carries its term, so
// that a store that remembers the highest term it has seen can refuse a leader that is
// late.
//
// The last line is "election: ok", and the exit code 0, only if there were never two
// leaders.
package main
