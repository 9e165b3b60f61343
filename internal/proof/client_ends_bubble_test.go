package proof_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// racers are the activities while a connection is closed. None may hang, whatever comes first,
// and none may bring the connection back.
var racers = []func(nc *api.Conn, sub *api.Subscription){
	func(nc *api.Conn, _ *api.Subscription) { nc.Close() },
	func(nc *api.Conn, _ *api.Subscription) { nc.Close() },
	func(nc *api.Conn, _ *api.Subscription) { _, _ = nc.CloseContext(context.Background()) },
	func(nc *api.Conn, _ *api.Subscription) { _ = nc.Publish("self", []byte("close")) }, // in the handler
	func(nc *api.Conn, _ *api.Subscription) { _ = nc.Publish("self", nil) },
	func(nc *api.Conn, _ *api.Subscription) { _ = nc.Drain() },
	func(nc *api.Conn, _ *api.Subscription) { _, _ = nc.DrainContext(context.Background()) },
	func(nc *api.Conn, _ *api.Subscription) { _ = nc.Flush() },
	func(nc *api.Conn, _ *api.Subscription) { _ = nc.ForceReconnect() },
	func(nc *api.Conn, _ *api.Subscription) { _, _ = nc.Request("self", nil, time.Second) },
	func(nc *api.Conn, _ *api.Subscription) { _, _ = nc.Subscribe("more", func(*api.Msg) {}) },
	func(_ *api.Conn, sub *api.Subscription) { _ = sub.Unsubscribe() },
	func(_ *api.Conn, sub *api.Subscription) { _ = sub.Drain() },
	func(nc *api.Conn, _ *api.Subscription) {
		if ref, err := nc.Spawn(doing(func(c *api.ActorContext, _ any) { c.Conn().Close() })); err == nil {
			_ = ref.Send(nil)
		}
	},
	func(nc *api.Conn, _ *api.Subscription) { _ = nc.Rotate(context.Background()) },
}

// TestC11CloseRacesEverything: a few of the racers at a time, in every order, each begun
// after a number of turns of the scheduler. G13: all return, and Close again does; G10:
// nothing is left of any of them.
func TestC11CloseRacesEverything(t *testing.T) {
	count := sized(10_000, 10_000, 500)
	kit(t, func(b *faults.Env) {
		before := b.System.Actors()
		for seed := range count {
			race(b, rand.New(rand.NewPCG(11, uint64(seed))))
			if left := b.System.Actors() - before; left > 0 {
				b.T.Fatalf("seed %d leaves %d actors", seed, left)
			}
		}
	})
}

func race(b *faults.Env, dice *rand.Rand) {
	nc := enterOnce(b)
	sub := must.Get(nc.Subscribe("self", func(m *api.Msg) {
		if string(m.Data) == "close" {
			nc.Close()
		}
		_ = m.Respond(nil)
	}))(b.T)
	var all sync.WaitGroup
	for range 2 + dice.IntN(4) {
		act, turns := racers[dice.IntN(len(racers))], dice.IntN(20)
		all.Go(func() {
			for range turns {
				runtime.Gosched()
			}
			act(nc, sub)
		})
	}
	for range dice.IntN(40) {
		runtime.Gosched()
	}
	nc.Close()
	all.Wait()
	nc.Close()
	if !nc.IsClosed() || sub.IsValid() {
		b.T.Errorf("closed %v, subscription valid %v", nc.IsClosed(), sub.IsValid())
	}
}

// enterOnce connects without leaving a cleanup behind.
func enterOnce(b *faults.Env, options ...api.Option) *api.Conn {
	b.T.Helper()
	return must.Get(api.Connect(b.URL("s1"), entry(b, "client", options...)...))(b.T)
}

// TestC12DrainWaitsForAHandler that takes its time, to the end of it and no longer; what
// had come is handled, what it says in the last moment leaves (B07).
func TestC12DrainWaitsForAHandler(t *testing.T) {
	kit(t, func(b *faults.Env) {
		nc, other := enter(b, "client"), enter(b, "other")
		var said, got notes[string]
		must.Get(other.Subscribe("said", texts(&said)))(b.T)
		must.Do(b.T, other.Flush())
		must.Get(nc.Subscribe("a", func(m *api.Msg) {
			time.Sleep(time.Second)
			got.add(string(m.Data))
			must.Do(b.T, nc.Publish("said", m.Data))
		}))(b.T)
		sync := must.Get(nc.SubscribeSync("sync"))(b.T)
		for _, n := range numbers(5) {
			must.Do(b.T, nc.Publish("a", []byte(n)))
		}
		must.Do(b.T, nc.Publish("sync", []byte("last")))
		must.Do(b.T, nc.Flush())
		took := make(chan error, 1)
		time.AfterFunc(7*time.Second, func() { // one who takes messages himself, and late
			_, err := sync.NextMsg(time.Minute)
			took <- err
		})
		began := time.Now()
		report, err := nc.DrainContext(must.Within(b.T, patience))
		if passed := time.Since(began); err != nil || passed != 7*time.Second || <-took != nil {
			b.T.Errorf("%+v, %v after %v", report, err, passed)
		}
		must.Do(b.T, other.Flush())
		synctest.Wait()
		for who, n := range map[string]*notes[string]{"the handler": &got, "the other": &said} {
			if diff := gocmp.Diff(numbers(5), n.read()); diff != "" {
				b.T.Errorf("%s got: want -, got +:\n%s", who, diff)
			}
		}
	})
}

