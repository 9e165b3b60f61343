// Command schedule has a stream publish messages later, once or repeatedly, without a
// program that waits for the time to come.
//
//	go run ./examples/schedule
//
//	remind.tea  "@at 12:00:02" ──┐   kept in the stream,       when it is due
//	remind.tick "@every 1s"    ──┤   one for each subject  ──► due.tea, due.tick
//	remind.bill "@at tomorrow" ──┘
//
// A schedule is the last message of its subject. It is read, listed, replaced and
// cancelled by that subject, unless someone else has replaced it meanwhile.
//
// The last line is "schedule: ok", and the exit code 0, only if what was due arrived in
// time, and what was replaced or cancelled did not.
package main
