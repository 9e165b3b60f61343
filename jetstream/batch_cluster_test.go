package jetstream_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// threeServers returns a client of a cluster that has the replicated stream S.
func threeServers(t *testing.T, more string) (*api.Conn, jetstream.JetStream) {
	t.Helper()
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	nc := connect(t, c.Members()[0])
	ask(t, nc, "STREAM.CREATE.S", `{"name":"S","subjects":["a"],"storage":"memory","num_replicas":3,`+more+`}`)
	return nc, must.Get(jetstream.New(nc))(t)
}

// leaderHas checks how many messages the leader of the stream has, and waits until all its
// replicas have them: any of them may answer direct reads.
func leaderHas(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	eventually(t, func() error {
		s, err := js.Stream(soon(t), "S")
		if err != nil {
			return err
		}
		if got := s.CachedInfo().State.Msgs; got < uint64(n) { // a new leader may still be applying its log
			return fmt.Errorf("the leader has %d messages, of %d", got, n)
		} else if got > uint64(n) {
			t.Fatalf("the leader has %d messages, of %d", got, n)
		}
		for range 5 {
			msgs, err := batch(t, js, 0)
			if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
				return err // while the leader changes, nobody may answer
			}
			if len(msgs) != n {
				return fmt.Errorf("a replica has %d messages, of %d", len(msgs), n)
			}
		}
		return nil
	})
}

// TestFastPublisherOutlivesItsLeader: the leader of the stream changes repeatedly while it
// publishes. All messages, which have ids, are stored once and in their order.
func TestFastPublisherOutlivesItsLeader(t *testing.T) {
	nc, js := threeServers(t, fastStream)
	const n = 10_000
	p := must.Get(jetstream.NewFastPublisher(js, jetstream.FastPublishFlowControl{AckTimeout: 20 * time.Second}))(t)
	for i := range n {
		if i%5000 == 2000 {
			ask(t, nc, "STREAM.LEADER.STEPDOWN.S", "")
		}
		m := &api.Msg{Subject: "a", Data: fmt.Append(nil, i), Header: api.Header{jetstream.MsgIDHeader: {strconv.Itoa(i)}}}
		if _, err := p.AddMsg(must.Within(t, time.Minute), m); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if ack := must.Get(p.Close(must.Within(t, time.Minute)))(t); ack.Count != n {
		t.Errorf("%+v", ack)
	}
	leaderHas(t, js, n)
	inOrder(t, js, n)
}

// TestBatchOutlivesItsLeader: the leader changes before and after messages of a batch. It is
// stored completely or not at all, and PublishMsgBatch gets it stored in the end.
func TestBatchOutlivesItsLeader(t *testing.T) {
	nc, js := threeServers(t, `"allow_direct":true,"allow_atomic":true`)
	p := must.Get(jetstream.NewBatchPublisher(js, jetstream.BatchAckEvery(10)))(t)
	ctx := must.Within(t, time.Minute)
	var err error
	for i := 0; i < 50 && err == nil; i++ {
		if i == 25 {
			ask(t, nc, "STREAM.LEADER.STEPDOWN.S", "")
		}
		err = p.Add(ctx, "a", fmt.Append(nil, i))
	}
	if err == nil {
		_, err = p.Commit(ctx, "a", nil)
	}
	kindsOf(t, "a leader that knows nothing of the batch", err, jetstream.ErrJetStream)
	leaderHas(t, js, 0)
	const batches = 10
	for i := range batches {
		var msgs []*api.Msg
		for k := range 50 {
			n := strconv.Itoa(i*50 + k)
			msgs = append(msgs, &api.Msg{Subject: "a", Data: []byte(n), Header: api.Header{jetstream.MsgIDHeader: {n}}})
		}
		if i%3 == 1 {
			ask(t, nc, "STREAM.LEADER.STEPDOWN.S", "")
		}
		must.Get(jetstream.PublishMsgBatch(must.Within(t, time.Minute), js, msgs))(t)
	}
	leaderHas(t, js, batches*50)
	inOrder(t, js, batches*50)
}
