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
