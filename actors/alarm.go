package actors

import (
	"sync/atomic"
	"time"
)

// alarm calls a function once, unless it is stopped before. Once stopped it holds on
// to nothing: a time.Timer that was stopped may lie in the runtime's heap of timers
// until it would have rung, minutes later, and with it whatever its function knows,
// which here would be a closed connection.
type alarm struct {
	timer *time.Timer
	ring  atomic.Pointer[func(*alarm)] // nil from when it rings, or is stopped
}

// newAlarm calls ring with the alarm, on a goroutine of its own, in d: before newAlarm
// has returned if d is short.
func newAlarm(d time.Duration, ring func(*alarm)) *alarm {
	a := new(alarm)
	a.ring.Store(&ring)
	a.timer = time.AfterFunc(d, a.due)
	return a
}

func (a *alarm) due() {
	if ring := a.ring.Swap(nil); ring != nil {
		(*ring)(a)
	}
}

// Stop reports whether it was in time: the function is not called then.
func (a *alarm) Stop() bool {
	a.timer.Stop()
	return a.ring.Swap(nil) != nil
}
