package actors

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheNumberOfAttemptsWraps: links whose numbers overflow to 0 work like any other.
func TestTheNumberOfAttemptsWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		ready := make(chan *peer, 10)
		peers(t, &cfg, playing(ready))
		c := connect(t, cfg)
		p := <-ready
		c.attempt.Store(math.MaxUint32 - 2)
		got := make(chan string, 10)
		subscribe(t, c, SubSpec{Subject: "x", Consumer: handle(func(_, data string) { got <- data })})
		for range 6 {
			synctest.Wait()
			p.conn.Close()
			p = <-ready
			for told := false; !told; told = <-p.frames == "SUB x 1" {
			}
			p.send(messages(1, 2))
			receiveAll(t, got, "0", "1")
			if err := c.Flush(t.Context()); err != nil {
				t.Fatalf("at attempt %d: %v", c.attempt.Load(), err)
			}
			pass(time.Minute)
		}
		if n := c.attempt.Load(); n != 3 || c.Stats().Reconnects != 6 {
			t.Errorf("attempt %d, %d reconnects", n, c.Stats().Reconnects)
		}
	})
}

// TestLargeNumbersAreNobody: a number beyond 32 or 63 bits is not mistaken for one with
// the same low bits.
func TestLargeNumbersAreNobody(t *testing.T) {
	var one Sub
	var tab table
	tab.add(&one)
	for _, none := range []uint64{0, 2, 1<<32 + 1, 1<<40 + 1, 1<<63 + 1, math.MaxUint64} {
		if tab.get(none) != nil || tab.get(one.sid) != &one {
			t.Errorf("%d is somebody", none)
		}
	}
}
