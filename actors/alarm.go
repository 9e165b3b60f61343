package actors

import (
	"sync/atomic"
	"time"
)

// alarm calls a function once, unless it is stopped first. Once stopped it references
// nothing: a stopped time.Timer may stay in the runtime's timer heap until it would have
// fired, minutes later, and keep alive whatever its function references, here a closed
// connection.
type alarm struct {
	timer *time.Timer
	ring  atomic.Pointer[func(*alarm)] // nil once it has fired or was stopped
}

// newAlarm calls ring with the alarm, on a goroutine of its own, after d; if d is short,
// possibly before newAlarm returns.
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

// Stop reports whether it was in time; if so, the function is not called.
func (a *alarm) Stop() bool {
	a.timer.Stop()
	return a.ring.Swap(nil) != nil
}
