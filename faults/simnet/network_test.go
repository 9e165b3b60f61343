package simnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/simnet"
)

// greeter is a server that says its name to everybody and then echoes.
type greeter string

func (g greeter) InProcessConn() (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		_, _ = fmt.Fprintf(far, "%s\n", string(g))
		_, _ = io.Copy(far, far)
	}()
	return near, nil
}

// sulking is a server that accepts nobody.
type sulking struct{ err error }

func (s sulking) InProcessConn() (net.Conn, error) { return nil, s.err }

// hear returns the name of the server that was reached.
func hear(t *testing.T, conn net.Conn) string {
	t.Helper()
	var name string
	if _, err := fmt.Fscanln(conn, &name); err != nil {
		t.Fatal(err)
	}
	return name
}

// network runs f with a network in a bubble.
func network(t *testing.T, f func(t *testing.T, n *simnet.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Options{})
		defer n.Close()
		f(t, n)
	})
}

func TestADialFindsItsServer(t *testing.T) {
	network(t, func(t *testing.T, n *simnet.Network) {
		n.Attach("s1", greeter("one"))
		n.Attach("s2", greeter("two"))
		d := n.Dialer("client")
		for i, c := range []struct{ address, want, remote string }{
			{"s1:4222", "one", "s1:4222"},
			{"s2:1", "two", "s2:1"},
			{n.Address("s2"), "two", "s2:4222"},
			{"10.0.0.1:4222", "one", "s1:4222"},
		} {
			conn, err := d.Dial("tcp", c.address)
			if err != nil {
				t.Fatal(err)
			}
			if got := hear(t, conn); got != c.want {
				t.Errorf("%s leads to %s", c.address, got)
			}
			local := fmt.Sprintf("client:%d", i+1)
			if conn.LocalAddr().String() != local || conn.RemoteAddr().String() != c.remote {
				t.Errorf("from %v to %v, want %v and %v", conn.LocalAddr(), conn.RemoteAddr(), local, c.remote)
			}
			_, _ = io.WriteString(conn, "echo\n")
			if got := hear(t, conn); got != "echo" {
				t.Errorf("echo %q", got)
			}
			conn.Close()
		}
		if got := fmt.Sprint(n.Hosts(), n.Clients(), len(n.Links())); got != "[s1 s2] [client] 2" {
			t.Error(got)
		}
		if s := n.Link("client", "s1").Stats(); s.Connections != 2 {
			t.Errorf("%d connections", s.Connections)
		}
	})
}