// TestC12DrainWhileReconnecting says at once that there is no server, and leaves the connection,
// and what waits on it, as it was (B06): after the reconnect all of it is sent.
func TestC12DrainWhileReconnecting(t *testing.T) {
	kit(t, func(b *faults.Env) {
		nc, other := enter(b, "client"), enter(b, "other")
		var got notes[string]
		must.Get(other.Subscribe("a", texts(&got)))(b.T)
		settled(b.T, other, time.Second)
		b.Inject("for 30s link(client, s1) refuse\nlink(client, s1) reset")
		synctest.Wait()
		for _, n := range numbers(10) {
			must.Do(b.T, nc.Publish("a", []byte(n)))
		}
		began := time.Now()
		_, inContext := nc.DrainContext(must.Within(b.T, patience))
		for _, err := range []error{inContext, nc.Drain()} {
			kinds(b.T, err, api.ErrConnectionReconnecting)
			if !api.Retryable(err) || nc.IsClosed() || time.Since(began) > 0 {
				b.T.Errorf("%v after %v, closed: %v", err, time.Since(began), nc.IsClosed())
			}
		}
		settled(b.T, nc, time.Minute)
		report, err := nc.DrainContext(must.Within(b.T, patience))
		if err != nil || report.UnsentBytes > 0 {
			b.T.Errorf("%+v, %v", report, err)
		}
		if diff := gocmp.Diff(numbers(10), got.read()); diff != "" {
			b.T.Errorf("the other got: want -, got +:\n%s", diff)
		}
	})
}

// TestC12TheLinkIsLostInADrain, with its first flush on the way: it waits for the reconnect,
// then what waits leaves. If there is none by its deadline, it says what it had to leave.
func TestC12TheLinkIsLostInADrain(t *testing.T) {
	for _, c := range []struct {
		outage, patience time.Duration
		want             error
	}{{5 * time.Second, 30 * time.Second, nil}, {time.Hour, 10 * time.Second, api.ErrDrainTimeout}} {
		t.Run(c.outage.String(), func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				reports, option := troubles()
				nc, other := enter(b, "client", option, api.DrainTimeout(c.patience)), enter(b, "other")
				var got notes[string]
				must.Get(other.Subscribe("said", texts(&got)))(b.T)
				settled(b.T, other, time.Second)
				must.Get(nc.Subscribe("a", func(m *api.Msg) {
					time.Sleep(time.Second)
					_ = nc.Publish("said", m.Data)
				}))(b.T)
				for _, n := range numbers(3) {
					must.Do(b.T, nc.Publish("a", []byte(n)))
				}
				must.Do(b.T, nc.Flush())
				began := time.Now()
				ended := make(chan time.Duration, 1)
				nc.SetClosedHandler(func(*api.Conn) { ended <- time.Since(began) })
				b.Inject("for 1s link(client, s1) latency(400ms)")
				must.Do(b.T, nc.Drain())
				time.Sleep(500 * time.Millisecond)
				run := b.Inject("link(client, s1) refuse") // before it can be dialled again
				b.Inject("link(client, s1) reset")
				time.AfterFunc(c.outage, run.Stop)
				took := <-ended
				synctest.Wait()
				if c.want != nil {
					if took != c.patience || nc.Status() != api.CLOSED {
						b.T.Errorf("%v after %v", nc.Status(), took)
					}
					drained := as[*api.DrainTimeoutError](b.T, firstOf(reports.read(), c.want))
					kinds(b.T, drained, api.ErrTimeout)
					return
				}
				if took < c.outage || took > c.outage+10*time.Second || firstOf(reports.read(), api.ErrDrainTimeout) != nil {
					b.T.Errorf("ended after %v: %v", took, reports.read())
				}
				must.Do(b.T, other.Flush())
				synctest.Wait()
				if diff := gocmp.Diff(numbers(3), got.read()); diff != "" {
					b.T.Errorf("the other got: want -, got +:\n%s", diff)
				}
			})
		})
	}
}

// firstOf returns the first error of a kind, nil if there is none.
func firstOf(all []error, kind error) error {
	for _, err := range all {
		if errors.Is(err, kind) {
			return err
		}
	}
	return nil
}

// TestC12DrainInALameDuck: the server is about to leave, and so are we: what had come is
// handled and what was said is heard before the server cuts.
func TestC12DrainInALameDuck(t *testing.T) {
	kit(t, func(b *faults.Env) {
		reports, option := troubles()
		told := make(chan struct{}, 1)
		other := enter(b, "other", api.StayOnLameDuck())
		nc := enter(b, "client", option, api.LameDuckModeHandler(func(*api.Conn) { told <- struct{}{} }))
		var got notes[string]
		must.Get(other.Subscribe("said", texts(&got)))(b.T)
		must.Do(b.T, other.Flush())
		must.Get(nc.Subscribe("a", func(m *api.Msg) {
			time.Sleep(time.Second)
			_ = nc.Publish("said", m.Data)
		}))(b.T)
		for _, n := range numbers(3) {
			must.Do(b.T, nc.Publish("a", []byte(n)))
		}
		must.Do(b.T, nc.Flush())
		b.Inject("for 1m server(s1) lameduck")
		<-told
		began := time.Now()
		report, err := nc.DrainContext(must.Within(b.T, patience))
		if took := time.Since(began); err != nil || took > 4*time.Second || report.UnsentBytes > 0 {
			b.T.Errorf("%+v, %v after %v", report, err, took)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := gocmp.Diff(numbers(3), got.read()); diff != "" || len(reports.read()) > 0 {
			b.T.Errorf("%v; the other got: want -, got +:\n%s", reports.read(), diff)
		}
	}, coreOnly(natsserver.Options{LameDuck: 10 * time.Second, LameDuckGrace: 10 * time.Second}))
}
