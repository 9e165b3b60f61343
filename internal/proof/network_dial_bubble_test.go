package proof_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// desk dials as a script says, and writes down each dial.
type desk struct {
	history *check.History
	answer  func(address string) (net.Conn, error)

	mu     sync.Mutex
	dialed []string
}

// Dial does what the script says.
func (d *desk) Dial(_, address string) (net.Conn, error) {
	d.mu.Lock()
	d.dialed = append(d.dialed, address)
	d.mu.Unlock()
	call := d.history.Begin(check.Dial, "c", 0)
	conn, err := d.answer(address)
	call.End(err)
	return conn, err
}

// opError is an error of dialing, as the system's comes.
func opError(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

// TestN15DialsThatFail, for every reason: the errors of all attempts come together, each
// with its address and phase; G11: they are typed. G14: one at a time.
func TestN15DialsThatFail(t *testing.T) {
	reasons := []struct {
		host     string
		err      error
		category api.Category
	}{
		{"refused", opError(os.NewSyscallError("connect", syscall.ECONNREFUSED)), api.CategoryConnection},
		{"unknown", opError(&net.DNSError{Err: "no such host", Name: "unknown", IsNotFound: true}), api.CategoryConnection},
		{"slow-dns", opError(&net.DNSError{Err: "i/o timeout", Name: "slow-dns", IsTimeout: true}), api.CategoryTimeout},
		{"no-files", opError(os.NewSyscallError("socket", syscall.EMFILE)), api.CategoryConnection},
		{"no-ports", opError(os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)), api.CategoryConnection},
		{"no-route", opError(os.NewSyscallError("connect", syscall.ENETUNREACH)), api.CategoryConnection},
		{"late", opError(os.ErrDeadlineExceeded), api.CategoryTimeout},
	}
	synctest.Test(t, func(t *testing.T) {
		var hosts []string
		answers := map[string]error{}
		for _, r := range reasons {
			hosts = append(hosts, r.host)
			answers[net.JoinHostPort(r.host, "4222")] = r.err
		}
		d := &desk{history: check.New(time.Now, check.Options{Typed: typed}), answer: func(address string) (net.Conn, error) { return nil, answers[address] }}
		_, err := api.Connect(strings.Join(hosts, ","), api.SetCustomDialer(d), api.SkipHostLookup(), api.DontRandomize(), system())
		kinds(t, err, api.ErrNoServers)
		none := as[*api.NoServersError](t, err)
		if len(none.Attempts) != len(reasons) {
			t.Fatalf("%d attempts: %v", len(none.Attempts), err)
		}
		for i, r := range reasons {
			attempt := none.Attempts[i]
			dial := as[*api.DialError](t, attempt.Err)
			if dial.Phase != "dial" || !strings.Contains(dial.URL, r.host) || attempt.URL != dial.URL || attempt.At.IsZero() {
				t.Errorf("%s: %+v", r.host, attempt)
			}
			if kinds(t, err, r.err); !errors.Is(attempt.Err, r.err) || api.CategoryOf(attempt.Err) != r.category || api.MaybeSent(attempt.Err) {
				t.Errorf("%s: %v is %v", r.host, attempt.Err, api.CategoryOf(attempt.Err))
			}
		}
		if err := d.history.Validate(check.G11, check.G14); err != nil {
			t.Error(err)
		}
	})
}

