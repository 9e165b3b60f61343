package proof_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// inBubble is the stage of a bubble: its server, on links that are called writer and
// reader. The witness comes when all is well again: nats.go cannot reconnect in a bubble, as
// it has timers in common for all of them.
func inBubble(b *faults.Env) stage {
	return stage{replicas: 1, storage: jetstream.FileStorage, url: b.URL("s1"), pace: 10 * time.Millisecond,
		writer: []api.Option{api.SetCustomDialer(b.Dialer("writer"))}, reader: []api.Option{api.SetCustomDialer(b.Dialer("reader"))},
		witness: func() *nats.Conn {
			witness := must.Get(nats.Connect(b.URL("s1"), nats.SetCustomDialer(b.Dialer("witness")), nats.NoReconnect()))(b.T)
			b.T.Cleanup(witness.Close)
			return witness
		}}
}

// TestS12FullDisk fills the store of a server, and makes room again.
//
// G1, G2, G11: what finds no room is refused, with an error that says so, and is not in the
// stream; what was acked before is. G7, G8: the consumer gets all of it, and the publisher
// continues when there is room.
func TestS12FullDisk(t *testing.T) {
	var room atomic.Int64
	room.Store(256 << 10)
	faults.Bubble(t, func(b *faults.Env) {
		st := inBubble(b).begin(b.T)
		refused := st.failed
		st.history.Impaired()
		refused.await(b.T, 100)
		if last, _ := st.errorsSeen(); !errors.Is(last, jetstream.ErrInsufficientResources) {
			b.T.Errorf("refused with: %v", last)
		}
		st.each(func(_ *api.Conn, events *tape) { events.none(b.T, api.LinkLost) })
		room.Store(1 << 30)
		must.Do(b.T, b.Server.Restart())
		st.history.Healed()
		st.flow(200)
		st.judge()
	}, faults.ServerOptions(natsserver.Options{JetStream: true, Edit: func(so *server.Options) {
		so.JetStreamMaxStore = room.Load()
	}}))
}

// TestS12SlowDisk has a server take ever longer to answer, as one does that waits for its
// disk.
//
// G9: no more messages wait for their acks than may; the calls beyond are refused, with
// an error that says so and counts them. G2: a publish that has time gets its ack, one
// that has not ends by its deadline as one that may have arrived.
func TestS12SlowDisk(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		st := inBubble(b).begin(b.T)
		st.flow(100)
		for _, stall := range []time.Duration{100 * time.Millisecond, time.Second, 4 * time.Second, 30 * time.Second} {
			st.history.Impaired()
			synctest.Wait() // what is on its way is there
			acked, failed := st.acked.now(), st.failed.now()
			must.Do(b.T, b.Server.Pause())
			time.Sleep(stall)
			if n := st.acked.now() - acked; n > 0 {
				b.T.Errorf("%d acks came during a stall", n)
			}
			must.Do(b.T, b.Server.Resume())
			st.history.Healed()
			st.flow(200)
			switch failed = st.failed.now() - failed; {
			case stall >= publishTime && failed < pendingMax:
				b.T.Errorf("a stall of %v: only %d publishes failed", stall, failed)
			case stall < 200*time.Millisecond && failed > 0:
				b.T.Errorf("a stall of %v: %d publishes failed", stall, failed)
			}
		}
		if _, stall := st.errorsSeen(); stall == nil {
			b.T.Error("no publish was refused because too many waited")
		}
		st.judge()
	})
}
