package proof_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// muted makes a server leave PINGs unanswered.
func muted(s *fakeserver.Server) *fakeserver.Control {
	return s.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict { return fakeserver.Drop() })
}

// flushing is a Flush on its way.
type flushing struct {
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan error // capacity 1
}

// flush begins a Flush, and returns when its PING is on the wire.
func flush(nc *api.Conn) *flushing {
	f := &flushing{ended: make(chan error, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	go func() { f.ended <- nc.FlushContext(f.ctx) }()
	synctest.Wait()
	return f
}

// TestP01Pongs: PONGs that are dropped, late, too many, in every order of up to six
// steps. G2: each Flush ends once, with the PONG for its own PING and no other: in the
// order in which they were asked for, and never on the credit of a PONG that came
// before. A Flush that was given up keeps its place.
func TestP01Pongs(t *testing.T) {
	const steps = 6
	letters := []string{"flush", "pong", "give up"} // the last: a Flush that is given up with its PING out
	total := 1
	for range steps {
		total *= len(letters)
	}
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		shared := system() // to make one costs more than all else
		for number := range total {
			p := pongs{t: t, nc: joinWith(t, s, shared), client: s.Client(number + 1)}
			mute := muted(s)
			for range steps {
				p.step(letters[number%len(letters)])
				number /= len(letters)
			}
			p.nc.Close()
			for _, f := range p.waiting {
				if f == nil {
					continue
				}
				if err := <-f.ended; !errors.Is(err, api.ErrConnectionClosed) && !errors.Is(err, api.ErrDisconnected) {
					t.Errorf("%v: behind Close a Flush ended with %v", p.said, err)
				}
			}
			mute.Lift()
		}
	})
}

// pongs is the state of one sequence of steps.
type pongs struct {
	t       *testing.T
	nc      *api.Conn
	client  *fakeserver.Client
	waiting []*flushing // in the order of their PINGs; nil for one that was given up
	said    []string
}

// step does what a letter says, and compares with what has to follow.
func (p *pongs) step(letter string) {
	p.t.Helper()
	p.said = append(p.said, letter)
	switch letter {
	case "flush":
		p.waiting = append(p.waiting, flush(p.nc))
	case "give up":
		f := flush(p.nc)
		f.cancel()
		if err := <-f.ended; !errors.Is(err, context.Canceled) {
			p.t.Fatalf("%v: a Flush that was given up ended with %v", p.said, err)
		}
		p.waiting = append(p.waiting, nil)
	case "pong":
		must.Do(p.t, p.client.Send([]byte("PONG\r\n")))
		synctest.Wait()
		if len(p.waiting) == 0 {
			break
		}
		if f := p.waiting[0]; f != nil && (len(f.ended) != 1 || <-f.ended != nil) {
			p.t.Fatalf("%v: the oldest Flush did not end", p.said)
		}
		p.waiting = p.waiting[1:]
	}
	for _, f := range p.waiting {
		if f != nil && len(f.ended) > 0 {
			p.t.Fatalf("%v: a Flush ended too early with %v", p.said, <-f.ended)
		}
	}
}

// TestP01PongStorm: PONGs that were not requested are ignored. G2: a Flush after them is not
// answered by one. G8: nor do they keep a server alive that answers no PING.
func TestP01PongStorm(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		events := newTape()
		nc := join(t, s, events.option(), api.PingInterval(time.Minute), api.MaxPingsOutstanding(2))
		muted(s)
		c := s.Client(1)
		must.Do(t, c.Send([]byte(strings.Repeat("PONG\r\n", 100_000))))
		synctest.Wait()
		f := flush(nc)
		if len(f.ended) > 0 {
			t.Fatalf("the storm has answered a Flush: %v", <-f.ended)
		}
		began := time.Now()
		lost := events.await(t, api.LinkLost, 1)
		kinds(t, lost.Cause, api.ErrStaleConnection)
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("a server that answers nothing is given up after %v", d)
		}
		kinds(t, <-f.ended, api.ErrDisconnected)
		nc.Close()
	})
}

