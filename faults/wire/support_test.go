package wire_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
	"github.com/troupe-go/troupe/internal/must"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find() }))
}

// patience is how long a test outside a bubble waits for what has to happen.
const patience = 20 * time.Second

// inject gives a link a rule.
func inject(t testing.TB, l *wire.Link, rule string) *wire.Injection {
	t.Helper()
	return must.Get(l.Inject(rule))(t)
}

// arrival is what one read has brought, and when.
type arrival struct {
	at   time.Duration // since the tape began
	data string
}

// tape records what arrives at one end of a connection.
type tape struct {
	conn  net.Conn
	began time.Time
	done  chan struct{} // closed at the end of the stream

	mu       sync.Mutex
	arrivals []arrival
	err      error         // what ended the stream
	ended    time.Duration // and when
}

func record(conn net.Conn) *tape {
	tp := &tape{conn: conn, began: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(tp.done)
		buf := make([]byte, 256<<10)
		for {
			n, err := conn.Read(buf)
			tp.mu.Lock()
			if n > 0 {
				tp.arrivals = append(tp.arrivals, arrival{at: time.Since(tp.began), data: string(buf[:n])})
			}
			if err != nil {
				tp.err, tp.ended = err, time.Since(tp.began)
			}
			tp.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return tp
}

// all returns what has arrived so far.
func (tp *tape) all() string {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var s strings.Builder
	for _, a := range tp.arrivals {
		s.WriteString(a.data)
	}
	return s.String()
}

// list returns each read so far.
func (tp *tape) list() []arrival {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return slices.Clone(tp.arrivals)
}

// log returns what has arrived so far and when, one read per line.
func (tp *tape) log() string {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var s strings.Builder
	for _, a := range tp.arrivals {
		fmt.Fprintf(&s, "%v %q\n", a.at, a.data)
	}
	return s.String()
}

// end returns what ended the stream, and when; nil if nothing has.
func (tp *tape) end() (time.Duration, error) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.ended, tp.err
}

// expect compares what has arrived with what should have, one read per line.
func (tp *tape) expect(t testing.TB, want ...string) {
	t.Helper()
	text := ""
	for _, line := range want {
		text += line + "\n"
	}
	if got := tp.log(); got != text {
		t.Errorf("there came:\n%swant:\n%s", got, text)
	}
}

// rig is a connection through a link, in a bubble.
type rig struct {
	t              *testing.T
	link           *wire.Link
	client, server net.Conn // the outer ends
	atClient       *tape
	atServer       *tape
	over           chan struct{} // closed when Relay returned
}

// pair creates the two ends of a connection.
type pair func() (a, b net.Conn)

// connect opens one more connection through a link.
func connect(t *testing.T, l *wire.Link, ends pair) *rig {
	client, outer := ends()
	inner, server := ends()
	r := &rig{t: t, link: l, client: client, server: server, over: make(chan struct{})}
	go func() {
		defer close(r.over)
		l.Relay(outer, inner)
	}()
	r.atClient, r.atServer = record(client), record(server)
	t.Cleanup(func() {
		client.Close()
		server.Close()
		l.Close()
		<-r.over
		<-r.atClient.done
		<-r.atServer.done
	})
	return r
}

// bubble runs f in a bubble with one connection through a link with rules.
func bubble(t *testing.T, options wire.Options, rules []string, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := wire.New(plan.Target{}, options)
		for _, rule := range rules {
			inject(t, l, rule)
		}
		r := connect(t, l, net.Pipe)
		synctest.Wait() // the link has begun the connection
		f(r)
	})
}

// send writes from the client, say from the server; both return when all was taken.
func (r *rig) send(data string) { r.put(r.client, data) }
func (r *rig) say(data string)  { r.put(r.server, data) }

func (r *rig) put(conn net.Conn, data string) {
	r.t.Helper()
	if _, err := io.WriteString(conn, data); err != nil {
		r.t.Errorf("write %q: %v", data, err)
	}
}

// isReset reports whether an end of a stream is a reset.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
