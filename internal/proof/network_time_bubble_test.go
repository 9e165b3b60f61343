package proof_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestN01Latency from nothing to two seconds each way. Times are exact: a connection is there
// after INFO and a round trip, a request and a flush take one. G2: a deadline is counted from
// the call, whatever the latency. G8: no peer is given up for being far away.
func TestN01Latency(t *testing.T) {
	for _, d := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second} {
		t.Run(d.String(), func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				t := b.T
				s := watching(b)
				must.Get(s.nc.Subscribe("ask", func(m *api.Msg) { _ = m.Respond(m.Data) }))(t)
				must.Do(t, s.nc.Flush())
				if d > 0 {
					inject(b, "c", fmt.Sprintf("latency(%v)", d))
				}
				events := newTape()
				var nc *api.Conn
				took(t, 3*d, "to connect", func() { nc = enter(b, "c", events.option(), api.Timeout(time.Minute)) })
				took(t, 2*d, "a flush", func() { must.Do(t, nc.Flush()) })
				took(t, 2*d, "a request", func() { must.Get(nc.Request("ask", nil, time.Minute))(t) })
				if rtt := must.Get(nc.RTT())(t); rtt != 2*d {
					t.Errorf("the round trip is said to be %v", rtt)
				}
				if d > 0 {
					late := 2*d - time.Microsecond
					took(t, late, "a request that is late", func() {
						_, err := nc.Request("ask", nil, late)
						kinds(t, err, api.ErrTimeout)
						if !api.MaybeSent(err) {
							t.Errorf("%v says that nothing was sent", err)
						}
					})
					took(t, late, "a flush that is late", func() { kinds(t, nc.FlushTimeout(late), api.ErrFlushTimeout) })
				}
				time.Sleep(time.Hour)
				took(t, 2*d, "a request after an hour", func() { must.Get(nc.Request("ask", nil, time.Minute))(t) })
				events.none(t, api.LinkLost)
			})
		})
	}
}

// TestN01LateGreeting: the time for an attempt is over before a far server has greeted.
// G11: it is exact, and says so.
func TestN01LateGreeting(t *testing.T) {
	kit(t, func(b *faults.Env) {
		inject(b, "c", "latency(2s)")
		took(b.T, 5*time.Second, "the attempt", func() {
			_, err := api.Connect(b.URL("s1"), entry(b, "c", api.Timeout(5*time.Second))...)
			kinds(b.T, err, api.ErrNoServers, os.ErrDeadlineExceeded)
			if c := api.CategoryOf(err); c != api.CategoryTimeout {
				b.T.Errorf("%v is said to be of category %v", err, c)
			}
			if dial := as[*api.DialError](b.T, err); dial.Phase != "connect" {
				b.T.Errorf("it failed at %s", dial.Phase)
			}
		})
	})
}

// TestN01Jitter of up to all of the latency. G6: the order stays. G2: each request has
// one outcome, and none is late beyond its deadline.
func TestN01Jitter(t *testing.T) {
	const d = 500 * time.Millisecond
	for seed := range uint64(10) {
		kit(t, func(b *faults.Env) {
			inject(b, "c", fmt.Sprintf("latency(%v, %v)", d, d))
			tr := depart(b, watching(b), "t", check.Options{Late: -1})
			must.Do(b.T, tr.connect(api.Timeout(time.Minute)))
			tr.subscribe()
			for range 50 {
				tr.publish(2)
				time.Sleep(20 * time.Millisecond)
				switch err := tr.request(2 * d); { // some are late
				case err == nil:
				case !errors.Is(err, api.ErrTimeout):
					b.T.Errorf("a request: %v", err)
				}
			}
			must.Do(b.T, tr.flush(time.Minute))
			if n := len(tr.gone); n == 0 || n == 50 {
				b.T.Errorf("%d requests of 50 were late", n)
			}
			tr.events.none(b.T, api.LinkLost)
			tr.arrive("jitter", core()...)
		}, faults.Seed(seed))
	}
}

// TestN02Bandwidth from a kilobyte to a gigabyte a second. G9: a publisher that is faster than
// the line waits; what waits is bounded. G8: no peer is given up for being slow. G4, G6: all
// arrives, in order.
func TestN02Bandwidth(t *testing.T) {
	for _, bandwidth := range []int{1 << 10, 64 << 10, 1 << 20, 1 << 30} {
		t.Run(fmt.Sprint(bandwidth), func(t *testing.T) {
			room := max(512, min(bandwidth/4, 64<<10)) // what is on the way does not take longer than a second
			kit(t, func(b *faults.Env) { narrow(b, bandwidth, room) }, faults.Window(room), faults.Held(room))
		})
	}
}

