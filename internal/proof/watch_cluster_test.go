package proof_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	stranger "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// watchedCluster is a cluster with a bucket at work, of which each member has a copy.
type watchedCluster struct {
	*watchedBucket

	c       *natsserver.Cluster
	witness *nats.Conn
	random  *rand.Rand
}

// TestJ12WatchersInACluster has leaders step down and be killed, with clients connected to them or
// not, and consumers deleted. It checks what [TestJ12APlanForEachSeed] does, while nothing that is
// stored goes away.
func TestJ12WatchersInACluster(t *testing.T) {
	t.Parallel()
	w := watchCluster(t, true)
	w.rounds(sized(40, 6, 4), []clusterRound{
		{"another leader of the bucket", func() { w.stepDown(watchedGroup()) }},
		{"no consumers", w.deleteConsumers},
		{"the leader is killed", func() { w.killed(w.leader(watchedGroup())) }},
		{"the server of the reader is killed", func() { w.killed(w.home()) }},
		{"another watcher, and another leader", func() { w.late(); w.stepDown(watchedGroup()) }},
		{"another leader of the cluster", func() { w.stepDown(natsserver.Group{}) }},
	})
}

// TestJ12WatchersOfWhatIsRemovedInACluster is the same where keys go away, with what
// tells of them, and the bucket as a whole.
func TestJ12WatchersOfWhatIsRemovedInACluster(t *testing.T) {
	t.Parallel()
	w := watchCluster(t, false)
	w.rounds(sized(40, 5, 3), []clusterRound{
		{"the leader is killed, and a key purged", func() {
			leader := w.leader(watchedGroup())
			leader.Kill()
			w.purge(jetstream.WithPurgeSubject("$KV." + watchedName + "." + keyOf(w.random.IntN(watchedKeys))))
			w.back(leader)
		}},
		{"another bucket", w.anew},
		{"no keys, and another leader", func() { w.purge(); w.stepDown(watchedGroup()) }},
		{"no markers, and no consumers", func() { w.purgeMarkers(); w.deleteConsumers() }},
		{"another bucket, while the server of the reader is away", func() {
			home := w.home()
			home.Kill()
			w.anew()
			w.back(home)
		}},
	})
}

// watchedGroup is what has a leader.
func watchedGroup() natsserver.Group { return natsserver.Group{Stream: "KV_" + watchedName} }

// watchCluster starts a cluster, and a bucket at work in it.
func watchCluster(t *testing.T, intact bool) *watchedCluster {
	t.Helper()
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	urls := strings.Join(c.URLs(), ",")
	w := &watchedCluster{c: c, random: rand.New(rand.NewPCG(*firstSeed, 21)),
		watchedBucket: &watchedBucket{t: t, intact: intact, pace: time.Duration(sized(200, 40, 40)) * time.Millisecond,
			cfg: kv.Config{History: 2, Replicas: 3}}}
	if intact {
		w.cfg.History = kv.MaxHistory
	}
	w.witness = must.Get(nats.Connect(urls, nats.Timeout(late), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond)))(t)
	t.Cleanup(w.witness.Close)
	w.watch(func(name string) jetstream.JetStream {
		nc := must.Get(api.Connect(urls, api.Name(name), api.NeverGiveUp(), api.Timeout(late), api.ReconnectWait(100*time.Millisecond), system()))(t)
		t.Cleanup(nc.Close)
		return must.Get(jetstream.New(nc))(t)
	})
	return w
}

// clusterRound is something that happens to a cluster.
type clusterRound struct {
	name string
	do   func()
}

// rounds has each of them happen in turn, n in all, with work in between, and judges.
func (w *watchedCluster) rounds(n int, all []clusterRound) {
	w.t.Helper()
	for i := range n {
		round := all[i%len(all)]
		w.t.Log(round.name)
		round.do()
		w.goesOn(round.name)
	}
	w.watchedBucket.judge(w.witness)
}

// goesOn waits until the bucket has a leader, and more was written through the cache, which it has shown.
func (w *watchedCluster) goesOn(behind string) {
	w.t.Helper()
	w.leader(watchedGroup())
	owned := w.owned.Load()
	w.insist(func(context.Context) error {
		if n := w.owned.Load() - owned; n < 10 {
			return fmt.Errorf("%s: only %d writes were seen in the cache", behind, n)
		}
		return nil
	})
}

func (w *watchedCluster) leader(g natsserver.Group) *natsserver.Server {
	w.t.Helper()
	return must.Get(w.c.Leader(must.Within(w.t, electing), g))(w.t)
}

func (w *watchedCluster) stepDown(g natsserver.Group) {
	w.t.Helper()
	must.Get(w.c.StepDown(must.Within(w.t, electing), g))(w.t)
}

// home returns the member to which the reader is connected.
func (w *watchedCluster) home() *natsserver.Server {
	w.t.Helper()
	var found *natsserver.Server
	w.insist(func(context.Context) error {
		url := w.reader.Conn().ConnectedUrl()
		for _, m := range w.c.Members() {
			if strings.HasSuffix(url, m.URL()[strings.LastIndex(m.URL(), ":"):]) {
				found = m
				return nil
			}
		}
		return fmt.Errorf("the reader is at %q", url)
	})
	return found
}

// killed kills a member, waits until work continues, and restarts it.
func (w *watchedCluster) killed(m *natsserver.Server) {
	w.t.Helper()
	m.Kill()
	w.goesOn("killed")
	w.back(m)
}

// back starts a member again, and waits until it has caught up.
func (w *watchedCluster) back(m *natsserver.Server) {
	w.t.Helper()
	must.Do(w.t, m.Restart())
	current(w.t, must.Get(stranger.New(w.witness))(w.t), "KV_"+watchedName)
}
