package proof_test

// The bug bank: failures that NATS clients had, each a scenario that fails when the same
// defect is in our code. What the defects of JetStream clients were is not among them.

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// coreBubble is a bubble whose server has no JetStream.
func coreBubble(t *testing.T, f func(t *testing.T, b *faults.Env), options ...faults.Option) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) { f(b.T, b) }, append([]faults.Option{faults.ServerOptions(faultless())}, options...)...)
}

// TestB01BlockedCallback: the callback for errors hangs, and its queue is full. In the first
// clients whoever had an error then waited for room with the connection's lock. G8: everything
// else continues; G9: excess is dropped and counted; the callback may make every call all the
// same.
func TestB01BlockedCallback(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		release, inside := make(chan struct{}), make(chan error, 1)
		var nc *api.Conn
		connected := make(chan struct{})
		blocks := sync.OnceFunc(func() {
			<-connected
			<-release
			_, err := nc.Request("double", []byte("a"), time.Second)
			inside <- errors.Join(err, nc.Publish("x", nil), nc.Flush())
		})
		nc = join(t, s, api.OnEvent(func(e api.Event) {
			if e.Kind == api.ServerErrorReported {
				blocks()
			}
		}))
		close(connected)
		must.Get(nc.Subscribe("double", func(m *api.Msg) { _ = m.Respond(append(m.Data, m.Data...)) }))(t)
		must.Do(t, nc.Flush())
		must.Do(t, s.Client(1).Send([]byte(strings.Repeat("-ERR 'odd'\r\n", 20_000))))
		for range 10 {
			if m := must.Get(nc.Request("double", []byte("b"), time.Second))(t); string(m.Data) != "bb" {
				t.Errorf("answered %q", m.Data)
			}
			must.Do(t, nc.Flush())
		}
		if n := nc.Stats().EventsDropped; n < 10_000 {
			t.Errorf("%d events were dropped", n)
		}
		close(release)
		must.Do(t, <-inside)
		nc.Close()
	})
}

// TestB02FirstReadFails: the handshake succeeds, and the first read after it fails, again and
// again. A client once hung there. G8: each loss is found at once, without a PING being missed
// for it, and the server that is well again is used.
func TestB02FirstReadFails(t *testing.T) {
	const bad = 20
	for name, cut := range map[string]func(c *fakeserver.Client){"end": (*fakeserver.Client).Close, "reset": (*fakeserver.Client).Reset} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				events := newTape()
				nc := join(t, s, events.option(), api.PingInterval(time.Hour))
				sub := must.Get(nc.SubscribeSync("a"))(t)
				must.Do(t, nc.Flush())
				mischief := s.Control(protocol.OpPing, func(c *fakeserver.Client, _ fakeserver.Frame) fakeserver.Verdict {
					_ = c.Send([]byte("PONG\r\n"))
					go func() {
						time.Sleep(time.Millisecond) // until the PONG is there, and nothing behind it
						cut(c)
					}()
					return fakeserver.Drop()
				})
				s.Client(1).Reset()
				began := time.Now()
				events.await(t, api.LinkLost, 1+bad)
				mischief.Lift()
				must.Do(t, nc.Publish("a", []byte("x")))
				if m := must.Get(sub.NextMsg(time.Minute))(t); string(m.Data) != "x" {
					t.Errorf("got %q", m.Data)
				}
				if d := time.Since(began); d > 2*time.Minute {
					t.Errorf("%d losses took %v", bad, d)
				}
				nc.Close()
			})
		})
	}
}

// TestB03StaleFacts: what an old connection has to say arrives when there is a new one:
// once it closed the new connection, or was taken for it. Here a client moves, and the
// old server sends late PONGs, an error and its end. G2: no Flush ends by a PONG of the
// old one. G8: the new link stays.
func TestB03StaleFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		oldServer, newServer, nc, events := betweenTwo(t)
		defer nc.Close()
		must.Do(t, nc.Flush())
		c := oldServer.Client(1)
		// The old one holds its answers back until the client has gone.
		held := oldServer.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict { return fakeserver.Drop() })
		info := oldServer.Info()
		info.LameDuckMode = true
		must.Do(t, c.Send(protocol.AppendInfo(nil, &info)))
		must.Get(newServer.Await(must.Within(t, patience), 1))(t)
		time.Sleep(500 * time.Millisecond)
		muted := newServer.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict { return fakeserver.Drop() })
		must.Do(t, c.Send([]byte(strings.Repeat("PONG\r\n", held.Hits())+"-ERR 'odd'\r\n")))
		events.await(t, api.LinkMoved, 1)
		f := flush(nc)
		_ = c.Send([]byte("PONG\r\nPONG\r\nPONG\r\n-ERR 'Stale Connection'\r\n")) // it may be gone by now
		c.Reset()
		synctest.Wait()
		if len(f.ended) > 0 {
			t.Errorf("a PONG of the old server has ended a Flush: %v", <-f.ended)
		}
		muted.Lift()
		must.Do(t, newServer.Client(1).Send([]byte("PONG\r\n")))
		must.Do(t, <-f.ended)
		time.Sleep(time.Hour)
		events.none(t, api.LinkLost)
		if n := newServer.Accepted(); n != 1 {
			t.Errorf("%d connections to the new server", n)
		}
	})
}

