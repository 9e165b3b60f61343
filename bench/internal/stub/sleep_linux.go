package stub

import (
	"time"

	"golang.org/x/sys/unix"
)

// finerSleep lets the calling thread wake up within a microsecond of its time;
// by default the kernel adds up to fifty.
func finerSleep() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0) }

// sleepUntil blocks the thread: the runtime's timers round up to a millisecond.
func sleepUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		ts := unix.NsecToTimespec(int64(left))
		// The loop resumes an interrupted sleep.
		_ = unix.Nanosleep(&ts, nil)
	}
}
