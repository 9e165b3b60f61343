// Command workqueue shares jobs among workers, tries failed ones again, and keeps those
// that cannot be done.
//
//	go run ./examples/workqueue
//
//	              ┌─► worker ── done ──► acknowledged, and removed
//	JOBS ──► 4 at ├─► worker ── error ──► again after a pause that grows
//	         once └─► worker ── error or panic, the third time ──► DEAD
//	                                                                │
//	JOBS ◄── published again when the cause is fixed ──────────────┘
//
// A handler reports the outcome of a job by its error; it acknowledges nothing itself. A
// dead letter is the original job; its header says where it came from, how often it was
// tried, and why it failed.
//
// The last line is "workqueue: ok", and the exit code 0, only if each job was done once and
// nothing is left.
package main
