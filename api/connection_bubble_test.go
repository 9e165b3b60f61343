package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// bubble runs f with a server and a connection to it under a virtual clock.
func bubble(t *testing.T, f func(t *testing.T, s *natsserver.Server, nc *api.Conn), options ...api.Option) {
	t.Helper()
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true})
		nc := dial(t, s, append(inBubble(s), options...)...)
		f(t, s, nc)
		nc.Close()
	})
}

// inBubble connects within a bubble, where no handshake is slow.
func inBubble(s *natsserver.Server) []api.Option {
	return []api.Option{api.InProcessServer(s), api.System(api.NewActorSystem(nil)), api.Timeout(api.DefaultTimeout)}
}

// took checks how much virtual time f took.
func took(t *testing.T, want time.Duration, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if d := time.Since(begin); d != want {
		t.Errorf("it took %v instead of %v", d, want)
	}
}

func TestTimeoutsAreExact(t *testing.T) {
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		sub := must.Get(nc.SubscribeSync("a"))(t)
		took(t, 7*time.Second, func() {
			_, err := sub.NextMsg(7 * time.Second)
			kinds(t, err, api.ErrTimeout)
			var late *api.TimeoutError
			if !errors.As(err, &late) || late.After != 7*time.Second {
				t.Errorf("error %+v", late)
			}
		})
		took(t, 5*time.Second, func() {
			_, err := nc.Request("a", nil, 5*time.Second)
			kinds(t, err, api.ErrTimeout)
		})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		took(t, 3*time.Second, func() {
			_, err := nc.RequestWithContext(ctx, "a", nil)
			kinds(t, err, context.DeadlineExceeded)
		})
		n := 0
		took(t, 4*time.Hour, func() {
			for _, err := range must.Get(nc.SubscribeSync("b"))(t).MsgsTimeout(time.Hour) {
				kinds(t, err, api.ErrTimeout)
				if n++; n == 4 {
					break
				}
			}
		})
	})
}

// TestIdleConnectionsLive for a day of PINGs in both directions.
func TestIdleConnectionsLive(t *testing.T) {
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		sub := must.Get(nc.SubscribeSync("a"))(t)
		time.Sleep(24 * time.Hour)
		if n := nc.Stats().Reconnects; n != 0 || nc.Health() != nil {
			t.Errorf("%d reconnects, health %v", n, nc.Health())
		}
		must.Do(t, nc.Publish("a", nil))
		must.Get(sub.NextMsg(time.Second))(t)
	})
}

// TestReconnectPaceGrowsToItsBound watches attempts on a server that is away.
func TestReconnectPaceGrowsToItsBound(t *testing.T) {
	attempts := make(chan time.Time, 10_000)
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		s.Kill()
		time.Sleep(10 * time.Minute)
		first := <-attempts
		if d := time.Since(first); d < 10*time.Minute-time.Second {
			t.Errorf("the first attempt came %v after the loss", 10*time.Minute-d)
		}
		// A pause is a second at most and half of that on average.
		if n := len(attempts); n < 600 || n > 3000 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		must.Do(t, s.Restart())
		time.Sleep(time.Second)
		if !nc.IsConnected() {
			t.Error("not connected a second after the server is back")
		}
	}, api.MaxReconnects(-1), api.ReconnectWait(900*time.Millisecond), api.ReconnectJitter(100*time.Millisecond, 0),
		api.ReconnectErrHandler(func(*api.Conn, error) { attempts <- time.Now() }))
}

func TestDrainTimeoutOfTheOptions(t *testing.T) {
	over := make(chan struct{})
	var gate chan struct{}
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		gate = make(chan struct{})
		must.Get(nc.Subscribe("a", func(*api.Msg) { <-gate }))(t)
		must.Do(t, nc.Publish("a", nil))
		flushed(t, nc)
		took(t, 10*time.Second, func() {
			_, err := nc.DrainContext(context.Background())
			kinds(t, err, api.ErrDrainTimeout)
		})
		close(gate)
	}, api.DrainTimeout(10*time.Second), api.ClosedHandler(func(*api.Conn) { close(over) }))
	closed(t, over, "the end")
}

// TestDrainContextEndsWithItsContext even if a handler does not return; the report and the
// health name it.
func TestDrainContextEndsWithItsContext(t *testing.T) {
	const patience = 50 * time.Millisecond
	late := func() (context.Context, func()) { return context.WithTimeout(context.Background(), patience) }
	canceled := func() (context.Context, func()) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(patience, cancel)
		return ctx, cancel
	}
	for kind, begin := range map[error]func() (context.Context, func()){api.ErrDrainTimeout: late, context.Canceled: canceled} {
		bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
			gate := make(chan struct{})
			must.Get(nc.Subscribe("a", func(*api.Msg) { <-gate }))(t)
			must.Do(t, nc.Publish("a", nil))
			flushed(t, nc)
			ctx, cancel := begin()
			defer cancel()
			took(t, patience, func() {
				report, err := nc.DrainContext(ctx)
				kinds(t, err, kind)
				if kind == context.Canceled && holds[*api.CanceledError](t, err).Elapsed != patience {
					t.Errorf("%v, want the time", err)
				}
				if len(report.Unfinished) != 1 || !nc.IsClosed() {
					t.Errorf("%v with %+v", nc.Status(), report)
				}
				if health := nc.Health(); health == nil || !strings.Contains(health.Error(), "drain") {
					t.Errorf("health: %v", health)
				}
			})
			close(gate)
		})
	}
}
