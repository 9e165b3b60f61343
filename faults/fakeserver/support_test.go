package fakeserver_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/must"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find() }))
}

// patience is how long a test waits for what has to happen.
const patience = time.Minute

// provider is a server that clients connect to in memory.
type provider interface {
	InProcessConn() (net.Conn, error)
}

// raw is a client without a library: it sends bytes and reads the answers.
type raw struct {
	t    testing.TB
	conn net.Conn
	more chan struct{} // capacity 1: something was read, or the connection ended

	mu    sync.Mutex
	heard []byte
	err   error // why the connection ended
}

// dial connects to a server through memory.
func dial(t testing.TB, p provider) *raw {
	t.Helper()
	conn, err := p.InProcessConn()
	must.Do(t, err)
	return listen(t, conn)
}

// dialTCP connects to a server on a port.
func dialTCP(t testing.TB, url string) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
	must.Do(t, err)
	return listen(t, conn)
}

// listen reads from conn until it ends.
func listen(t testing.TB, conn net.Conn) *raw {
	r := &raw{t: t, conn: conn, more: make(chan struct{}, 1)}
	var reading sync.WaitGroup
	reading.Go(r.read)
	t.Cleanup(func() {
		conn.Close()
		reading.Wait()
	})
	return r
}

func (r *raw) read() {
	chunk := make([]byte, 4096)
	for {
		n, err := r.conn.Read(chunk)
		r.mu.Lock()
		r.heard = append(r.heard, chunk[:n]...)
		r.err = err
		r.mu.Unlock()
		select {
		case r.more <- struct{}{}:
		default:
		}
		if err != nil {
			r.conn.Close() // as a client does: the server waits for it
			return
		}
	}
}

// send writes frames; if the connection has ended, the next read reports it.
func (r *raw) send(frames string) {
	_, _ = r.conn.Write([]byte(frames))
}

// take returns what has arrived since the last take.
func (r *raw) take() (heard string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	heard = string(r.heard)
	r.heard = nil
	return heard, r.err
}

// expect waits until the next bytes match want, in which "*" stands for the rest of a
// line, and "END" for the end of the connection.
func (r *raw) expect(want string) {
	r.t.Helper()
	want, end := strings.CutSuffix(want, "END")
	timer := time.NewTimer(patience)
	defer timer.Stop()
	heard := ""
	for {
		more, err := r.take()
		heard += more
		if same(heard, want) && (!end || err != nil) {
			return
		}
		if err != nil || strings.Count(heard, "\n") > strings.Count(want, "\n") {
			r.t.Fatalf("the server said %q (%v), want %q", heard, err, want)
		}
		select {
		case <-r.more:
		case <-timer.C:
			r.t.Fatalf("the server said %q, want %q", heard, want)
		}
	}
}

// same compares line by line, with "*" at the end of a wanted line for anything.
func same(got, want string) bool {
	g, w := strings.SplitAfter(got, "\r\n"), strings.SplitAfter(want, "\r\n")
	if len(g) != len(w) {
		return false
	}
	for i := range g {
		front, any := strings.CutSuffix(w[i], "*\r\n")
		if g[i] != w[i] && !(any && strings.HasPrefix(g[i], front) && strings.HasSuffix(g[i], "\r\n")) {
			return false
		}
	}
	return true
}

// expectReset waits for the end of the connection, which must be a reset.
func (r *raw) expectReset() {
	r.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		_, err := r.take()
		if err != nil {
			if errors.Is(err, io.EOF) {
				r.t.Fatal("an end, and no reset")
			}
			return
		}
		select {
		case <-r.more:
		case <-timer.C:
			r.t.Fatal("the connection did not end")
		}
	}
}

// hello is a CONNECT in plain mode, and a PING.
const hello = `CONNECT {"verbose":false,"pedantic":false,"protocol":1,"headers":true,"no_responders":true,"echo":true}` + "\r\nPING\r\n"

// greeted shakes hands.
func (r *raw) greeted() *raw {
	r.t.Helper()
	r.expect("INFO *\r\n")
	r.send(hello)
	r.expect("PONG\r\nINFO *\r\n")
	return r
}
