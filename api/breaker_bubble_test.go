package api_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// results makes calls of one breaker.
type results struct {
	t *testing.T
	b *api.Breaker
}

// end makes a call that ends so, and reports whether it was made.
func (r results) end(err error) (made bool) {
	r.t.Helper()
	got := r.b.Do(context.Background(), func(context.Context) error { made = true; return err })
	if made && !errors.Is(got, err) || !made && !errors.Is(got, api.ErrCircuitOpen) {
		r.t.Errorf("it was made %v and ended with %v", made, got)
	}
	return made
}

// begin begins a call, and returns what ends it.
func (r results) begin() (end func(error)) {
	r.t.Helper()
	result, began, ended := make(chan error), make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.b.Do(context.Background(), func(context.Context) error { began <- true; return <-result })
		close(began)
	}()
	if !<-began {
		r.t.Error("it was not made")
		return func(error) {}
	}
	return func(err error) { result <- err; <-ended }
}

// open opens a breaker of the default policy, and returns for how long.
func (r results) open() time.Duration {
	r.t.Helper()
	for range 5 {
		r.end(api.ErrTimeout)
	}
	return r.rejected(api.BreakerOpen)
}

// rejected makes a call that must not be made, and returns for how long not.
func (r results) rejected(state api.BreakerState) time.Duration {
	r.t.Helper()
	err := r.b.Do(context.Background(), func(context.Context) error { r.t.Error("it was made"); return nil })
	open, ok := errors.AsType[*api.CircuitOpenError](err)
	if !ok || open.State != state || open.Name != r.b.Name() || open.RetryAfter <= 0 || r.b.State() != state {
		r.t.Fatalf("it is %v, and rejects with %#v", r.b.State(), err)
	}
	return open.RetryAfter
}

// withBreaker runs a test with a breaker called price in a registry called services.
func withBreaker(t *testing.T, policy api.BreakerPolicy, f func(t *testing.T, nc *api.Conn, r results)) {
	t.Helper()
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		breakers := must.Get(nc.NewBreakers(api.BreakersConfig{Name: "services", Policy: policy}))(t)
		f(t, nc, results{t, breakers.For("price")})
	})
}

func TestBreakerOpensAndCloses(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{}, func(t *testing.T, _ *api.Conn, r results) {
		for range 4 {
			r.end(api.ErrTimeout)
		}
		r.end(nil) // not in a row
		open := r.open()
		if open < 2500*time.Millisecond || open > 5*time.Second {
			t.Errorf("it is open for %v", open)
		}
		time.Sleep(open - 1)
		r.rejected(api.BreakerOpen)
		time.Sleep(1 * time.Nanosecond)
		probe := r.begin()
		if d := r.rejected(api.BreakerHalfOpen); d != 250*time.Millisecond {
			t.Errorf("while a call tries it asks for %v", d)
		}
		probe(api.ErrNoResponders)
		again := r.rejected(api.BreakerOpen)
		if again < 5*time.Second || again > 10*time.Second {
			t.Errorf("the second time it is open for %v", again)
		}
		time.Sleep(again)
		if !r.end(nil) || r.b.State() != api.BreakerClosed {
			t.Errorf("it is %v", r.b.State())
		}
		if first := r.open(); first > 5*time.Second {
			t.Errorf("after it was closed it is open for %v", first)
		}
	})
}

func TestBreakerWantsAllProbesToSucceed(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{Probes: 2}, func(t *testing.T, _ *api.Conn, r results) {
		time.Sleep(r.open())
		first, second := r.begin(), r.begin()
		r.rejected(api.BreakerHalfOpen)
		first(nil)
		r.rejected(api.BreakerHalfOpen)
		second(nil)
		if r.b.State() != api.BreakerClosed {
			t.Errorf("it is %v", r.b.State())
		}
	})
}

// TestLateResultsSayNothing about the state that the breaker has changed to meanwhile.
func TestLateResultsSayNothing(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{}, func(t *testing.T, _ *api.Conn, r results) {
		good, bad, worse := r.begin(), r.begin(), r.begin()
		open := r.open()
		time.Sleep(open / 2)
		good(nil)
		bad(api.ErrTimeout)
		if left := r.rejected(api.BreakerOpen); left != open-open/2 {
			t.Errorf("it is open for another %v instead of %v", left, open-open/2)
		}
		time.Sleep(open)
		probe := r.begin()
		worse(api.ErrTimeout)
		r.rejected(api.BreakerHalfOpen)
		probe(nil)
		if r.b.State() != api.BreakerClosed {
			t.Errorf("it is %v", r.b.State())
		}
	})
}

