package proof_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// hostile is what a server does to a client that has a subscription, a handler that is
// slow, and a request on its way.
type hostile struct {
	name string
	// greeting is for the first connection; the zero value is honest.
	greeting fakeserver.Greeting
	// do is done to the first connection, which is greeted. It returns how many bytes
	// were sent.
	do func(t *testing.T, v *victim) int
	// ends says that the connection does not come back, by its rules.
	ends bool
}

// victim is the client of a hostile server.
type victim struct {
	s      *fakeserver.Server
	client *fakeserver.Client
	nc     *api.Conn
	sids   map[string]uint64
}

// send sends raw n times, and returns the bytes. The client gets time to read now and
// then, so that what is measured is what it holds.
func (v *victim) send(t *testing.T, raw string, n int) int {
	t.Helper()
	for i := range n {
		if v.client.Err() != nil {
			break
		}
		_ = v.client.Send([]byte(raw)) // it may have left
		if i%64 == 0 {
			synctest.Wait()
		}
	}
	synctest.Wait()
	return n * len(raw)
}

// said is a hostile that sends raw n times.
func said(name, raw string, n int) hostile {
	return hostile{name: name, do: func(t *testing.T, v *victim) int { return v.send(t, raw, n) }}
}

// to is a message for one of the victim's subscriptions.
func (v *victim) to(subject, rest string) string {
	return fmt.Sprintf("MSG %s %d %s", subject, v.sids[subject], rest)
}

