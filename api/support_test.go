package api_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find() }))
}

// patience is how long a test waits for what has to happen.
const patience = time.Minute

// await returns what comes from ch.
func await[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v, ok := <-ch:
		if !ok {
			t.Fatalf("%s: the channel is closed", what)
		}
		return v
	case <-timer.C:
		t.Fatalf("%s: nothing came within %v", what, patience)
		panic("unreachable")
	}
}

// closed waits until ch is closed.
func closed[T any](t testing.TB, ch <-chan T, what string) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case _, ok := <-ch:
			if !ok {
				return
			}
		case <-timer.C:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// start starts a server for the test.
func start(t testing.TB) *natsserver.Server {
	t.Helper()
	return natsserver.Run(t, natsserver.Options{})
}

// dial connects to a server until the test ends. A handshake may take its time, unless the
// options say something else.
func dial(t testing.TB, s *natsserver.Server, options ...api.Option) *api.Conn {
	t.Helper()
	nc, err := api.Connect(s.URL(), append([]api.Option{api.Timeout(patience)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// both starts a server and connects to it.
func both(t testing.TB, options ...api.Option) (*natsserver.Server, *api.Conn) {
	t.Helper()
	s := start(t)
	return s, dial(t, s, options...)
}

// flushed makes sure that the server has seen everything, for several connections.
func flushed(t testing.TB, conns ...*api.Conn) {
	t.Helper()
	for _, nc := range conns {
		must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
	}
}

// collect returns a handler and the channel that it sends messages to.
func collect(capacity int) (api.MsgHandler, <-chan *api.Msg) {
	ch := make(chan *api.Msg, capacity)
	return func(m *api.Msg) { ch <- m }, ch
}

// number is the data of the i-th message.
func number(i int) []byte { return fmt.Appendf(nil, "%d", i) }
