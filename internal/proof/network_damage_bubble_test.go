package proof_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// struggle publishes, flushes and asks for a while, whatever comes of it, with bounds
// on all of it. G9: what waits is bounded.
func (tr *trip) struggle(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; time.Sleep(50 * time.Millisecond) {
		tr.publish(3)
		_ = tr.flush(time.Second)
		_ = tr.request(time.Second)
		if n, err := tr.nc.Buffered(); err == nil {
			tr.history.Sample("bytes that wait", int64(n), 64<<10)
		}
	}
}

// seeds is how many seeds are tried of the n there are.
func seeds(n int) uint64 { return uint64(sized(n, n, max(1, n/6))) }

// recover makes the client start over on a healed line, as it can't know what the server has
// understood.
func (tr *trip) recover() {
	tr.link.Clear()
	time.Sleep(10 * time.Second)
	must.Do(tr.b.T, tr.nc.ForceReconnect())
}

// TestN12BitFlips of every rate, in each direction. Plain NATS has no checksum: a payload
// may come damaged, a message may be lost or go astray. G12: nothing crashes. G2, G11:
// each call ends, in time, with a typed error. G9: nothing grows. G5, G8: once the line
// is healed all works.
func TestN12BitFlips(t *testing.T) {
	several := seeds(8) // for each rate and direction
	for _, p := range []float64{1e-6, 1e-5, 1e-4, 1e-3, 1e-2} {
		for _, dir := range []string{"in", "out", "both"} {
			t.Run(fmt.Sprintf("%v %s", p, dir), func(t *testing.T) {
				flips := 0
				for seed := range several {
					kit(t, func(b *faults.Env) {
						tr := depart(b, watching(b), "t", check.Options{Damaged: check.Tolerated})
						must.Do(b.T, tr.connect())
						tr.subscribe()
						must.Do(b.T, tr.flush(time.Second))
						i := inject(b, "c", fmt.Sprintf("corrupt(%v, %s)", p, dir))
						tr.struggle(5 * time.Second)
						flips += i.Hits()
						tr.recover()
						tr.arrive("bit flips", check.G9, check.G12)
					}, faults.Seed(seed))
				}
				if p >= 1e-3 && flips == 0 {
					t.Error("no bit was flipped")
				}
			})
		}
	}
}

// TestN12BitFlipsInTheGreeting: whatever becomes of INFO and the first PONG, an attempt
// fails with a typed error or succeeds. G11, G12.
func TestN12BitFlipsInTheGreeting(t *testing.T) {
	failed := 0
	for seed := range seeds(40) {
		kit(t, func(b *faults.Env) {
			i := inject(b, "c", "corrupt(0.003)")
			nc, err := api.Connect(b.URL("s1"), entry(b, "c", api.Timeout(time.Second))...)
			if err != nil {
				failed++
				kinds(b.T, err, api.ErrNoServers)
				if !typed(err) || i.Hits() == 0 {
					b.T.Errorf("seed %d, %d flips: %v", seed, i.Hits(), err)
				}
				return
			}
			nc.Close()
		}, faults.Seed(seed))
	}
	if failed == 0 && !raceEnabled {
		t.Error("no greeting was damaged")
	}
}

// TestN13BytesAgain: the last bytes come again, as many as seed and rule say. As N12;
// messages that are whole come twice, which core NATS can't tell.
func TestN13BytesAgain(t *testing.T) {
	for seed := range seeds(30) {
		kit(t, func(b *faults.Env) {
			tr := depart(b, watching(b), "t", check.Options{Damaged: check.Tolerated})
			tr.shop.Resends()
			must.Do(b.T, tr.connect())
			tr.subscribe()
			must.Do(b.T, tr.flush(time.Second))
			random := rand.New(rand.NewPCG(seed, 13))
			for range 20 {
				inject(b, "c", fmt.Sprintf("at %dms replay(%d, %s)", random.IntN(5000), 1+random.IntN(400), []string{"in", "out"}[random.IntN(2)]))
			}
			tr.struggle(6 * time.Second)
			tr.recover()
			tr.arrive("replay", check.G9, check.G12)
		}, faults.Seed(seed))
	}
}

