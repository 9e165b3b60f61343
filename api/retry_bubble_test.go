package api_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// steady is a backoff without jitter: none at all.
var steady = api.Backoff{Initial: api.NoDelay}

func TestRetryPacing(t *testing.T) {
	const ms = time.Millisecond
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		ctx := context.Background()
		took(t, 750*ms, func() { // nobody to answer: 250 ms, three times
			_, err := api.Retry(ctx, nc, api.RetryPolicy{Name: "price", Backoff: steady}, func(ctx context.Context) (*api.Msg, error) {
				return nc.RequestWithContext(ctx, "price", nil)
			})
			failed := givenUp(t, err, 4, api.ErrRetryLimit)
			kinds(t, err, api.ErrNoResponders)
			if failed.Elapsed != 750*ms || failed.Name != "price" || api.CategoryOf(err) != api.CategoryUnavailable || api.MaybeSent(err) {
				t.Errorf("%+v", failed)
			}
		})
		took(t, 500*ms, func() { // and answered the third time
			v, err := api.Retry(ctx, nc, api.RetryPolicy{Backoff: steady}, failing(api.ErrNoResponders, api.ErrTooManyRequests))
			if v != 3 || err != nil {
				t.Errorf("%d, %v", v, err)
			}
		})
		took(t, 3*time.Second, func() { // each attempt in its time
			_, err := api.Retry(ctx, nc, api.RetryPolicy{Attempts: 3, AttemptTimeout: time.Second, Idempotent: true, Backoff: steady},
				func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
			givenUp(t, err, 3, api.ErrRetryLimit)
			kinds(t, err, context.DeadlineExceeded)
		})
		took(t, 0, func() { // no sleep past the deadline
			ctx, cancel := context.WithTimeout(ctx, 250*ms)
			defer cancel()
			_, err := api.Retry(ctx, nc, api.RetryPolicy{Backoff: steady}, failing(api.ErrNoResponders))
			givenUp(t, err, 1, api.ErrRetryDeadline)
			kinds(t, err, context.DeadlineExceeded, api.ErrNoResponders)
		})
		took(t, 500*ms, func() { // none past the time for all of it either
			_, err := api.Retry(ctx, nc, api.RetryPolicy{Elapsed: 750 * ms, Backoff: steady}, failing(api.ErrNoResponders, api.ErrNoResponders, api.ErrNoResponders))
			givenUp(t, err, 3, api.ErrRetryLimit)
		})
		took(t, 100*ms, func() { // the caller leaves during a sleep
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(100*ms, func() { cancel(errors.New("no more interest")) })
			_, err := api.Retry(ctx, nc, api.RetryPolicy{}, failing(api.ErrNoResponders))
			givenUp(t, err, 1, context.Canceled)
			if api.CategoryOf(err) != api.CategoryCanceled || api.Retryable(err) {
				t.Errorf("%v: category %v", err, api.CategoryOf(err))
			}
		})
		took(t, 0, func() { // what may have happened is not repeated
			_, err := api.Retry(ctx, nc, api.RetryPolicy{}, failing(api.ErrTimeout))
			givenUp(t, err, 1, api.ErrRetryUnsafe)
			if !api.MaybeSent(err) {
				t.Error("nothing has happened")
			}
			_, err = api.Retry(ctx, nc, api.RetryPolicy{}, failing(errors.New("a user's")))
			givenUp(t, err, 1, api.ErrNotRetryable)
		})
		took(t, 100*ms, func() { // the connection is closed during a sleep
			time.AfterFunc(100*ms, nc.Close)
			_, err := api.Retry(ctx, nc, api.RetryPolicy{}, failing(api.ErrNoResponders))
			givenUp(t, err, 1, api.ErrConnectionClosed)
		})
	})
}

// TestRetryWithoutAPauseSeesTheEnd: where there is no pause to wait for, a connection that the call
// has closed is noticed all the same, before another attempt.
func TestRetryWithoutAPauseSeesTheEnd(t *testing.T) {
	policy := api.RetryPolicy{Idempotent: true, Backoff: steady, Retryable: func(error) (again, known bool) { return true, true }}
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		_, err := api.Retry(context.Background(), nc, policy, failing(io.EOF, io.EOF))
		must.Do(t, err)
		_, err = api.Retry(context.Background(), nc, policy, func(context.Context) (int, error) {
			nc.Close()
			return 0, io.EOF
		})
		givenUp(t, err, 1, api.ErrConnectionClosed)
	})
}