func narrow(b *faults.Env, bandwidth, room int) {
	const size, limit = 1000, 2 * 300 << 10 // what waits for the writer, and what it writes
	t := b.T
	tr := depart(b, watching(b), "t", check.Options{Recovery: time.Hour})
	tr.link.Clear()
	must.Do(t, tr.connect())
	tr.subscribe()
	must.Do(t, tr.flush(time.Second))
	inject(b, "c", fmt.Sprintf("bandwidth(%d, out)", bandwidth))
	total := max(700<<10, min(4*bandwidth, 2<<20))
	began := time.Now()
	for range total / size {
		o := tr.shop.Publish(0)
		must.Do(t, tr.nc.Publish("t.orders", o.Payload(size)))
		o.Accepted()
		tr.history.Sample("bytes that wait", int64(must.Get(tr.nc.Buffered())(t)), limit)
	}
	seconds := func(bytes int) time.Duration { return time.Duration(bytes) * time.Second / time.Duration(bandwidth) }
	if waited := time.Since(began); waited < seconds(total-limit-3*room) {
		t.Errorf("%d bytes were published within %v", total, waited)
	}
	if seconds(total) > 4*time.Second {
		err := tr.nc.FlushTimeout(time.Second)
		kinds(t, err, api.ErrFlushTimeout)
		if late := as[*api.FlushTimeoutError](t, err); late.Buffered == 0 || late.Elapsed != time.Second {
			t.Errorf("%+v", late)
		}
	}
	must.Do(t, tr.flush(time.Hour))
	if took := time.Since(began); took < seconds(total) || took > seconds(total)*11/10+5*time.Second {
		t.Errorf("%d bytes took %v", total, took)
	}
	tr.events.none(t, api.LinkLost)
	tr.arrive("a narrow line", append(core(), check.G9)...)
}

// TestN02WhatIsBeingWritten: the line takes nothing any more, and the writer has all that
// there is. G9, G11: it waits all the same, and both the count and the error say so.
func TestN02WhatIsBeingWritten(t *testing.T) {
	kit(t, func(b *faults.Env) {
		t := b.T
		nc := enter(b, "c")
		must.Do(t, nc.Flush())
		inject(b, "c", "blackhole(out)")
		must.Do(t, nc.Publish("a", make([]byte, 10_000)))
		synctest.Wait()
		if n := must.Get(nc.Buffered())(t); n < 10_000 {
			t.Errorf("%d bytes wait", n)
		}
		if late := as[*api.FlushTimeoutError](t, nc.FlushTimeout(time.Second)); late.Buffered < 10_000 {
			t.Errorf("%+v", late)
		}
		b.Link("c", "s1").Clear()
		must.Do(t, nc.FlushTimeout(time.Second))
		synctest.Wait() // the answer may be faster than the writer, who says that it has written
		if n := must.Get(nc.Buffered())(t); n != 0 {
			t.Errorf("%d bytes wait in the end", n)
		}
	}, faults.Window(512), faults.Held(512))
}

// TestN02NoServer: G9: what is published while there is no server waits, up to the bound
// of the options; what is refused then was not sent, and the error has the figures.
func TestN02NoServer(t *testing.T) {
	kit(t, func(b *faults.Env) {
		const limit = 10_000
		t := b.T
		tr := depart(b, watching(b), "t", check.Options{})
		must.Do(t, tr.connect(api.ReconnectBufSize(limit)))
		tr.subscribe()
		must.Do(t, tr.flush(time.Second))
		inject(b, "c", "refuse")
		inject(b, "c", "reset")
		tr.events.await(t, api.LinkLost, 1)
		refused := int64(0)
		for range 1000 {
			o := tr.shop.Publish(0)
			err := tr.nc.Publish("t.orders", o.Payload(100))
			if err == nil {
				o.Accepted()
				continue
			}
			o.Rejected(err)
			refused++
			tr.history.LimitReached("bytes without a server", err, refused)
			kinds(t, err, api.ErrOutboundBufferLimit)
			if full := as[*api.OutboundBufferLimitError](t, err); full.Limit != limit || full.Buffered < limit || api.MaybeSent(err) {
				t.Fatalf("%+v", full)
			}
			tr.history.Sample("bytes without a server", int64(must.Get(tr.nc.Buffered())(t)), limit+200)
		}
		if refused < 800 || refused > 950 {
			t.Errorf("%d of 1000 messages were refused", refused)
		}
		tr.arrive("no server", append(core(), check.G9)...)
	})
}

