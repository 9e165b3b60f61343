package must

import (
	"context"
	"testing"
	"time"
)

// Do ends the test if there is an error.
func Do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Get ends the test if there is an error, and otherwise returns the value. The test comes last,
// so that both results of a call can be passed directly.
func Get[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		Do(t, err)
		return v
	}
}

// Within returns a context that ends with the test, or when the time of patience is over.
func Within(t testing.TB, patience time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Await waits until a condition holds that no event tells of, or ends the test when the time of
// patience is over.
func Await(t testing.TB, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	tick, timer := time.NewTicker(time.Millisecond), time.NewTimer(patience)
	defer tick.Stop()
	defer timer.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-timer.C:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// settleMax is how long Settled waits.
const settleMax = 30 * time.Second

// Settled runs the tests of a package, and then waits while something of them is left, as ends
// finds out: goroutines that end by themselves take their time on a busy machine. goleak waits
// for less than half a second.
//
//	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find() }))
func Settled(m interface{ Run() int }, ends func() error) interface{ Run() int } {
	return settled{m, ends}
}

type settled struct {
	m    interface{ Run() int }
	ends func() error
}

// Run runs the tests and waits, unless they have failed.
func (s settled) Run() int {
	code := s.m.Run()
	for deadline := time.Now().Add(settleMax); code == 0 && s.ends() != nil && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	return code
}
