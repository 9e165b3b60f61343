package api_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// The loop of retries that one finds everywhere is four lines long:
//
//	for attempt in range(max_retries + 1):
//		try: return operation()
//		except (TimeoutError, ConnectionClosedError):
//			if attempt == max_retries: raise
//			sleep(backoff_factor ** attempt)
//
// What is wrong with it, and what Retry does in its place:
//
//   - It sleeps exactly 1, 2, 4 s: all who failed together come back together. The delays of Retry
//     are random, and have a bound.
//   - It sleeps on when the caller has long left. Retry takes a context, hands it to the call,
//     and does not begin a sleep that would outlast it.
//   - It makes a call again that may have had its effect, and so does it twice. Retry does so only if
//     the call is declared Idempotent.
//   - It makes a call again on a connection that is closed for good, which fails each time; and not when
//     nobody was there to answer, which is the failure that passes. Retry asks the error.
//   - While there is no server it sleeps, and misses the moment when there is one. Retry waits for that.
//   - Four attempts of every call are four times the load on what is overloaded. Retries share a budget.
//   - It forgets all errors but the last, and prints them. A RetryError holds them; events tell of them.
func ExampleRetry() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	flaky := 0
	_, err := nc.Subscribe("flaky.service", func(m *api.Msg) {
		if flaky++; flaky > 2 { // the first two get no answer
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

// What a call that failed for good has to say.
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

// The circuit breaker that one finds everywhere counts failures and looks at a clock:
//
//	if state == OPEN:
//		if time() - last_failure_time > timeout: state = HALF_OPEN
//		else: raise Exception("Circuit breaker is open")
//	try: result = operation(); failure_count = 0; state = CLOSED
//	except: failure_count += 1; last_failure_time = time()
//		if failure_count >= failure_threshold: state = OPEN
//
// What is wrong with it, and what a Breaker does in its place:
//
//   - Half open it lets everybody through, at once, to what has just fallen over. A Breaker lets one
//     call through, or as many as Probes says.
//   - A success of a call that began long ago closes it, and a failure of such a call keeps it open. A Breaker
//     ignores results of another time.
//   - It counts what says nothing about the service: bad input, a caller who has left. See Breaker for what
//     does not count.
//   - It opens for failures in a row, and never when every second call fails. A Breaker has a rate as well.
//   - All its callers come back at the same second, for ever. A Breaker is open for a random time, that grows.
//   - What it raises has no type, and says not for how long. A CircuitOpenError does, and Retry keeps to it.
//   - One counter for all services, no lock, and nobody sees it. A registry has a Breaker for each name,
//     bounded, and shows them in the tree; each change is an event.
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