// numberBytes is the length of a number with the blanks in front of it.
const numberBytes = 128

// numbered publishes messages with the numbers from first up to below last.
func numbered(t testing.TB, nc *api.Conn, first, last int) {
	t.Helper()
	for i := first; i < last; i++ {
		must.Do(t, nc.Publish("numbers", fmt.Appendf(nil, "%*d", numberBytes, i)))
	}
}

// tallied counts how often each of the numbers came.
type tallied struct {
	mu    sync.Mutex
	times map[string]int
}

// listen subscribes to the numbers, on a connection without faults.
func listen(b *faults.Env) (*api.Conn, *tallied) {
	b.T.Helper()
	n := &tallied{times: map[string]int{}}
	nc, _ := joinAt(b, "listener", []string{"s1"})
	must.Get(nc.Subscribe("numbers", func(m *api.Msg) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.times[strings.TrimSpace(string(m.Data))]++
	}))(b.T)
	must.Do(b.T, nc.Flush())
	return nc, n
}

// take returns which of the numbers up to last have not come, and forgets all. One that
// came twice fails the test.
func (n *tallied) take(t testing.TB, last int) (missing []int) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range last {
		switch n.times[fmt.Sprint(i)] {
		case 0:
			missing = append(missing, i)
		case 1:
		default:
			t.Errorf("%d came %d times", i, n.times[fmt.Sprint(i)])
		}
	}
	clear(n.times)
	return missing
}

// arrived makes sure that all that was published has come, as far as it will.
func arrived(t testing.TB, conns ...*api.Conn) {
	t.Helper()
	for _, nc := range conns {
		must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
	}
	synctest.Wait()
}

// TestB04JustBeforeStale: publishes are accepted while the connection is dead already.
// They were lost without a word. G1, G3: each comes once, or is counted as uncertain; what
// waited for room is kept in any case.
func TestB04JustBeforeStale(t *testing.T) {
	const last = 20_000
	for rule, most := range map[string]int{"for 30s halfopen": last, "for 30s blackhole": last * 3 / 4, "for 30s blackhole(out)": last * 3 / 4} {
		t.Run(rule, func(t *testing.T) {
			coreBubble(t, func(t *testing.T, b *faults.Env) {
				listener, got := listen(b)
				nc, events := joinAt(b, "writer", []string{"s1"}, api.Timeout(time.Second))
				numbered(t, nc, 0, 100)
				must.Do(t, nc.Flush())
				must.Get(b.Link("writer", "s1").Inject(rule))(t)
				numbered(t, nc, 100, last)
				kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrStaleConnection)
				numbered(t, nc, last, last+100)
				time.Sleep(time.Minute)
				arrived(t, nc, listener)
				missing, uncertain := got.take(t, last+100), int(nc.Stats().Uncertain)
				// What left first is what is uncertain.
				for _, i := range missing {
					if i < 100 || i >= 100+uncertain {
						t.Errorf("%d is missing, and %d are uncertain", i, uncertain)
						break
					}
				}
				if uncertain == 0 || uncertain > most {
					t.Errorf("%d are uncertain", uncertain)
				}
				told := 0
				for _, e := range events.of(api.PublishUncertain) {
					told += int(e.Count)
				}
				if told != uncertain {
					t.Errorf("%d are uncertain, and %d were told of", uncertain, told)
				}
				nc.Close()
				listener.Close()
			}, faults.Window(4096))
		})
	}
}

