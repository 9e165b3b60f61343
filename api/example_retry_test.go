package api_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// This common loop of retries has only a few lines:
//
//	for attempt in range(max_retries + 1):
//		try: return operation()
//		except (TimeoutError, ConnectionClosedError):
//			if attempt == max_retries: raise
//			sleep(backoff_factor ** attempt)
//
// Its defects, and what Retry does instead:
//
//   - It sleeps exactly 1, 2, 4 s, so all clients that failed together come back together. The
//     delays of Retry are random, and bounded.
//   - It keeps sleeping after the caller has gone. Retry takes a context, passes it to the call, and
//     does not begin a sleep that would outlast it.
//   - It repeats calls that may have had their effect. Retry does so only if the policy is
//     Idempotent.
//   - It repeats a call on a connection that is closed for good, which always fails, but not
//     when no service answered, which may pass. Retry asks the error.
//   - It sleeps while there is no server, and misses the moment when there is one. Retry waits for it.
//   - It makes up to four attempts of every call, which quadruples the load on an overloaded
//     service. Retries share a budget.
//   - It forgets all errors but the last. A RetryError holds all of them, and events report them.
func ExampleRetry() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	flaky := 0
	_, err := nc.Subscribe("flaky.service", func(m *api.Msg) {
		if flaky++; flaky > 2 { // the first two requests get no answer
			_ = m.Respond([]byte("at last"))
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	policy := api.RetryPolicy{
		Name:           "flaky.service",
		Attempts:       4,
		AttemptTimeout: 300 * time.Millisecond,
		Backoff:        api.Backoff{Initial: 20 * time.Millisecond, Max: time.Second, Factor: 2},
		Idempotent:     true,
	}
	answer, err := api.Retry(ctx, nc, policy, func(ctx context.Context) (*api.Msg, error) {
		return nc.RequestWithContext(ctx, "flaky.service", []byte("request"))
	})
	if err != nil {
		fmt.Println("failed after retries:", err)
		return
	}
	fmt.Println(string(answer.Data))
	// Output: at last
}

// The error of a call that failed for good.
func ExampleRetryError() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	err := nc.Retry(context.Background(), api.RetryPolicy{Name: "sign up", Attempts: 2}, func(context.Context) error {
		_, err := nc.Request("users.create", []byte("Ann"), time.Second)
		return err
	})
	var failed *api.RetryError
	if errors.As(err, &failed) {
		fmt.Println(failed.Name, failed.Attempts, failed.Cause)
	}
	fmt.Println(errors.Is(err, api.ErrNoResponders), api.MaybeSent(err))
	// Output:
	// sign up 2 troupe: attempts used up
	// true false
}

// This common circuit breaker counts failures and looks at a clock:
//
//	if state == OPEN:
//		if time() - last_failure_time > timeout: state = HALF_OPEN
//		else: raise Exception("Circuit breaker is open")
//	try: result = operation(); failure_count = 0; state = CLOSED
//	except: failure_count += 1; last_failure_time = time()
//		if failure_count >= failure_threshold: state = OPEN
//
// Its defects, and what a Breaker does instead:
//
//   - When half open, it lets all callers through at once, although the service has just failed. A
//     Breaker lets one call through, or as many as Probes says.
//   - A success of a call that began long ago closes it, and a failure of such a call keeps it
//     open. A Breaker ignores results of calls that began before its last change of state.
//   - It counts errors that say nothing about the service: invalid arguments, a caller that has
//     gone. See Breaker for what does not count.
//   - It opens after failures in a row, but never if every second call fails. A Breaker also has a
//     rate.
//   - All its callers come back in the same second, forever. A Breaker is open for a random
//     time, which grows.
//   - Its error has no type, and does not say how long to wait. A CircuitOpenError does, and Retry
//     respects it.
//   - It has one counter for all services, no lock, and is invisible. A registry has a Breaker for
//     each name, is bounded, and shows its breakers in the tree; each change is an event.
func ExampleGuard() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	breakers, err := nc.NewBreakers(api.BreakersConfig{
		Name:   "services",
		Policy: api.BreakerPolicy{Failures: 3, Open: api.Backoff{Initial: 30 * time.Second}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	protected := api.Guard(breakers.For("service"), func(ctx context.Context) (*api.Msg, error) {
		return nc.RequestWithContext(ctx, "service", []byte("data"))
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range 3 {
		_, err := protected(ctx)
		fmt.Println(errors.Is(err, api.ErrNoResponders))
	}
	_, err = protected(ctx)
	var open *api.CircuitOpenError
	if errors.As(err, &open) {
		fmt.Println(open.Name, "is", open.State, open.RetryAfter > 14*time.Second)
	}
	// Output:
	// true
	// true
	// true
	// service is open true
}
