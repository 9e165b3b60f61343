package figures_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// dialed notes when the last connection was made.
type dialed struct{ at atomic.Int64 }

// Dial implements api.CustomDialer.
func (d *dialed) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: time.Second}).Dial(network, address)
	d.at.Store(time.Now().UnixNano())
	return conn, err
}

// TestAHundredThousandSubscriptionsAreRestored kills a server under them. The next one
// knows nothing. It has each of them once, by its own list, as soon as the client has
// the answer to a PING, and a message for each arrives once. What is measured is the
// time from the new socket to that answer.
func TestAHundredThousandSubscriptionsAreRestored(t *testing.T) {
	count := sized(100_000, 5_000)
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) { o.MaxSubs = 0 }})
	var dialer dialed
	back := make(chan time.Duration, 10)
	nc, err := api.Connect(s.URL(), api.SetCustomDialer(&dialer), api.NeverGiveUp(), api.ReconnectHandler(func(nc *api.Conn) {
		if err := nc.Flush(); err == nil {
			back <- time.Duration(time.Now().UnixNano() - dialer.at.Load())
		}
	}))
	must.Do(t, err)
	defer nc.Close()
	hits := make([]atomic.Int32, count)
	for i := range count {
		_, err := nc.Subscribe(subject(i), func(*api.Msg) { hits[i].Add(1) })
		must.Do(t, err)
	}
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))

	s.Kill()
	must.Do(t, s.Restart())
	took := receive(t, back, "the connection is back")
	listed := interest(t, s)
	different := map[string]bool{}
	for _, subject := range listed {
		different[subject] = true
	}

	publisher, err := api.Connect(s.URL())
	must.Do(t, err)
	defer publisher.Close()
	for i := range count {
		must.Do(t, publisher.Publish(subject(i), nil))
	}
	must.Do(t, publisher.FlushWithContext(must.Within(t, patience)))
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
	all := make(chan struct{})
	must.Do(t, nc.Barrier(func() { close(all) }))
	waitFor(t, all, patience, "all messages are handled")
	once := 0
	for i := range hits {
		if hits[i].Load() == 1 {
			once++
		}
	}
	record(t, figure{
		what:     fmt.Sprintf("%d subscriptions after a restart of the server: listed by the server, messages delivered exactly once", count),
		goal:     "all, all",
		measured: fmt.Sprintf("%d, %d", len(listed), once),
		kept:     len(listed) == count && len(different) == count && once == count, exact: true,
	})
	record(t, figure{
		what: "new socket to all subscriptions restored", goal: "< 1 s",
		measured: rounded(took).String(), kept: took < time.Second,
	})
}

func subject(i int) string { return fmt.Sprintf("figures.%d.x", i) }

// interest returns the subjects of all subscriptions of clients, as the server lists
// them.
func interest(t testing.TB, s *natsserver.Server) []string {
	t.Helper()
	list, err := s.Server().Connz(&server.ConnzOptions{Subscriptions: true})
	must.Do(t, err)
	var subjects []string
	for _, c := range list.Conns {
		subjects = append(subjects, c.Subs...)
	}
	return subjects
}
