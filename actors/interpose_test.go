package actors

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestInterpose: the function is requested at each start of an actor, runs before each
// message, and can be removed for actors that start later.
func TestInterpose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := NewSystem(nil)
		var starts, messages atomic.Int64
		sys.Interpose(func(kind string) func() {
			if kind != "actor" {
				return nil
			}
			starts.Add(1)
			return func() {
				switch messages.Add(1) {
				case 2:
					panic(errKilled)
				case 3:
					runtime.Goexit()
				}
			}
		})
		cfg := config(t)
		peers(t, &cfg, served)
		c := connectOn(t, sys, cfg)
		got := make(chan any, 10)
		ref := spawnActor(t, c, doing(func(_ *Incarnation, m any) { got <- m }))
		for i := range 5 {
			if err := ref.Send(i); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Hour)
		if starts.Load() != 3 || messages.Load() < 3 {
			t.Errorf("%d starts, %d messages", starts.Load(), messages.Load())
		}
		sys.Interpose(nil)
		messages.Store(0)
		other := spawnActor(t, c, doing(func(_ *Incarnation, m any) { got <- m }))
		if err := other.Send("free"); err != nil {
			t.Fatal(err)
		}
		for m := range got {
			if m == "free" {
				break
			}
		}
		if starts.Load() != 3 || messages.Load() != 0 {
			t.Errorf("afterwards %d starts, %d messages", starts.Load(), messages.Load())
		}
	})
}