// hostiles is the table.
var hostiles = []hostile{
	{name: "nothing at all, ever", greeting: fakeserver.Greeting{Silent: true}},
	{name: "INFO at a byte a second", greeting: fakeserver.Greeting{Pace: time.Second}},
	{name: "INFO after a day", greeting: fakeserver.Greeting{Delay: 24 * time.Hour}},
	{name: "INFO that does not end", greeting: fakeserver.Greeting{Raw: []byte("INFO {" + strings.Repeat(" ", 2<<20))}},
	{name: "a message of 64 MiB for INFO", greeting: fakeserver.Greeting{Raw: []byte("MSG a 1 67108864\r\n")}},
	{name: "+OK for ever in the handshake", greeting: fakeserver.Greeting{Raw: []byte("INFO {}\r\n" + strings.Repeat("+OK\r\n", 100_000))}},
	{name: "INFO for ever in the handshake", greeting: fakeserver.Greeting{Raw: []byte(strings.Repeat("INFO {\"max_payload\":1}\r\n", 50_000))}},
	{name: "PING for ever in the handshake", greeting: fakeserver.Greeting{Raw: []byte("INFO {}\r\n" + strings.Repeat("PING\r\n", 10_000))}},
	{name: "a nonce of a megabyte", greeting: fakeserver.Greeting{Raw: []byte(`INFO {"nonce":"` + strings.Repeat("n", 1<<20-100) + "\"}\r\n")}},
	{name: "a demand for TLS", greeting: fakeserver.Greeting{Raw: []byte(`INFO {"tls_required":true}` + "\r\n")}},
	{name: "an error of each kind in the handshake", greeting: fakeserver.Greeting{Raw: []byte("INFO {}\r\n-ERR 'Never Heard Of'\r\n-ERR\r\n")}},

	said("garbage", "\x00\xff\x01\xfe garbage \r\n", 10_000),
	said("every byte", eachByte(), 1),
	said("a message of 64 MiB that does not come", "MSG a 1 67108864\r\n", 1),
	said("a header of 64 MiB that does not come", "HMSG a 1 67108864 67108864\r\n", 1),
	said("PINGs", "PING\r\n", 20_000),
	said("PONGs", "PONG\r\n", 20_000),
	said("+OKs", "+OK\r\n", 20_000),
	said("unknown errors", "-ERR 'Never Heard Of'\r\n", 20_000),
	said("long unknown errors", "-ERR '"+strings.Repeat("x", 60_000)+"'\r\n", 200),
	said("permission errors", "-ERR 'Permissions Violation for Publish to \"nothing\"'\r\n", 20_000),
	said("INFOs", "INFO {\"connect_urls\":[\"a:1\",\"b:1\"]}\r\n", 5000),
	said("INFOs that are no JSON", "INFO {{{\r\n", 5000),
	said("other servers each time", "INFO {\"connect_urls\":["+manyServers(2000)+"]}\r\n", 50),
	said("INFO of another server", "INFO {\"server_id\":\"other\",\"client_id\":99,\"version\":\"0\",\"max_payload\":1}\r\n", 100),
	said("messages for nobody", "MSG a 4711 1\r\nx\r\n", 20_000),
	said("an endless subject", "MSG "+strings.Repeat("a", 1<<20), 1),
	{name: "messages for a slow handler", do: func(t *testing.T, v *victim) int {
		return v.send(t, v.to("slow", "1000\r\n"+strings.Repeat("x", 1000)+"\r\n"), 20_000)
	}},
	{name: "messages for a slow handler, each of them read alone", do: func(t *testing.T, v *victim) (n int) {
		for range 2000 {
			n += v.send(t, v.to("slow", "1000\r\n"+strings.Repeat("x", 1000)+"\r\n"), 1)
		}
		return n
	}},
	{name: "messages with bad headers", do: func(t *testing.T, v *victim) int {
		return v.send(t, fmt.Sprintf("HMSG quick %d 5 6\r\nhelloX\r\n", v.sids["quick"]), 10_000)
	}},
	{name: "headers of many fields", do: func(t *testing.T, v *victim) int {
		block := "NATS/1.0\r\n" + strings.Repeat("a:\r\n", 60_000) + "\r\n"
		return v.send(t, string(protocol.AppendHMsg(nil, "quick", v.sids["quick"], "", []byte(block), nil)), 20)
	}},
	{name: "replies for nobody", do: func(t *testing.T, v *victim) int {
		return v.send(t, fmt.Sprintf("MSG %s %d 1\r\nx\r\n", "_INBOX.x.000000000000", v.sids["inbox"]), 20_000)
	}},
	{name: "all subscriptions lost", do: func(_ *testing.T, v *victim) int { v.client.Lose(); return 0 }},
	{name: "a lame duck that stays", do: func(t *testing.T, v *victim) int { return v.send(t, "INFO {\"ldm\":true}\r\n", 100) }},
	{name: "a reset in the middle of a message", do: func(t *testing.T, v *victim) int {
		n := v.send(t, v.to("quick", "10\r\nhalf"), 1)
		v.client.Reset()
		return n
	}},
	{name: "no answer to anything any more", do: func(t *testing.T, v *victim) int {
		v.s.Control(protocol.OpNone, func(c *fakeserver.Client, _ fakeserver.Frame) fakeserver.Verdict {
			if c == v.client {
				return fakeserver.Drop()
			}
			return fakeserver.Pass()
		})
		return 0
	}},
	{name: "a CONNECT that is at fault", ends: true, do: func(t *testing.T, v *victim) int {
		return v.send(t, "-ERR 'invalid client protocol'\r\n", 1)
	}},
	{name: "the wrong port", ends: true, do: func(t *testing.T, v *victim) int {
		return v.send(t, "-ERR 'attempted to connect to route port'\r\n", 1)
	}},
}

// eachByte is each pair of bytes that a line can begin with, on a line of its own.
func eachByte() string {
	var b strings.Builder
	b.WriteString("PING\r\n")
	for i := range 256 {
		b.WriteByte(byte(i))
	}
	return b.String()
}