// TestB05FlushOfTheBufferFails: what was published while there was no server is sent with
// the next one, and that fails, too, after any number of bytes. A client emptied its
// buffer all the same. G1, G3: each comes once, or is counted.
func TestB05FlushOfTheBufferFails(t *testing.T) {
	const kept = 60
	coreBubble(t, func(t *testing.T, b *faults.Env) {
		listener, got := listen(b)
		total := 0
		for cut := 50; cut < 9000; cut += 211 {
			name := fmt.Sprint("writer-", cut)
			nc, events := joinAt(b, name, []string{"s1"})
			link := b.Link(name, "s1")
			must.Get(link.Inject("for 1s refuse"))(t)
			again := must.Get(link.Inject(fmt.Sprintf("at 1s when bytes(%d) conn(2) reset(out)", cut)))(t)
			must.Get(link.Inject("reset"))(t)
			events.await(t, api.LinkLost, 1)
			numbered(t, nc, 0, kept)
			time.Sleep(time.Minute)
			arrived(t, nc, listener)
			uncertain := int(nc.Stats().Uncertain)
			if missing := got.take(t, kept); len(missing) > uncertain || uncertain > cut/numberBytes+1 {
				t.Errorf("cut at byte %d: %v are missing, and %d are uncertain", cut, missing, uncertain)
			}
			total += again.Hits()
			nc.Close()
		}
		if total < 40 {
			t.Errorf("the buffer was cut %d times", total)
		}
		listener.Close()
	}, faults.Window(64))
}

// TestB06DrainWithoutServer: a drain while there is no server closed at once and dropped
// what was kept. G13, G1: it is refused, with the reason, and nothing is dropped; one that
// has begun waits for the next server.
func TestB06DrainWithoutServer(t *testing.T) {
	coreBubble(t, func(t *testing.T, b *faults.Env) {
		listener, got := listen(b)
		nc, events := joinAt(b, "writer", []string{"s1"}, api.DrainTimeout(time.Minute))
		link := b.Link("writer", "s1")
		must.Get(link.Inject("for 10s refuse"))(t)
		must.Get(link.Inject("reset"))(t)
		events.await(t, api.LinkLost, 1)
		numbered(t, nc, 0, 10)
		err := nc.Drain()
		kinds(t, err, api.ErrConnectionReconnecting)
		as[*api.ConnectionStateError](t, err)
		_, err = nc.DrainContext(must.Within(t, patience))
		kinds(t, err, api.ErrConnectionReconnecting)
		if nc.IsClosed() || nc.IsDraining() {
			t.Errorf("the connection is %v", nc.Status())
		}
		events.await(t, api.LinkRestored, 2)
		arrived(t, nc, listener)
		if missing := got.take(t, 10); len(missing) > 0 {
			t.Errorf("missing are %v", missing)
		}

		// A handler is at work when the drain begins, and publishes when the server is lost.
		begun, release := make(chan struct{}), make(chan struct{})
		must.Get(nc.Subscribe("work", func(*api.Msg) {
			close(begun)
			<-release
			numbered(t, nc, 0, 10)
		}))(t)
		must.Do(t, nc.Publish("work", nil))
		must.Do(t, nc.Flush())
		<-begun
		must.Get(link.Inject("for 5s blackhole(in)"))(t) // the drain waits for a PONG
		drained := make(chan error, 1)
		go func() {
			_, err := nc.DrainContext(must.Within(t, patience))
			drained <- err
		}()
		synctest.Wait()
		must.Get(link.Inject("for 10s refuse"))(t)
		must.Get(link.Inject("reset"))(t)
		events.await(t, api.LinkLost, 2)
		synctest.Wait()
		close(release)
		must.Do(t, <-drained)
		arrived(t, listener)
		if missing := got.take(t, 10); len(missing) > 0 {
			t.Errorf("of what a handler published in the drain %v are missing", missing)
		}
		listener.Close()
	})
}

// publisher is a client in its barest form, which may send what no library would.
type publisher struct {
	t    *testing.T
	conn net.Conn
}

// anyPublisher connects to the server of a bubble.
func anyPublisher(b *faults.Env) *publisher {
	b.T.Helper()
	p := &publisher{t: b.T, conn: must.Get(b.Dialer("anybody").Dial("tcp", "s1:4222"))(b.T)}
	b.T.Cleanup(func() { p.conn.Close() })
	p.send("CONNECT {\"verbose\":false,\"headers\":true}\r\n")
	return p
}

func (p *publisher) send(raw string) {
	p.t.Helper()
	must.Get(p.conn.Write([]byte(raw)))(p.t)
}

// header publishes a message with that header block, as it stands.
func (p *publisher) header(subject, block, payload string) {
	p.t.Helper()
	p.send(fmt.Sprintf("HPUB %s %d %d\r\n%s%s\r\n", subject, len(block), len(block)+len(payload), block, payload))
}

// unharmed checks that nothing of the client has failed, and that it works.
func unharmed(t testing.TB, nc *api.Conn, events *tape) {
	t.Helper()
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
	events.none(t, api.LinkLost, api.ActorFailed, api.ActorRestarted, api.HandlerPanicked, api.ConnectionClosed)
}