// TestN06HalfOpen: writes succeed and nothing comes back. The time until that is found out is
// exact: with work outstanding it is six seconds without a sign of life; idle it is the budget
// of PINGs. G2: callers that wait are notified; what may have been sent is told apart from what
// was not.
func TestN06HalfOpen(t *testing.T) {
	for _, idle := range []bool{false, true} {
		kit(t, func(b *faults.Env) {
			t := b.T
			tr := depart(b, watching(b), "t", check.Options{})
			tr.link.Clear() // no latency: the times are exact
			inject(b, "c", "when conn(1) at 30s halfopen")
			must.Do(t, tr.connect(api.PingInterval(time.Minute)))
			began := time.Now()
			tr.subscribe()
			tr.publish(3)
			must.Do(t, tr.flush(time.Second))
			time.Sleep(30*time.Second + 500*time.Millisecond)
			want := time.Since(began) + silence
			if idle {
				want = 3 * time.Minute // the PING behind two that are not answered
				time.Sleep(2 * time.Minute)
			} else {
				tr.publish(7)
			}
			lost := tr.events.await(t, api.LinkLost, 1)
			if d := time.Since(began); d != want {
				t.Errorf("found out after %v, want %v", d, want)
			}
			kinds(t, lost.Cause, api.ErrStaleConnection)
			if stale := as[*api.StaleConnectionError](t, lost.Cause); stale.ByServer || stale.PingsOut == 0 {
				t.Errorf("%+v", stale)
			}
			synctest.Wait() // what is uncertain is told behind the loss
			uncertain := uint64(0)
			for _, e := range tr.events.of(api.PublishUncertain) {
				uncertain += e.Count
			}
			if sent := map[bool]uint64{false: 7}[idle]; uncertain != sent {
				t.Errorf("%d messages are uncertain, want %d", uncertain, sent)
			}
			tr.publish(2) // not sent yet, or on the next connection
			tr.arrive("half open", core()...)
		})
	}
}

// silence is how long nothing comes from a server that owes something, until it is
// given up.
const silence = 6 * time.Second

// TestN06RequestOnAHalfOpenConnection ends when that is found out, and not with its own
// deadline. G2.
func TestN06RequestOnAHalfOpenConnection(t *testing.T) {
	kit(t, func(b *faults.Env) {
		s := watching(b)
		must.Get(s.nc.Subscribe("ask", func(m *api.Msg) { _ = m.Respond(nil) }))(b.T)
		must.Do(b.T, s.nc.Flush())
		nc := enter(b, "c")
		time.Sleep(5 * time.Second) // nothing is read any more when it begins
		inject(b, "c", "when conn(1) halfopen")
		took(b.T, silence, "a request", func() {
			_, err := nc.Request("ask", nil, time.Hour)
			kinds(b.T, err, api.ErrDisconnected, api.ErrStaleConnection)
			if !api.MaybeSent(err) {
				b.T.Errorf("%v says that nothing was sent", err)
			}
		})
		took(b.T, 0, "the next one", func() { must.Get(nc.Request("ask", nil, time.Second))(b.T) })
	})
}

// TestN07Blackhole in either direction or both, which ends before it is found out, or
// too late. G8, G2, G3: as N06; and no false alarm.
func TestN07Blackhole(t *testing.T) {
	for _, dir := range []string{"in", "out", "both"} {
		for _, long := range []time.Duration{silence - time.Second, time.Hour} {
			kit(t, func(b *faults.Env) { blackhole(b, dir, long) })
		}
	}
}

func blackhole(b *faults.Env, dir string, long time.Duration) {
	t := b.T
	tr := depart(b, watching(b), "t", check.Options{})
	tr.link.Clear()
	must.Do(t, tr.connect())
	tr.subscribe()
	tr.publish(3)
	must.Do(t, tr.flush(time.Second))
	time.Sleep(5 * time.Second)
	inject(b, "c", fmt.Sprintf("for %v when conn(1) blackhole(%s)", long, dir))
	began := time.Now()
	tr.publish(5)
	if long < silence {
		must.Do(t, tr.flush(time.Minute))
		if d := time.Since(began); d != long {
			t.Errorf("%s: flushed after %v", dir, d)
		}
		tr.events.none(t, api.LinkLost)
	} else {
		kinds(t, tr.events.await(t, api.LinkLost, 1).Cause, api.ErrStaleConnection)
		if d := time.Since(began); d != silence {
			t.Errorf("%s: found out after %v", dir, d)
		}
		time.Sleep(time.Second)
		// What the hole holds comes when it ends, from or to a connection that is closed.
		tr.shop.NewConnection()
		tr.publish(2)
		must.Do(t, tr.flush(time.Second))
	}
	tr.arrive("blackhole("+dir+")", core()...)
}