// TestN15Blackhole: a dial that never returns costs the time of an attempt and not more.
// G14: what comes of it later is closed, and while it hangs no second one is begun for
// the same server.
func TestN15Blackhole(t *testing.T) {
	kit(t, func(b *faults.Env) {
		t := b.T
		real := b.Dialer("c")
		late := make(chan net.Conn, 10)
		d := &desk{history: check.New(time.Now, check.Options{})}
		d.answer = func(address string) (net.Conn, error) {
			if strings.HasPrefix(address, "hole:") {
				time.Sleep(time.Hour)
				ours, theirs := net.Pipe()
				late <- theirs
				return ours, nil
			}
			return real.Dial("tcp", "s1:4222")
		}
		options := entry(b, "c", api.SetCustomDialer(d), api.SkipHostLookup(), api.DontRandomize(), api.Timeout(3*time.Second))
		took(t, 3*time.Second, "an attempt", func() {
			_, err := api.Connect("hole", options...)
			kinds(t, err, api.ErrNoServers)
			if dial := as[*api.DialError](t, err); dial.Phase != "dial" || api.CategoryOf(err) != api.CategoryTimeout {
				t.Errorf("%v in %s", err, dial.Phase)
			}
		})
		took(t, 3*time.Second, "two attempts", func() {
			nc := must.Get(api.Connect("hole,real", options...))(t)
			must.Do(t, nc.Flush())
			nc.Close()
		})
		for range 2 {
			if _, err := (<-late).Read(make([]byte, 1)); err == nil {
				t.Error("a connection that came too late is open")
			}
		}
	})
}

// TestN16Greetings that do not come, come byte by byte, or stop half way. The time for an
// attempt is kept exactly. G11: the error is a timeout, and says in which phase.
func TestN16Greetings(t *testing.T) {
	for name, c := range map[string]struct{ rule, phase string }{
		"silence":                  {"blackhole(in)", "info"},
		"INFO at a byte a second":  {"bandwidth(1, in)", "info"},
		"half an INFO":             {"when bytes(100) blackhole(in)", "info"},
		"no PONG":                  {"when op(PONG) drop(in)", "connect"},
		"our CONNECT gets nowhere": {"blackhole(out)", "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				inject(b, "c", c.rule)
				took(b.T, 7*time.Second, "the attempt", func() {
					_, err := api.Connect(b.URL("s1"), entry(b, "c", api.Timeout(7*time.Second))...)
					kinds(b.T, err, api.ErrNoServers, os.ErrDeadlineExceeded)
					if dial := as[*api.DialError](b.T, err); dial.Phase != c.phase || api.CategoryOf(err) != api.CategoryTimeout {
						b.T.Errorf("%v, in %s, of category %v", err, dial.Phase, api.CategoryOf(err))
					}
				})
			})
		})
	}
}

// TestN18Flapping: the connection is lost again and again, d after it came. G14: the
// pauses between attempts stay, as nothing was stable; G8: once it is stable all works,
// with the subscriptions.
func TestN18Flapping(t *testing.T) {
	const wait = time.Second
	for _, d := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond} {
		kit(t, func(b *faults.Env) {
			t := b.T
			tr := depart(b, watching(b), "t", check.Options{})
			tr.link.Clear()
			dialed := &notes[time.Time]{}
			var calm atomic.Bool
			desk := &desk{history: check.New(time.Now, check.Options{}), answer: func(address string) (net.Conn, error) {
				dialed.add(time.Now())
				return b.Dialer("c").Dial("tcp", address)
			}}
			must.Do(t, tr.connect(api.SetCustomDialer(desk), api.ReconnectWait(wait), api.OnEvent(func(e api.Event) {
				tr.events.add(e)
				if e.Kind == api.LinkRestored && !calm.Load() {
					_, _ = tr.link.Inject(fmt.Sprintf("at %v reset", d))
				}
			})))
			tr.subscribe()
			time.Sleep(5 * time.Minute) // for hundreds of pauses: their mean is close to what is expected
			all := dialed.read()
			const first = 8 // dials until the pauses have grown
			if len(all) < 20 {
				t.Fatalf("lost %v after it came: %d dials", d, len(all))
			}
			// A pause is a random part of the wait, half of it on average.
			mean := all[len(all)-1].Sub(all[first]) / time.Duration(len(all)-1-first)
			if mean < wait*2/5 || mean > d+wait*3/5 {
				t.Errorf("lost %v after it came: %v between two dials", d, mean)
			}
			if err := desk.history.Validate(check.G14); err != nil {
				t.Error(err)
			}
			calm.Store(true)
			tr.link.Clear()
			time.Sleep(30 * time.Second)
			tr.arrive("flapping", check.G2)
		})
	}
}