// hurt sends a message with a broken header to subscriptions of all kinds, and as the
// answer to a request. Each gets it without a header.
func hurt(t *testing.T, b *faults.Env, block string) {
	t.Helper()
	nc, events := joinAt(b, "client", []string{"s1"})
	p := anyPublisher(b)
	got, ch := make(chan *api.Msg, 1), make(chan *api.Msg, 1)
	must.Get(nc.Subscribe("a", func(m *api.Msg) { got <- m }))(t)
	must.Get(nc.ChanSubscribe("a", ch))(t)
	sync := must.Get(nc.SubscribeSync("a"))(t)
	must.Do(t, nc.Flush())
	p.header("a", block, "hurt")
	for kind, m := range map[string]*api.Msg{"handler": <-got, "channel": <-ch, "sync": must.Get(sync.NextMsg(time.Second))(t)} {
		if string(m.Data) != "hurt" || len(m.Header) > 0 {
			t.Errorf("%s: %q with %v", kind, m.Data, m.Header)
		}
	}
	as[*api.HeaderError](t, events.await(t, api.ServerErrorReported, 1).Cause)

	inbox := make(chan string, 1)
	asked, _ := joinAt(b, "asked", []string{"s1"})
	must.Get(asked.Subscribe("ask", func(m *api.Msg) { inbox <- m.Reply }))(t)
	must.Do(t, asked.Flush())
	go func() { p.header(<-inbox, block, "hurt") }()
	if m, err := nc.Request("ask", nil, time.Second); err != nil || string(m.Data) != "hurt" {
		t.Errorf("a request is answered by %v, %v", m, err)
	}
	unharmed(t, nc, events)
	nc.Close()
	asked.Close()
}

// TestB13ShortStatus: a status of less than three characters took the client down: its
// guard looked at the wrong thing. Any publisher can send one. G12, G11.
func TestB13ShortStatus(t *testing.T) {
	for _, status := range []string{" ", "  ", " 5", " 50", " \t", " 5 ", " 5\t", "5", "50", "503"} {
		t.Run(fmt.Sprintf("%q", status), func(t *testing.T) {
			if strings.TrimSpace(status) == "" { // which is none: nothing to tell
				coreBubble(t, func(t *testing.T, b *faults.Env) { blankStatus(t, b, status) })
				return
			}
			coreBubble(t, func(t *testing.T, b *faults.Env) { hurt(t, b, "NATS/1.0"+status+"\r\n\r\n") })
		})
	}
}

// TestB14OneByteTooFew: a lone CR in a header, a length that overflows, an -ERR without
// text: each ended a connection's task for good. G12: none harms more than itself.
func TestB14OneByteTooFew(t *testing.T) {
	for name, block := range map[string]string{
		"lone CR in a value":       "NATS/1.0\r\nK: v\rX: y\r\n\r\n",
		"lone CR behind a value":   "NATS/1.0\r\nK: v\r\r\n\r\n",
		"lone CR in a name":        "NATS/1.0\r\nK\r: v\r\n\r\n",
		"lone CR as a line":        "NATS/1.0\r\n\r\r\n\r\n",
		"lone CR at the end":       "NATS/1.0\r\nK: v\r",
		"lone CR in the status":    "NATS/1.0 50\r3\r\n\r\n",
		"CR in place of line ends": "NATS/1.0\rK: v\r\r",
	} {
		t.Run(name, func(t *testing.T) {
			coreBubble(t, func(t *testing.T, b *faults.Env) { hurt(t, b, block) })
		})
	}
	for name, c := range map[string]struct {
		raw  string
		ends bool
	}{
		"-ERR alone":              {"-ERR\r\n", false},
		"-ERR and a blank":        {"-ERR \r\n", false},
		"-ERR and a quote":        {"-ERR '\r\n", false},
		"-ERR and two quotes":     {"-ERR ''\r\n", false},
		"-ERR with a half string": {"-ERR 'Permissions Violation for Publish to \"'\r\n", false},
		"-ERR with no sid":        {"-ERR 'Permissions Violation for Subscription to \"b\" (sid '\r\n", false},
		"size beyond 64 bits":     {"MSG a 1 18446744073709551617\r\nx\r\n", true},
		"size beyond 63 bits":     {"MSG a 1 9223372036854775808\r\n", true},
		"size beyond 32 bits":     {"MSG a 1 4294967297\r\nx\r\n", true},
		"header beyond 64 bits":   {"HMSG a 1 18446744073709551628 20\r\n", true},
		"sid beyond 64 bits":      {"MSG a 18446744073709551617 1\r\nx\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				sub := must.Get(nc.SubscribeSync("a"))(t)
				must.Do(t, nc.Flush())
				must.Do(t, s.Client(1).Send([]byte(c.raw)))
				synctest.Wait()
				if c.ends {
					as[*api.ProtocolError](t, events.await(t, api.LinkLost, 1).Cause)
					events.await(t, api.LinkRestored, 2)
					events.none(t, api.ConnectionClosed, api.HandlerPanicked)
				} else {
					unharmed(t, nc, events)
				}
				must.Do(t, nc.Publish("a", []byte("fine")))
				if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != "fine" {
					t.Errorf("got %q", m.Data)
				}
				nc.Close()
			})
		})
	}
}