// TestN07OurSideIsSlow: our bytes take long, and arrive. G8: no false alarm.
func TestN07OurSideIsSlow(t *testing.T) {
	kit(t, func(b *faults.Env) {
		tr := depart(b, watching(b), "t", check.Options{})
		inject(b, "c", "latency(3s, 1s, out)")
		must.Do(b.T, tr.connect(api.Timeout(time.Minute), api.PingInterval(10*time.Second)))
		tr.subscribe()
		for range 200 {
			tr.publish(5)
			time.Sleep(700 * time.Millisecond)
		}
		must.Do(b.T, tr.flush(time.Minute))
		time.Sleep(time.Hour)
		tr.events.none(b.T, api.LinkLost)
		tr.arrive("a slow side", core()...)
	})
}

// TestN10BothWindowsFull: client and server write to each other at once, and neither
// has room. G8: our reader goes on reading, so that the server comes to read again. Over
// pipes without any room, and with some.
func TestN10BothWindowsFull(t *testing.T) {
	const messages = 300
	dialogue := func(t *testing.T, nc *api.Conn, size int) {
		got := &notes[string]{}
		must.Get(nc.Subscribe("a", func(m *api.Msg) { got.add(string(m.Data[:5])) }))(t)
		must.Do(t, nc.Flush())
		for i := range messages {
			must.Do(t, nc.Publish("a", fmt.Appendf(nil, "%05d%s", i, strings.Repeat("x", size))))
		}
		must.Do(t, nc.FlushTimeout(time.Second))
		synctest.Wait()
		all := got.read()
		for i, text := range all {
			if text != fmt.Sprintf("%05d", i) {
				t.Fatalf("message %d is %q", i, text)
			}
		}
		if len(all) != messages {
			t.Errorf("%d messages came", len(all))
		}
	}
	for _, window := range []int{1, 7, 512, 4 << 10, 64 << 10} {
		size := min(8<<10, 64+16*window) // bytes that pass one by one take their time
		kit(t, func(b *faults.Env) { dialogue(b.T, enter(b, "c"), size) }, faults.Window(window))
	}
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true})
		dialogue(t, join(t, s), 8<<10)
	})
}

// TestN10WhoReadsOnlyBetweenWrites: a peer that does not read while it writes, with
// small windows. G8: both get rid of everything.
func TestN10WhoReadsOnlyBetweenWrites(t *testing.T) {
	const rounds, burst = 50, 64 << 10
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		frame := fmt.Sprintf("MSG a 1 %d\r\n%s\r\n", burst, strings.Repeat("x", burst))
		served := make(chan int, 1)
		go func() {
			var got bytes.Buffer
			buf, pongs := make([]byte, 1<<20), 0
			defer func() { served <- got.Len() }()
			_, err := io.WriteString(theirs, "INFO {\"max_payload\":1000000}\r\n")
			for err == nil {
				var n int
				n, err = theirs.Read(buf)
				got.Write(buf[:n])
				if pings := bytes.Count(got.Bytes(), []byte("PING\r\n")); pings > pongs {
					io.WriteString(theirs, strings.Repeat("PONG\r\n", pings-pongs))
					pongs = pings
				}
				if bytes.Contains(got.Bytes(), []byte("SUB")) {
					io.WriteString(theirs, frame)
				}
			}
		}()
		nc := join(t, once{ours}, api.PingInterval(-1))
		must.Get(nc.Subscribe("a", func(*api.Msg) {}))(t)
		for range rounds {
			must.Do(t, nc.Publish("b", make([]byte, burst)))
		}
		must.Do(t, nc.FlushTimeout(time.Minute))
		nc.Close()
		theirs.Close()
		if n := <-served; n < rounds*burst {
			t.Errorf("the peer has read %d bytes", n)
		}
	})
}

// once is a server for one connection.
type once struct{ conn net.Conn }

// InProcessConn returns it.
func (o once) InProcessConn() (net.Conn, error) { return o.conn, nil }

// slug dials connections that are slow to close: Close returns after a while only.
type slug struct {
	api.CustomDialer
	takes time.Duration
}

// Dial connects.
func (s *slug) Dial(network, address string) (net.Conn, error) {
	conn, err := s.CustomDialer.Dial(network, address)
	return &slugConn{Conn: conn, slug: s}, err
}

type slugConn struct {
	net.Conn
	slug *slug
}

