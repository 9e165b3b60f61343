package supervisor

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestABurstIsToldInTwoParts(t *testing.T) {
	var b Burst
	told, wakes := 0, 0
	for range BurstMax + 50 {
		tell, wake := b.Add(epoch.Add(BurstWithin / 4))
		if tell {
			told++
		}
		if wake > 0 {
			wakes++
			if wake != BurstWithin {
				t.Errorf("it wants to wake in %v", wake)
			}
		}
	}
	if told != BurstMax || wakes != 1 {
		t.Errorf("%d were told, and it wants to wake %d times", told, wakes)
	}
	if got := b.Flush(epoch.Add(2 * BurstWithin)); got != 50 {
		t.Errorf("%d were flushed", got)
	}
	if got := b.Flush(epoch.Add(2 * BurstWithin)); got != 0 {
		t.Errorf("%d were flushed again", got)
	}
}

func TestEveryThingIsToldOnceAndNotTooOften(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Burst
		now, due := epoch, time.Time{}
		things, told, events := 0, 0, []time.Time{}
		flush := func() {
			if n := b.Flush(now); n > 0 {
				told += int(n)
				events = append(events, now)
			}
			due = time.Time{}
		}
		for range rapid.IntRange(1, 20).Draw(t, "rounds") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*BurstWithin)).Draw(t, "gap")))
			if !due.IsZero() && !now.Before(due) {
				now = due
				flush()
			}
			for range rapid.IntRange(0, 2*BurstMax).Draw(t, "things") {
				things++
				tell, wake := b.Add(now)
				if tell {
					told++
					events = append(events, now)
				}
				if wake > 0 && due.IsZero() {
					due = now.Add(wake)
				}
			}
		}
		if (told < things) == due.IsZero() {
			t.Fatalf("of %d things %d were told, and it wakes at %v", things, told, due)
		}
		now = now.Add(BurstWithin)
		flush()
		if told != things {
			t.Fatalf("of %d things %d were told", things, told)
		}
		for i := range events {
			if j := i + 2*BurstMax + 1; j < len(events) && events[j].Sub(events[i]) < BurstWithin {
				t.Fatalf("more than %d events within %v", 2*BurstMax, events[j].Sub(events[i]))
			}
		}
	})
}
