// Command workqueue shares jobs among workers, tries what fails again, and keeps what
// cannot be done.
//
//	go run ./examples/workqueue
//
//	              ┌─► worker ── done ──► acknowledged, and gone
//	JOBS ──► 4 at ├─► worker ── error ──► again after a pause that grows
//	         once └─► worker ── error or panic, the third time ──► DEAD
//	                                                                │
//	JOBS ◄── published once more when the cause is mended ──────────┘
//
// A handler says with its error what became of a job; there is nothing to acknowledge. A
// dead letter is the job as it was, and in its header where it came from, how often it was
// tried, and why it failed.
//
// The last line is "workqueue: ok", and the exit code 0, only if each job was done once and
// nothing is left.
package main
