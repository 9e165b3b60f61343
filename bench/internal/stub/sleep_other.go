//go:build !linux

package stub

import "time"

// finerSleep does nothing where the thread's timers cannot be tuned.
func finerSleep() {}

// sleepUntil waits with the precision of the runtime's timers.
func sleepUntil(due time.Time) { time.Sleep(time.Until(due)) }
