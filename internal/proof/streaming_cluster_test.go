package proof_test

import (
	"context"
	"testing"
	"time"

	stranger "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/internal/must"
)

// The scenarios here share one system, of which [streaming] tells, on a stream with three
// copies. All of them check the same: G1, what was acked is there; G2, each call ends
// once and in time; G3, nothing is there twice; G7, each message comes to the consumer, and
// none again whose ack was confirmed; G8, the work goes on as soon as there are leaders;
// G9, no more publishes wait than may; G11, errors are typed; G13; G16, the consumer is
// the only one.

// electing is how long a test waits for what needs a leader: an election without a winner takes up
// to nine seconds, and a busy machine has several in a row.
const electing = 2 * patience

// streamGroup and tillGroup are what has a leader.
func streamGroup() natsserver.Group { return natsserver.Group{Stream: streamName} }
func tillGroup() natsserver.Group {
	return natsserver.Group{Stream: streamName, Consumer: consumerName}
}

// TestS01KillOfAStreamLeader kills the leader of the stream, to which no client is
// connected: nobody is told.
func TestS01KillOfAStreamLeader(t *testing.T) {
	t.Parallel()
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	st := overCluster(t, c, c.Members()[0]).begin(t)
	leader := st.leads(c, streamGroup(), func(m *natsserver.Server) bool { return m != c.Members()[0] })
	st.flow(100)
	st.killed(c, leader)
	st.judge()
	st.each(func(_ *api.Conn, events *tape) { events.none(t, api.LinkLost) })
}

// TestS01KillOfAConsumerLeader kills the leader of the consumer, to which the clients
// are connected.
func TestS01KillOfAConsumerLeader(t *testing.T) {
	t.Parallel()
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	st := overCluster(t, c, c.Members()[0]).begin(t)
	leader := st.leads(c, tillGroup(), func(m *natsserver.Server) bool { return m == c.Members()[0] })
	st.flow(100)
	st.killed(c, leader)
	st.judge()
	st.each(func(_ *api.Conn, events *tape) { events.await(t, api.LinkLost, 1) })
}

// TestS04LameDuckOfTheLeaders sends the member away that leads stream and consumer, and
// to which the clients are connected. That they go before they are cut is shown by
// TestS04LeavesInTime, where time is virtual.
func TestS04LameDuckOfTheLeaders(t *testing.T) {
	t.Parallel()
	opts := duckish(time.Second)
	opts.JetStream = true
	c := natsserver.RunCluster(t, 3, opts)
	st := overCluster(t, c, c.Members()[0]).begin(t)
	st.flow(100)
	here := func(m *natsserver.Server) bool { return m == c.Members()[0] }
	st.leads(c, streamGroup(), here)
	st.leads(c, tillGroup(), here)
	st.history.Impaired()
	<-c.Members()[0].LameDuck()
	st.led(c)
	st.flow(100)
	st.judge()
	st.each(func(_ *api.Conn, events *tape) { events.await(t, api.LameDuck, 1) })
}

// TestS05RollingRestartOfStreams exchanges the members one after the other, as soon as
// the one before has caught up.
func TestS05RollingRestartOfStreams(t *testing.T) {
	t.Parallel()
	opts := duckish(time.Second)
	opts.JetStream = true
	c := natsserver.RunCluster(t, 3, opts)
	st := overCluster(t, c, c.Members()[0]).begin(t)
	for _, m := range c.Members() {
		st.flow(100)
		st.history.Impaired()
		<-m.LameDuck()
		must.Do(t, m.Restart())
		st.current()
		st.led(c)
	}
	st.flow(100)
	st.judge()
}

// TestS09StepDowns has the leaders of the stream, of the consumer and of the cluster hand
// over again and again.
func TestS09StepDowns(t *testing.T) {
	t.Parallel()
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	st := overCluster(t, c, c.Members()[0]).begin(t)
	for range sized(50, 2, 1) {
		for _, g := range []natsserver.Group{streamGroup(), tillGroup(), {}} {
			st.history.Impaired()
			must.Get(c.StepDown(must.Within(t, electing), g))(t)
			st.led(c)
			st.flow(50)
		}
	}
	st.judge()
}

