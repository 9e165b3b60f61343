package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/protocol"
)

// The recipes of docs/FAULTS.md, which quotes this file word for word.

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstOne(t *testing.T) {
	server := natsserver.Run(t, natsserver.Options{})
	line := proxy.Run(t, server.URL(), proxy.Options{})

	back := make(chan struct{}, 1)
	nc, err := nats.Connect(line.URL(), nats.ReconnectWait(time.Millisecond), // the proxy's URL, not the server's
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	must(t, err)
	defer nc.Close()

	fault, err := line.Inject("when op(PUB) index(3) reset")
	must(t, err)
	for range 3 {
		must(t, nc.Publish("orders", []byte("one more")))
	}
	must(t, fault.Wait(t.Context(), 1)) // it has happened
	<-back
	must(t, nc.FlushTimeout(10*time.Second))
}

// connect connects a client to the server of the bubble.
func connect(b *faults.Env, name string, options ...api.Option) *api.Conn {
	options = append(options, api.MaxReconnects(-1), api.System(b.System), api.SetCustomDialer(b.Dialer(name)))
	nc, err := api.Connect(b.URL("s1"), options...)
	must(b.T, err)
	b.T.Cleanup(nc.Close)
	return nc
}

// receive receives from a channel within an hour of virtual time: a bubble with a server
// never deadlocks, as the server's timers keep firing, so every wait needs a limit.
func receive[T any](b *faults.Env, from <-chan T) (got T) {
	b.T.Helper()
	select {
	case got = <-from:
	case <-time.After(time.Hour):
		b.T.Fatal("nothing arrived")
	}
	return got
}

func TestVirtualHours(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := connect(b, "client")
		run := b.Inject(`
			at 1h for 30m server(s1) kill
			at 3h for 5m link(client, s1) blackhole
			at 6h link(client, s1) reset
		`)
		must(b.T, run.Wait(b.T.Context())) // six hours, in some milliseconds
		must(b.T, nc.FlushTimeout(10*time.Second))
	})
}

func TestNatsGoInABubble(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc, err := nats.Connect(b.URL("s1"), nats.SetCustomDialer(b.Dialer("client")), nats.MaxReconnects(-1))
		must(b.T, err)
		defer nc.Close()
		run := b.Inject("at 1h for 30m server(s1) kill")
		must(b.T, run.Wait(b.T.Context()))
		time.Sleep(time.Minute) // its pause between attempts
		must(b.T, nc.FlushTimeout(10*time.Second))
	})
}

func TestHalfOpenLine(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		lost := make(chan error, 1)
		connect(b, "client", api.DisconnectErrHandler(func(_ *api.Conn, err error) { lost <- err }))

		b.Inject("at 30m when conn(1) link(client, s1) halfopen")
		time.Sleep(30 * time.Minute)
		began := time.Now()
		if err := receive(b, lost); !errors.Is(err, api.ErrStaleConnection) {
			b.T.Errorf("lost by %v", err)
		}
		if d := time.Since(began); d > 6*time.Minute { // two pings, two minutes apart
			b.T.Errorf("found after %v", d)
		}
	})
}

func TestResetAtEachByte(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		for k := range 200 {
			name := fmt.Sprint("client-", k) // each has its own link
			fault, err := b.Link(name, "s1").Inject(fmt.Sprintf("when bytes(%d) conn(1) reset(out)", k+1))
			must(b.T, err)
			nc := connect(b, name, api.RetryOnFailedConnect(true))
			got := make(chan struct{}, 1)
			_, err = nc.Subscribe("orders", func(*api.Msg) { got <- struct{}{} })
			must(b.T, err)
			must(b.T, fault.Wait(b.T.Context(), 1)) // in the middle of CONNECT, PING, SUB, a heartbeat
			time.Sleep(time.Second)
			must(b.T, nc.Publish("orders", nil))
			receive(b, got)
			nc.Close()
		}
	})
}

func TestSlowConsumer(t *testing.T) {
	small := natsserver.Options{Edit: func(o *server.Options) { o.MaxPending = 1 << 20 }}
	faults.Bubble(t, func(b *faults.Env) {
		back, got := make(chan struct{}, 1), make(chan struct{}, 1)
		nc := connect(b, "client", api.ReconnectHandler(func(*api.Conn) { back <- struct{}{} }))
		_, err := nc.Subscribe("orders.bulk", func(*api.Msg) {})
		must(b.T, err)
		_, err = nc.Subscribe("orders.last", func(*api.Msg) { got <- struct{}{} })
		must(b.T, err)
		must(b.T, nc.Flush())

		b.Inject("for 5m link(client, s1) blackhole(in)") // the client reads nothing any more
		feeder := connect(b, "feeder")
		for range 64 {
			must(b.T, feeder.Publish("orders.bulk", make([]byte, 64<<10)))
		}
		must(b.T, feeder.Flush())

		receive(b, back) // the server had closed the connection
		must(b.T, nc.Flush())
		must(b.T, feeder.Publish("orders.last", nil))
		receive(b, got) // and knows its subscriptions again
	}, faults.ServerOptions(small))
}

