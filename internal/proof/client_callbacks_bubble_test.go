package proof_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// mischief decides what a callback does at each call: once it is armed it misbehaves a
// number of times, then no more.
type mischief struct {
	do    func(hold <-chan struct{}) // nil for a result that makes no sense
	hold  chan struct{}              // closed at the end of the test
	armed atomic.Int32               // misdeeds left
}

// strikes does it, and reports whether the result is to make no sense.
func (m *mischief) strikes() (nonsense bool) {
	if m.armed.Add(-1) < 0 {
		return false
	}
	if m.do == nil {
		return true
	}
	m.do(m.hold)
	return false
}

var mischiefs = map[string]func(hold <-chan struct{}){
	"panics":   func(<-chan struct{}) { panic("boom") },
	"exits":    func(<-chan struct{}) { runtime.Goexit() },
	"blocks":   func(hold <-chan struct{}) { <-hold },
	"nonsense": nil,
}

// dialing is a dialer of the user's in front of the bubble's.
type dialing struct {
	m      *mischief
	dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
}

func (d *dialing) Dial(network, address string) (net.Conn, error) {
	if d.m.strikes() {
		return nil, nil
	}
	return d.dialer.DialContext(context.Background(), network, address)
}

// userCallbacks are those that an attempt to reconnect waits for.
var userCallbacks = map[string]func(b *faults.Env, m *mischief) api.Option{
	"token": func(_ *faults.Env, m *mischief) api.Option {
		return api.TokenHandler(func() string {
			if m.strikes() {
				return "no idea"
			}
			return "secret"
		})
	},
	"dialer": func(b *faults.Env, m *mischief) api.Option {
		return api.SetCustomDialer(&dialing{m, b.Dialer("client")})
	},
	"delay": func(_ *faults.Env, m *mischief) api.Option {
		return api.CustomReconnectDelay(func(int) time.Duration {
			if m.strikes() {
				return -time.Hour
			}
			return 100 * time.Millisecond
		})
	},
	"chooser": func(_ *faults.Env, m *mischief) api.Option {
		return api.ReconnectToServer(func(pool []api.Server, _ api.ServerInfo) (*api.Server, time.Duration) {
			if m.strikes() {
				return &api.Server{URL: &url.URL{Scheme: "nats", Host: "nowhere:1"}}, time.Hour
			}
			return nil, 0
		})
	},
}

// TestC09UserCallbacks: what an attempt to connect asks the user panics, ends its
// goroutine, blocks for ever, or returns nonsense, once or several times. G2 and G8: no
// attempt takes longer than its budget, and the connection comes back; G11: the failure is
// told with a type; G12: nothing else notices; G10: nothing is left when the one that
// blocked returns at last.
func TestC09UserCallbacks(t *testing.T) {
	for callback, option := range userCallbacks {
		for misdeed, do := range mischiefs {
			t.Run(callback+"/"+misdeed, func(t *testing.T) {
				faults.Bubble(t, func(b *faults.Env) {
					m := &mischief{do: do, hold: make(chan struct{})}
					defer close(m.hold)
					reports := &notes[error]{}
					nc := enter(b, "client", api.Token("secret"), func(o *api.Options) error {
						if callback == "token" {
							o.Token = ""
						}
						return nil
					}, option(b, m), api.ReconnectErrHandler(func(_ *api.Conn, err error) { reports.add(err) }))
					times := int32(3)
					if callback == "token" && misdeed == "nonsense" {
						times = 1 // the same refusal twice ends the connection, as it should
					}
					m.armed.Store(times)
					b.Inject("for 3s refuse\nlink(client, s1) reset") // so that several are asked for
					settled(b.T, nc, time.Minute)
					if left := m.armed.Load(); left > times-1 {
						b.T.Errorf("nobody has asked")
					}
					checkMisdeed(b.T, callback, misdeed, reports.read())
					if nc.Stats().Reconnects != 1 {
						b.T.Errorf("%d reconnects", nc.Stats().Reconnects)
					}
				}, coreOnly(natsserver.Options{Token: "secret"}))
			})
		}
	}
}

func checkMisdeed(t *testing.T, callback, misdeed string, reports []error) {
	t.Helper()
	want := map[string]error{"panics": api.ErrHandlerPanic, "exits": api.ErrHandlerExit, "blocks": api.ErrTimeout}[misdeed]
	if misdeed == "nonsense" {
		want = map[string]error{"token": api.ErrAuthorization, "dialer": api.ErrCallbackFailed, "chooser": api.ErrServerNotInPool}[callback]
	}
	if want == nil {
		return
	}
	for _, err := range reports {
		if errors.Is(err, want) {
			return
		}
	}
	t.Errorf("no report is a %v: %v", want, reports)
}