// TestB15Announced: memory was taken for what a message announces, and a line without an
// end was kept for ever. G9: memory is taken for what has come; the line ends the link.
func TestB15Announced(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		sub := must.Get(nc.SubscribeSync("a"))(t)
		must.Do(t, nc.Flush())
		const announced = 60 << 20
		allocated := allocates(func() {
			must.Do(t, s.Client(1).Send(fmt.Appendf(nil, "MSG a 1 %d\r\nx", announced)))
			synctest.Wait()
		})
		if allocated > 1<<20 {
			t.Errorf("%d bytes were allocated for one byte of %d", allocated, announced)
		}
		s.Client(1).Reset()
		events.await(t, api.LinkRestored, 2)
		for _, line := range []string{"MSG ", "-ERR '", "+OK", "PING", "INFO {"} {
			n := len(events.of(api.LinkLost))
			c := must.Get(s.Await(must.Within(t, patience), s.Accepted()))(t)
			endless := append([]byte(line), make([]byte, 8<<20)...)
			for i := len(line); i < len(endless); i++ {
				endless[i] = 'x'
			}
			allocated := allocates(func() {
				must.Do(t, c.Send(endless))
				kinds(t, events.await(t, api.LinkLost, n+1).Cause, api.ErrMaxControlLine)
			})
			if own := int(allocated) - len(endless); own > 4<<20 {
				t.Errorf("%q: %d bytes were allocated for a line", line, own)
			}
			events.await(t, api.LinkRestored, n+2)
		}
		must.Do(t, nc.Publish("a", []byte("fine")))
		if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != "fine" {
			t.Errorf("got %q", m.Data)
		}
		nc.Close()
	})
}

// TestB16WrongLength: a payload is longer than was said, and what lies between it and the line
// end was skipped: the stream was silently out of step. G6, G11: an error at the very byte, and
// nothing of it is delivered.
func TestB16WrongLength(t *testing.T) {
	for name, raw := range map[string]string{
		"one byte more":       "MSG a 1 3\r\nwronG\r\n",
		"a whole frame more":  "MSG a 1 3\r\nwroMSG a 1 2\r\nhi\r\n",
		"one byte less":       "MSG a 1 6\r\nwrong\r\n",
		"no line end":         "MSG a 1 5\r\nwrongMSG a 1 2\r\nhi\r\n",
		"LF alone":            "MSG a 1 5\r\nwrong\nMSG a 1 2\r\nhi\r\n",
		"CR alone":            "MSG a 1 5\r\nwrong\rMSG a 1 2\r\nhi\r\n",
		"with a header, more": "HMSG a 1 12 15\r\nNATS/1.0\r\n\r\nwronG\r\n",
		"none, but some":      "MSG a 1 0\r\nwrong\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				sub := must.Get(nc.SubscribeSync("a"))(t)
				must.Do(t, nc.Publish("a", []byte("before")))
				must.Do(t, nc.Flush())
				must.Do(t, s.Client(1).Send([]byte(raw+"MSG a 1 6\r\nbehind\r\n")))
				broken := as[*api.ProtocolError](t, events.await(t, api.LinkLost, 1).Cause)
				kinds(t, broken, api.ErrBadFrameEnd)
				events.await(t, api.LinkRestored, 2)
				must.Do(t, nc.Publish("a", []byte("after")))
				receives(t, sub, "before", "after")
				nc.Close()
			})
		})
	}
}

// TestB17UnknownError: an -ERR that the client did not know ended it for good. G8, G11: it is
// reported, with its text, and nothing ends.
func TestB17UnknownError(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		texts := []string{"Never Heard Of", "", "Stale", "Authorization", "maximum", strings.Repeat("x", 5000), "Permissions"}
		for i, text := range texts {
			must.Do(t, s.Client(1).Send(protocol.AppendErr(nil, text)))
			told := events.await(t, api.ServerErrorReported, i+1)
			if said := as[*api.ServerError](t, told.Cause); said.Text != text {
				t.Errorf("told %q, said was %q", said.Text, text)
			}
		}
		unharmed(t, nc, events)
		nc.Close()
	})
}