func TestLostPong(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := connect(b, "client")
		fault, err := b.Link("client", "s1").Inject("when op(PONG) index(1) drop")
		must(b.T, err)
		must(b.T, nc.FlushTimeout(10*time.Second)) // after 2 s of silence the client asks once more
		if fault.Hits() != 1 {
			b.T.Error("no PONG was lost")
		}
	})
}

func TestServerPause(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := connect(b, "client")
		b.Inject("at 1m for 10s server(s1) pause") // like one that swaps, or whose machine is migrated
		time.Sleep(time.Minute + time.Second)
		if err := nc.FlushTimeout(time.Second); !errors.Is(err, api.ErrTimeout) {
			b.T.Errorf("while the server is paused: %v", err)
		}
		time.Sleep(10 * time.Second)
		must(b.T, nc.FlushTimeout(10*time.Second))
	})
}

func TestRollingRestart(t *testing.T) {
	cluster := natsserver.RunCluster(t, 3, natsserver.Options{LameDuck: 100 * time.Millisecond})
	lines := proxy.RunCluster(t, cluster.URLs(), proxy.Options{}) // one for each server, advertised in its place
	nc, err := api.Connect(lines[0].URL())
	must(t, err)
	defer nc.Close()
	service, err := nats.Connect(cluster.URLs()[1], nats.ReconnectWait(10*time.Millisecond), nats.MaxReconnects(-1))
	must(t, err)
	defer service.Close()
	_, err = service.Subscribe("double", func(m *nats.Msg) { _ = m.Respond(append(m.Data, m.Data...)) })
	must(t, err)
	must(t, service.Flush())

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, server := range cluster.Members() {
		<-server.LameDuck() // it asks its clients to leave, then stops
		must(t, server.Restart())
		for { // the service is also a client
			answer, err := nc.RequestWithContext(ctx, "double", []byte("ab"))
			if err == nil && string(answer.Data) == "abab" {
				break
			}
			must(t, ctx.Err())
		}
	}
}

func TestExpiredCredentials(t *testing.T) {
	operator, err := natsserver.NewOperator()
	must(t, err)
	account, err := operator.Account("SHOP")
	must(t, err)
	faults.Bubble(t, func(b *faults.Env) {
		file := filepath.Join(b.T.TempDir(), "ann.creds")
		renew := func() { // what a vault does
			user, err := account.User("ann", natsserver.Expires(time.Hour))
			must(b.T, err)
			must(b.T, user.WriteFile(file))
		}
		renew()
		refused := make(chan error, 9)
		nc := connect(b, "client", api.UserCredentials(file),
			api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { refused <- err }))

		time.Sleep(50 * time.Minute)
		renew()
		if err := receive(b, refused); !errors.Is(err, api.ErrAuthExpired) {
			b.T.Errorf("refused by %v", err)
		}
		must(b.T, nc.FlushTimeout(time.Minute)) // with the new credentials
	}, faults.ServerOptions(natsserver.Options{Operator: operator}))
}

func TestPermissionsChange(t *testing.T) {
	ann := natsserver.User{Name: "ann", Password: "a"}
	users := func(u natsserver.User) []natsserver.Account {
		return []natsserver.Account{{Name: "SHOP", Users: []natsserver.User{u}}}
	}
	faults.Bubble(t, func(b *faults.Env) {
		denied := make(chan error, 9)
		nc := connect(b, "client", api.UserInfo("ann", "a"),
			api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { denied <- err }))
		must(b.T, nc.Publish("orders", nil))
		must(b.T, nc.Flush())

		ann.Publish = natsserver.Permission{Deny: []string{"orders"}}
		must(b.T, b.Server.Reload(func(o *natsserver.Options) { o.Accounts = users(ann) }))
		must(b.T, nc.Publish("orders", nil))
		if err := receive(b, denied); !errors.Is(err, api.ErrPermissionViolation) {
			b.T.Errorf("denied by %v", err)
		}
		must(b.T, nc.Publish("news", nil)) // the connection still works
		must(b.T, nc.FlushTimeout(time.Minute))
	}, faults.ServerOptions(natsserver.Options{Accounts: users(ann)}))
}

func TestInjectedError(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		reported := make(chan error, 1)
		nc := connect(b, "client", api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { reported <- err }))
		b.Inject(`at 30m link(client, s1) inject("-ERR 'Out Of Coffee'\r\n", in)`)
		if err := receive(b, reported); !errors.Is(err, api.ErrServer) {
			b.T.Errorf("reported as %v", err)
		}
		must(b.T, nc.FlushTimeout(time.Minute))
	})
}