// TestP02Pings: floods of PINGs, to a client that reads and to one whose writes are stuck. G9:
// the answers that wait are few. G8: the one that is read continues.
func TestP02Pings(t *testing.T) {
	const flood = 100_000
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc := join(t, s)
		c := s.Client(1)
		pongs := s.Control(protocol.OpPong, nil)
		must.Do(t, c.Send([]byte(strings.Repeat("PING\r\n", flood))))
		must.Do(t, nc.Flush())
		if n := pongs.Hits(); n == 0 || n > flood/10 {
			t.Errorf("%d PONGs for %d PINGs", n, flood)
		}
		pongs.Lift()

		// The server does not read any more: it hangs in the function that looks at the
		// first PONG of the next flood.
		release := make(chan struct{})
		s.Control(protocol.OpPong, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
			<-release
			return fakeserver.Pass()
		})
		for range 10 {
			must.Do(t, c.Send([]byte(strings.Repeat("PING\r\n", flood))))
			synctest.Wait()
			if n := must.Get(nc.Buffered())(t); n > 1000 {
				t.Fatalf("%d bytes of answers wait", n)
			}
		}
		close(release)
		must.Do(t, nc.Flush())
		nc.Close()
	})
}

// TestP02PingBeforeInfo is not a greeting. G11: the error says so; G8: the next attempt is one
// of its own.
func TestP02PingBeforeInfo(t *testing.T) {
	fake(t, fakeserver.Options{Greeting: func(n int) fakeserver.Greeting {
		if n > 1 {
			return fakeserver.Greeting{}
		}
		return fakeserver.Greeting{Raw: []byte("PING\r\nINFO {}\r\n")}
	}}, func(t *testing.T, s *fakeserver.Server) {
		events := newTape()
		nc := join(t, s, events.option(), api.RetryOnFailedConnect(true))
		kinds(t, events.await(t, api.ConnectAttemptFailed, 1).Cause, api.ErrNoInfoReceived)
		events.await(t, api.LinkRestored, 1)
		must.Do(t, nc.Flush())
		nc.Close()
	})
}

// TestP02PingBeforePong: a server that finds us slow in the handshake is answered.
func TestP02PingBeforePong(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		s.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
			return fakeserver.Verdict{Send: []byte("PING\r\nPING\r\n")}
		})
		nc := join(t, s)
		synctest.Wait()
		if frames := s.Client(1).Frames(); len(frames) != 4 || frames[2].Op != protocol.OpPong || frames[3].Op != protocol.OpPong {
			t.Errorf("the client said %v", frames)
		}
		nc.Close()
	})
}

// TestP03StaleConnection: the server says that we are stale. G11: a typed loss with its
// words; G5 and G8: a reconnect, with the subscriptions.
func TestP03StaleConnection(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		sub := must.Get(nc.SubscribeSync("a"))(t)
		must.Do(t, sub.AutoUnsubscribe(3))
		must.Do(t, nc.Publish("a", []byte("1")))
		must.Do(t, nc.Flush())
		must.Do(t, s.Client(1).Send(protocol.AppendErr(nil, "Stale Connection")))
		s.Client(1).Close()
		lost := events.await(t, api.LinkLost, 1)
		kinds(t, lost.Cause, api.ErrStaleConnection)
		if stale := as[*api.StaleConnectionError](t, lost.Cause); !stale.ByServer {
			t.Errorf("lost by %+v", stale)
		}
		events.await(t, api.LinkRestored, 2)
		must.Do(t, nc.Publish("a", []byte("2")))
		must.Do(t, nc.Flush())
		c := must.Get(s.Await(must.Within(t, patience), 2))(t)
		want := fakeserver.Subscription{Subject: "a", SID: c.Subscriptions()[0].SID, Max: 2, Delivered: 1}
		if got := c.Subscriptions(); len(got) != 1 || got[0] != want {
			t.Errorf("the server knows of %+v, want %+v", got, want)
		}
		for _, data := range []string{"1", "2"} {
			if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != data {
				t.Errorf("got %q", m.Data)
			}
		}
		nc.Close()
	})
}

