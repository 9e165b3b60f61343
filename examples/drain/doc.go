// Command drain ends on SIGTERM without losing a job.
//
//	go run ./examples/drain
//
//	                ┌─► this worker ── SIGTERM: takes no more, finishes what it has ─┐
//	jobs ──► queue ─┤                                                                ├─► results
//	                └─► another one ── does the rest ────────────────────────────────┘
//
// This is how a program leaves when a new version takes over. To show it, the program
// sends the signal to itself while jobs are arriving. The last line is "drain: ok", and
// the exit code 0, only if each job was done exactly once.
package main
