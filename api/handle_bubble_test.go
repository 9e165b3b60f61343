package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// ending is a way in which a subscription ends, and the cause that its handler gets.
type ending struct {
	end   func(*api.Conn, *api.Subscription) error
	cause error
}

// TestContextsOfHandlersEnd whenever the subscription ends, so that a handler that waits does
// not delay the end.
func TestContextsOfHandlersEnd(t *testing.T) {
	ends := map[string]ending{
		"unsubscribe":      {func(_ *api.Conn, sub *api.Subscription) error { return sub.Unsubscribe() }, api.ErrBadSubscription},
		"auto unsubscribe": {func(_ *api.Conn, sub *api.Subscription) error { return sub.AutoUnsubscribe(1) }, api.ErrBadSubscription},
		"close": {func(nc *api.Conn, _ *api.Subscription) error {
			report, err := nc.CloseContext(context.Background())
			return errors.Join(err, unfinished(report))
		}, api.ErrConnectionClosed},
		"drain that times out": {func(nc *api.Conn, _ *api.Subscription) error {
			if _, err := nc.DrainContext(context.Background()); !errors.Is(err, api.ErrDrainTimeout) {
				return fmt.Errorf("no timeout: %w", err)
			}
			return nil
		}, api.ErrConnectionClosed},
		"subscription's drain that times out": {func(_ *api.Conn, sub *api.Subscription) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := sub.DrainContext(ctx); !errors.Is(err, api.ErrTimeout) {
				return fmt.Errorf("no timeout: %w", err)
			}
			return nil
		}, context.DeadlineExceeded},
		"stopped by a policy": {func(nc *api.Conn, _ *api.Subscription) error {
			return errors.Join(nc.Publish("a", nil), nc.Publish("a", nil), nc.Flush())
		}, api.ErrSlowConsumer},
	}
	for name, c := range ends {
		for mode, options := range map[string][]api.SubOption{"owned": nil, "borrowed": {api.Borrow()}, "concurrent": {api.Concurrency(2)}} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
					c.play(t, nc, append(options, api.PendingLimits(1, -1), api.OnOverflow(api.StopSubscription)))
				})
			})
		}
	}
}

func unfinished(r api.Report) error {
	if len(r.Unfinished) > 0 {
		return fmt.Errorf("unfinished: %v", r.Unfinished)
	}
	return nil
}

// play ends a subscription while its handler waits for the end.
func (c *ending) play(t *testing.T, nc *api.Conn, options []api.SubOption) {
	begun, causes, ended := make(chan struct{}, 10), make(chan error, 10), make(chan string, 1)
	sub := must.Get(nc.Handle("a", func(ctx context.Context, _ *api.Msg) error {
		begun <- struct{}{}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return fmt.Errorf("gave up: %w", ctx.Err())
	}, options...))(t)
	sub.SetClosedHandler(func(subject string) { ended <- subject })
	failures := make(chan error, 10)
	nc.SetErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failures <- err })
	must.Do(t, nc.Publish("a", nil))
	<-begun
	must.Do(t, c.end(nc, sub))
	kinds(t, <-causes, c.cause)
	<-ended
	for len(failures) > 0 {
		if err := <-failures; errors.Is(err, context.Canceled) {
			t.Errorf("the end of a context was told: %v", err)
		}
	}
}

// TestContextsLiveDuringADrain: earlier messages are handled as usual.
func TestContextsLiveDuringADrain(t *testing.T) {
	for name, drain := range map[string]func(*api.Conn, *api.Subscription) error{
		"connection": func(nc *api.Conn, _ *api.Subscription) error {
			_, err := nc.DrainContext(context.Background())
			return err
		},
		"subscription": func(_ *api.Conn, sub *api.Subscription) error { return sub.DrainContext(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
				var ends []error
				var last context.Context
				sub := must.Get(nc.Handle("a", func(ctx context.Context, _ *api.Msg) error {
					time.Sleep(5 * time.Second)
					ends, last = append(ends, ctx.Err()), ctx
					return nil
				}))(t)
				for range 3 {
					must.Do(t, nc.Publish("a", nil))
				}
				must.Do(t, nc.Flush())
				must.Do(t, drain(nc, sub))
				if !slices.Equal(ends, []error{nil, nil, nil}) || last.Err() == nil {
					t.Errorf("ends %v, and afterwards %v", ends, last.Err())
				}
			})
		})
	}
}

// later lets virtual time pass, and waits for what is then due.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestAFloodOfErrorsIsCounted: a hundred per second are reported one by one, the others
// together, and none is omitted.
func TestAFloodOfErrorsIsCounted(t *testing.T) {
	var mu sync.Mutex
	var told []uint64
	count := api.OnEvent(func(e api.Event) {
		if e.Kind == api.HandlerFailed {
			mu.Lock()
			told = append(told, e.Count)
			mu.Unlock()
			if !errors.Is(e.Cause, io.EOF) || e.Message != "a" {
				t.Errorf("event %+v", e)
			}
		}
	})
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		sub := must.Get(nc.Handle("a", func(context.Context, *api.Msg) error { return io.EOF }))(t)
		flood := func(n int) {
			for range n {
				must.Do(t, nc.Publish("a", nil))
			}
			must.Do(t, nc.Flush())
			later(100 * time.Millisecond)
		}
		expect := func(when string, events int, failures uint64) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			sum := uint64(0)
			for _, n := range told {
				sum += n
			}
			if len(told) != events || sum != failures {
				t.Errorf("%s: %d events of %d failures, want %d of %d", when, len(told), sum, events, failures)
			}
		}
		flood(5000)
		expect("at first", 100, 100)
		later(time.Second)
		expect("after a second", 101, 5000)
		flood(99) // a hundred, with the one that reported several
		expect("in the next second", 200, 5099)
		time.Sleep(time.Hour)
		flood(150)
		must.Do(t, sub.DrainContext(context.Background()))
		nc.Close()
		synctest.Wait()
		expect("at the end", 301, 5249)
	}, count)
}