// TestP10InfoAtAnyTime: INFO twice, in the middle of the handshake, and again and again.
// It is idempotent, and none is lost.
func TestP10InfoAtAnyTime(t *testing.T) {
	info := fakeserver.DefaultInfo()
	info.MaxPayload = 1000
	line := string(protocol.AppendInfo(nil, &info))
	later := info
	later.MaxPayload, later.ConnectURLs = 2000, []string{"other:4222"}
	laterLine := string(protocol.AppendInfo(nil, &later))
	own := info
	own.MaxPayload = 1 << 20 // what the server takes, whatever it says
	for name, c := range map[string]struct {
		greeting string // in place of INFO
		answer   string // in place of the first PONG
		behind   string // once connected
		limit    int64
	}{
		"twice":                    {line + line, "PONG\r\n", "", 1000},
		"twice, and another":       {line + laterLine, "PONG\r\n", "", 2000},
		"before the PONG":          {line, laterLine + "PONG\r\n", "", 2000},
		"many before the PONG":     {line, strings.Repeat(line, 100) + laterLine + "PONG\r\n", "", 2000},
		"right behind the PONG":    {line, "PONG\r\n" + laterLine, "", 2000},
		"on both sides of it":      {line, line + "PONG\r\n" + laterLine, "", 2000},
		"later, and the first one": {line, "PONG\r\n", laterLine + line, 1000},
		"a thousand times":         {line, "PONG\r\n", strings.Repeat(line+laterLine, 500), 2000},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{Info: own, Greeting: func(int) fakeserver.Greeting {
				return fakeserver.Greeting{Raw: []byte(c.greeting)}
			}}, func(t *testing.T, s *fakeserver.Server) {
				first := s.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
					return fakeserver.Answer(c.answer)
				})
				nc, events := observed(t, s)
				first.Lift()
				s.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
					return fakeserver.Answer("PONG\r\n") // without the INFO that an honest server adds once
				})
				s.Control(protocol.OpPub, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
					return fakeserver.Drop() // its own limit is another one
				})
				must.Do(t, s.Client(1).Send([]byte(c.behind)))
				must.Do(t, nc.Flush())
				synctest.Wait()
				if n := nc.MaxPayload(); n != c.limit {
					t.Errorf("the limit is %d, want %d", n, c.limit)
				}
				err := nc.Publish("a", make([]byte, 1500))
				if refused := errors.Is(err, api.ErrMaxPayload); refused != (c.limit < 1500) {
					t.Errorf("published 1500 bytes: %v", err)
				}
				events.none(t, api.LinkLost, api.ServerErrorReported)
				if n := len(events.of(api.LinkRestored)); n != 1 {
					t.Errorf("connected %d times", n)
				}
				nc.Close()
			})
		})
	}
}

// TestP15UnexpectedOK: an unrequested +OK is ignored anywhere.
func TestP15UnexpectedOK(t *testing.T) {
	info := fakeserver.DefaultInfo()
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		first := s.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
			return fakeserver.Answer("+OK\r\n+OK\r\nPONG\r\n+OK\r\n")
		})
		nc, events := observed(t, s)
		first.Lift()
		s.Control(protocol.OpNone, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
			return fakeserver.Verdict{Send: []byte("+OK\r\n+ok whatever\r\n")}
		})
		sub := must.Get(nc.SubscribeSync("a"))(t)
		for i := range 100 {
			must.Do(t, nc.Publish("a", fmt.Append(nil, i)))
		}
		must.Do(t, nc.Flush())
		for i := range 100 {
			if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Data)
			}
		}
		events.none(t, api.LinkLost, api.ServerErrorReported)
		if nc.MaxPayload() != info.MaxPayload {
			t.Errorf("the limit is %d", nc.MaxPayload())
		}
		nc.Close()
	})
}

// hosts leads each host name to a server in memory, or nowhere. It is a custom dialer.
type hosts struct {
	mu      sync.Mutex
	servers map[string]provider
	dialed  []string // in order
}

// betweenTwo connects to the first of two servers.
func betweenTwo(t testing.TB) (old, fresh *fakeserver.Server, nc *api.Conn, events *tape) {
	t.Helper()
	old, fresh = fakeserver.Run(t, fakeserver.Options{DontListen: true}), fakeserver.Run(t, fakeserver.Options{DontListen: true})
	h := &hosts{servers: map[string]provider{"old": old, "fresh": fresh}}
	events = newTape()
	return old, fresh, must.Get(api.Connect("old,fresh", h.options(events.option())...))(t), events
}

// set changes what is behind a host.
func (h *hosts) set(host string, p provider) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers[host] = p
}

// dials returns what was dialed so far.
func (h *hosts) dials() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.dialed)
}

// Dial connects to the server of a host.
func (h *hosts) Dial(_, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.dialed = append(h.dialed, host)
	p := h.servers[host]
	h.mu.Unlock()
	if p == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return p.InProcessConn()
}

// options dial through h, in the order of the addresses.
func (h *hosts) options(options ...api.Option) []api.Option {
	return append([]api.Option{api.SetCustomDialer(h), api.SkipHostLookup(), api.DontRandomize(), system()}, options...)
}
