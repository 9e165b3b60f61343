package actors

import (
	"context"
	"errors"
	"net"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// TestKeyFunctionFailsInAUsedBuffer: naming the message must not read what an earlier
// read left in the buffer.
func TestKeyFunctionFailsInAUsedBuffer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	tape := record(&cfg)
	c := connect(t, cfg)
	got := make(chan string, 200)
	subscribe(t, c, SubSpec{Subject: "k.*", Policy: noDelay, Workers: 2, Key: func(m *Raw) uint64 {
		if string(m.Subject) == "k.bad" {
			panic(errKilled)
		}
		return 1
	}, Consumer: handle(func(_, p string) { got <- p })})
	for i := range 100 {
		mustPublish(t, c, "k.good", decimal(uint64(i)))
	}
	for i := range 100 {
		receiveAll(t, got, decimal(uint64(i)))
	}
	for range 5 {
		mustPublish(t, c, "k.good", "one")
		receiveAll(t, got, "one")
		mustPublish(t, c, "k.bad", "x")
		if err := c.Flush(must.Within(t, patience)); err != nil {
			t.Fatal(err)
		}
	}
	e := tape.await(t, 5, "panic", func(n Notice) bool { return n.Kind == supervisor.HandlerPanicked })
	if e.Message != "k.bad" {
		t.Errorf("the panic is said to be about %q", e.Message)
	}
	mustPublish(t, c, "k.good", "after")
	receiveAll(t, got, "after")
}

// TestDialersMayDoAnything: whatever they do wrong becomes the error of that attempt.
func TestDialersMayDoAnything(t *testing.T) {
	for name, dial := range map[string]func() (net.Conn, error){
		"panic":   func() (net.Conn, error) { panic(errKilled) },
		"exit":    func() (net.Conn, error) { runtime.Goexit(); return nil, nil },
		"nothing": func() (net.Conn, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, "nats://nowhere:4222")
			cfg.Dial = func(context.Context, *url.URL) (net.Conn, error) { return dial() }
			_, err := Connect(must.Within(t, patience), NewSystem(nil), cfg)
			var failed *DialError
			if !errors.Is(err, ErrNoServers) || !errors.As(err, &failed) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// TestADialerThatHangs and ignores its context costs the timeout.
func TestADialerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t, "nats://nowhere:4222")
		cfg.Timeout = 3 * time.Second
		release := make(chan struct{})
		defer close(release)
		cfg.Dial = func(context.Context, *url.URL) (net.Conn, error) {
			<-release
			return nil, net.ErrClosed
		}
		start := time.Now()
		_, err := Connect(t.Context(), NewSystem(nil), cfg)
		var failed *DialError
		if !errors.Is(err, ErrNoServers) || !errors.As(err, &failed) || failed.Phase != "dial" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != cfg.Timeout {
			t.Errorf("took %v, want %v", took, cfg.Timeout)
		}
	})
}

// TestTheEndIsToldThroughAFullQueue: a slow callback drops events, but never the
// end of a subscription or of the connection.
func TestTheEndIsToldThroughAFullQueue(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	hold, ended := make(chan struct{}), make(chan supervisor.EventKind, 2)
	cfg.OnEvent = func(n Notice) {
		if n.Kind == supervisor.ServerErrorReported {
			<-hold
		}
		if n.Kind == supervisor.SubscriptionStopped || n.Kind == supervisor.ConnectionClosed {
			ended <- n.Kind
		}
	}
	c := connect(t, cfg)
	subscribe(t, c, SubSpec{Subject: "s", Consumer: handle(func(_, _ string) {})})
	for range eventsMax + 100 {
		c.observe(Notice{Event: supervisor.Event{Kind: supervisor.ServerErrorReported, Path: c.name}})
	}
	go c.Close(context.Background())
	close(hold)
	for range 2 {
		select {
		case <-ended:
		case <-must.Within(t, patience).Done():
			t.Fatal("an end was dropped")
		}
	}
	if c.Stats().EventsDropped == 0 {
		t.Error("no event was dropped: the queue was never full")
	}
}

// TestALossIsToldThroughAFloodOfErrors: the link's mailbox is bounded for what a
// server sends, not for the end of its socket.
func TestALossIsToldThroughAFloodOfErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t, "nats://pipe:4222")
		greeted := 0
		peers(t, &cfg, func(p *peer) {
			if !p.greet(protocol.Info{MaxPayload: 1 << 20}) {
				return
			}
			if greeted++; greeted > 1 {
				p.serve()
				return
			}
			for range 100 {
				if !p.send(strings.Repeat("-ERR 'x'\r\n", 1000)) {
					return
				}
			}
			p.send("garbage\r\n")
			p.serve()
		})
		c := connect(t, cfg)
		pass(10 * time.Second)
		if c.Stats().Reconnects != 1 || c.Status() != Connected {
			t.Fatalf("%d reconnects, %v: the end of the first link was lost", c.Stats().Reconnects, c.Status())
		}
	})
}