// TestB18AuthTimeouts: after an outage 6,000 clients came back at once, their servers were
// too slow to let them in, and what timed out twice was closed for good. G8: a timeout is
// no verdict on the credentials. A real verdict closes the second time, unless it is not
// to: that is the policy.
func TestB18AuthTimeouts(t *testing.T) {
	const fleet, timeouts = 50, 5
	fake(t, fakeserver.Options{Auth: tired(timeouts)}, func(t *testing.T, s *fakeserver.Server) {
		shared := system()
		var conns []*api.Conn
		var tapes []*tape
		for i := range fleet {
			tapes = append(tapes, newTape())
			conns = append(conns, joinWith(t, s, shared, tapes[i].option(), api.Name(fmt.Sprint(i))))
		}
		for _, c := range s.Clients() {
			c.Reset()
		}
		for i, nc := range conns {
			tapes[i].await(t, api.LinkRestored, 2)
			if n := len(tapes[i].of(api.ConnectAttemptFailed)); n != timeouts {
				t.Errorf("client %d has failed %d times", i, n)
			}
			kinds(t, tapes[i].of(api.ConnectAttemptFailed)[0].Cause, api.ErrAuthTimeout)
			must.Do(t, nc.Flush())
			nc.Close()
		}
	})
	for name, c := range map[string]struct {
		options []api.Option
		closes  bool
	}{"by default": {nil, true}, "unless it is not to": {[]api.Option{api.IgnoreAuthErrorAbort()}, false}} {
		t.Run(name, func(t *testing.T) {
			refuse := "Authorization Violation"
			var refusing sync.Mutex // guards refuse
			auth := func(c *fakeserver.Client, _ protocol.Connect) string {
				refusing.Lock()
				defer refusing.Unlock()
				if c.Number() == 1 {
					return ""
				}
				return refuse
			}
			fake(t, fakeserver.Options{Auth: auth}, func(t *testing.T, s *fakeserver.Server) {
				events := newTape()
				nc := join(t, s, append(c.options, events.option())...)
				s.Client(1).Reset()
				events.await(t, api.ConnectAttemptFailed, 2)
				if c.closes {
					kinds(t, events.await(t, api.ConnectionClosed, 1).Cause, api.ErrAuthorization)
					return
				}
				events.await(t, api.ConnectAttemptFailed, 10)
				refusing.Lock()
				refuse = ""
				refusing.Unlock()
				events.await(t, api.LinkRestored, 2)
				nc.Close()
			})
		})
	}
}

// tired lets each client in at first, then has it time out so many times in a row.
func tired(times int) func(*fakeserver.Client, protocol.Connect) string {
	var mu sync.Mutex
	seen := map[string]int{}
	return func(_ *fakeserver.Client, connect protocol.Connect) string {
		mu.Lock()
		defer mu.Unlock()
		seen[connect.Name]++
		if n := seen[connect.Name]; n > 1 && n <= 1+times {
			return "Authentication Timeout"
		}
		return ""
	}
}

// TestB19ShrinkingPool: servers told that others are gone while the client was on its way
// through the list, and it read past its end. Here the list grows and shrinks by what servers
// say, by failures and by the program. G12: nothing fails; G8: as long as one server is there it
// is found.
func TestB19ShrinkingPool(t *testing.T) {
	for seed := range uint64(20) {
		coreBubble(t, func(t *testing.T, b *faults.Env) { shrinking(t, b, rand.New(rand.NewPCG(seed, 19))) }, faults.NoServer())
	}
}

