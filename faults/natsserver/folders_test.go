package natsserver_test

import (
	"os"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestTheLastStreamMayBeMadeAgain at once, whatever the server is still removing after
// its answer.
func TestTheLastStreamMayBeMadeAgain(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{JetStream: true})
	js := must.Get(jetstream.New(client(t, s)))(t)
	ctx := must.Within(t, wait)
	for range 300 {
		must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S"}))(t)
		must.Do(t, js.DeleteStream(ctx, "S"))
	}
	must.Do(t, s.Restart())
	if accounts := must.Get(os.ReadDir(s.StoreDir() + "/jetstream"))(t); len(accounts) == 0 {
		t.Error("the account has no folder")
	}
}