// TestWhyADialFails: each reason has its type, as in package net.
func TestWhyADialFails(t *testing.T) {
	network(t, func(t *testing.T, n *simnet.Network) {
		own := errors.New("not today")
		n.Attach("sulks", sulking{own})
		n.Attach("away", greeter("away"))
		n.Detach("away")
		n.Detach("unknown")
		n.Attach("refused", greeter("refused"))
		d := n.Dialer("client")
		if _, err := n.Link("client", "refused").Inject("refuse"); err != nil {
			t.Fatal(err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for name, c := range map[string]struct {
			ctx     context.Context
			address string
			want    []error
			says    string
		}{
			"unknown":     {t.Context(), "nowhere:4222", nil, "dial tcp nowhere:4222: lookup nowhere: no such host"},
			"detached":    {t.Context(), "away:4222", []error{syscall.ECONNREFUSED}, "dial tcp away:4222: connect: connection refused"},
			"refusing":    {t.Context(), "sulks:4222", []error{syscall.ECONNREFUSED, own}, "connection refused: not today"},
			"rule":        {t.Context(), "refused:4222", []error{syscall.ECONNREFUSED}, "refuse"},
			"no address":  {t.Context(), "s1", nil, "missing port"},
			"no patience": {over, "away:4222", []error{context.Canceled}, "dial tcp away:4222"},
		} {
			_, err := d.DialContext(c.ctx, "tcp", c.address)
			var op *net.OpError
			if !errors.As(err, &op) || op.Op != "dial" || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
			for _, want := range c.want {
				if !errors.Is(err, want) {
					t.Errorf("%s: %v is no %v", name, err, want)
				}
			}
			var dns *net.DNSError
			if errors.As(err, &dns) != (name == "unknown") || dns != nil && !dns.IsNotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		n.Attach("away", greeter("back"))
		conn, err := d.Dial("tcp", "away:4222")
		if err != nil {
			t.Fatal(err)
		}
		if got := hear(t, conn); got != "back" {
			t.Error(got)
		}
		if n.Address("nowhere") != "" || n.Address("away") != "10.0.0.2:4222" {
			t.Errorf("%q, %q", n.Address("nowhere"), n.Address("away"))
		}
	})
}

// TestCloseLeavesNothing: open connections are reset, later dials are refused.
func TestCloseLeavesNothing(t *testing.T) {
	network(t, func(t *testing.T, n *simnet.Network) {
		n.Attach("s1", greeter("one"))
		var open []net.Conn
		for i := range 20 {
			conn, err := n.Dialer(fmt.Sprint("c", i)).Dial("tcp", "s1:4222")
			if err != nil {
				t.Fatal(err)
			}
			hear(t, conn)
			open = append(open, conn)
		}
		open[0].Close()
		n.Close()
		n.Close()
		for _, conn := range open[1:] {
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
		}
		if _, err := n.Dialer("late").Dial("tcp", "s1:4222"); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := n.Link("late", "s1").Admit(); err == nil {
			t.Error("a link of a closed network admits")
		}
	})
}

// TestARealServerThroughTheNetwork with another client than ours, in virtual time: a
// server is killed, another takes its name, and the client finds it.
func TestARealServerThroughTheNetwork(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		n := simnet.New(simnet.Options{Window: 1000})
		defer n.Close()
		first := natsserver.Run(t, natsserver.Options{DontListen: true})
		n.Attach("s1", first)
		back := make(chan struct{})
		nc, err := nats.Connect("nats://"+n.Address("s1"), nats.SetCustomDialer(n.Dialer("client")), nats.MaxReconnects(-1),
			nats.ReconnectWait(time.Second), nats.ReconnectHandler(func(*nats.Conn) { close(back) }))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		sub, err := nc.SubscribeSync("hello")
		if err != nil {
			t.Fatal(err)
		}
		exchange := func() {
			t.Helper()
			_ = nc.Publish("hello", []byte(strings.Repeat("x", 5000)))
			if m, err := sub.NextMsg(time.Second); err != nil || len(m.Data) != 5000 {
				t.Fatal(err)
			}
		}
		exchange()
		first.Kill()
		time.Sleep(time.Hour)
		n.Attach("s1", natsserver.Run(t, natsserver.Options{DontListen: true}))
		<-back
		exchange()
	})
}

// TestAResetComesBehindWhatWasHandedOn: what a rule sets off in a stream is in its place
// there, also for a client that reads later.
func TestAResetComesBehindWhatWasHandedOn(t *testing.T) {
	network(t, func(t *testing.T, n *simnet.Network) {
		n.Attach("s1", greeter("+OK\r"))
		if _, err := n.Link("client", "s1").Inject("when op(PING) reset(in)"); err != nil {
			t.Fatal(err)
		}
		conn, err := n.Dialer("client").Dial("tcp", "s1:4222")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "+OK\r\nPING\r\n+OK\r\n")
		synctest.Wait()
		got, err := io.ReadAll(conn)
		if string(got) != "+OK\r\n+OK\r\n" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// TestAConnectionIsThereWhenItWasDialed: a rule that takes effect directly after a dial
// applies to its connection, and connections are numbered in the order of their dials.
func TestAConnectionIsThereWhenItWasDialed(t *testing.T) {
	network(t, func(t *testing.T, n *simnet.Network) {
		n.Attach("s1", greeter("one"))
		link := n.Link("client", "s1")
		for range 100 {
			first, err := n.Dialer("client").Dial("tcp", "s1:4222")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := n.Dialer("client").Dial("tcp", "s1:4222"); err != nil {
				t.Fatal(err)
			}
			made := link.Stats().Connections
			for _, rule := range []string{fmt.Sprintf("when conn(%d) reset", made-1), "reset"} {
				fault, err := link.Inject(rule)
				if err != nil {
					t.Fatal(err)
				}
				if fault.Hits() != 1 {
					t.Fatalf("%s: %d hits", rule, fault.Hits())
				}
				if _, err := io.ReadAll(first); !errors.Is(err, syscall.ECONNRESET) {
					t.Fatalf("%s: %v", rule, err)
				}
			}
			synctest.Wait()
		}
	})
}
