package api_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestASilentServerIsWaitedForOnce: each attempt to connect takes exactly its Timeout, for
// each server.
func TestASilentServerIsWaitedForOnce(t *testing.T) {
	for name, c := range map[string]struct {
		servers string
		timeout time.Duration
		takes   time.Duration
	}{
		"one server":    {"a", 3 * time.Second, 3 * time.Second},
		"three servers": {"a,b,c", time.Minute, 3 * time.Minute},
		"the default":   {"a", 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				options := []api.Option{api.InProcessServer(silence{}), api.System(api.NewActorSystem(nil))}
				if c.timeout > 0 {
					options = append(options, api.Timeout(c.timeout))
				}
				took(t, c.takes, func() {
					_, err := api.Connect(c.servers, options...)
					kinds(t, err, api.ErrNoServers, os.ErrDeadlineExceeded)
				})
			})
		})
	}
}

// TestAFlushWaitsAsLongAsItSays for a server that is there and does not answer.
func TestAFlushWaitsAsLongAsItSays(t *testing.T) {
	for name, c := range map[string]struct {
		flush func(nc *api.Conn) error
		takes time.Duration
		want  error
	}{
		"Flush":        {(*api.Conn).Flush, 10 * time.Second, api.ErrFlushTimeout},
		"FlushTimeout": {func(nc *api.Conn) error { return nc.FlushTimeout(time.Hour) }, time.Hour, api.ErrFlushTimeout},
		"FlushContext": {func(nc *api.Conn) error {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			return nc.FlushContext(ctx)
		}, 3 * time.Second, api.ErrFlushTimeout},
		"a cancelled FlushContext": {func(nc *api.Conn) error {
			ctx, cancel := context.WithCancel(context.Background())
			defer time.AfterFunc(5*time.Second, cancel).Stop()
			return nc.FlushContext(ctx)
		}, 5 * time.Second, context.Canceled},
		"RTT": {func(nc *api.Conn) error { _, err := nc.RTT(); return err }, 10 * time.Second, api.ErrFlushTimeout},
		"a DrainContext": {func(nc *api.Conn) error {
			ctx, cancel := context.WithTimeout(context.Background(), 7*time.Second)
			defer cancel()
			_, err := nc.DrainContext(ctx)
			return err
		}, 7 * time.Second, api.ErrDrainTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				nc := must.Get(api.Connect("", api.InProcessServer(new(mute)), api.System(api.NewActorSystem(nil)), api.PingInterval(-1)))(t)
				defer nc.Close()
				took(t, c.takes, func() { kinds(t, c.flush(nc), c.want) })
			})
		})
	}
}

// TestCloseWaitsForAHandlerInVain for two seconds, or until its context is done.
func TestCloseWaitsForAHandlerInVain(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(t *testing.T, nc *api.Conn)
		takes time.Duration
	}{
		"Close": {func(_ *testing.T, nc *api.Conn) { nc.Close() }, 2 * time.Second},
		"CloseContext": {func(t *testing.T, nc *api.Conn) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			report, err := nc.CloseContext(ctx)
			kinds(t, err, api.ErrCloseTimeout, context.DeadlineExceeded)
			if len(report.Unfinished) != 1 {
				t.Errorf("%v are unfinished", report.Unfinished)
			}
		}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
				busy := make(chan struct{})
				must.Get(nc.Subscribe("a", func(*api.Msg) { close(busy); time.Sleep(time.Hour) }))(t)
				must.Do(t, nc.Publish("a", nil))
				<-busy
				took(t, c.takes, func() { c.end(t, nc) })
				time.Sleep(time.Hour) // the rest ends with the handler
				if err := nc.Publish("a", nil); !errors.Is(err, api.ErrConnectionClosed) {
					t.Errorf("publish on a closed connection: %v", err)
				}
			})
		})
	}
}
