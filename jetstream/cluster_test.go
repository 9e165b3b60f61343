package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// patient allows enough time for elections.
func patient(t testing.TB) context.Context { return must.Within(t, 40*time.Second) }

// soon allows time for one answer: without a leader there is none.
func soon(t testing.TB) context.Context { return must.Within(t, time.Second) }

// clustered returns a stream with three replicas, and a manager of the system account.
func clustered(t *testing.T) (jetstream.JetStream, jetstream.Stream, *jetstream.SystemManager) {
	t.Helper()
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true, Config: "system_account: SYS", Accounts: []natsserver.Account{
		{Name: "A", Users: []natsserver.User{{Name: "a", Password: "a"}}, JetStream: true},
		{Name: "SYS", Users: []natsserver.User{{Name: "sys", Password: "sys"}}},
	}})
	nc := connect(t, c.Members()[0], api.UserInfo("a", "a"))
	js := must.Get(jetstream.New(nc, jetstream.WithDefaultTimeout(20*time.Second)))(t)
	s := must.Get(js.CreateStream(patient(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, Replicas: 3}))(t)
	system := must.Get(jetstream.NewSystemManager(connect(t, c.Members()[0], api.UserInfo("sys", "sys"))))(t)
	return js, s, system
}

// led waits until the stream has a leader, and all replicas are current.
func led(t testing.TB, s jetstream.Stream) *jetstream.StreamInfo {
	t.Helper()
	for {
		info := must.Get(s.AwaitReconfigured(patient(t)))(t)
		current := len(info.Cluster.Replicas) == info.Config.Replicas-1
		for _, p := range info.Cluster.Replicas {
			current = current && p.Current
		}
		if current {
			return info
		}
	}
}

func TestLeadersStepDown(t *testing.T) {
	_, s, _ := clustered(t)
	must.Get(s.CreateConsumer(patient(t), jetstream.ConsumerConfig{Durable: "c"}))(t)
	before := led(t, s)
	must.Do(t, s.StepDownLeader(patient(t), &jetstream.Placement{Preferred: before.Cluster.Replicas[1].Name}))
	after := led(t, s)
	if after.Cluster.Leader != before.Cluster.Replicas[1].Name {
		t.Errorf("led by %s, then by %s", before.Cluster.Leader, after.Cluster.Leader)
	}
	must.Do(t, s.StepDownLeader(patient(t), nil))
	led(t, s)
	eventually(t, func() error { return s.StepDownConsumerLeader(soon(t), "c", nil) })
	is(t, s.StepDownLeader(patient(t), &jetstream.Placement{Preferred: "nobody"}), jetstream.ErrAPI)
	is(t, s.StepDownConsumerLeader(patient(t), "a.b", nil), jetstream.ErrInvalidConsumerName)
}

func TestPeersLeave(t *testing.T) {
	js, s, _ := clustered(t)
	is(t, s.RemovePeer(patient(t), "nobody"), jetstream.ErrPeerNotMember)
	is(t, s.RemovePeer(patient(t), ""), jetstream.ErrInvalidOption)
	_, err := s.CancelReconfiguration(patient(t))
	is(t, err, jetstream.ErrStreamReconfigureNotInProgress)
	one := must.Get(js.CreateStream(patient(t), jetstream.StreamConfig{Name: "ONE"}))(t)
	from := led(t, one).Cluster.Leader
	must.Do(t, one.EvacuatePeer(patient(t), from))
	deadline := patient(t)
	for {
		info := must.Get(one.AwaitReconfigured(deadline))(t)
		if info.Cluster.Leader != from {
			break
		}
	}
	from = led(t, one).Cluster.Leader
	must.Do(t, one.RemovePeer(patient(t), from))
	must.Get(s.CreateConsumer(patient(t), jetstream.ConsumerConfig{Durable: "c", Replicas: 1}))(t)
	is(t, s.RemoveConsumerPeer(patient(t), "c", "nobody"), jetstream.ErrPeerNotMember)
	is(t, s.EvacuateConsumerPeer(patient(t), "c", "nobody"), jetstream.ErrPeerNotMember)
	led(t, one)
	eventually(t, func() error { // incomplete as long as a leader is missing
		lists := 0
		for _, err := range js.AllStreams(patient(t)) {
			if err != nil {
				return err
			}
			lists++
		}
		if lists != 2 {
			t.Errorf("%d streams are listed", lists)
		}
		return nil
	})
	lists := 0
	for _, err := range s.AllConsumers(patient(t)) {
		must.Do(t, err)
		lists++
	}
	if lists != 1 {
		t.Errorf("%d consumers are listed", lists)
	}
}

