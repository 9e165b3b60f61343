package api_test

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// cycleCount is how often a connection is opened, or not, and closed.
var cycleCount = flag.Int("cycles", 10_000/raced, "how often connections are opened and closed")

const (
	// perSystem is after how many cycles a worker takes a new actor system: with an old one
	// it would soon reach the limit on dials.
	perSystem = 40

	// heapLeft is how many more bytes may be on the heap, whatever the number of cycles;
	// most of them belong to servers that have ended.
	heapLeft = 4 << 20

	// settling is how long the runtime retains a closed pipe: until its deadline, which is a
	// minute away for a pipe that was written to.
	settling = time.Minute + patience

	// closeGrace is how long Close, and a Connect that fails, wait for the end of the actors.
	closeGrace = 2 * time.Second
)

// cycles is the world in which connections are opened and closed.
type cycles struct {
	t                    *testing.T
	open, guarded, inTLS *natsserver.Server
	gone                 string // the address of a server that is down
	rude                 string // where each connection ends in the middle of the handshake
	made                 *conns
}

// conns counts the connections that a caller got, and those of them that the garbage
// collector took back: what a timer or a table still holds is not among them.
type conns struct{ made, collected atomic.Int64 }

func (c *conns) add(nc *api.Conn) {
	c.made.Add(1)
	runtime.AddCleanup(nc, func(n *atomic.Int64) { n.Add(1) }, &c.collected)
}

// cycle opens a connection, or fails to, with these options and its own.
type cycle struct {
	weight int // how often it is drawn; low for those that wait, or reckon keys
	run    func(c *cycles, with ...api.Option) error
	want   []error // what it may return; nothing for no error
}

var cycleKinds = map[string]cycle{
	"connect, close":          {30, (*cycles).inMemory, nil},
	"over TCP":                {10, (*cycles).overTCP, nil},
	"drain":                   {10, (*cycles).drain, nil},
	"reconnect":               {10, (*cycles).reconnect, nil},
	"everything":              {10, (*cycles).everything, nil},
	"retry at first":          {10, (*cycles).retry, nil},
	"WebSocket":               {10, (*cycles).webSocket, nil},
	"cancelled":               {15, (*cycles).cancelled, []error{nil, context.Canceled}},
	"refused":                 {15, (*cycles).refused, []error{api.ErrNoServers}},
	"wrong credentials":       {15, (*cycles).unknown, []error{api.ErrAuthorization}},
	"a server that hangs up":  {10, (*cycles).hungUp, []error{api.ErrNoServers}},
	"another protocol":        {5, (*cycles).noWebSocket, []error{api.ErrWebSocketUpgrade}},
	"a silent server":         {1, (*cycles).silent, []error{api.ErrNoServers}},
	"an unknown authority":    {1, (*cycles).untrusted, []error{api.ErrNoServers}},
	"TLS where there is none": {5, (*cycles).insecure, []error{api.ErrSecureConnWanted}},
}

// connect connects and runs f before it closes.
func (c *cycles) connect(url string, f func(*api.Conn) error, with ...api.Option) error {
	nc, err := api.Connect(url, with...)
	if err != nil {
		return err
	}
	defer nc.Close()
	c.made.add(nc)
	return f(nc)
}

func nothing(*api.Conn) error { return nil }

func (c *cycles) inMemory(with ...api.Option) error {
	return c.connect("", nothing, append(with, api.InProcessServer(c.open))...)
}

func (c *cycles) overTCP(with ...api.Option) error { return c.connect(c.open.URL(), nothing, with...) }

func (c *cycles) webSocket(with ...api.Option) error {
	return c.connect(c.open.WebSocketURL(), (*api.Conn).Flush, append(with, api.Compression(rand.IntN(2) == 0))...)
}

func (c *cycles) refused(with ...api.Option) error { return c.connect(c.gone, nothing, with...) }
func (c *cycles) hungUp(with ...api.Option) error  { return c.connect(c.rude, nothing, with...) }

