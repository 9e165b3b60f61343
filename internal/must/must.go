package must

import (
	"context"
	"testing"
	"time"
)

// Do ends the test at an error.
func Do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Get ends the test at an error, and returns the value otherwise. The test comes last, so
// that both results of a call can be handed over as they are.
func Get[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		Do(t, err)
		return v
	}
}

// Within returns a context that ends with the test, and when its patience does.
func Within(t testing.TB, patience time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