// TestOneAlone cannot move anything.
func TestOneAlone(t *testing.T) {
	nc := connect(t, natsserver.Run(t, natsserver.Options{JetStream: true}))
	js := must.Get(jetstream.New(nc))(t)
	s := must.Get(js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S"}))(t)
	for what, err := range map[string]error{
		"step down": s.StepDownLeader(t.Context(), nil), "remove": s.RemovePeer(t.Context(), "x"), "evacuate": s.EvacuatePeer(t.Context(), "x"),
	} {
		if !errors.Is(err, jetstream.ErrClusterRequired) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must.Get(s.AwaitReconfigured(t.Context()))(t)
	other := must.Get(jetstream.NewSystemManager(connect(t, natsserver.Run(t, natsserver.Options{JetStream: true}))))(t)
	is(t, other.StepDownMeta(t.Context(), nil), jetstream.ErrNotSystemAccount)
	_, err := other.RescueMeta(t.Context(), 1)
	is(t, err, jetstream.ErrNotSystemAccount)
}

func TestTheSystemAccount(t *testing.T) {
	js, s, system := clustered(t)
	info := led(t, s)
	name := info.Cluster.Replicas[0].Name
	err := system.StepDownMeta(patient(t), &jetstream.Placement{Preferred: name})
	if errors.Is(err, jetstream.ErrNoSuitablePeers) { // it is already the leader
		err = system.StepDownMeta(patient(t), &jetstream.Placement{Preferred: info.Cluster.Replicas[1].Name})
	}
	must.Do(t, err)
	is(t, system.RemoveServer(patient(t), jetstream.ServerRef{}), jetstream.ErrInvalidOption)
	eventually(t, func() error {
		return expect(system.RemoveServer(soon(t), jetstream.ServerRef{Name: "nobody"}), jetstream.ErrServerNotMember)
	})
	eventually(t, func() error {
		return expect(system.EvacuateServer(soon(t), jetstream.ServerRef{Name: "nobody"}), jetstream.ErrServerNotMember)
	})
	_, err = system.MoveStream(patient(t), "A", "NONE", jetstream.StreamMove{})
	is(t, err, jetstream.ErrStreamNotFound)
	_, err = system.MoveStream(patient(t), "A", "S", jetstream.StreamMove{Server: "nobody"})
	is(t, err, jetstream.ErrServerNotMember)
	_, err = system.CancelStreamMove(patient(t), "A", "S")
	is(t, err, jetstream.ErrStreamReconfigureNotInProgress)
	_, err = system.MoveStream(patient(t), "a b", "S", jetstream.StreamMove{})
	is(t, err, jetstream.ErrInvalidName)
	one := must.Get(js.CreateStream(patient(t), jetstream.StreamConfig{Name: "ONE"}))(t)
	from := led(t, one).Cluster.Leader
	must.Get(system.MoveStream(patient(t), "A", "ONE", jetstream.StreamMove{Server: from}))(t)
	eventually(t, func() error {
		if info := led(t, one); info.Cluster.Leader == from {
			return errors.New("it is where it was")
		}
		return nil
	})
	_, err = system.RescueMeta(patient(t), 0)
	is(t, err, jetstream.ErrInvalidOption)
	eventually(t, func() error { // a server that is slow may answer too late to be counted
		results, err := system.RescueMeta(patient(t), 3) // more than now: each refuses
		if err == nil || len(results) == 0 || len(results) > 3 || results[0].Server == "" || results[0].Error == nil {
			t.Fatalf("rescue: %+v, %v", results, err)
		}
		if len(results) < 3 {
			return fmt.Errorf("%d servers answer", len(results))
		}
		return nil
	})
	must.Do(t, system.PurgeAccount(patient(t), "A"))
	eventually(t, func() error {
		_, err := js.Stream(soon(t), "S")
		return expect(err, jetstream.ErrStreamNotFound)
	})
}

// expect returns an error unless err is of that kind.
func expect(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return fmt.Errorf("error %w is no %w", err, kind)
}

// eventually tries until it gets no error.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	ctx := patient(t)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