// TestC09CallbacksOfTheFirstConnect: the same where there is no connection yet: Connect
// returns within its time, with the type.
func TestC09CallbacksOfTheFirstConnect(t *testing.T) {
	for _, callback := range []string{"token", "dialer"} {
		for misdeed, do := range mischiefs {
			t.Run(callback+"/"+misdeed, func(t *testing.T) {
				faults.Bubble(t, func(b *faults.Env) {
					m := &mischief{do: do, hold: make(chan struct{})}
					defer close(m.hold)
					m.armed.Store(100)
					began := time.Now()
					nc, err := api.Connect(b.URL("s1"), entry(b, "client", userCallbacks[callback](b, m), api.Timeout(3*time.Second))...)
					if err == nil {
						nc.Close()
					}
					if took := time.Since(began); took > 3*time.Second || misdeed == "blocks" && took != 3*time.Second {
						b.T.Errorf("it took %v", took)
					}
					checkMisdeed(b.T, callback, misdeed, []error{err})
				}, coreOnly(natsserver.Options{Token: "secret"}))
			})
		}
	}
}

// waiting is a call that waits until its context ends, at most.
type waiting func(ctx context.Context) error

// waits makes them, with what has to be there before.
var waits = map[string]func(s *steps) waiting{
	"connect": func(s *steps) waiting {
		return func(ctx context.Context) error {
			nc, err := api.ConnectContext(ctx, s.b.URL("s1"), entry(s.b, "client")...)
			if err == nil {
				nc.Close()
			}
			return err
		}
	},
	"request": func(s *steps) waiting {
		return func(ctx context.Context) error {
			_, err := s.nc.RequestWithContext(ctx, "echo", nil)
			return err
		}
	},
	"request many": func(s *steps) waiting {
		return func(ctx context.Context) (last error) {
			for _, err := range s.nc.RequestMany(ctx, "echo", nil, api.RequestManyMaxMessages(1)) {
				last = err
			}
			return last
		}
	},
	"flush": func(s *steps) waiting { return s.nc.FlushContext },
	"rtt": func(s *steps) waiting {
		return func(ctx context.Context) error {
			_, err := s.nc.RTTContext(ctx)
			return err
		}
	},
	"next": func(s *steps) waiting {
		sub := must.Get(s.nc.SubscribeSync("next"))(s.b.T)
		must.Do(s.b.T, s.nc.Publish("next", nil))
		return func(ctx context.Context) error {
			defer func() { _ = sub.Unsubscribe() }()
			_, err := sub.NextMsgWithContext(ctx)
			return err
		}
	},
	"drain a subscription": func(s *steps) waiting {
		return must.Get(s.nc.Subscribe("passing", func(*api.Msg) {}))(s.b.T).DrainContext
	},
	"rotate": func(s *steps) waiting { return s.nc.Rotate },
	"drain": func(s *steps) waiting {
		nc := enter(s.b, "client")
		must.Do(s.b.T, nc.Publish("noise", nil))
		return func(ctx context.Context) error {
			_, err := nc.DrainContext(ctx)
			if !nc.IsClosed() {
				s.b.T.Error("not closed")
			}
			return err
		}
	},
	"send": func(s *steps) waiting {
		begun := make(chan struct{}, 10)
		spec := doing(func(*api.ActorContext, any) {
			begun <- struct{}{}
			time.Sleep(20 * time.Millisecond)
		})
		spec.MailboxMax = 1
		ref := must.Get(s.nc.Spawn(spec))(s.b.T)
		must.Do(s.b.T, ref.Send(nil))
		<-begun // the one in its hands does not count
		must.Do(s.b.T, ref.Send(nil))
		return func(ctx context.Context) error {
			defer func() { go ref.Stop(context.Background()) }() // which waits for what it does
			return ref.SendContext(ctx, nil)
		}
	},
}

// steps is what they are made on.
type steps struct {
	b  *faults.Env
	nc *api.Conn
}

// TestC10ContextsThatAreCancelled, at each millisecond of a call over a link on which
// each way takes ten. G2: the call ends once, when the context does, to the instant, or has
// come to its end before; G11: context.Canceled; G8: the next call works.
func TestC10ContextsThatAreCancelled(t *testing.T) {
	for name, prepare := range waits {
		t.Run(name, func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				s := &steps{b: b, nc: enter(b, "client")}
				must.Get(enter(b, "other").Subscribe("echo", func(m *api.Msg) { _ = m.Respond(nil) }))(b.T)
				settled(b.T, s.nc, time.Second)
				b.Inject("link(client, s1) latency(10ms)")
				completed := 0
				for i := range 125 {
					at := time.Duration(i) * time.Millisecond
					if i > 120 {
						at = time.Duration(i-120) * time.Second
					}
					if cancelledAt(b.T, name, at, prepare(s)) {
						completed++
					}
				}
				if completed == 0 {
					b.T.Errorf("%s never came to its end", name)
				}
				time.Sleep(time.Minute)
				if err := prepare(s)(context.Background()); err != nil {
					b.T.Errorf("%s does not work any more: %v", name, err)
				}
			})
		})
	}
}

// cancelledAt makes one call, and reports whether it came to its end before.
func cancelledAt(t *testing.T, name string, at time.Duration, call waiting) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if at == 0 {
		cancel()
	} else {
		time.AfterFunc(at, cancel)
	}
	began := time.Now()
	err := call(ctx)
	took := time.Since(began)
	switch {
	case err == nil && took <= at:
		return true
	case err == nil:
		t.Errorf("%s, cancelled after %v, came to its end after %v", name, at, took)
	case !errors.Is(err, context.Canceled) || took != at:
		t.Errorf("%s, cancelled after %v: %v after %v", name, at, err, took)
	}
	return false
}