// Close takes its time.
func (c *slugConn) Close() error {
	time.Sleep(c.slug.takes)
	return c.Conn.Close()
}

// ending is a way in which a connection is slow to end.
type ending struct {
	rule string
	slug time.Duration // that closing the socket takes
	most time.Duration // that Close may take
}

// TestN11SlowClose: the line is slow to close, or takes nothing any more. G13: Close and
// Drain return by their deadlines, and say what was left. G10: nothing is left for good,
// or the bubble does not end.
func TestN11SlowClose(t *testing.T) {
	for name, e := range map[string]ending{
		"slow to tell the end":        {"slowclose(10m)", 0, 0},
		"full, and takes nothing":     {"blackhole(out)", 0, 2 * time.Second},
		"close blocks":                {"slice(1000)", time.Hour, 2 * time.Second},
		"full, and close blocks":      {"blackhole", time.Hour, 2 * time.Second},
		"half open":                   {"halfopen", 0, 2 * time.Second},
		"slow, and all has to arrive": {"latency(300ms)", 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			kit(t, func(b *faults.Env) { e.check(b, false) }, faults.Window(1<<10), faults.Held(1<<10))
			kit(t, func(b *faults.Env) { e.check(b, true) }, faults.Window(1<<10), faults.Held(1<<10))
		})
	}
}

func (e ending) check(b *faults.Env, drain bool) {
	s := &slug{CustomDialer: b.Dialer("c"), takes: e.slug}
	h := check.New(time.Now, check.Options{})
	nc := enter(b, "c", api.SetCustomDialer(s))
	must.Get(nc.Subscribe("a", func(*api.Msg) {}))(b.T)
	must.Do(b.T, nc.Flush())
	inject(b, "c", e.rule)
	for range 3 {
		must.Do(b.T, nc.Publish("a", make([]byte, 100<<10)))
	}
	if drain {
		ctx, cancel := withTimeout(3 * time.Second)
		call := h.Begin(check.Drain, "c", 5*time.Second)
		report, err := nc.DrainContext(ctx)
		cancel()
		if report.UnsentBytes > 0 {
			call.Unfinished(report.UnsentBytes)
		}
		call.End(err)
	}
	call := h.Begin(check.Close, "c", e.most)
	nc.Close()
	call.End(nil)
	if err := h.Validate(check.G13); err != nil {
		b.T.Error(err)
	}
	b.Link("c", "s1").Clear()
	time.Sleep(2 * e.slug) // until all are closed
}

// middlebox cuts the flow of a client silently once nothing has passed for so long.
func middlebox(b *faults.Env, client string, idle time.Duration) (stop func()) {
	link, done := b.Link(client, "s1"), make(chan struct{})
	go func() {
		last, cut := int64(0), 0
		for passed := time.Duration(0); ; passed += time.Second {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
			}
			s := link.Stats()
			if now := s.In.Read + s.Out.Read; now != last {
				last, passed = now, 0
			}
			if passed >= idle && cut < s.Connections {
				cut = s.Connections
				_, _ = link.Inject(fmt.Sprintf("when conn(%d) halfopen", cut))
			}
		}
	}()
	return func() { close(done) }
}

// TestN20Middlebox cuts flows that are idle for a minute, without a word. G8: PINGs more
// often than that keep the flow; otherwise the cut is found out on the next use, as
// soon as on any half-open connection.
func TestN20Middlebox(t *testing.T) {
	kit(t, func(b *faults.Env) {
		events := newTape()
		nc := enter(b, "c", events.option(), api.PingInterval(40*time.Second))
		stop := middlebox(b, "c", time.Minute)
		time.Sleep(6 * time.Hour)
		must.Do(b.T, nc.Flush())
		events.none(b.T, api.LinkLost)
		stop()
	})
	kit(t, func(b *faults.Env) {
		tr := depart(b, watching(b), "t", check.Options{})
		tr.link.Clear()
		must.Do(b.T, tr.connect(api.PingInterval(time.Hour)))
		tr.subscribe()
		must.Do(b.T, tr.flush(time.Second))
		stop := middlebox(b, "c", time.Minute)
		time.Sleep(10 * time.Minute)
		tr.events.none(b.T, api.LinkLost)
		began := time.Now()
		tr.publish(3)
		kinds(b.T, tr.events.await(b.T, api.LinkLost, 1).Cause, api.ErrStaleConnection)
		if d := time.Since(began); d != silence {
			b.T.Errorf("found out after %v", d)
		}
		must.Do(b.T, tr.flush(time.Second))
		stop()
		tr.arrive("a middlebox", core()...)
	})
}