func manyServers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"s%d:1",`, i)
	}
	return b.String() + `"last:1"`
}

// What a client may allocate while it is treated badly, in bytes: a part that is there
// anyway, the server's own one included, and so many for each byte that was sent. And
// what it may hold when it is over.
const (
	allocatedMax        = 8 << 20
	allocatedPerByteMax = 100 // an event of an error of ten bytes costs a kilobyte
	heldMax             = 16 << 20
)

// TestHostileServers: whatever a server does, nothing of the client panics (G12), memory
// is bounded (G9), each call ends (G2), and the connection comes back by itself or has
// ended with a type (G8, G11).
func TestHostileServers(t *testing.T) {
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { treated(t, h) })
		})
	}
}

func treated(t *testing.T, h hostile) {
	t.Helper()
	s := fakeserver.Run(t, fakeserver.Options{DontListen: true, Greeting: func(n int) fakeserver.Greeting {
		if n > 1 {
			return fakeserver.Greeting{}
		}
		return h.greeting
	}})
	events := newTape()
	v := &victim{s: s, sids: map[string]uint64{}}
	before := held()
	sent := len(h.greeting.Raw)
	asked := make(chan error, 1)
	allocated := allocates(func() {
		v.nc = join(t, s, events.option(), api.NeverGiveUp(), api.RetryOnFailedConnect(true), api.ReconnectWait(time.Second))
		v.settle(t)
		go func() {
			_, err := v.nc.Request("service", nil, time.Minute)
			asked <- err
		}()
		synctest.Wait()
		if h.do != nil {
			v.client = s.Client(s.Accepted())
			for _, sub := range v.client.Subscriptions() {
				v.sids[strings.TrimSuffix(sub.Subject, ".*")] = sub.SID
				if strings.HasPrefix(sub.Subject, api.InboxPrefix) {
					v.sids["inbox"] = sub.SID
				}
			}
			sent += h.do(t, v)
		}
		time.Sleep(2 * time.Minute)
	})
	if most := uint64(allocatedMax + allocatedPerByteMax*sent); allocated > most {
		t.Errorf("%d KiB were allocated for %d KiB that were sent", allocated>>10, sent>>10)
	}
	if n := held() - before; n > heldMax {
		t.Errorf("%d KiB are held", n>>10)
	}
	if err := <-asked; err == nil || api.CategoryOf(err) == api.CategoryUnknown || api.CategoryOf(err) == api.CategoryInternal {
		t.Errorf("the request ended with %v", err)
	}
	events.unharmed(t)
	v.judge(t, h, events)
	v.nc.Close()
}

// settle waits for the connection and subscribes.
func (v *victim) settle(t *testing.T) {
	t.Helper()
	_, err := v.nc.Subscribe("slow", func(*api.Msg) { time.Sleep(time.Second) }, api.PendingLimits(1000, 1<<20))
	must.Do(t, err)
	_, err = v.nc.Subscribe("quick", func(*api.Msg) {})
	must.Do(t, err)
	_, err = v.nc.Subscribe("service", func(*api.Msg) {}) // which answers nobody
	must.Do(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	must.Do(t, v.nc.FlushContext(ctx))
}

// judge checks the state of the connection.
func (v *victim) judge(t *testing.T, h hostile, events *tape) {
	t.Helper()
	if h.ends {
		closed := events.await(t, api.ConnectionClosed, 1)
		if category := api.CategoryOf(closed.Cause); category == api.CategoryUnknown || category == api.CategoryNone {
			t.Errorf("it ended by %v (%v)", closed.Cause, category)
		}
		return
	}
	for _, c := range v.s.Clients() { // the lies end with the connection
		c.Reset()
	}
	time.Sleep(time.Minute)
	sub, err := v.nc.SubscribeSync("after")
	must.Do(t, err)
	must.Do(t, v.nc.Publish("after", []byte("x")))
	if m := must.Get(sub.NextMsg(10 * time.Second))(t); string(m.Data) != "x" {
		t.Errorf("got %q", m.Data)
	}
	if n := len(v.s.Clients()); n != 1 {
		t.Errorf("%d connections", n)
	}
	subscribed := map[string]int{}
	for _, sub := range v.s.Clients()[0].Subscriptions() {
		subscribed[sub.Subject]++
	}
	for _, subject := range []string{"slow", "quick", "service", "after"} {
		if subscribed[subject] != 1 {
			t.Errorf("subscribed to %s %d times", subject, subscribed[subject])
		}
	}
}

// unharmed checks that no actor of the library's own has failed but by a loss of the
// link, and none panicked.
func (r *tape) unharmed(t *testing.T) {
	t.Helper()
	for _, kind := range []api.EventKind{api.ActorFailed, api.ActorStopped, api.HandlerPanicked, api.LinkLost, api.ConnectionClosed} {
		for _, e := range r.of(kind) {
			if category := api.CategoryOf(e.Cause); category == api.CategoryInternal || kind == api.HandlerPanicked {
				t.Errorf("%v: %v\n%s", kind, e.Cause, e.Stack)
			}
		}
	}
}

// held returns the bytes that are in use after a collection.
func held() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