func shrinking(t *testing.T, b *faults.Env, random *rand.Rand) {
	var names []string
	fakes := map[string]*fakeserver.Server{}
	for i := range 6 {
		name := fmt.Sprint("h", i)
		names = append(names, name)
		fakes[name] = fakeserver.Run(t, fakeserver.Options{DontListen: true})
		b.Attach(name, fakes[name])
	}
	some := func() (urls []string) {
		for _, i := range random.Perm(len(names))[:1+random.IntN(len(names))] {
			urls = append(urls, b.Net.Address(names[i]))
		}
		return urls
	}
	nc, events := joinAt(b, "client", names[:1], api.MaxReconnects(2), api.ReconnectWait(10*time.Millisecond))
	inUse := func() string {
		for range 1000 { // it may be on its way from one to another
			url := nc.ConnectedUrl()
			if i := slices.IndexFunc(names, func(n string) bool { return b.URL(n) == url }); i >= 0 {
				return names[i]
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatalf("connected to %q, %v", nc.ConnectedUrl(), nc.Status())
		return ""
	}
	for range 60 {
		switch current := fakes[inUse()]; random.IntN(3) {
		case 0:
			info := current.Info()
			info.ConnectURLs = some()
			current.Announce(info)
		case 1:
			pool := some()
			for i, u := range pool {
				pool[i] = "nats://" + u
			}
			must.Do(t, nc.SetServerPool(pool))
		}
		// One to three links in a row are lost, some while the list changes.
		for range random.IntN(3) {
			n := len(events.of(api.LinkRestored))
			must.Get(b.Link("client", inUse()).Inject("reset"))(t)
			events.await(t, api.LinkRestored, n+1)
		}
	}
	for _, e := range events.of(api.ActorFailed) {
		if len(e.Stack) > 0 {
			t.Fatalf("%v\n%s", e, e.Stack)
		}
	}
	events.none(t, api.ConnectionClosed)
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
	nc.Close()
}

// TestB20DeadlinesWhileLeaving: a server is about to stop, and the client looked for
// another one on the very way on which answers come: a request waited past its deadline.
// G2: here the other server is silent in the handshake, answers come meanwhile, and a
// request without one ends in time.
func TestB20DeadlinesWhileLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaving := fakeserver.Run(t, fakeserver.Options{DontListen: true})
		mute := fakeserver.Run(t, fakeserver.Options{DontListen: true, Greeting: func(int) fakeserver.Greeting { return fakeserver.Greeting{Silent: true} }})
		h := &hosts{servers: map[string]provider{"leaving": leaving, "mute": mute}}
		nc := must.Get(api.Connect("leaving,mute", h.options(api.Timeout(5*time.Second))...))(t)
		defer nc.Close()
		answering := leaving.Control(protocol.OpPub, func(c *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
			if f.Subject == "answered" {
				answer := protocol.AppendMsg(nil, f.Reply, c.Subscriptions()[0].SID, "", nil)
				time.AfterFunc(time.Second, func() { _ = c.Send(answer) })
			}
			return fakeserver.Drop()
		})
		info := leaving.Info()
		info.LameDuckMode = true
		must.Do(t, leaving.Client(1).Send(protocol.AppendInfo(nil, &info)))
		for mute.Accepted() == 0 {
			time.Sleep(time.Millisecond)
		}
		for range 5 { // the handshake at the mute server is going on, or its next attempt
			began := time.Now()
			if _, err := nc.Request("answered", nil, 1500*time.Millisecond); err != nil || time.Since(began) != time.Second {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			began = time.Now()
			_, err := nc.Request("unanswered", nil, 300*time.Millisecond)
			kinds(t, err, api.ErrTimeout)
			if d := time.Since(began); d != 300*time.Millisecond {
				t.Errorf("a request with 300 ms took %v", d)
			}
		}
		answering.Lift()
	})
}

// TestB21PanickingHandlers: a handler's panic ended the process. G12: it is an event, with
// the stack, and neither the next message nor another subscription misses anything.
func TestB21PanickingHandlers(t *testing.T) {
	const each = 50
	coreBubble(t, func(t *testing.T, b *faults.Env) {
		nc, events := joinAt(b, "client", []string{"s1"})
		var nothing map[string]int
		var list []int
		harm := []func(){
			func() { panic("text") },
			func() { panic(errors.New("error")) },
			func() { nothing["a"] = 1 },
			func() { list[3] = 1 },
			func() { (*api.Msg)(nil).Data = nil },
			runtime.Goexit,
		}
		var mu sync.Mutex
		var called, fine int
		must.Get(nc.Subscribe("harm", func(*api.Msg) {
			mu.Lock()
			n := called
			called++
			mu.Unlock()
			harm[n%len(harm)]()
		}))(t)
		must.Get(nc.Subscribe("fine", func(*api.Msg) {
			mu.Lock()
			defer mu.Unlock()
			fine++
		}))(t)
		total := each * len(harm)
		for range total {
			must.Do(t, nc.Publish("harm", nil))
			must.Do(t, nc.Publish("fine", nil))
			must.Do(t, nc.Flush())
			synctest.Wait()
			time.Sleep(20 * time.Millisecond) // below what is too many in a second
		}
		if called != total || fine != total {
			t.Errorf("of %d each, %d were harmful and %d fine", total, called, fine)
		}
		if n := len(events.of(api.HandlerPanicked)); n != total {
			t.Errorf("%d panics were told of", n)
		}
		events.none(t, api.LinkLost, api.ConnectionClosed)
		nc.Close()
	})
}

