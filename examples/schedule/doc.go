// Command schedule has a stream publish messages later, and again and again, while no
// program of ours waits for the time to come.
//
//	go run ./examples/schedule
//
//	remind.tea  "@at 12:00:02" ──┐   kept in the stream,       at its time
//	remind.tick "@every 1s"    ──┤   one for each subject  ──► due.tea, due.tick
//	remind.bill "@at tomorrow" ──┘
//
// A schedule is the last message of its subject. It is read, listed, replaced and cancelled
// by that subject, and never one that somebody else has put there meanwhile.
//
// The last line is "schedule: ok", and the exit code 0, only if what was due came, in
// time, and what was replaced and cancelled did not.
package main
