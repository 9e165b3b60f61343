package api_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/must"
)

// TestErrorTimeoutOfWhatWaits: a request that is given up while it waits for a server
// goes to the next one all the same, and its error says that it may.
func TestErrorTimeoutOfWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		sub := must.Get(nc.SubscribeSync("a"))(t)
		flushed(t, nc)
		s.Kill()
		synctest.Wait()
		_, err := nc.Request("a", nil, time.Second)
		errortest.Says(err, api.CategoryTimeout, "retry sent", api.ErrTimeout).Check(t)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_, err = nc.RequestWithContext(ctx, "a", nil)
		errortest.Says(err, api.CategoryCanceled, "sent", context.Canceled).Check(t)
		for _, err := range nc.RequestMany(ctx, "a", nil) {
			errortest.Says(err, api.CategoryCanceled, "", context.Canceled).Check(t)
		}
		must.Do(t, s.Restart())
		time.Sleep(time.Minute)
		for range 2 { // the requests that had waited were sent nevertheless
			must.Get(sub.NextMsg(time.Second))(t)
		}
		unharmed(t, nc, sub)
	}, api.MaxReconnects(-1))
}

// TestADrainWhoseConnectionEnds by what looks like a lost link does not wait for
// another one.
func TestADrainWhoseConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc := must.Get(api.Connect("", api.InProcessServer(&mute{}), api.System(api.NewActorSystem(nil)), api.PingInterval(0), api.MaxReconnects(0)))(t)
		ends := make(chan error, 1)
		go func() {
			_, err := nc.DrainContext(context.Background())
			ends <- err
		}()
		synctest.Wait() // for a PONG that does not come
		took(t, 0, func() {
			must.Do(t, nc.ForceReconnect()) // for which no attempts are left
			kinds(t, <-ends, api.ErrConnectionClosed, api.ErrForcedReconnect)
		})
		nc.Close()
	})
}