func TestAServerThatLies(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		liar := fakeserver.Run(b.T, fakeserver.Options{DontListen: true})
		b.Attach("liar", liar)
		deaf := liar.Control(protocol.OpSub, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
			return fakeserver.Drop() // it accepts subscriptions, and ignores them
		})
		nc, err := api.Connect(b.URL("liar"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")))
		must(b.T, err)
		defer nc.Close()
		_, err = nc.Subscribe("orders", func(*api.Msg) {})
		must(b.T, err)
		must(b.T, nc.Flush())
		if known := liar.Client(1).Subscriptions(); deaf.Hits() != 1 || len(known) != 0 {
			b.T.Errorf("the server knows of %v", known)
		}
	}, faults.NoServer())
}

func TestPanicOfAnActor(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := connect(b, "client")
		got := make(chan string, 9)
		_, err := nc.Subscribe("orders", func(m *api.Msg) { got <- string(m.Data) })
		must(b.T, err)
		for _, kind := range []string{"dispatcher", "reader", "writer", "heartbeat"} {
			run := b.Inject(fmt.Sprintf("when index(1) actor(%s) panic", kind))
			must(b.T, nc.Publish("orders", []byte("lost, maybe")))
			time.Sleep(30 * time.Minute) // each of them has something to do in that time
			must(b.T, nc.Publish("orders", []byte("after the panic of the "+kind)))
			for receive(b, got) != "after the panic of the "+kind {
			}
			if run.Hits()[0] != 1 {
				b.T.Errorf("the %s did not panic", kind)
			}
		}
	})
}

// space is what may go wrong in a random plan.
func space() plan.Space {
	return plan.Space{
		Links:   []plan.Target{plan.Link("client", "s1")},
		Servers: []string{"s1"},
		Actors:  []string{"reader", "dispatcher", "heartbeat"},
		Kinds: []plan.Kind{plan.Latency, plan.Slice, plan.Blackhole, plan.HalfOpen, plan.Refuse, plan.Reset, plan.Fin,
			plan.Kill, plan.Restart, plan.Pause, plan.Panic},
		Length: 10 * time.Minute,
	}
}

// play plays a plan on a client that publishes and subscribes, and returns what broke.
func play(t *testing.T, p plan.Plan, options ...api.Option) (broken error) {
	faults.Bubble(t, func(b *faults.Env) {
		h := check.New(time.Now, check.Options{Minimum: 600})
		shop, till := h.Publisher("shop", "orders"), h.Subscription("till", "orders", check.AtMostOnce)
		nc := connect(b, "client", append(options, api.DisconnectErrHandler(func(*api.Conn, error) { shop.NewConnection() }))...)
		_, err := nc.Subscribe("orders", func(m *api.Msg) { till.Delivered(m.Data) })
		must(b.T, err)

		run, err := b.Play(p)
		must(b.T, err)
		const pause = 997 * time.Millisecond // never at the moment at which a timer of the client ends
		for range 600 {                      // ten minutes
			publish(nc, shop)
			time.Sleep(pause)
		}
		run.Stop() // the server can be reached, so from now on there has to be progress
		h.Healed()
		till.Pending()
		for range 30 {
			publish(nc, shop)
			time.Sleep(pause)
		}
		broken = h.Check()
	})
	return broken
}

// publish publishes one value, and says what became of the call.
func publish(nc *api.Conn, shop *check.Publisher) {
	o := shop.Publish(time.Second)
	if err := nc.Publish("orders", o.Payload(64)); err != nil {
		o.Rejected(err)
		return
	}
	o.Accepted()
}

// seeds is how many random plans are played: few for each change, many at night.
var seeds = flag.Uint64("seeds", 5, "how many random plans are played")

func TestRandomPlans(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			p := plan.Random(seed, space())
			if err := play(t, p); err != nil {
				small := plan.Shrink(p, func(p plan.Plan) bool { return play(t, p) != nil })
				t.Errorf("%v; it takes no more than:\n%s", err, small)
			}
		})
	}
}

func TestShrinkAFailure(t *testing.T) {
	fragile := func(p plan.Plan) bool { return play(t, p, api.NoReconnect()) != nil }
	p := plan.Random(3, space()) // seven rules
	small := plan.Shrink(p, fragile)
	if !fragile(small) || len(small.Rules) != 1 {
		t.Errorf("%s\nshrinks to\n%s", p, small)
	}
}

func TestKeptPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/plans/*.txt")
	if must(t, err); len(files) == 0 {
		t.Fatal("no plans are kept")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		p, err := plan.Parse(string(text))
		must(t, err)
		if err := play(t, p); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
