package api_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// The recipes of docs/RETRY.md. What stands there is taken from here, word for word.

// prices connects to a server with a service that answers.
func prices(t *testing.T) (context.Context, *api.Conn) {
	t.Helper()
	_, nc := both(t)
	must.Get(nc.Subscribe("price.*", func(m *api.Msg) { _ = m.Respond([]byte("4.20")) }))(t)
	flushed(t, nc)
	return must.Within(t, patience), nc
}

func TestRecipeRetry(t *testing.T) {
	ctx, nc := prices(t)
	answer, err := api.Retry(ctx, nc, api.RetryPolicy{Name: "price", Idempotent: true}, func(ctx context.Context) (*api.Msg, error) {
		return nc.RequestWithContext(ctx, "price.apples", nil)
	})
	must.Do(t, err)

	err = nc.Retry(ctx, api.RetryPolicy{}, func(ctx context.Context) error { return nc.FlushWithContext(ctx) })
	must.Do(t, err)
	if string(answer.Data) != "4.20" {
		t.Errorf("%q", answer.Data)
	}
}

func TestRecipePolicy(t *testing.T) {
	ctx, nc := prices(t)
	errBusy := errors.New("busy")
	tried := 0
	book := func(context.Context) (string, error) {
		if tried++; tried == 1 {
			return "", errBusy
		}
		return "seat 12A", nil
	}
	patient := api.RetryPolicy{
		Name:           "book",                                                             // in errors and events
		Attempts:       6,                                                                  // in all
		Elapsed:        20 * time.Second,                                                   // no attempt begins later
		AttemptTimeout: 2 * time.Second,                                                    // for each
		Backoff:        api.Backoff{Initial: 200 * time.Millisecond, Max: 5 * time.Second}, // doubled, and random
		Idempotent:     true,                                                               // a seat is booked by the number of the order
		Retryable:      func(err error) (again, known bool) { return true, errors.Is(err, errBusy) },
	}
	seat, err := api.Retry(ctx, nc, patient, book)
	must.Do(t, err)
	if seat != "seat 12A" || tried != 2 {
		t.Errorf("%q at attempt %d", seat, tried)
	}
}

func TestRecipeWhatHappened(t *testing.T) {
	ctx, nc := prices(t)
	err := nc.Retry(ctx, api.RetryPolicy{}, func(ctx context.Context) error {
		_, err := nc.RequestWithContext(ctx, "nobody", nil)
		return err
	})
	var outcome string
	var failed *api.RetryError
	switch {
	case err == nil:
		outcome = "done"
	case errors.Is(err, api.ErrRetryBudgetExceeded):
		outcome = "too much fails at the moment; this one was not tried again"
	case api.MaybeSent(err):
		outcome = "it may have happened, in one of the attempts"
	case errors.As(err, &failed):
		outcome = "it did not happen: " + failed.Cause.Error() // and failed.Errs, what each attempt failed with
	}
	if outcome != "it did not happen: troupe: attempts used up" {
		t.Errorf("%s: %v", outcome, err)
	}
}

func TestRecipeBreaker(t *testing.T) {
	ctx, nc := prices(t)
	breakers, err := nc.NewBreakers(api.BreakersConfig{
		Name:   "services",                     // in the tree: connection/breakers/services
		Policy: api.BreakerPolicy{Failures: 3}, // the rest is as it is by default
		Max:    100,                            // breakers
	})
	must.Do(t, err)

	price := api.Guard(breakers.For("price"), func(ctx context.Context) (*api.Msg, error) {
		return nc.RequestWithContext(ctx, "price.apples", nil)
	})
	_, err = price(ctx) // fails at once with a *CircuitOpenError when it is open
	must.Do(t, err)

	answer, err := api.Retry(ctx, nc, api.RetryPolicy{AttemptTimeout: time.Second, Idempotent: true}, price)
	must.Do(t, err)
	if string(answer.Data) != "4.20" {
		t.Errorf("%q", answer.Data)
	}
}

func TestRecipeBudget(t *testing.T) {
	s := start(t)
	nc, err := api.Connect(s.URL(), api.RetryBudget(api.RetryBudgetConfig{Ratio: 0.1, PerSecond: 2}))
	must.Do(t, err)
	t.Cleanup(nc.Close)
	if nc.Opts.RetryBudget.Ratio != 0.1 {
		t.Errorf("%+v", nc.Opts.RetryBudget)
	}
}

func TestRetryDocumentShowsWhatRuns(t *testing.T) {
	strip := func(text string) string {
		var lines []string
		for line := range strings.Lines(text) {
			lines = append(lines, strings.TrimSpace(line))
		}
		return strings.Join(lines, "\n")
	}
	source := strip(string(must.Get(os.ReadFile("recipes_retry_test.go"))(t)))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(document(t, "docs/RETRY.md"), -1)
	if len(blocks) < 5 {
		t.Errorf("%d pieces of code", len(blocks))
	}
	for _, block := range blocks {
		if code := strings.TrimSpace(strip(block[1])); !strings.Contains(source, "\n"+code+"\n") {
			t.Errorf("not in recipes_retry_test.go:\n%s", block[1])
		}
	}
}