// unknown comes over TCP, where the server's last message stays in the socket. In memory that
// message is lost, and only the end is seen, if the client does not read within the tenth of
// a second after which a server that closes a connection stops writing.
func (c *cycles) unknown(with ...api.Option) error {
	return c.connect(c.guarded.URL(), nothing, append(with, api.Token("guessed"))...)
}

func (c *cycles) silent(with ...api.Option) error {
	return c.connect("", nothing, append(with, api.InProcessServer(silence{}), api.Timeout(5*time.Millisecond))...)
}

func (c *cycles) untrusted(with ...api.Option) error {
	return c.connect(c.inTLS.URL(), nothing, with...)
}

func (c *cycles) insecure(with ...api.Option) error {
	return c.connect(c.open.URL(), nothing, append(with, api.Secure())...)
}

func (c *cycles) noWebSocket(with ...api.Option) error {
	return c.connect("ws"+c.open.URL()[len("nats"):], nothing, with...)
}

func (c *cycles) cancelled(with ...api.Option) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	time.AfterFunc(rand.N(2*time.Millisecond), cancel)
	nc, err := api.ConnectContext(ctx, c.open.URL(), with...)
	if err == nil {
		c.made.add(nc)
		nc.Close()
	}
	return err
}

func (c *cycles) drain(with ...api.Option) error {
	return c.connect("", func(nc *api.Conn) error {
		_, err := nc.Subscribe("a", func(*api.Msg) {})
		if err == nil {
			_, err = nc.DrainContext(c.t.Context())
		}
		return err
	}, append(with, api.InProcessServer(c.open))...)
}

// reconnect closes at any moment of the reconnect.
func (c *cycles) reconnect(with ...api.Option) error {
	return c.connect("", func(nc *api.Conn) error {
		_, err := nc.Subscribe("a", func(*api.Msg) {})
		err = errors.Join(err, nc.Publish("a", nil), nc.ForceReconnect())
		if rand.IntN(2) == 0 {
			err = errors.Join(err, nc.Flush())
		}
		if errors.Is(err, api.ErrDisconnected) {
			return nil // the flush was quicker than the end of the link
		}
		return err
	}, append(with, api.InProcessServer(c.open))...)
}

// retry ends a connection that never was, and that others use.
func (c *cycles) retry(with ...api.Option) error {
	return c.connect(c.gone, func(nc *api.Conn) error {
		_, err := nc.SubscribeSync("a")
		return errors.Join(err, nc.Publish("a", nil))
	}, append(with, api.RetryOnFailedConnect(true), api.ReconnectWait(time.Millisecond))...)
}

// everything leaves behind whatever a connection can hold.
func (c *cycles) everything(with ...api.Option) error {
	told := func(*api.Conn) {}
	with = append(with, api.InProcessServer(c.open), api.OnEvent(func(api.Event) {}), api.ClosedHandler(told), api.ConnectHandler(told))
	return c.connect("", func(nc *api.Conn) error {
		_ = nc.StatusChanged()
		for range nc.Events(cancelledContext()) {
			break
		}
		_, err := nc.Subscribe("a.*", func(m *api.Msg) { _ = m.Respond(m.Data) }, api.Concurrency(3))
		waiting, fail := nc.SubscribeSync("b")
		err = errors.Join(err, fail)
		_, fail = nc.Request("a.b", nil, patience)
		err = errors.Join(err, fail)
		_, fail = nc.Request("nobody", nil, patience)
		if !errors.Is(fail, api.ErrNoResponders) {
			err = errors.Join(err, fmt.Errorf("nobody answers: %w", fail))
		}
		for _, fail := range nc.RequestMany(context.Background(), "a.c", nil) {
			err = errors.Join(err, fail)
			break
		}
		ref, fail := nc.Spawn(doing("", func(*api.ActorContext, any) {}))
		if err = errors.Join(err, fail); err != nil {
			return err
		}
		_, err = nc.SubscribeActor("c", ref)
		go func() { _, _ = waiting.NextMsg(patience) }()
		return errors.Join(err, nc.Publish("c", nil), nc.PublishRequest("a.d", nc.NewInbox(), nil))
	}, with...)
}

func cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestConnectionsLeaveNothing opens connections in every way that works or fails,
// thousands of times. Afterwards there are as many goroutines, descriptors, and bytes on
// the heap as before, every connection was collected, so that no timer holds one, and no
// actor is left.
func TestConnectionsLeaveNothing(t *testing.T) {
	var made conns
	count := *cycleCount
	t.Run("warm-up", func(t *testing.T) { runCycles(t, min(count, 10_000)/20, &made) })
	before, fds, known := heap(), descriptors(t), goleak.IgnoreCurrent()
	t.Run("cycles", func(t *testing.T) { runCycles(t, count, &made) })
	if err := goleak.Find(known); err != nil {
		t.Error(err)
	}
	until(t, "the descriptors are back", func() bool { return descriptors(t) <= fds })
	until(t, "all connections are collected", func() bool { runtime.GC(); return made.collected.Load() == made.made.Load() })
	until(t, "the heap is as small as before", func() bool { return heap()-before < heapLeft })
	t.Logf("%d cycles, in which %d connections were made; goroutines that are left: 0; descriptors %d, and %d before; heap %d KiB, and %d KiB before",
		count, made.made.Load(), descriptors(t), fds, heap()>>10, before>>10)
}

// heap returns the bytes that live on the heap.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what was in a sync.Pool survives the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// descriptors counts the process's open files; where the system does not tell, it
// is the same each time.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return len(open)
}

// until waits for what nothing tells of.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), settling)
	defer cancel()
	for !holds() {
		select {
		case <-pause.C:
		case <-ctx.Done():
			t.Errorf("%s: not within %v", what, settling)
			return
		}
	}
}

// runCycles runs n cycles in a world of their own, from several goroutines.
func runCycles(t *testing.T, n int, made *conns) {
	own, _ := selfSigned(t)
	away := natsserver.Run(t, natsserver.Options{})
	away.Kill()
	// A server remembers closed connections, and the runtime a server, for a while.
	forget := func(o *server.Options) { o.MaxClosedClients = 1 }
	c := &cycles{
		t: t, made: made, gone: away.URL(), rude: rude(t),
		open:    natsserver.Run(t, natsserver.Options{Edit: forget, WebSocket: true}),
		guarded: natsserver.Run(t, natsserver.Options{Edit: forget, Token: "secret"}),
		inTLS:   natsserver.Run(t, natsserver.Options{Edit: forget, TLS: &tls.Config{Certificates: []tls.Certificate{own}}}),
	}
	var drawn []string
	for name, kind := range cycleKinds {
		for range kind.weight {
			drawn = append(drawn, name)
		}
	}
	var left atomic.Int64
	var workers sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for left.Add(perSystem) <= int64(n) {
				c.inOneSystem(drawn)
			}
		})
	}
	workers.Wait()
}

// inOneSystem runs cycles in an actor system of their own, and looks for actors that
// are left in it.
func (c *cycles) inOneSystem(drawn []string) {
	system := api.NewActorSystem(nil)
	before := system.Actors()
	for range perSystem {
		name := drawn[rand.IntN(len(drawn))]
		kind := cycleKinds[name]
		began := time.Now()
		if err := kind.run(c, api.System(system), api.Timeout(patience)); !oneOf(err, kind.want) {
			c.t.Errorf("%s: %v", name, err)
		}
		if time.Since(began) >= closeGrace {
			until(c.t, "the actors of a slow connection have ended", func() bool { return system.Actors() == before })
		}
		if after := system.Actors(); after != before {
			c.t.Errorf("%s: %d actors, and %d before", name, after, before)
			return
		}
	}
}

func oneOf(err error, wanted []error) bool {
	if len(wanted) == 0 {
		return err == nil
	}
	for _, want := range wanted {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// rude listens for clients, says something that is not the whole of a handshake, and
// hangs up.
func rude(t *testing.T) (url string) {
	said := []string{"", "INF", "INFO {}\r\n", "INFO {\"max_payload\":1}\r\n-ERR 'no'\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "PONG\r\n"}
	n := 0
	return "nats://" + tlsPeer(t, func(conn net.Conn) {
		n++
		_, _ = conn.Write([]byte(said[n%len(said)]))
	})
}