// TestN13WholeFramesTwice: each operation of the server comes twice. G2: a request has
// one answer, a PONG too many confirms nothing. G6: a subscription that ends after some
// messages gets no more than those.
func TestN13WholeFramesTwice(t *testing.T) {
	kit(t, func(b *faults.Env) {
		s := watching(b)
		must.Get(s.nc.Subscribe("ask", func(m *api.Msg) { _ = m.Respond(m.Data) }))(b.T)
		must.Do(b.T, s.nc.Flush())
		events := newTape()
		nc := enter(b, "c", events.option(), api.PingInterval(time.Minute))
		few := &notes[string]{}
		sub := must.Get(nc.Subscribe("few", texts(few)))(b.T)
		must.Do(b.T, sub.AutoUnsubscribe(4))
		must.Do(b.T, nc.Flush())
		for _, op := range []string{"MSG", "HMSG", "PONG", "PING", "INFO", "+OK", "-ERR"} {
			dir := ""
			if op == "PING" || op == "PONG" {
				dir = "(in)"
			}
			inject(b, "c", fmt.Sprintf("when op(%s) duplicate%s", op, dir))
		}
		for i := range 50 {
			answer := must.Get(nc.Request("ask", fmt.Append(nil, i), time.Second))(b.T)
			if string(answer.Data) != fmt.Sprint(i) {
				b.T.Fatalf("request %d was answered with %q", i, answer.Data)
			}
		}
		for i := range 4 {
			must.Do(b.T, nc.Publish("few", fmt.Append(nil, i)))
		}
		must.Do(b.T, nc.Flush())
		time.Sleep(time.Hour)
		if got := few.read(); len(got) != 4 {
			b.T.Errorf("the subscription for four messages got %q", got)
		}
		events.none(b.T, api.LinkLost)
		must.Do(b.T, nc.Flush())
	})
}

// haunt dials connections whose ghosts come back: after the end of one there is something
// to read all the same, and a write that waits ends late.
type haunt struct {
	api.CustomDialer
	words string        // that a dead connection says
	late  time.Duration // after its end
	said  atomic.Int32  // connections that did
}

// Dial connects.
func (h *haunt) Dial(network, address string) (net.Conn, error) {
	conn, err := h.CustomDialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &ghost{Conn: conn, haunt: h, words: h.words}, nil
}

type ghost struct {
	net.Conn
	haunt *haunt
	words string
}

// Read reads, and once that fails says its words first.
func (g *ghost) Read(buf []byte) (int, error) {
	n, err := g.Conn.Read(buf)
	if err == nil || g.words == "" {
		return n, err
	}
	time.Sleep(g.haunt.late)
	n = copy(buf, g.words)
	g.words = g.words[n:]
	g.haunt.said.Add(1)
	return n, nil
}

// Write writes, and is late to say that it failed.
func (g *ghost) Write(data []byte) (int, error) {
	n, err := g.Conn.Write(data)
	if err != nil {
		time.Sleep(g.haunt.late)
	}
	return n, err
}

