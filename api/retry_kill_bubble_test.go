package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// nonsense is a message that makes one of our actors panic.
type nonsense struct{}

// killed makes an actor panic, and waits until it runs again.
func killed(t *testing.T, ref *ActorRef) {
	t.Helper()
	must.Do(t, ref.Send(nonsense{}))
	synctest.Wait()
}

// TestCallsOutliveTheActorsThatShowThem, whichever fails, and however often: breakers keep
// their state and show it again, and calls that wait for a link get it.
func TestCallsOutliveTheActorsThatShowThem(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true})
		nc := must.Get(Connect(s.URL(), InProcessServer(s), System(NewActorSystem(nil))))(t)
		defer nc.Close()
		ctx := context.Background()
		breakers := must.Get(nc.NewBreakers(BreakersConfig{Name: "services", Policy: BreakerPolicy{Failures: 1, Open: Backoff{Initial: time.Minute}}}))(t)
		b := breakers.For("price")
		_ = b.Do(ctx, func(context.Context) error { return ErrTimeout })
		synctest.Wait()
		for i := range 20 {
			killed(t, breakers.ref)
			for _, name := range []string{"services", "services/price"} {
				if node, ok := nc.Tree().Find("breakers/" + name); !ok || node.State == "restarting" {
					t.Fatalf("%s is not there: %v", name, nc.Tree())
				}
			}
			if node, _ := nc.Tree().Find("breakers/services/price"); node.State != "open" || node.Level != Down {
				t.Fatalf("death %d: it shows %+v", i+1, node)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		must.Do(t, b.Do(ctx, func(context.Context) error { return nil }))
		if node, _ := nc.Tree().Find("breakers/services/price"); node.State != "closed" {
			t.Errorf("it shows %+v", node)
		}
		breakers.For("stock")
		synctest.Wait()
		if _, ok := nc.Tree().Find("breakers/services/stock"); !ok {
			t.Error("a new breaker is not shown")
		}

		must.Do(t, nc.Retry(ctx, RetryPolicy{}, func(context.Context) error { return nil }))
		s.Kill()
		synctest.Wait()
		done := make(chan error)
		go func() {
			first := true
			done <- nc.Retry(ctx, RetryPolicy{Attempts: 2}, func(context.Context) error {
				if first {
					first = false
					return ErrDisconnected
				}
				return nil
			})
		}()
		synctest.Wait()
		for range 20 {
			killed(t, nc.retries.ref)
			time.Sleep(time.Second)
		}
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		must.Do(t, s.Restart())
		if err := <-done; err != nil {
			t.Errorf("the link came, and it ended with %v", err)
		}
		nc.Close()
		synctest.Wait()
		if err := nc.Retry(ctx, RetryPolicy{}, func(context.Context) error { return ErrDisconnected }); !errors.Is(err, ErrDisconnected) {
			t.Errorf("without an actor it ended with %v", err)
		}
	})
}