// TestS11MinoritySide parts the member from the others to which the clients are
// connected, and which leads the stream: it still takes messages, which no other gets to
// know. G2: they are not acked, and each publish fails by its deadline, as one that may
// have arrived. When the others have chosen another leader the parted one comes back, and
// what it had taken is gone; all goes on with the same connections.
func TestS11MinoritySide(t *testing.T) {
	t.Parallel()
	c, routes := parted(t)
	apart := c.Members()[0]
	st := overCluster(t, c, apart).begin(t)
	st.leads(c, streamGroup(), func(m *natsserver.Server) bool { return m == apart })
	st.flow(100)
	st.history.Impaired()
	for _, p := range routes.ofFirst() {
		must.Get(p.Inject("blackhole"))(t)
	}
	st.failed.await(t, st.failed.now()+10) // what was under way is over
	acked := st.acked.now()
	must.Await(t, electing, "another leader of the stream", func() bool {
		for _, m := range c.Members()[1:] {
			if m.Server().JetStreamIsStreamLeader("$G", streamName) {
				return true
			}
		}
		return false
	})
	if n := st.acked.now() - acked; n > 0 {
		t.Errorf("%d messages were acked on the side of the minority", n)
	}
	routes.heal()
	st.led(c)
	st.flow(100)
	st.judge()
	st.each(func(_ *api.Conn, events *tape) { events.none(t, api.LinkLost) })
}

// TestS17RouteFlap cuts each route between members again and again. G3, G7: whatever goes
// around by another way, nothing is there twice, and nothing is missing.
func TestS17RouteFlap(t *testing.T) {
	t.Parallel()
	c, routes := parted(t)
	st := overCluster(t, c, c.Members()[0]).begin(t)
	st.leads(c, streamGroup(), func(m *natsserver.Server) bool { return m == c.Members()[1] })
	st.flow(100)
	for range sized(5, 1, 1) {
		for _, name := range []string{"node1-node2", "node2-node3", "node1-node3"} {
			st.history.Impaired()
			flapped := must.Get(routes[name].Inject("reset"))(t)
			must.Do(t, flapped.Wait(must.Within(t, patience), 1))
			routes.heal()
			st.led(c)
			st.flow(20)
		}
	}
	st.flow(100)
	st.judge()
}

// routes are the proxies between members, by the names of both.
type routes map[string]*proxy.Proxy

// parted starts a cluster whose members can be parted.
func parted(t *testing.T) (*natsserver.Cluster, routes) {
	t.Helper()
	all := routes{}
	return natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true, Route: func(from, to, address string) (string, error) {
		p := proxy.Run(t, address, proxy.Options{})
		all[from+"-"+to] = p
		return p.Addr(), nil
	}}), all
}

// ofFirst returns the routes of the first member.
func (r routes) ofFirst() (found []*proxy.Proxy) {
	for _, name := range []string{"node1-node2", "node1-node3"} {
		found = append(found, r[name])
	}
	return found
}

func (r routes) heal() {
	for _, p := range r {
		p.Clear()
	}
}

// killed kills a member, waits until work continues, and restarts it.
func (st *streaming) killed(c *natsserver.Cluster, m *natsserver.Server) {
	st.t.Helper()
	st.history.Impaired()
	m.Kill()
	st.led(c)
	st.flow(100)
	must.Do(st.t, m.Restart())
	st.current()
	st.flow(100)
}

// led waits until stream and consumer have leaders: from then on work must continue.
func (st *streaming) led(c *natsserver.Cluster) {
	st.t.Helper()
	for _, g := range []natsserver.Group{streamGroup(), tillGroup()} {
		must.Get(c.Leader(must.Within(st.t, electing), g))(st.t)
	}
	st.history.Healed()
}

// leads has a group change its leader until it is one of those that are wanted.
func (st *streaming) leads(c *natsserver.Cluster, g natsserver.Group, wanted func(*natsserver.Server) bool) *natsserver.Server {
	st.t.Helper()
	leader := must.Get(c.Leader(must.Within(st.t, electing), g))(st.t)
	for !wanted(leader) { // whom it hands over to is left to chance
		leader = must.Get(c.StepDown(must.Within(st.t, electing), g))(st.t)
	}
	return leader
}

// current waits until all copies of the stream are up to date.
func (st *streaming) current() {
	st.t.Helper()
	current(st.t, must.Get(stranger.New(st.witness()))(st.t), streamName)
}

// current waits until three copies of a stream are up to date.
func current(t *testing.T, js stranger.JetStream, name string) {
	t.Helper()
	must.Await(t, electing, "copies of the stream that are up to date", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		defer cancel()
		stream, err := js.Stream(ctx, name)
		if err != nil {
			return false
		}
		cluster := stream.CachedInfo().Cluster
		for _, r := range cluster.Replicas {
			if !r.Current || r.Offline {
				return false
			}
		}
		return cluster.Leader != "" && len(cluster.Replicas) == 2
	})
}

// each calls f for both connections.
func (st *streaming) each(f func(nc *api.Conn, events *tape)) {
	for nc, events := range st.events {
		f(nc, events)
	}
}
