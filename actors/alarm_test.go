package actors

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/internal/must"
)

func TestAnAlarmRingsOnceOrIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rung := 0
		a := newAlarm(time.Second, func(*alarm) { rung++ })
		time.Sleep(time.Second)
		synctest.Wait()
		if rung != 1 || a.Stop() {
			t.Errorf("rung %d times, and stopped afterwards", rung)
		}
		a = newAlarm(time.Second, func(*alarm) { rung++ })
		time.Sleep(time.Second - 1)
		if !a.Stop() || a.Stop() {
			t.Error("a stop in time says that it was not, or a second one that it was")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if rung != 1 {
			t.Error("a stopped alarm has rung")
		}
	})
}

// TestAStoppedAlarmHoldsNothing, while a stopped time.Timer would until its time.
func TestAStoppedAlarmHoldsNothing(t *testing.T) {
	const n = 100
	var freed atomic.Int64
	for range n {
		big := new([1000]byte)
		runtime.AddCleanup(big, func(int) { freed.Add(1) }, 0)
		newAlarm(time.Hour, func(*alarm) { big[0]++ }).Stop()
	}
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for ctx := must.Within(t, patience); freed.Load() < n; {
		runtime.GC()
		select {
		case <-pause.C:
		case <-ctx.Done():
			t.Fatalf("%d of %d are freed", freed.Load(), n)
		}
	}
}
