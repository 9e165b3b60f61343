package api_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestTheProgramChoosesTheServer and the exact moment; the callback gets what the connection
// knows, and may use the connection.
func TestTheProgramChoosesTheServer(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		f := newFleet(t, "a", "b", "c")
		var nc *api.Conn
		asked := make(chan time.Time, 10)
		nc = f.connect(t, "a,b,c", api.ReconnectToServer(func(pool []api.Server, info api.ServerInfo) (*api.Server, time.Duration) {
			asked <- time.Now()
			if len(pool) != 3 || info.ID == "" || info.MaxPayload == 0 || !info.Headers {
				t.Errorf("asked with %v, %+v", pool, info)
			}
			if len(nc.ServerPool()) != 3 || nc.IsConnected() {
				t.Errorf("the connection has %v and is %v", nc.ServerPool(), nc.Status())
			}
			pool[1].URL.Host = "mine:1" // a copy
			return &pool[2], 3 * time.Second
		}))
		defer nc.Close()
		if host(nc) != "a" || len(asked) != 0 {
			t.Errorf("connected to %s, asked %d times", host(nc), len(asked))
		}
		f.times()
		f.cut()
		settle(t, nc, 4*time.Second)
		if host(nc) != "c" {
			t.Errorf("went to %s", host(nc))
		}
		if at := f.times(); len(at) != 1 || at[0].Sub(<-asked) != 3*time.Second {
			t.Errorf("dialed %v", at)
		}
	})
}

// TestBadChoosersDoNoHarm: whatever the callbacks do, the connection recovers by itself and
// reports the error.
func TestBadChoosersDoNoHarm(t *testing.T) {
	release := make(chan struct{})
	defer func() { close(release) }()
	type choose = func([]api.Server) (*api.Server, time.Duration)
	for name, c := range map[string]struct {
		choose choose
		kind   error // of what the ReconnectErrHandler gets; nil for nothing
	}{
		"panic":          {func([]api.Server) (*api.Server, time.Duration) { panic("boom") }, api.ErrHandlerPanic},
		"goexit":         {func([]api.Server) (*api.Server, time.Duration) { runtime.Goexit(); return nil, 0 }, api.ErrHandlerExit},
		"block":          {nil, api.ErrTimeout},
		"foreign":        {func([]api.Server) (*api.Server, time.Duration) { return &api.Server{URL: &url.URL{Host: "x"}}, 0 }, api.ErrServerNotInPool},
		"no address":     {func([]api.Server) (*api.Server, time.Duration) { return &api.Server{}, 0 }, api.ErrServerNotInPool},
		"nobody":         {func([]api.Server) (*api.Server, time.Duration) { return nil, time.Hour }, nil},
		"negative delay": {func(p []api.Server) (*api.Server, time.Duration) { return &p[0], -time.Hour }, nil},
		"no delay":       {func(p []api.Server) (*api.Server, time.Duration) { return &p[0], 0 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				f := newFleet(t, "a", "b")
				block := make(chan struct{})
				failed := make(chan error, 100)
				nc := f.connect(t, "a,b", api.ReconnectErrHandler(func(_ *api.Conn, err error) { failed <- err }),
					api.ReconnectToServer(func(pool []api.Server, _ api.ServerInfo) (*api.Server, time.Duration) {
						if c.choose == nil {
							<-block
							return nil, 0
						}
						return c.choose(pool)
					}))
				for range 3 { // a blocked one is not called again
					f.cut()
					settle(t, nc, 10*time.Second)
				}
				nc.Close()
				close(block)
				synctest.Wait()
				if c.kind == nil {
					if len(failed) > 0 {
						t.Errorf("reported %v", <-failed)
					}
					return
				}
				var bad *api.CallbackError
				err := <-failed
				if kinds(t, err, c.kind, api.ErrCallbackFailed); !errors.As(err, &bad) || bad.Option != "ReconnectToServerCB" {
					t.Errorf("reported %v", err)
				}
			})
		})
	}
}

// TestTheChooserCannotHammer: a dead server that is always chosen without a pause is dialed
// no more often than the process-wide limit allows.
func TestTheChooserCannotHammer(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		f := newFleet(t, "a")
		nc := f.connect(t, "a", api.NeverGiveUp(), api.ReconnectToServer(func(pool []api.Server, _ api.ServerInfo) (*api.Server, time.Duration) {
			return &pool[0], 0
		}))
		f.count()
		f.away()
		time.Sleep(10 * time.Second)
		if n := f.count()["a"]; n < 500 || n > 1101 {
			t.Errorf("%d dials in ten seconds", n)
		}
		nc.Close()
	})
}

