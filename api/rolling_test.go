package api_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// newsMissedMax is how many messages in a row a subscription without a group may miss when
// its connection moves, and how many it may get twice in total. It changes over within a
// round trip, so one or two are usual; on a busy machine a round trip takes longer. A message
// is received twice if it reaches the new server later than the old one.
const newsMissedMax = 500

// rolling is a cluster whose members are replaced one by one under load.
type rolling struct {
	t       *testing.T
	cluster *natsserver.Cluster
	conns   []*api.Conn
	jobs    *tally
	readers map[string]*tally // what each subscription without a group got

	mu   sync.Mutex
	lost []string // links that were lost
}

// tally counts how often each message came.
type tally struct {
	mu    sync.Mutex
	times map[string]int
}

func newTally() *tally { return &tally{times: map[string]int{}} }

func (c *tally) add(m *api.Msg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times[string(m.Data)]++
}

// count returns how often the i-th message of a publisher came.
func (c *tally) count(publisher, i int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.times[text(publisher, i)]
}

// missed returns how many of the first n messages did not come, at most how many in
// a row, and how many came twice.
func (c *tally) missed(publisher, n int) (missed, row, twice int) {
	gap := 0
	for i := range n {
		switch c.count(publisher, i) {
		case 0:
			missed++
			gap++
			row = max(row, gap)
		case 1:
			gap = 0
		default:
			gap = 0
			twice++
		}
	}
	return missed, row, twice
}

func text(publisher, i int) string { return fmt.Sprintf("%d-%d", publisher, i) }

// connect connects to one member, which tells of the others.
func (r *rolling) connect(m *natsserver.Server, name string) *api.Conn {
	nc := dial(r.t, m, api.Name(name), api.OnEvent(func(e api.Event) {
		if e.Kind == api.LinkLost {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.lost = append(r.lost, fmt.Sprintf("%s: %v", name, e))
		}
	}))
	r.conns = append(r.conns, nc)
	return nc
}

// work makes a member of both groups, and a subscription without one.
func (r *rolling) work(m *natsserver.Server, name string) {
	nc, news := r.connect(m, name), newTally()
	r.readers[name] = news
	must.Get(nc.QueueSubscribe("jobs", "workers", r.jobs.add))(r.t)
	must.Get(nc.QueueSubscribe("ask", "responders", func(m *api.Msg) { _ = m.Respond(m.Data) }))(r.t)
	must.Get(nc.Subscribe("news", news.add))(r.t)
	flushed(r.t, nc)
}

// publish publishes numbered jobs and news until stop, and returns how many.
func (r *rolling) publish(nc *api.Conn, publisher int, stop <-chan struct{}) int {
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return i
		case <-pace.C:
		}
		for _, subject := range []string{"jobs", "news"} {
			if err := nc.Publish(subject, []byte(text(publisher, i))); err != nil {
				r.t.Errorf("%s %s: %v", subject, text(publisher, i), err)
			}
		}
	}
}

// ask makes requests until stop, and returns how many.
func (r *rolling) ask(nc *api.Conn, requester int, stop <-chan struct{}) int {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return i
		default:
		}
		want := text(requester, i)
		if m, err := nc.Request("ask", []byte(want), patience); err != nil || string(m.Data) != want {
			r.t.Errorf("request %s: %v, %v", want, m, err)
		}
	}
}

// reach waits until all that was published before has reached every worker.
func (r *rolling) reach(publishers []*api.Conn, when string) {
	for i, nc := range publishers {
		mark := fmt.Sprintf("%s: %d", when, i)
		until(r.t, mark, func() bool {
			must.Do(r.t, nc.Publish("news", []byte(mark)))
			flushed(r.t, nc)
			return r.heard(mark)
		})
	}
}

// heard reports whether every reader got a message.
func (r *rolling) heard(data string) bool {
	for _, news := range r.readers {
		news.mu.Lock()
		times := news.times[data]
		news.mu.Unlock()
		if times == 0 {
			return false
		}
	}
	return true
}

