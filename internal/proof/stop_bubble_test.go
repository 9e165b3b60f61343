package proof_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
)

// joinAt connects a client to servers of a bubble, given by their names, in that order.
// Its name is the one that rules know.
func joinAt(b *faults.Env, name string, servers []string, options ...api.Option) (*api.Conn, *tape) {
	b.T.Helper()
	var urls []string
	for _, s := range servers {
		urls = append(urls, b.URL(s))
	}
	events := newTape()
	nc, err := api.Connect(strings.Join(urls, ","), append([]api.Option{api.Name(name), api.System(b.System),
		api.SetCustomDialer(b.Dialer(name)), api.DontRandomize(), events.option()}, options...)...)
	must.Do(b.T, err)
	b.T.Cleanup(nc.Close)
	return nc, events
}

// asking makes a request that no client answers, so that the server owes an answer.
func asking(ctx context.Context, nc *api.Conn) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := nc.RequestWithContext(ctx, "silent", nil)
		ended <- err
	}()
	return ended
}

// TestS02StopsOfEveryLength stops a server for one second to five minutes, while a client waits
// for something and while it is idle, and lets it go on. G8: the loss is found by the budget,
// and a stop shorter than that is none. G5: no client lives twice.
func TestS02StopsOfEveryLength(t *testing.T) {
	const (
		waiting = 7 * time.Second                  // a second's silence, and six more
		idle    = (pingsOut+1)*often + time.Second // as many PINGs unanswered
	)
	for _, stop := range []time.Duration{time.Second, 4 * time.Second, 8 * time.Second, 30 * time.Second, 5 * time.Minute} {
		for name, budget := range map[string]time.Duration{"waiting": waiting, "idle": idle} {
			t.Run(name+" "+stop.String(), func(t *testing.T) {
				faults.Bubble(t, func(b *faults.Env) { stopped(b, stop, budget, name == "waiting") })
			})
		}
	}
}

// often and pingsOut are what a client that is idle and impatient asks for.
const (
	often    = 10 * time.Second
	pingsOut = 2
)

func stopped(b *faults.Env, stop, budget time.Duration, waiting bool) {
	t := b.T
	second := b.Start("s2", faultless())
	nc, events := joinAt(b, "client", []string{"s1", "s2"}, api.PingInterval(often), api.MaxPingsOutstanding(pingsOut))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	must.Get(nc.SubscribeSync("silent"))(t)
	must.Do(t, nc.Flush())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	b.Inject("for " + stop.String() + " server(s1) pause")
	if waiting {
		asking(ctx, nc)
	}
	synctest.Wait()
	time.Sleep(stop - time.Millisecond)
	found := events.of(api.LinkLost)
	if stop < budget {
		if len(found) > 0 && stop < 6*time.Second {
			t.Errorf("a stop of %v was taken for a loss after %v", stop, found[0].Time.Sub(began))
		}
	} else if len(found) != 1 || found[0].Time.Sub(began) > budget {
		t.Errorf("after %v: %v", time.Since(began), found)
	} else {
		kinds(t, found[0].Cause, api.ErrStaleConnection)
	}
	cancel()
	time.Sleep(time.Minute) // it goes on
	if n := b.Server.Server().NumClients() + second.Server().NumClients(); n != 1 {
		t.Errorf("the client is connected %d times", n)
	}
	must.Do(t, nc.Publish("a", nil))
	must.Do(t, nc.Flush())
	must.Get(sub.NextMsg(time.Second))(t)
	if n, _, err := sub.Pending(); n != 0 || err != nil {
		t.Errorf("%d more messages: %v", n, err)
	}
	nc.Close()
}

// TestS04LeavesInTime: a server without a cluster says goodbye with a grace period of ten
// seconds, as by default. G8: its client is elsewhere within a quarter of that.
func TestS04LeavesInTime(t *testing.T) {
	options := faultless()
	options.LameDuckGrace, options.LameDuck = 10*time.Second, 2*time.Minute
	faults.Bubble(t, func(b *faults.Env) {
		b.Start("s2", faultless())
		nc, events := joinAt(b, "client", []string{"s1", "s2"})
		sub := must.Get(nc.SubscribeSync("a"))(b.T)
		must.Do(b.T, nc.Flush())
		began := time.Now()
		b.Inject("server(s1) lameduck")
		moved := events.await(b.T, api.LinkMoved, 1)
		if d := moved.Time.Sub(began); d > options.LameDuckGrace/4 {
			b.T.Errorf("moved after %v", d)
		}
		must.Do(b.T, nc.Publish("a", nil))
		must.Get(sub.NextMsg(time.Second))(b.T)
		time.Sleep(time.Hour)
		events.none(b.T, api.LinkLost)
		if n := len(events.of(api.LameDuck)); n != 1 {
			b.T.Errorf("the event came %d times", n)
		}
		nc.Close()
	}, faults.ServerOptions(options))
}

// TestS08KickedAllTheTime closes a connection as soon as it is there, for five minutes.
// G14: the pauses grow, and the server is left alone; G8: as soon as it stops to kick,
// the connection stays.
func TestS08KickedAllTheTime(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc, events := joinAt(b, "client", []string{"s1"})
		sub := must.Get(nc.SubscribeSync("a"))(b.T)
		dials := b.Link("client", "s1").Stats
		for n, end := 1, time.Now().Add(5*time.Minute); time.Now().Before(end) && n < 1000; n++ {
			events.await(b.T, api.LinkRestored, n)
			must.Get(b.Server.KickAll())(b.T)
			events.await(b.T, api.LinkLost, n)
		}
		// Without a memory of how a server fared there would be no end of them.
		if n := dials().Connections; n < 20 || n > 400 {
			b.T.Errorf("%d connections in five minutes", n)
		}
		events.await(b.T, api.LinkRestored, len(events.of(api.LinkLost))+1)
		must.Do(b.T, nc.Publish("a", nil))
		must.Do(b.T, nc.Flush())
		must.Get(sub.NextMsg(time.Second))(b.T)
		nc.Close()
	})
}