// TestN19OnlySome servers can be reached: every subset of up to five, the others refuse,
// or take a connection and say nothing. G8: the good ones are found, whatever their
// place, also when the one in use goes; G14: one dial at a time. Without any the error
// lists all of them.
func TestN19OnlySome(t *testing.T) {
	most := sized(5, 5, 3)
	for n := 1; n <= most; n++ {
		faults.Bubble(t, func(b *faults.Env) {
			s := natsserver.Run(b.T, natsserver.Options{DontListen: true})
			for subset := range 1 << n {
				for _, silent := range []bool{false, true} {
					onlySome(b, s, some{n: n, good: subset, silent: silent})
				}
			}
		}, faults.NoServer())
	}
}

// some is n servers of which the good ones can be reached.
type some struct {
	n, good int // good has a bit for each
	silent  bool
}

func (c some) isGood(i int) bool { return c.good>>i&1 == 1 }

func onlySome(b *faults.Env, s *natsserver.Server, c some) {
	t := b.T
	const limit = time.Second
	var hosts []string
	d := &desk{history: check.New(time.Now, check.Options{})}
	d.answer = func(address string) (net.Conn, error) {
		for i, host := range hosts {
			switch {
			case address != host+":4222":
			case c.isGood(i):
				return s.InProcessConn()
			case c.silent:
				ours, _ := net.Pipe()
				return ours, nil
			}
		}
		return nil, opError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	for i := range c.n {
		hosts = append(hosts, "h"+numeral(i))
	}
	options := []api.Option{api.System(b.System), api.SetCustomDialer(d), api.SkipHostLookup(), api.DontRandomize(), api.Timeout(limit),
		api.MaxReconnects(-1), api.ReconnectWait(100 * time.Millisecond), api.ReconnectJitter(0, 0)}
	events := newTape()
	began := time.Now()
	nc, err := api.Connect(strings.Join(hosts, ","), append(options, events.option())...)
	if c.good == 0 {
		if kinds(t, err, api.ErrNoServers); len(as[*api.NoServersError](t, err).Attempts) != c.n {
			t.Errorf("%+v: %v", c, err)
		}
		return
	}
	must.Do(t, err)
	defer nc.Close()
	if took := time.Since(began); took > time.Duration(c.n)*limit {
		t.Errorf("%+v: connected after %v", c, took)
	}
	events.await(t, api.LinkRestored, 1)
	for n := range 3 { // the one in use goes, whichever it is
		must.Do(t, nc.ForceReconnect())
		began := time.Now()
		events.await(t, api.LinkRestored, n+2)
		if took := time.Since(began); took > time.Duration(c.n)*(limit+200*time.Millisecond) {
			t.Errorf("%+v: connected again after %v", c, took)
		}
		must.Do(t, nc.Flush())
	}
	if err := d.history.Validate(check.G14); err != nil {
		t.Errorf("%+v: %v", c, err)
	}
}

// TestN19AdvertisedInVain: the server tells of others, none of which can be reached. G8:
// it is found again when it was lost.
func TestN19AdvertisedInVain(t *testing.T) {
	info := fakeserver.DefaultInfo()
	for i := range 10 {
		info.ConnectURLs = append(info.ConnectURLs, fmt.Sprintf("10.77.0.%d:4222", i))
	}
	onFake(t, fakeserver.Options{Info: info}, func(b *faults.Env, s *fakeserver.Server) {
		events := newTape()
		nc := enter(b, "c", events.option(), api.Timeout(time.Second))
		if n := len(nc.DiscoveredServers()); n != 10 {
			b.T.Errorf("%d servers were discovered", n)
		}
		for i := range 5 {
			s.Client(s.Accepted()).Reset()
			events.await(b.T, api.LinkRestored, i+2)
			must.Do(b.T, nc.Flush())
		}
	})
}