// TestCallbacksMayClose the connection that calls them.
func TestCallbacksMayClose(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		f := newFleet(t, "a")
		var nc *api.Conn
		over := make(chan struct{})
		nc = f.connect(t, "a", api.ClosedHandler(func(*api.Conn) { close(over) }),
			api.ReconnectToServer(func(pool []api.Server, _ api.ServerInfo) (*api.Server, time.Duration) {
				must.Do(t, nc.SetServerPool([]string{"b"}))
				nc.Close()
				return &pool[0], 0
			}))
		f.cut()
		<-over
	})
}

// TestCustomDelays come before each pass but the first, with its number.
func TestCustomDelays(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		f := newFleet(t, "a", "b")
		var passes []int
		failed := make(chan error, 100)
		nc := f.connect(t, "a,b", api.NeverGiveUp(),
			api.ReconnectErrHandler(func(_ *api.Conn, err error) {
				if errors.Is(err, api.ErrCallbackFailed) {
					failed <- err
				}
			}),
			api.CustomReconnectDelay(func(pass int) time.Duration {
				passes = append(passes, pass)
				switch pass {
				case 4:
					return -time.Hour
				case 5:
					panic("boom")
				default:
					return time.Duration(pass) * 10 * time.Second
				}
			}))
		time.Sleep(6 * time.Second) // otherwise the server would count as flapping
		f.times()
		start := time.Now()
		f.away()
		time.Sleep(63 * time.Second)
		nc.Close()
		var at []time.Duration
		for _, d := range f.times() {
			at = append(at, d.Sub(start).Truncate(time.Second))
		}
		want := []time.Duration{0, 0, 10, 10, 30, 30, 60, 60, 60, 60, 60, 60}
		for i := range want {
			want[i] *= time.Second
		}
		if diff := cmp.Diff(want, at[:min(len(want), len(at))]); diff != "" {
			t.Errorf("dials (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int{1, 2, 3, 4, 5}, passes[:min(5, len(passes))]); diff != "" {
			t.Errorf("passes (-want +got):\n%s", diff)
		}
		if kinds(t, <-failed, api.ErrCallbackFailed, api.ErrHandlerPanic); len(failed) > 0 {
			t.Errorf("also %v", <-failed)
		}
	})
}

// TestSetServerPool replaces the servers and nothing else.
func TestSetServerPool(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		f := newFleet(t, "a", "d")
		nc := f.connect(t, "a,b,c", api.NeverGiveUp(), api.ReconnectWait(time.Second))
		pool := func() map[string]int {
			m := map[string]int{}
			for _, s := range nc.ServerPool() {
				m[s.URL.Hostname()] = s.Reconnects
			}
			return m
		}
		for _, bad := range []struct {
			servers []string
			kind    error
		}{
			{nil, api.ErrInvalidArg}, {[]string{}, api.ErrInvalidArg}, {[]string{"d", "http://e"}, api.ErrInvalidURL},
			{[]string{"d", "nats://user:secret@:99999"}, api.ErrInvalidURL},
		} {
			kinds(t, nc.SetServerPool(bad.servers), bad.kind)
		}
		if diff := cmp.Diff(map[string]int{"a": 0, "b": 0, "c": 0}, pool()); diff != "" {
			t.Errorf("a refused pool changed it: %s", diff)
		}
		f.set("a", nil)
		f.cut()
		time.Sleep(10 * time.Second)
		before := pool()
		if before["a"] == 0 || before["b"] == 0 {
			t.Errorf("counts %v", before)
		}
		must.Do(t, nc.SetServerPool([]string{"c", "e", "b", "c"}))
		if diff := cmp.Diff(map[string]int{"b": before["b"], "c": before["c"], "e": 0}, pool()); diff != "" {
			t.Errorf("pool (-want +got):\n%s", diff)
		}
		f.set("b", f.servers["d:4222"])
		settle(t, nc, 3*time.Second)
		if n := pool()["b"]; n != 0 {
			t.Errorf("%d attempts counted after a success", n)
		}
		id, reconnects := must.Get(nc.GetClientID())(t), nc.Stats().Reconnects
		must.Do(t, nc.SetServerPool([]string{"d"}))
		settle(t, nc, time.Minute)
		if now := must.Get(nc.GetClientID())(t); now != id || nc.Stats().Reconnects != reconnects || host(nc) != "b" {
			t.Errorf("it reconnected: %s", host(nc))
		}
		must.Do(t, nc.ForceReconnect())
		settle(t, nc, time.Second)
		if host(nc) != "d" {
			t.Errorf("it is at %s", host(nc))
		}
		nc.Close()
		kinds(t, nc.SetServerPool([]string{"d"}), api.ErrConnectionClosed)
	})
	var none *api.Conn
	kinds(t, none.SetServerPool([]string{"a"}), api.ErrInvalidConnection)
	if none.ServerPool() != nil {
		t.Error("a pool of no connection")
	}
}