func TestBreakerByRate(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{Failures: math.MaxInt, Rate: 0.5, Calls: 10, Window: 10 * time.Second}, func(t *testing.T, _ *api.Conn, r results) {
		for range 9 {
			r.end(api.ErrTimeout)
		}
		time.Sleep(11 * time.Second) // which the window has forgotten
		for range 5 {
			r.end(nil)
			r.end(api.ErrTimeout)
		}
		r.rejected(api.BreakerOpen)
	})
}

// TestFailuresInARowNeedNoWindow however far apart they are.
func TestFailuresInARowNeedNoWindow(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{}, func(t *testing.T, _ *api.Conn, r results) {
		for range 5 {
			r.end(api.ErrTimeout)
			time.Sleep(time.Minute)
		}
		if r.b.State() != api.BreakerOpen {
			t.Errorf("it is %v", r.b.State())
		}
	})
}

func TestWhatABreakerDoesNotCount(t *testing.T) {
	notFound := fmt.Errorf("x: %w", categorized{api.CategoryNotFound})
	withBreaker(t, api.BreakerPolicy{}, func(t *testing.T, _ *api.Conn, r results) {
		for _, err := range []error{context.Canceled, api.ErrBadSubject, api.ErrDisconnected, api.ErrPermissionViolation, notFound} {
			for range 20 {
				r.end(err)
			}
		}
		for range 4 {
			r.end(api.ErrTimeout)
			r.end(context.Canceled) // neither breaks the row
		}
		if r.b.State() != api.BreakerClosed {
			t.Errorf("it is %v", r.b.State())
		}
		r.end(api.ErrTimeout)
		time.Sleep(r.rejected(api.BreakerOpen))
		for range 3 { // a probe that does not count makes room for the next
			if !r.end(context.Canceled) || r.b.State() != api.BreakerHalfOpen {
				t.Errorf("it is %v", r.b.State())
			}
		}
		if !r.end(notFound) || r.b.State() != api.BreakerClosed {
			t.Errorf("it is %v though it was answered", r.b.State())
		}
	})
}

// categorized is an error of a category.
type categorized struct{ category api.Category }

func (categorized) Error() string            { return "an answer" }
func (a categorized) Category() api.Category { return a.category }

func TestPanicsCountAndGoOn(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{Failures: 2}, func(t *testing.T, _ *api.Conn, r results) {
		func() {
			defer func() {
				if v := recover(); v != "boom" {
					t.Errorf("recovered %v", v)
				}
			}()
			_ = r.b.Do(context.Background(), func(context.Context) error { panic("boom") })
		}()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = r.b.Do(context.Background(), func(context.Context) error { runtime.Goexit(); return nil })
		}()
		<-done
		time.Sleep(r.rejected(api.BreakerOpen))
		r.end(nil)
		if r.b.State() != api.BreakerClosed {
			t.Errorf("it is %v", r.b.State())
		}
	})
}

// TestAProbeThatDoesNotReturn is given up; otherwise no call would ever be let through.
func TestAProbeThatDoesNotReturn(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{}, func(t *testing.T, _ *api.Conn, r results) {
		time.Sleep(r.open())
		stuck := r.begin()
		r.rejected(api.BreakerHalfOpen)
		time.Sleep(5 * time.Second)
		again := r.rejected(api.BreakerOpen)
		stuck(nil)
		if left := r.rejected(api.BreakerOpen); left != again {
			t.Errorf("it is open for another %v instead of %v", left, again)
		}
		time.Sleep(again)
		r.end(nil)
		if r.b.State() != api.BreakerClosed {
			t.Errorf("it is %v", r.b.State())
		}
	})
}