// TestARequestLostBeforeItsNumber: the loss may come between the write of a request and
// the recording of its number.
func TestARequestLostBeforeItsNumber(t *testing.T) {
	r := &requests{inbox: &Sub{}}
	var token [tokenLen]byte
	s, err := r.take("", nil, &token)
	if err != nil {
		t.Fatal(err)
	}
	r.failUpTo(7, errKilled)
	r.numbered(s, 7)
	got, err := r.await(context.Background(), s, NoTimeout)
	if !errors.Is(err, ErrDisconnected) || !errors.Is(err, errKilled) {
		t.Fatalf("got %v, %v", got, err)
	}
}

// TestARequestTooLargeForTheNextServer ends with the reason.
func TestARequestTooLargeForTheNextServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{MaxPayload: 100})
	cfg := config(t, s.URL())
	cfg.RetryFirst = true
	hold := make(chan struct{})
	cfg.Dial = func(ctx context.Context, u *url.URL) (net.Conn, error) {
		select {
		case <-hold:
			return new(net.Dialer).DialContext(ctx, "tcp", u.Host)
		default:
			return nil, errKilled
		}
	}
	c := connect(t, cfg)
	done := make(chan error, 1)
	go func() {
		_, err := c.Request(must.Within(t, patience), "a", nil, make([]byte, 1000), NoTimeout)
		done <- err
	}()
	for waiting := 0; waiting == 0; waiting, _ = c.Buffered() {
		runtime.Gosched()
	}
	close(hold)
	var tooLarge *MaxPayloadError
	if err := <-done; !errors.As(err, &tooLarge) || tooLarge.Size != 1000 || tooLarge.Limit != 100 {
		t.Fatalf("got %v", err)
	}
}

// TestARefusedHandshakeIsNoReconnect, though its dial succeeded.
func TestARefusedHandshakeIsNoReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		tape := record(&cfg)
		ready := make(chan *peer, 2)
		peers(t, &cfg, func(p *peer) {
			if p.nth == 1 || p.nth > 4 {
				playing(ready)(p)
			}
		})
		c := connect(t, cfg)
		(<-ready).conn.Close()
		<-ready
		synctest.Wait()
		failed := tape.all(func(n Notice) bool { return n.Kind == supervisor.ConnectAttemptFailed })
		if n := c.Stats().Reconnects; n != 1 || len(failed) != 3 {
			t.Errorf("%d reconnects and %d failed attempts, want 1 and 3", n, len(failed))
		}
	})
}

// TestSubscriptionsComeBackInOneWrite, in order and before what waits. One that is
// draining is not restored: the server has ended it.
func TestSubscriptionsComeBackInOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		ready := make(chan *peer, 1)
		first := make(chan string, 1)
		peers(t, &cfg, func(p *peer) {
			if p.nth == 1 {
				playing(ready)(p)
				return
			}
			pass(time.Second)
			if p.greet(protocol.Info{}) {
				chunk := make([]byte, 64<<10)
				n, _ := p.conn.Read(chunk) // all of one write: a pipe has no buffer
				first <- string(chunk[:n])
				p.serve()
			}
		})
		c := connect(t, cfg)
		p := <-ready
		release := make(chan struct{})
		blocked := handle(func(_, _ string) { <-release })
		draining := subscribe(t, c, SubSpec{Subject: "x", Consumer: blocked})
		for _, subject := range []string{"a", "b", "c"} {
			subscribe(t, c, SubSpec{Subject: subject, Consumer: blocked})
		}
		for _, f := range []string{"SUB x 1", "SUB a 2", "SUB b 3", "SUB c 4"} {
			p.expect(f)
		}
		p.send(messages(1, 1))
		if _, err := draining.BeginDrain(); err != nil {
			t.Fatal(err)
		}
		p.expect("UNSUB 1")
		synctest.Wait()
		p.conn.Close()
		synctest.Wait()
		mustPublish(t, c, "k", "kept")
		want := "SUB a 2\r\nSUB b 3\r\nSUB c 4\r\nPUB k 4\r\nkept\r\n"
		if got := <-first; !strings.HasPrefix(got, want) {
			t.Errorf("the first write was %q, want %q", got, want)
		}
		close(release)
		if err := draining.FinishDrain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
