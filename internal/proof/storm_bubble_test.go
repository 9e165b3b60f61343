package proof_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
)

// TestC08AnActorThatPanicsAgainAndAgain: an actor that shares the socket panics at each
// message, so that no link lives for longer than a moment. G14: the server is dialed with
// pauses that grow, as one that closes each connection is. G8: when the defect is gone the
// connection works.
func TestC08AnActorThatPanicsAgainAndAgain(t *testing.T) {
	for _, kind := range []string{"reader", "writer", "heartbeat"} {
		t.Run(kind, func(t *testing.T) {
			faults.Bubble(t, func(b *faults.Env) {
				nc, err := api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.MaxReconnects(-1))
				if err != nil {
					b.T.Fatal(err)
				}
				defer nc.Close()
				defect := b.Inject("when every(1) actor(" + kind + ") panic")
				before := b.Link("client", "s1").Stats().Connections
				for range 60 {
					_ = nc.Publish("orders", nil)
					time.Sleep(time.Second)
				}
				if n := b.Link("client", "s1").Stats().Connections - before; n > 120 {
					b.T.Errorf("%d dials in a minute", n)
				}
				defect.Stop()
				time.Sleep(10 * time.Second)
				if err := nc.FlushTimeout(10 * time.Second); err != nil {
					b.T.Error(err)
				}
			})
		})
	}
}
