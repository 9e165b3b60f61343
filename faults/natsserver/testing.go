package natsserver

import (
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats-server/v2/server/ats"
)

// StoreClock is the function whose goroutine a leak check has to ignore after tests with
// clusters that have JetStream:
//
//	func TestMain(m *testing.M) {
//		goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(natsserver.StoreClock))
//	}
//
// It is the clock that the stores of all servers in the process share, and that ends with
// the last of them. If a member of a cluster is shut down while it creates its replica of
// a stream or of a consumer, it forgets that it has opened a store, and the clock never
// ends.
const StoreClock = "github.com/nats-io/nats-server/v2/server/ats.Register.func1"

// Run starts a server for one test and shuts it down when the test ends. If it can't
// start, the test fails at once.
func Run(t testing.TB, opts Options) *Server {
	t.Helper()
	s, err := Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

// RunCluster starts a cluster for one test and shuts it down when the test ends. If it
// can't start, the test fails at once.
func RunCluster(t testing.TB, n int, opts Options) *Cluster {
	t.Helper()
	c, err := StartCluster(n, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Shutdown)
	return c
}

// RunProcess starts a server in a process of its own for one test and shuts it down when
// the test ends. If it can't start, the test fails at once. TestMain has to call [Child]
// first.
func RunProcess(t testing.TB, opts Options) *Process {
	t.Helper()
	p, err := StartProcess(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Shutdown)
	return p
}

// Bubble runs f in a testing/synctest bubble in which a server with DontListen works,
// JetStream included: its clock is virtual, and hours of it pass while every goroutine in
// the bubble waits. Connect through [Server.InProcess], and start and end every server
// and connection inside f.
//
//	natsserver.Bubble(t, func(t *testing.T) {
//		s := natsserver.Run(t, natsserver.Options{DontListen: true, JetStream: true})
//		...
//		time.Sleep(time.Hour) // virtual
//	})
//
// What it adds to synctest.Test: the server's stores share one clock goroutine per
// process, which the first store starts and which listens on a channel created when the
// process began. If it were started inside a bubble, it would keep the bubble from ever
// becoming idle. Bubble starts it outside, and ends it afterwards.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	ats.Register()
	defer ats.Unregister()
	synctest.Test(t, f)
}