// TestN14LateBytes: a connection that was given up speaks once more. The next one does
// not begin before that has ended, so G6: its messages come before all of the next one,
// if at all; G2, G8: its PONGs, errors and INFOs mean nothing to the next one.
func TestN14LateBytes(t *testing.T) {
	words := "MSG a 1 5\r\nghost\r\n" + "PONG\r\nPONG\r\nPONG\r\n" + "-ERR 'Authorization Violation'\r\n" +
		"INFO {\"server_id\":\"ghost\",\"max_payload\":1,\"ldm\":true}\r\n" + "MSG a 1 5\r\nghost\r\n" + "nonsense\r\n"
	for _, late := range []time.Duration{time.Millisecond, time.Second} {
		onFake(t, fakeserver.Options{}, func(b *faults.Env, s *fakeserver.Server) {
			t := b.T
			h := &haunt{CustomDialer: b.Dialer("c"), words: words, late: late}
			events := newTape()
			got := &notes[string]{}
			nc := enter(b, "c", api.SetCustomDialer(h), events.option())
			must.Get(nc.Subscribe("a", texts(got)))(t)
			must.Do(t, nc.Flush())
			began := time.Now()
			must.Do(t, nc.ForceReconnect())
			if restored := events.await(t, api.LinkRestored, 2); time.Since(began) < late || restored.Time.Sub(began) < late {
				t.Errorf("%v: restored while the ghost was there", late)
			}
			mute := muted(s)
			f := flush(nc)
			time.Sleep(2 * time.Second)
			if len(f.ended) > 0 {
				t.Errorf("%v: a ghost has answered a Flush: %v", late, <-f.ended)
			}
			mute.Lift()
			f.cancel()
			<-f.ended
			must.Do(t, nc.Publish("a", []byte("alive")))
			must.Do(t, nc.Flush())
			synctest.Wait()
			if all := got.read(); slices.Index(all, "alive") != len(all)-1 || len(all) > 3 {
				t.Errorf("%v: there came %q", late, all)
			}
			if n := h.said.Load(); n == 0 {
				t.Errorf("%v: no ghost has spoken", late)
			}
			events.none(t, api.AuthenticationFailed, api.ServerErrorReported, api.LameDuck)
			if lost := events.of(api.LinkLost); len(lost) > 1 || nc.MaxPayload() == 1 || nc.ConnectedServerId() == "ghost" {
				t.Errorf("%v: lost %v, a payload may have %d bytes", late, lost, nc.MaxPayload())
			}
			h.words = ""
		})
	}
}

// TestN14LateBytesOfTheLine: what a hole has held of an old connection comes when the
// next one is in use. G6: it is not delivered.
func TestN14LateBytesOfTheLine(t *testing.T) {
	onFake(t, fakeserver.Options{}, func(b *faults.Env, s *fakeserver.Server) {
		events := newTape()
		got := &notes[string]{}
		nc := enter(b, "c", events.option())
		must.Get(nc.Subscribe("a", texts(got)))(b.T)
		must.Do(b.T, nc.Flush())
		inject(b, "c", "for 1m when conn(1) blackhole(in)")
		must.Do(b.T, s.Client(1).Send([]byte("MSG a 1 4\r\nlate\r\n-ERR 'Authorization Violation'\r\n")))
		go nc.Flush()
		events.await(b.T, api.LinkRestored, 2)
		time.Sleep(2 * time.Minute)
		must.Do(b.T, nc.Publish("a", []byte("alive")))
		must.Do(b.T, nc.Flush())
		synctest.Wait()
		if all := got.read(); len(all) != 1 || all[0] != "alive" {
			b.T.Errorf("there came %q", all)
		}
		if len(events.of(api.LinkLost)) != 1 {
			b.T.Errorf("lost %v", events.of(api.LinkLost))
		}
		events.none(b.T, api.AuthenticationFailed)
	})
}

// TestN12ADamagedConnect: the server finds our CONNECT impossible, which it has
// understood before. G8: that ends an attempt, and not the connection.
func TestN12ADamagedConnect(t *testing.T) {
	var bad atomic.Bool
	onFake(t, fakeserver.Options{Auth: func(*fakeserver.Client, protocol.Connect) string {
		if bad.Load() {
			return "no responders requires headers support"
		}
		return ""
	}}, func(b *faults.Env, s *fakeserver.Server) {
		events := newTape()
		nc := enter(b, "c", events.option())
		bad.Store(true)
		s.Client(1).Reset()
		kinds(b.T, events.await(b.T, api.ConnectAttemptFailed, 3).Cause, api.ErrProtocol)
		bad.Store(false)
		events.await(b.T, api.LinkRestored, 2)
		must.Do(b.T, nc.Flush())
	})
}
