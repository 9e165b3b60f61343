//go:build !linux

package stub

import "time"

// finerSleep does nothing where the thread's timers cannot be tuned.
func finerSleep() {}

// sleepUntil waits as exactly as the runtime's timers do.
func sleepUntil(due time.Time) { time.Sleep(time.Until(due)) }
