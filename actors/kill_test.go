package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/supervisor"
)

var errKilled = errors.New("killed by the test")

// killer panics once, in the n-th message of one kind of actor.
type killer struct {
	mu   sync.Mutex
	kind string
	nth  uint64
	seen uint64
	done bool
}

// between is for System.Interpose.
func (k *killer) between(kind string) func() {
	if kind != k.kind {
		return nil
	}
	return k.before
}

func (k *killer) before() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done {
		return
	}
	k.seen++
	if k.seen == k.nth {
		k.done = true
		panic(errKilled)
	}
}

// killed reports whether it has panicked.
func (k *killer) killed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.done
}

// TestEveryActorMayDie panics each actor of a connection at each of its first hundred
// messages, under load, and checks each time that the connection works again,
// subscriptions are restored once, nothing came twice or out of order, and Close leaves
// nothing.
func TestEveryActorMayDie(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	for _, kind := range []string{"connection", "link", "reader", "writer", "heartbeat", "requests", "callbacks", "subscriptions", "dispatcher", "worker"} {
		t.Run(kind, func(t *testing.T) {
			died, spared := 0, 0
			// An actor that gets fewer than n messages is not killed: after a few such
			// runs there is nothing more to test.
			for n := uint64(1); n <= 100 && spared < 4; n++ {
				k := &killer{kind: kind, nth: n}
				surviveKill(t, s.URL(), k)
				if k.killed() {
					died++
				} else {
					spared++
				}
			}
			if died == 0 {
				t.Fatalf("no %s was ever killed", kind)
			}
			t.Logf("killed at %d of its first hundred messages", died)
		})
	}
}

// inOrder checks that each number comes once and, unless the link may be cut, in
// ascending order, and signals the last one. After a cut a server may read the rest of
// the old socket when the new one is already in use.
type inOrder struct {
	t     *testing.T
	what  string
	mu    sync.Mutex
	loose bool
	last  int
	count int
	seen  map[int]bool
	end   chan struct{}
}

func newInOrder(t *testing.T, what string, k *killer) *inOrder {
	return &inOrder{t: t, what: what, loose: cutsLink[k.kind], seen: make(map[int]bool), end: make(chan struct{}, 1)}
}

func (o *inOrder) got(payload string) {
	var n int
	fmt.Sscan(payload, &n)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen[n] || n <= o.last && !o.loose {
		o.t.Errorf("%s: message %d came after %d (twice: %v)", o.what, n, o.last, o.seen[n])
	}
	o.seen[n] = true
	o.last = n
	o.count++
	if n >= lastNumber {
		select {
		case o.end <- struct{}{}:
		default:
		}
	}
}

// cutsLink names the actors whose failure costs the socket, and with it what core NATS
// had in flight; requests is one because the test itself cuts the link there.
var cutsLink = map[string]bool{"connection": true, "link": true, "reader": true, "writer": true, "requests": true}

const lastNumber = 1_000_000

func surviveKill(t *testing.T, url string, k *killer) {
	t.Helper()
	sys := NewSystem(nil)
	cfg := config(t, url)
	cfg.PingInterval = time.Millisecond
	cfg.PingsMax = 60_000 // a busy server may be silent for long
	prefix := fmt.Sprintf("kill.%s.%d", k.kind, k.nth)
	sys.Interpose(k.between)
	c, err := Connect(must.Within(t, patience), sys, cfg)
	if err != nil {
		t.Fatalf("n=%d: connect: %v", k.nth, err)
	}
	plain := newInOrder(t, "plain", k)
	keyed := newInOrder(t, "by key", k)
	noDelay := supervisor.Policy{Backoff: supervisor.Backoff{Initial: supervisor.NoDelay}}
	subscribe(t, c, SubSpec{Subject: prefix + ".plain", Policy: noDelay, Consumer: handle(func(_, p string) { plain.got(p) })})
	subscribe(t, c, SubSpec{Subject: prefix + ".keyed", Policy: noDelay, Workers: 3, Key: func(*Raw) uint64 { return 7 },
		Consumer: handle(func(_, p string) { keyed.got(p) })})
	subscribe(t, c, SubSpec{Subject: prefix + ".echo", Policy: noDelay, Consumer: func() Consumer { return &echo{c: c} }})
	for i := 1; i <= 120; i++ {
		mustPublish(t, c, prefix+".plain", decimal(uint64(i)))
		mustPublish(t, c, prefix+".keyed", decimal(uint64(i)))
		if i%4 == 0 {
			_, _ = c.Request(context.Background(), prefix+".echo", nil, []byte("?"), time.Millisecond)
		}
		if k.kind == "requests" && i%2 == 0 {
			_ = c.ForceReconnect() // the actor gets a message for each lost link
		}
	}
	awaitHealthy(t, c)
	awaitLast(t, c, map[string]*inOrder{prefix + ".plain": plain, prefix + ".keyed": keyed})
	if _, err := c.Request(context.Background(), prefix+".echo", nil, []byte("?"), 10*time.Second); err != nil && !errors.Is(err, ErrDisconnected) {
		t.Fatalf("n=%d: request after recovery: %v\n%v", k.nth, err, c.Tree())
	}
	if !cutsLink[k.kind] && (plain.count != 121 || keyed.count != 121) {
		t.Fatalf("n=%d: %d and %d of 121 messages came\n%v", k.nth, plain.count, keyed.count, c.Events())
	}
	if r := c.Close(must.Within(t, patience)); len(r.Unfinished) > 0 {
		t.Fatalf("n=%d: close left %v", k.nth, r.Unfinished)
	}
}

// awaitLast publishes a last message on each subject until one has come back: the kill
// may come just then, and core NATS loses what is in flight.
func awaitLast(t *testing.T, c *Conn, all map[string]*inOrder) {
	t.Helper()
	ctx := must.Within(t, patience)
	for subject, o := range all {
		for n := lastNumber; ; n++ {
			mustPublish(t, c, subject, decimal(uint64(n)))
			if err := c.Flush(ctx); err != nil && ctx.Err() == nil {
				continue // lost with the link
			}
			select {
			case <-o.end:
			case <-ctx.Done():
				t.Fatalf("%s: the last message did not come; last %d\n%v\n%v", o.what, o.last, c.Tree(), c.Events())
			}
			break
		}
	}
}

// echo answers requests.
type echo struct {
	c     *Conn
	reply string
}

func (e *echo) Build(at *Cursor, _ int) int {
	var m Raw
	at.Next(&m)
	e.reply = string(m.Reply)
	return 1
}

func (e *echo) Call(int) { _ = e.c.Publish(e.reply, "", nil, []byte("!")) }

// awaitHealthy flushes until the connection has answered twice in a row: a link that the
// kill ends may still answer once.
func awaitHealthy(t *testing.T, c *Conn) {
	t.Helper()
	ctx := must.Within(t, patience)
	for good := 0; good < 3; good++ {
		if err := c.Flush(ctx); err != nil {
			if ctx.Err() != nil {
				t.Fatalf("connection does not recover: %v\n%v", err, c.Tree())
			}
			good = -1
		}
	}
}
