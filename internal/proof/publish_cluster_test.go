package proof_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// TestS10StreamLeaderKilled kills the leader of a replicated stream, to which the client is
// connected or not, while several goroutines publish to it. G2: each message has its outcome in
// time; G3: it is in the stream once, as all of them have ids; G8: it continues as soon as there
// is a new leader.
func TestS10StreamLeaderKilled(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	nc := must.Get(api.Connect(strings.Join(c.URLs(), ","), api.NeverGiveUp(), api.Timeout(late)))(t)
	t.Cleanup(nc.Close)
	js := must.Get(jetstream.New(nc, jetstream.WithIdempotentRetry(), jetstream.WithPublishAsyncMaxPending(64)))(t)
	stream := must.Get(js.CreateStream(must.Within(t, patience), jetstream.StreamConfig{
		Name: "ORDERS", Subjects: []string{"orders.>"}, Replicas: 3}))(t)
	h := check.New(time.Now, check.Options{})
	witness := h.Witness("stream", "orders.new")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		values := h.Publisher(name, "orders.new").Unordered()
		wg.Go(func() { publishUntil(t, js, values, stop) })
	}
	flow := func(n int) {
		for range n {
			must.Get(js.Publish(must.Within(t, electing), "orders.other", nil))(t)
		}
	}
	flow(20)
	must.Get(c.Leader(must.Within(t, electing), natsserver.Group{Stream: "ORDERS"}))(t).Kill()
	flow(20) // there is a new one
	close(stop)
	wg.Wait()
	info := must.Get(stream.Info(must.Within(t, patience)))(t)
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		if m := must.Get(stream.GetMsg(must.Within(t, patience), seq))(t); m.Subject == "orders.new" {
			witness.Saw(m.Data, seq)
		}
	}
	must.Do(t, h.Validate(check.G1, check.G2, check.G3))
}

// publishUntil publishes one value after the other, some without waiting, until stop.
func publishUntil(t *testing.T, js jetstream.JetStream, values *check.Publisher, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		var all []underway
		for range 20 {
			v := values.Publish(jetstream.DefaultPublishAsyncTimeout)
			f, err := js.PublishAsyncContext(t.Context(), "orders.new", v.Payload(64))
			if err != nil {
				t.Error(err)
				v.Rejected(err)
				return
			}
			all = append(all, underway{v, f})
		}
		for _, u := range all {
			if err := u.ends(t); err != nil {
				t.Error(err)
			}
		}
	}
}