// TestARollingRestartIsNotNoticed takes each member of a cluster away under load and brings
// it back. Connections leave before they are cut, no request fails, no message of a queue
// group is lost or duplicated, and other subscriptions miss at most the messages of one round
// trip.
func TestARollingRestartIsNotNoticed(t *testing.T) {
	r := &rolling{t: t, jobs: newTally(), readers: map[string]*tally{}}
	r.cluster = natsserver.RunCluster(t, 3, natsserver.Options{LameDuckGrace: 5 * time.Second, LameDuck: 500 * time.Millisecond})
	var publishers, requesters []*api.Conn
	for i, m := range r.cluster.Members() {
		r.work(m, fmt.Sprintf("worker %d", i))
		r.work(m, fmt.Sprintf("worker %d", i+3))
		publishers = append(publishers, r.connect(m, fmt.Sprintf("publisher %d", i)))
		requesters = append(requesters, r.connect(m, fmt.Sprintf("requester %d", i)))
	}
	r.reach(publishers, "at first")

	stop, published, asked := make(chan struct{}), make([]int, 3), make([]int, 3)
	var load sync.WaitGroup
	for i := range 3 {
		load.Go(func() { published[i] = r.publish(publishers[i], i, stop) })
		load.Go(func() { asked[i] = r.ask(requesters[i], i, stop) })
	}
	for _, m := range r.cluster.Members() {
		closed(t, m.LameDuck(), "the end of a lame duck")
		must.Do(t, m.Restart())
		r.knows(m)
	}
	close(stop)
	load.Wait()
	r.reach(publishers, "at last")
	t.Logf("published %v, asked %v", published, asked)
	for publisher, n := range published {
		r.check(publisher, n)
	}
	r.checkConns()
}

// knows waits until a member that has joined the cluster again has learned who subscribes to what.
func (r *rolling) knows(m *natsserver.Server) {
	account := m.Server().GlobalAccount()
	for _, subject := range []string{"jobs", "ask", "news"} {
		until(r.t, "who subscribes to "+subject, func() bool { return account.SubscriptionInterest(subject) })
	}
}

// check looks for the n messages of a publisher.
func (r *rolling) check(publisher, n int) {
	lost, _, twice := r.jobs.missed(publisher, n)
	if lost > 0 || twice > 0 {
		r.t.Errorf("of %d jobs of publisher %d %d were lost, and %d done twice", n, publisher, lost, twice)
	}
	var all struct{ missed, row, twice int }
	for name, news := range r.readers {
		missed, row, twice := news.missed(publisher, n)
		if row > newsMissedMax || twice > newsMissedMax {
			r.t.Errorf("of publisher %d %s missed %d in a row, and got %d twice", publisher, name, row, twice)
		}
		all.missed, all.row, all.twice = all.missed+missed, max(all.row, row), all.twice+twice
	}
	r.t.Logf("of %d news of publisher %d %d workers missed %d, at most %d in a row, and got %d twice",
		n, publisher, len(r.readers), all.missed, all.row, all.twice)
}

// checkConns: each went from member to member, and is well.
func (r *rolling) checkConns() {
	r.mu.Lock()
	for _, text := range r.lost {
		r.t.Error(text)
	}
	r.mu.Unlock()
	moves := uint64(0)
	for _, nc := range r.conns {
		moves += nc.Stats().Moves
		if err := nc.Health(); err != nil || nc.Stats().Reconnects > 0 || !slices.Contains(r.cluster.URLs(), nc.ConnectedUrl()) {
			r.t.Errorf("%s on %s after %d reconnects: %v", nc.Opts.Name, nc.ConnectedUrl(), nc.Stats().Reconnects, err)
		}
	}
	if moves < uint64(len(r.conns)) {
		r.t.Errorf("%d moves of %d connections", moves, len(r.conns))
	}
}