// TestTheOneServerIsFound: whichever of up to four servers can be reached, the connection
// finds it when the longest pause is over, each time.
func TestTheOneServerIsFound(t *testing.T) {
	all := []string{"a", "b", "c", "d"}
	for n := 1; n <= len(all); n++ {
		for good := 1; good < 1<<n; good++ {
			up := slices.DeleteFunc(slices.Clone(all[:n]), func(h string) bool {
				return good&(1<<slices.Index(all, h)) == 0
			})
			natsserver.Bubble(t, func(t *testing.T) { findOneOf(t, all[:n], up) })
		}
	}
}

// findOneOf takes all servers away and brings some of them back.
func findOneOf(t *testing.T, all, up []string) {
	f := newFleet(t, all...)
	server := f.servers["a:4222"]
	nc := f.connect(t, strings.Join(all, ","), api.NeverGiveUp())
	for range 3 {
		f.away()
		time.Sleep(time.Minute)
		for _, h := range up {
			f.set(h, server)
		}
		settle(t, nc, 2200*time.Millisecond) // ReconnectWait and its jitter
		if !slices.Contains(up, host(nc)) {
			t.Errorf("of %v connected to %s", up, host(nc))
		}
	}
}

// TestAttemptsAreCountedAsNatsGoDoes: a server that was lost gets max attempts, one
// that was not connected to gets one more when max is 0.
func TestAttemptsAreCountedAsNatsGoDoes(t *testing.T) {
	for limit, want := range map[int]map[string]int{
		0: {"b": 1},
		1: {"a": 1, "b": 1},
		7: {"a": 7, "b": 7},
	} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				f := newFleet(t, "a", "b")
				over := make(chan struct{})
				nc := f.connect(t, "a,b", api.MaxReconnects(limit), api.ClosedHandler(func(*api.Conn) { close(over) }))
				f.count()
				f.away()
				<-over
				if got := f.count(); !maps.Equal(got, want) {
					t.Errorf("attempts %v, want %v", got, want)
				}
				var none *api.NoServersError
				if kinds(t, nc.LastError(), api.ErrNoServers, errAway); !errors.As(nc.LastError(), &none) || len(none.Attempts) == 0 {
					t.Errorf("closed with %v", nc.LastError())
				}
				for _, a := range none.Attempts {
					if a.URL == "" || a.Err == nil || a.At.IsZero() {
						t.Errorf("attempt %+v", a)
					}
				}
				events := nc.EventLog()
				if i := slices.IndexFunc(events, func(e api.Event) bool { return e.Kind == api.ConnectionClosed }); i < 0 || !errors.Is(events[i].Cause, api.ErrNoServers) {
					t.Error("no event tells of the end")
				}
				kinds(t, nc.Health(), api.ErrUnhealthy)
			})
		})
	}
}

// TestNeverGivingUpLastsADay: then the connection finds the server that has come back.
func TestNeverGivingUpLastsADay(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		f := newFleet(t, "a")
		server := f.servers["a:4222"]
		nc := f.connect(t, "a", api.NeverGiveUp(), api.ReconnectWait(10*time.Second))
		f.count()
		f.away()
		time.Sleep(24 * time.Hour)
		// A pause is at most ReconnectWait and jitter, and half of that on average.
		if n := f.count()["a"]; n < 24*3600/11 || n > 3*24*3600/10 {
			t.Errorf("%d attempts in a day", n)
		}
		if err := nc.Health(); !errors.Is(err, api.ErrUnhealthy) {
			t.Errorf("health %v", err)
		}
		f.set("a", server)
		settle(t, nc, 11*time.Second)
		if nc.Health() != nil {
			t.Error(nc.Health())
		}
		nc.Close()
	})
}