func TestBreakersAreInTheTree(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{}, func(t *testing.T, nc *api.Conn, r results) {
		changes := func() (s []string) {
			synctest.Wait()
			for _, e := range nc.EventLog() {
				if e.Kind == api.StateChanged && strings.HasSuffix(e.Path, "/breakers/services/price") {
					s = append(s, e.Before+" "+e.After)
				}
			}
			return s
		}
		synctest.Wait() // the actors have begun
		r.end(nil)
		r.end(context.Canceled)
		open := r.open()
		node, ok := nc.Tree().Find("breakers/services/price")
		if !ok || node.State != "open" || node.Level != api.Down || !strings.HasPrefix(node.Reason, "5 failures in a row, the last: troupe: timeout; for ") {
			t.Fatalf("it shows %+v\n%v", node, nc.Tree())
		}
		for name, want := range map[string]uint64{"calls": 7, "failures": 5, "excluded": 1, "rejected": 1, "opened": 1} {
			if got, ok := node.Counter(name); !ok || got != want {
				t.Errorf("%s: %d, want %d", name, got, want)
			}
		}
		if above, _ := nc.Tree().Find("breakers/services"); above.State != "running" || above.Level != api.Well {
			t.Errorf("above it shows %+v", above)
		}
		kinds(t, nc.Health(), api.ErrUnhealthy)
		time.Sleep(open)
		synctest.Wait() // it shows that calls are no longer refused
		r.end(nil)
		want := []string{"ready closed", "closed open", "open open", "open half-open", "half-open closed"}
		if got := changes(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the events are %q", got)
		}
		must.Do(t, nc.Health())
	})
}

// TestABreakerThatNobodyAsksIsWell as soon as it would let a call through: otherwise callers
// that check Health before a call would never call again.
func TestABreakerThatNobodyAsksIsWell(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{}, func(t *testing.T, nc *api.Conn, r results) {
		open := r.open()
		synctest.Wait()
		time.Sleep(open - 1)
		kinds(t, nc.Health(), api.ErrUnhealthy)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		must.Do(t, nc.Health())
		node, _ := nc.Tree().Find("breakers/services/price")
		if node.State != "open" || !strings.Contains(node.Reason, "5 failures in a row") || !strings.HasSuffix(node.Reason, "; the next call tests whether it works again") {
			t.Errorf("it shows %+v", node)
		}
		again := r.begin()
		synctest.Wait()
		kinds(t, nc.Health(), api.ErrUnhealthy)
		again(api.ErrTimeout)
		synctest.Wait()
		kinds(t, nc.Health(), api.ErrUnhealthy)
	})
}

// TestACallThatIsTooLateIsNotMade. It does not count as a result, and does not take the place
// of a probe.
func TestACallThatIsTooLateIsNotMade(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{Failures: 1}, func(t *testing.T, _ *api.Conn, r results) {
		late, cancel := context.WithTimeout(context.Background(), 0)
		defer cancel()
		gone, leave := context.WithCancel(context.Background())
		leave()
		none := func() {
			t.Helper()
			for ctx, want := range map[context.Context]error{late: api.ErrTimeout, gone: context.Canceled} {
				err := r.b.Do(ctx, func(context.Context) error { t.Error("it was made"); return api.ErrTimeout })
				kinds(t, err, want, ctx.Err())
			}
		}
		none()
		r.end(nil)
		r.end(api.ErrTimeout)
		time.Sleep(r.rejected(api.BreakerOpen))
		none()
		if !r.end(nil) || r.b.State() != api.BreakerClosed {
			t.Errorf("it is %v", r.b.State())
		}
	})
}

// TestARegistryShowsWhatItHas, even after more names than its actor can be told one by one.
func TestARegistryShowsWhatItHas(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		breakers := must.Get(nc.NewBreakers(api.BreakersConfig{Name: "services", Max: 10}))(t)
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 10_000 {
					breakers.For(fmt.Sprint(g, "-", i))
				}
			})
		}
		wg.Wait()
		for i := range 10 {
			breakers.For(fmt.Sprint("last-", i))
		}
		synctest.Wait()
		registry, _ := nc.Tree().Find("breakers/services")
		for _, n := range registry.Children {
			if !strings.HasPrefix(n.Name, "last-") {
				t.Errorf("%s is still there", n.Name)
			}
		}
		if len(registry.Children) != 10 {
			t.Errorf("it shows %d", len(registry.Children))
		}
	})
}

func TestARegistryIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		breakers := must.Get(nc.NewBreakers(api.BreakersConfig{Name: "services", Max: 3}))(t)
		synctest.Wait() // its actor has begun
		names := func() (s []string) {
			synctest.Wait()
			registry, _ := nc.Tree().Find("breakers/services")
			for _, n := range registry.Children {
				s = append(s, n.Name)
			}
			return s
		}
		a, b := breakers.For("a"), breakers.For("b")
		results{t, a}.open()
		breakers.For("c d")
		names()
		if breakers.For("b") != b || fmt.Sprint(names()) != "[a b c_d]" {
			t.Errorf("it has %q", names())
		}
		breakers.For("c/d") // the oldest that is closed goes: c d
		if fmt.Sprint(names()) != "[a b c_d~1]" || breakers.For("a") != a || breakers.For("b") != b {
			t.Errorf("it has %q", names())
		}
		results{t, b}.open()
		results{t, breakers.For("c/d")}.open()
		breakers.For(strings.Repeat("é", 100)) // none is closed: the oldest goes
		if got := names(); len(got) != 3 || len(got[2]) != 112 || breakers.For("b") != b || breakers.For("a") == a {
			t.Errorf("it has %q", got)
		}
		registry, _ := nc.Tree().Find("breakers/services")
		if n, _ := registry.Counter("evicted"); n != 3 {
			t.Errorf("%d were forgotten", n)
		}
		if !(results{t, a}).end(nil) && a.State() != api.BreakerOpen {
			t.Error("who has a breaker cannot use it")
		}
		var none *api.Breakers
		if none.For("x") != nil || none.For("x").State() != api.BreakerClosed || none.For("x").Name() != "" {
			t.Error("nothing is something")
		}
	})
}

func TestBreakersRefuseBadInput(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		refused := func(c api.BreakersConfig, want ...error) {
			t.Helper()
			_, err := nc.NewBreakers(c)
			kinds(t, err, want...)
		}
		refused(api.BreakersConfig{Name: "a b"}, api.ErrInvalidArg)
		refused(api.BreakersConfig{Max: -1}, api.ErrInvalidArg)
		refused(api.BreakersConfig{Policy: api.BreakerPolicy{Failures: -1}}, api.ErrInvalidArg, api.ErrBadPolicy)
		refused(api.BreakersConfig{Policy: api.BreakerPolicy{Open: api.Backoff{Factor: 0.5}}}, api.ErrBadPolicy)
		breakers := must.Get(nc.NewBreakers(api.BreakersConfig{Name: "a"}))(t)
		refused(api.BreakersConfig{Name: "a"}, api.ErrActorExists)
		var none *api.Conn
		_, err := none.NewBreakers(api.BreakersConfig{})
		kinds(t, err, api.ErrInvalidConnection)

		ctx := context.Background()
		kinds(t, breakers.For("a").Do(ctx, nil), api.ErrInvalidCallback)
		_, err = api.Guard[int](breakers.For("a"), nil)(ctx)
		kinds(t, err, api.ErrInvalidCallback)
		_, err = api.Guard(nil, failing())(ctx)
		kinds(t, err, api.ErrInvalidArg)

		nc.Close()
		refused(api.BreakersConfig{}, api.ErrConnectionClosed)
		results{t, breakers.For("a")}.open() // it goes on by itself
	})
}

// TestRetryOutsideABreaker never asks the breaker before its time is up.
func TestRetryOutsideABreaker(t *testing.T) {
	withBreaker(t, api.BreakerPolicy{}, func(t *testing.T, nc *api.Conn, r results) {
		open := r.open()
		began, made := time.Now(), 0
		call := api.Guard(r.b, func(context.Context) (string, error) { made++; return "fine", nil })
		v, err := api.Retry(context.Background(), nc, api.RetryPolicy{Attempts: 2, Backoff: steady}, call)
		if v != "fine" || err != nil || made != 1 || time.Since(began) != open {
			t.Errorf("%q, %v: made %d times, after %v of %v", v, err, made, time.Since(began), open)
		}
		open = r.open()
		took(t, 0, func() {
			ctx, cancel := context.WithTimeout(context.Background(), open)
			defer cancel()
			_, err := api.Retry(ctx, nc, api.RetryPolicy{}, call)
			givenUp(t, err, 1, api.ErrRetryDeadline)
			kinds(t, err, api.ErrCircuitOpen)
		})
	})
}