func TestRetryIsSpread(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		policy := api.RetryPolicy{Attempts: 2, Backoff: api.Backoff{Initial: time.Second}}
		var sum time.Duration
		seen := map[time.Duration]bool{}
		const n = 200
		for range n {
			began := time.Now()
			must.Get(api.Retry(context.Background(), nc, policy, failing(api.ErrDisconnected)))(t)
			d := time.Since(began)
			if d >= time.Second {
				t.Fatalf("it slept for %v", d)
			}
			seen[d], sum = true, sum+d
		}
		if len(seen) < n/2 || sum < n*350*time.Millisecond || sum > n*650*time.Millisecond {
			t.Errorf("%d different delays, %v on average", len(seen), sum/n)
		}
	}, api.RetryBudget(api.RetryBudgetConfig{Ratio: 1}))
}

// offline kills the server for five seconds, and returns when the connection knows.
func offline(t *testing.T, s *natsserver.Server) {
	t.Helper()
	s.Kill()
	synctest.Wait()
	time.AfterFunc(5*time.Second, func() { must.Do(t, s.Restart()) })
}

func TestRetryWaitsForTheLink(t *testing.T) {
	flush := func(nc *api.Conn) func(context.Context) error {
		return func(ctx context.Context) error {
			if !nc.IsConnected() {
				return api.ErrConnectionReconnecting
			}
			return nc.FlushWithContext(ctx)
		}
	}
	policy := api.RetryPolicy{Attempts: 2, AttemptTimeout: time.Minute}
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		synctest.Wait() // the event of the first link has come
		restored := make(chan time.Time, 1)
		follow := nc.Events(must.Within(t, time.Hour))
		go func() {
			for e := range follow {
				if e.Kind == api.LinkRestored {
					restored <- e.Time
					return
				}
			}
		}()
		offline(t, s)
		must.Do(t, nc.Retry(context.Background(), policy, flush(nc)))
		if d := time.Since(<-restored); d != 0 {
			t.Errorf("it was tried again %v after the link was there", d)
		}

		offline(t, s)
		took(t, time.Second, func() {
			policy := policy
			policy.Elapsed = time.Second
			givenUp(t, nc.Retry(context.Background(), policy, flush(nc)), 1, api.ErrRetryLimit)
		})
		took(t, time.Second, func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			givenUp(t, nc.Retry(ctx, policy, flush(nc)), 1, context.DeadlineExceeded)
		})
		took(t, time.Second, func() {
			time.AfterFunc(time.Second, nc.Close)
			err := nc.Retry(context.Background(), policy, flush(nc))
			givenUp(t, err, 1, api.ErrConnectionClosed)
			if api.CategoryOf(err) != api.CategoryClosed || api.Retryable(err) {
				t.Errorf("%v: category %v", err, api.CategoryOf(err))
			}
		})
	})
}

// TestALostLinkCostsNoBudget: calls that wait for a server do not load one.
func TestALostLinkCostsNoBudget(t *testing.T) {
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		synctest.Wait()
		offline(t, s)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				err := nc.Retry(context.Background(), api.RetryPolicy{Idempotent: true}, func(ctx context.Context) error {
					if !nc.IsConnected() {
						return api.ErrDisconnected
					}
					return nc.FlushWithContext(must.Within(t, patience))
				})
				must.Do(t, err)
			})
		}
		wg.Wait()
	})
}

// TestADrainIsNotWaitedFor when it has lost its server, because calls would be refused after
// it.
func TestADrainIsNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		free, busy := make(chan struct{}), make(chan struct{})
		must.Get(nc.Subscribe("a", func(*api.Msg) { close(busy); <-free }))(t)
		must.Do(t, nc.Publish("a", nil))
		<-busy
		must.Do(t, nc.Drain())
		s.Kill()
		synctest.Wait()
		took(t, 0, func() {
			err := nc.Retry(context.Background(), api.RetryPolicy{}, func(context.Context) error { return api.ErrDisconnected })
			givenUp(t, err, 1, api.ErrConnectionDraining)
		})
		close(free)
	})
}