// TestThePaceOfReconnects compares each pause with its bound: none, then up to 100 ms, 200 ms
// and so on up to ReconnectWait and its jitter.
func TestThePaceOfReconnects(t *testing.T) {
	for _, wait := range []time.Duration{0, 30 * time.Millisecond, 2 * time.Second, time.Minute} {
		natsserver.Bubble(t, func(t *testing.T) {
			f := newFleet(t, "a")
			nc := f.connect(t, "a", api.NeverGiveUp(), api.ReconnectWait(wait), api.ReconnectJitter(50*time.Millisecond, time.Hour))
			f.times()
			before := time.Now()
			f.away()
			time.Sleep(5 * time.Minute)
			bound := min(100*time.Millisecond, max(wait, 50*time.Millisecond))
			if wait > 0 {
				bound = min(bound, wait)
			}
			at := f.times()
			if len(at) < 5 || !at[0].Equal(before) {
				t.Fatalf("wait %v: %d attempts, the first after %v", wait, len(at), at[0].Sub(before))
			}
			for i, now := range at[1:] {
				if pause := now.Sub(at[i]); pause > bound {
					t.Errorf("wait %v: pause %d is %v, at most %v", wait, i+1, pause, bound)
				}
				bound = min(2*bound, wait+50*time.Millisecond)
			}
			nc.Close()
		})
	}
}

// TestFlappingServersArePaced: a server that ends each link after a second does not get a new
// one every second forever.
func TestFlappingServersArePaced(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		f := newFleet(t, "a")
		nc := f.connect(t, "a", api.MaxReconnects(3), api.ReconnectWait(time.Minute))
		f.count()
		for range 600 {
			f.cut()
			time.Sleep(time.Second)
		}
		// About one link in 30 s on average, after some quick ones.
		if n := f.count()["a"]; n < 10 || n > 60 {
			t.Errorf("%d links in ten minutes", n)
		}
		if nc.IsClosed() {
			t.Error("given up, though every attempt was successful")
		}
		settle(t, nc, 3*time.Minute) // and it calms down
		time.Sleep(6 * time.Second)
		f.count()
		f.cut()
		settle(t, nc, time.Millisecond) // at once
		nc.Close()
	})
}

// TestAboutTheServer: methods return what the INFO of the server in use says.
func TestAboutTheServer(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true, JetStream: true})
		nc := dial(t, s, inBubble(s)...)
		flushed(t, nc)
		synctest.Wait() // the link has seen the INFO behind CONNECT
		on, level := nc.ConnectedServerJetStream()
		if !on || level < 1 || nc.RemoteAccount() != "$G" || nc.IsSystemAccount() || nc.ConnectedDomain() != "" {
			t.Errorf("JetStream %v %d, account %q, domain %q", on, level, nc.RemoteAccount(), nc.ConnectedDomain())
		}
		must.Do(t, nc.ForceReconnect())
		time.Sleep(time.Second)
		if nc.RemoteAccount() != "$G" {
			t.Errorf("account %q after a reconnect", nc.RemoteAccount())
		}
		nc.Close()
		if on, level := nc.ConnectedServerJetStream(); on || level != 0 || nc.RemoteAccount() != "" {
			t.Error("it knows the server of a closed connection")
		}
	})
	var none *api.Conn
	if on, _ := none.ConnectedServerJetStream(); on || none.RemoteAccount() != "" || none.IsSystemAccount() || none.ConnectedDomain() != "" {
		t.Error("it knows the server of no connection")
	}
}

// TestThePauseHasNoEnd and is not taken for none.
func TestThePauseHasNoEnd(t *testing.T) {
	attempts := new(atomic.Int32)
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		s.Kill()
		time.Sleep(time.Hour)
		if n := attempts.Load(); n == 0 || n > 100 {
			t.Errorf("%d attempts in an hour", n)
		}
	}, api.MaxReconnects(-1), api.ReconnectWait(math.MaxInt64), api.ReconnectErrHandler(func(*api.Conn, error) { attempts.Add(1) }))
}