// TestB22HalfOpen: the far end has gone without a word, and by default it took four to six
// minutes until that was noticed. G8: a caller that waits for something, if only for the server
// to have seen a publish, has the loss within seven seconds.
func TestB22HalfOpen(t *testing.T) {
	mostlySilent := faultless() // each word of the server's is a sign of life
	mostlySilent.PingInterval = 24 * time.Hour
	for _, rule := range []string{"halfopen", "blackhole", "blackhole(in)", "blackhole(out)"} {
		for name, work := range map[string]func(nc *api.Conn){
			"request": func(nc *api.Conn) { _, _ = nc.Request("a", nil, time.Hour) },
			"flush":   func(nc *api.Conn) { _ = nc.FlushTimeout(time.Hour) },
			"publish": func(nc *api.Conn) { _ = nc.Publish("a", nil) },
		} {
			t.Run(rule+" "+name, func(t *testing.T) {
				coreBubble(t, func(t *testing.T, b *faults.Env) {
					nc, events := joinAt(b, "client", []string{"s1"})
					time.Sleep(time.Hour)
					events.none(t, api.LinkLost)
					fault := must.Get(b.Link("client", "s1").Inject(rule))(t)
					began := time.Now()
					go work(nc)
					kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrStaleConnection)
					if d := time.Since(began); d > 7*time.Second {
						t.Errorf("found after %v", d)
					}
					fault.Lift()
					events.await(t, api.LinkRestored, 2)
					nc.Close()
				}, faults.ServerOptions(mostlySilent))
			})
		}
	}
}

// TestB23OpenAndClose opens and closes many times, in every way in which it can end: a client
// leaked a thread each time. G10: nothing is left, of goroutines, of actors or of connections.
func TestB23OpenAndClose(t *testing.T) {
	const rounds = 30
	coreBubble(t, func(t *testing.T, b *faults.Env) {
		b.Attach("mute", fakeserver.Run(t, fakeserver.Options{DontListen: true, Greeting: func(int) fakeserver.Greeting { return fakeserver.Greeting{Silent: true} }}))
		b.Attach("strict", fakeserver.Run(t, fakeserver.Options{DontListen: true, Auth: func(*fakeserver.Client, protocol.Connect) string { return "Authorization Violation" }}))
		b.Attach("odd", fakeserver.Run(t, fakeserver.Options{DontListen: true, Greeting: func(int) fakeserver.Greeting { return fakeserver.Greeting{Raw: []byte("HTTP/1.1 400\r\n")} }}))
		connect := func(server string) (*api.Conn, error) {
			return api.Connect(b.URL(server), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.Timeout(time.Second))
		}
		ends := map[string]func(nc *api.Conn){
			"close": (*api.Conn).Close,
			"drain": func(nc *api.Conn) { _, _ = nc.DrainContext(must.Within(t, patience)) },
			"lost": func(nc *api.Conn) {
				_ = nc.ForceReconnect()
				nc.Close()
			},
			"busy": func(nc *api.Conn) {
				must.Get(nc.Subscribe("a", func(*api.Msg) {}))(t)
				go func() { _, _ = nc.Request("a", nil, time.Hour) }()
				_ = nc.Publish("a", nil)
				nc.Close()
			},
		}
		round := func() {
			for _, end := range ends {
				end(must.Get(connect("s1"))(t))
			}
			for _, bad := range []string{"mute", "strict", "odd"} {
				if nc, err := connect(bad); err == nil {
					t.Errorf("connected to the %s server: %v", bad, nc.Status())
				}
			}
			synctest.Wait()
		}
		round()
		goroutines, actors := bubbled(), b.System.Actors()
		for range rounds {
			round()
		}
		if n := bubbled(); n > goroutines {
			t.Errorf("there were %d goroutines, and are %d", goroutines, n)
		}
		if n := b.System.Actors(); n > actors {
			t.Errorf("there were %d actors, and are %d", actors, n)
		}
		for _, link := range b.Net.Links() {
			if s := link.Stats(); s.Open > 0 || s.Connections == 0 {
				t.Errorf("%v: %+v", link.Name(), s)
			}
		}
	})
}

// blankStatus sends a header whose status is blank, which is none.
func blankStatus(t *testing.T, b *faults.Env, blank string) {
	nc, events := joinAt(b, "client", []string{"s1"})
	sub := must.Get(nc.SubscribeSync("a"))(t)
	must.Do(t, nc.Flush())
	anyPublisher(b).header("a", "NATS/1.0"+blank+"\r\n\r\n", "x")
	if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != "x" || len(m.Header) > 0 {
		t.Errorf("%q with %v", m.Data, m.Header)
	}
	unharmed(t, nc, events)
	nc.Close()
}

// bubbled counts the goroutines of bubbles. runtime.NumGoroutine counts the runtime's too, now and then.
func bubbled() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("synctest bubble"))
}