// TestTheBudgetOfRetries belongs to the connection: when everything fails, a fifth of the
// calls and a few more are repeated.
func TestTheBudgetOfRetries(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		const calls = 200
		var wg sync.WaitGroup
		var mu sync.Mutex
		attempts, refused := 0, 0
		for range calls {
			wg.Go(func() {
				err := nc.Retry(context.Background(), api.RetryPolicy{Backoff: steady}, func(context.Context) error {
					mu.Lock()
					defer mu.Unlock()
					attempts++
					return api.ErrDisconnected
				})
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, api.ErrRetryBudgetExceeded) {
					refused++
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if retries := attempts - calls; retries > calls/5+10 || retries < 10 || refused < calls-retries {
			t.Errorf("%d retries of %d calls, %d were refused", retries, calls, refused)
		}
		node, ok := nc.Tree().Find("calls/retries")
		over, _ := node.Counter("over budget")
		if !ok || node.State != "exhausted" || node.Level != api.Degraded || int(over) != refused {
			t.Errorf("it shows %+v", node)
		}
		kinds(t, nc.Health(), api.ErrUnhealthy)

		time.Sleep(3 * time.Second)
		synctest.Wait()
		must.Do(t, nc.Health())
		if node, _ := nc.Tree().Find("calls/retries"); node.State != "ready" || node.Level != api.Well {
			t.Errorf("it shows %+v", node)
		}
		if v, err := api.Retry(context.Background(), nc, api.RetryPolicy{}, failing(api.ErrDisconnected)); v != 2 || err != nil {
			t.Errorf("later it is not tried again: %v", err)
		}
		for err := error(nil); !errors.Is(err, api.ErrRetryBudgetExceeded); {
			_, err = api.Retry(context.Background(), nc, api.RetryPolicy{Backoff: steady}, failing(api.ErrDisconnected, api.ErrDisconnected))
		}
		synctest.Wait()
		if node, _ := nc.Tree().Find("calls/retries"); node.State != "exhausted" {
			t.Errorf("the second time it shows %+v", node)
		}
	})
}

func TestRetriesAreEvents(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		retried := func() (events []api.Event) {
			synctest.Wait()
			for _, e := range nc.EventLog() {
				if e.Kind == api.CallRetried {
					events = append(events, e)
				}
			}
			return events
		}
		policy := api.RetryPolicy{Name: "price", Backoff: steady}
		must.Get(api.Retry(context.Background(), nc, policy, failing(api.ErrNoResponders, api.ErrDisconnected)))(t)
		events := retried()
		if len(events) != 2 {
			t.Fatalf("%d events", len(events))
		}
		first, second := events[0], events[1]
		if first.Attempt != 1 || first.Delay != 250*time.Millisecond || first.Message != "price" || !errors.Is(first.Cause, api.ErrNoResponders) ||
			second.Attempt != 2 || second.Delay != 0 || second.Path != nc.Tree().Path+"/calls/retries" {
			t.Errorf("%+v\n%+v", first, second)
		}
		time.Sleep(time.Hour)
		for range 500 {
			must.Get(api.Retry(context.Background(), nc, policy, failing(api.ErrDisconnected)))(t)
		}
		if got := len(retried()) - 2; got != 100 {
			t.Errorf("%d events of 500 retries in an instant", got)
		}
		time.Sleep(time.Second)
		events = retried()
		if last := events[len(events)-1]; len(events) != 103 || last.Count != 400 {
			t.Errorf("%d events, the last with a count of %d", len(events), last.Count)
		}
		node, _ := nc.Tree().Find("calls/retries")
		for name, want := range map[string]uint64{"calls": 501, "retries": 502, "given up": 0} {
			if got, ok := node.Counter(name); !ok || got != want {
				t.Errorf("%s: %d, want %d", name, got, want)
			}
		}
	}, api.RetryBudget(api.RetryBudgetConfig{Ratio: 2}))
}
