package figures_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/simnet"
	"github.com/troupe-go/troupe/internal/must"
)

// eager are the options for programs that would rather dial often than wait: pauses of
// 100 ms at most, on each server.
func eager() []api.Option {
	return []api.Option{api.ReconnectWait(100 * time.Millisecond), api.ReconnectJitter(0, 0), api.NeverGiveUp()}
}

// TestTimeToFirstSuccessAfterHeal measures, in virtual time, how long a request takes
// that is made in the moment in which the only good server can be reached again.
func TestTimeToFirstSuccessAfterHeal(t *testing.T) {
	type outages []time.Duration
	short := outages{10 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond}
	all := outages{10 * time.Millisecond, 100 * time.Millisecond, time.Second}
	if *full {
		all = append(all, 10*time.Second, time.Minute)
	}
	patient := []api.Option{api.NeverGiveUp()}
	for _, c := range []struct {
		name    string
		servers string
		outages outages
		options []api.Option
		goal    bool
		silent  bool // s2 and the others accept, and say nothing
	}{
		{name: "one server, outages up to 100 ms, default options", servers: "s1", outages: short, options: patient},
		{name: "one server, outages of 10 ms to 1 min, default options", servers: "s1", outages: all, options: patient},
		{name: "one server, outages of 10 ms to 1 min, `ReconnectWait(100ms), ReconnectJitter(0, 0)`", servers: "s1", outages: all, options: eager(), goal: true},
		{name: "the same, and four servers that stay dead", servers: "s1,s2,s3,s4,s5", outages: all, options: eager(), goal: true},
		{name: "the same, and four servers that accept and stay silent, with `Timeout(2s)`, the default", servers: "s1,s2,s3,s4,s5", outages: all,
			options: eager(), silent: true},
		{name: "the same with `Timeout(250*time.Millisecond)`", servers: "s1,s2,s3,s4,s5", outages: all,
			options: append(eager(), api.Timeout(250*time.Millisecond)), silent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			took := newLatencies()
			natsserver.Bubble(t, func(t *testing.T) {
				w := newWorld(t)
				if c.silent {
					w.silence(t)
				}
				nc := w.connect(t, c.servers, c.options...)
				defer nc.Close()
				for i := range sized(1000, 20) {
					took.add(w.heal(t, nc, c.outages[i%len(c.outages)]))
				}
			})
			goal, kept := "p50 ≤ 50 ms, p99 ≤ 500 ms", took.at(50) <= 50*time.Millisecond && took.at(99) <= 500*time.Millisecond
			if !c.goal {
				goal, kept = "–", true
			}
			record(t, figure{what: "first success after heal: " + c.name, goal: goal, measured: took.String(), kept: kept})
			if c.goal && took.at(99) > 500*time.Millisecond { // a median of a few says nothing
				t.Errorf("%s", took)
			}
		})
	}
}

// world is a bubble's network with a real server s1 that answers requests; s2 and so
// on are dead.
type world struct {
	net    *simnet.Network
	server *natsserver.Server
}

func newWorld(t testing.TB) *world {
	w := &world{net: simnet.New(simnet.Options{}), server: natsserver.Run(t, natsserver.Options{DontListen: true})}
	t.Cleanup(w.net.Close)
	w.net.Attach("s1", w.server)
	for i := range 4 {
		name := fmt.Sprintf("s%d", i+2)
		w.net.Attach(name, w.server)
		w.net.Detach(name)
	}
	echo, err := api.Connect("", api.InProcessServer(w.server), api.System(actors.NewSystem(nil)))
	must.Do(t, err)
	t.Cleanup(echo.Close)
	_, err = echo.Subscribe("echo", func(m *api.Msg) { _ = m.Respond(m.Data) })
	must.Do(t, err)
	must.Do(t, echo.Flush())
	return w
}

// silence makes the dead servers accept connections, and say nothing on them.
func (w *world) silence(t testing.TB) {
	for _, name := range w.net.Hosts()[1:] {
		w.net.Attach(name, w.server)
		_, err := w.net.Link("client", name).Inject("blackhole")
		must.Do(t, err)
	}
}

// connect connects through the network, as the client named client.
func (w *world) connect(t testing.TB, servers string, options ...api.Option) *api.Conn {
	t.Helper()
	nc, err := api.Connect(servers, append(options, api.SetCustomDialer(w.net.Dialer("client")), api.SkipHostLookup(),
		api.System(actors.NewSystem(nil)), api.DontRandomize())...)
	must.Do(t, err)
	return nc
}

// heal takes s1 away for a while and returns how long the first request takes then.
func (w *world) heal(t testing.TB, nc *api.Conn, outage time.Duration) time.Duration {
	t.Helper()
	link := w.net.Link("client", "s1")
	for _, rule := range []string{"refuse", "reset"} {
		_, err := link.Inject(rule)
		must.Do(t, err)
	}
	time.Sleep(outage)
	link.Clear()
	began := time.Now()
	_, err := nc.Request("echo", nil, time.Minute)
	took := time.Since(began)
	must.Do(t, err)
	time.Sleep(10 * time.Second) // a server that fails again within 5 s is not tried at once
	return took
}
