package faults_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// other connects with nats.go, which tries forever, once a second.
func other(b *faults.Env, client string, servers ...string) *nats.Conn {
	b.T.Helper()
	var urls []string
	for _, s := range servers {
		urls = append(urls, b.URL(s))
	}
	nc, err := nats.Connect(strings.Join(urls, ","), nats.SetCustomDialer(b.Dialer(client)), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Second), nats.ReconnectJitter(0, 0), nats.DontRandomize())
	if err != nil {
		b.T.Fatal(err)
	}
	b.T.Cleanup(nc.Close)
	return nc
}

// own connects with the actors of troupe, on the bubble's system.
func own(b *faults.Env, client string) *actors.Conn {
	b.T.Helper()
	server, err := url.Parse(b.URL("s1"))
	if err != nil {
		b.T.Fatal(err)
	}
	c, err := actors.Connect(b.T.Context(), b.System, actors.Config{
		Servers: []*url.URL{server}, Hello: protocol.Connect{Lang: "go", Version: "test", Protocol: 1, Echo: true},
		Timeout: time.Second, PingInterval: time.Minute, PingsMax: 2, AttemptsMax: -1, InboxPrefix: "_INBOX", BufferWhileDown: 1 << 20,
		Backoff:   supervisor.Backoff{Initial: time.Millisecond, Max: time.Second},
		Transport: actors.Transport{Dial: b.Dialer(client).DialContext, SkipLookup: true},
	})
	if err != nil {
		b.T.Fatal(err)
	}
	b.T.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// TestABubbleHoldsAWholeSystem: two servers, two clients, JetStream, and hours.
func TestABubbleHoldsAWholeSystem(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		b.Start("s2", natsserver.Options{})
		nc := other(b, "client", "s1", "s2")
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		time.Sleep(10 * time.Hour)
		if ack, err := js.Publish(b.T.Context(), "s", nil); err != nil || ack.Sequence != 1 {
			t.Error(ack, err)
		}
		if passed := time.Since(began); passed < 10*time.Hour || passed > 10*time.Hour+time.Second {
			t.Errorf("%v passed", passed)
		}
		if nc.Stats().Reconnects != 0 || nc.ConnectedServerName() != "s1" {
			t.Errorf("%d reconnects, at %s", nc.Stats().Reconnects, nc.ConnectedServerName())
		}
		c := own(b, "troupe")
		if err := c.Flush(b.T.Context()); err != nil {
			t.Error(err)
		}
	}, faults.Seed(7), faults.Window(100))
}

// silent is a server that says nothing.
type silent struct{ ends []net.Conn }

func (s *silent) InProcessConn() (net.Conn, error) {
	near, far := net.Pipe()
	s.ends = append(s.ends, far)
	return near, nil
}

func TestABubbleWithoutItsServer(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		if b.Server != nil || len(b.Servers) != 0 || len(b.Net.Hosts()) != 0 {
			t.Error("there is a server")
		}
		s := &silent{}
		b.Attach("s1", s)
		conn, err := b.Dialer("client").Dial("tcp", "s1:4222")
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		s.ends[0].Close()
	}, faults.NoServer())
	faults.Bubble(t, func(b *faults.Env) {
		if nc := other(b, "client", "s1"); nc.MaxPayload() != 999 {
			t.Errorf("options were not taken: %d", nc.MaxPayload())
		}
	}, faults.ServerOptions(natsserver.Options{MaxPayload: 999}))
}

// TestLeftoversAreFound: what does not end in spite of all patience is named.
func TestLeftoversAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		go func() { time.Sleep(time.Minute) }() // which ends in time
		go forgotten(end)
		stacks := faults.Leftovers()
		if len(stacks) != 1 || !strings.Contains(stacks[0], "forgotten") {
			t.Errorf("%d goroutines are left, want forgotten:\n%s", len(stacks), strings.Join(stacks, "\n\n"))
		}
		close(end)
		if stacks := faults.Leftovers(); len(stacks) > 0 {
			t.Errorf("%d goroutines are left:\n%s", len(stacks), strings.Join(stacks, "\n\n"))
		}
	})
}

func forgotten(end chan struct{}) { <-end }
