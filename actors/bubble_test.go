package actors

import (
	"context"
	"errors"
	"net"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

func isKind(kind supervisor.EventKind) func(Notice) bool {
	return func(n Notice) bool { return n.Kind == kind }
}

// TestPingBudgetInVirtualTime counts PINGs: a server that answers none of them is given
// up at the first beat after PingsMax unanswered ones.
func TestPingBudgetInVirtualTime(t *testing.T) {
	for _, pingsMax := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(t)
			cfg.PingInterval, cfg.PingsMax, cfg.NoReconnect = time.Minute, pingsMax, true
			tape := record(&cfg)
			ready := make(chan *peer, 1)
			peers(t, &cfg, func(p *peer) {
				p.mute = true
				playing(ready)(p)
			})
			c := connect(t, cfg)
			p, start := <-ready, time.Now()
			for i := range pingsMax {
				p.expect("PING")
				if got, want := time.Since(start), time.Duration(i+1)*time.Minute; got != want {
					t.Errorf("PING %d came after %v, want %v", i+1, got, want)
				}
			}
			<-c.done
			if got, want := time.Since(start), time.Duration(pingsMax+1)*time.Minute; got != want {
				t.Errorf("given up after %v, want %v", got, want)
			}
			var stale *StaleConnectionError
			if err := c.closedError(); !errors.As(err, &stale) || stale.PingsOut != pingsMax || !errors.Is(err, protocol.ErrStaleConnection) {
				t.Errorf("closed with %v", err)
			}
			if n := len(p.frames); n != 0 {
				t.Errorf("%d more frames came", n)
			}
			synctest.Wait()
			if lost := tape.all(isKind(supervisor.LinkLost)); len(lost) != 1 {
				t.Errorf("link lost %d times", len(lost))
			}
		})
	}
}

// TestAnsweredPingsKeepTheLink lets hours pass.
func TestAnsweredPingsKeepTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.PingInterval, cfg.PingsMax = time.Minute, 1
		peers(t, &cfg, served)
		c := connect(t, cfg)
		time.Sleep(10 * time.Hour)
		if s := c.Stats(); c.Status() != Connected || s.Reconnects != 0 {
			t.Errorf("after ten hours %v, %d reconnects", c.Status(), s.Reconnects)
		}
	})
}

// TestAStaleLinkLeavesTheNextOneAlone: PINGs that the old server left unanswered do not
// count for the new one.
func TestAStaleLinkLeavesTheNextOneAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.PingInterval, cfg.PingsMax = time.Minute, 2
		peers(t, &cfg, func(p *peer) {
			p.mute = p.nth == 1
			served(p)
		})
		c := connect(t, cfg)
		time.Sleep(time.Hour)
		if s := c.Stats(); c.Status() != Connected || s.Reconnects != 1 {
			t.Errorf("after an hour %v, %d reconnects, want CONNECTED and 1", c.Status(), s.Reconnects)
		}
	})
}

// TestBackoffBetweenAttempts checks each wait against the policy: attempt n comes after
// at most the ceiling of n, and the event has the wait.
func TestBackoffBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.AttemptsMax = 12
		cfg.Backoff = supervisor.Backoff{Initial: 100 * time.Millisecond, Max: 2 * time.Second, Factor: 2}
		tape := record(&cfg)
		var dialed []time.Time
		ready := make(chan *peer, 1)
		peers(t, &cfg, playing(ready))
		through := cfg.Dial
		refused := errors.New("refused by the test")
		cfg.Dial = func(ctx context.Context, u *url.URL) (net.Conn, error) {
			dialed = append(dialed, time.Now())
			if len(dialed) > 1 {
				return nil, refused
			}
			return through(ctx, u)
		}
		c := connect(t, cfg)
		p := <-ready
		lost := time.Now()
		p.conn.Close()
		<-c.done
		if want := 1 + 12; len(dialed) != want {
			t.Fatalf("%d dials, want %d", len(dialed), want)
		}
		before := lost
		for n, at := range dialed[1:] {
			if wait, most := at.Sub(before), cfg.Backoff.Ceiling(n+1); wait < 0 || wait > most {
				t.Errorf("attempt %d after %v, at most %v allowed", n+1, wait, most)
			}
			before = at
		}
		var said []time.Duration
		for _, n := range tape.all(isKind(supervisor.ConnectAttemptFailed)) {
			said = append(said, n.Delay)
		}
		var waited []time.Duration
		for i := 2; i < len(dialed); i++ {
			waited = append(waited, dialed[i].Sub(dialed[i-1]))
		}
		if diff := cmp.Diff(waited, said[:len(said)-1]); diff != "" {
			t.Errorf("waits that happened and that the events told (-happened +told):\n%s", diff)
		}
		var none *NoServersError
		if err := c.closedError(); !errors.As(err, &none) || !errors.Is(err, refused) || !errors.Is(err, ErrNoServers) {
			t.Errorf("closed with %v", err)
		}
	})
}

// TestRetryFirstReturnsAfterOnePass: with RetryFirst, Connect does not wait for a server
// that is not there.
func TestRetryFirstReturnsAfterOnePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.RetryFirst = true
		cfg.Backoff = supervisor.Backoff{Initial: time.Second, Max: time.Second}
		peers(t, &cfg, served)
		through, start := cfg.Dial, time.Now()
		cfg.Dial = func(ctx context.Context, u *url.URL) (net.Conn, error) {
			if time.Since(start) < 10*time.Second {
				return nil, errors.New("not yet")
			}
			return through(ctx, u)
		}
		c, err := Connect(t.Context(), NewSystem(nil), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		if took := time.Since(start); took > time.Second {
			t.Errorf("Connect returned after %v", took)
		}
		if c.Status() != Reconnecting {
			t.Errorf("status %v, want RECONNECTING", c.Status())
		}
		if err := c.Publish("early", "", nil, []byte("bird")); err != nil {
			t.Error(err)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if c.Status() != Connected {
			t.Errorf("status %v after the flush", c.Status())
		}
	})
}

// TestHandshakeBudget: a server that accepts and then stays silent costs the timeout and
// no more.
func TestHandshakeBudget(t *testing.T) {
	phases := map[string]script{
		"info":    func(p *peer) { p.serve() },
		"connect": func(p *peer) { p.send(`INFO {"server_id":"x","max_payload":1024}` + "\r\n"); p.mute = true; p.serve() },
	}
	for phase, play := range phases {
		t.Run(phase, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config(t)
				cfg.Timeout = 3 * time.Second
				peers(t, &cfg, play)
				start := time.Now()
				_, err := Connect(t.Context(), NewSystem(nil), cfg)
				var dial *DialError
				if !errors.As(err, &dial) || dial.Phase != phase || !errors.Is(err, ErrNoServers) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); took != cfg.Timeout {
					t.Errorf("took %v, want %v", took, cfg.Timeout)
				}
			})
		})
	}
}

// TestConnectGivesUpWithItsContext ends a handshake that would last longer.
func TestConnectGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.Timeout = time.Hour
		peers(t, &cfg, func(p *peer) { p.serve() })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := Connect(ctx, NewSystem(nil), cfg)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// deaf is a peer that takes nothing after the handshake: every write blocks.
func deaf(release <-chan struct{}) script {
	return func(p *peer) {
		if p.greet(protocol.Info{}) {
			<-release
		}
	}
}

// TestABlockedWriteEndsWithItsDeadline and is reported as a write timeout.
func TestABlockedWriteEndsWithItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.WriteTimeout, cfg.NoReconnect = 5*time.Second, true // before its silence is found
		tape := record(&cfg)
		release := make(chan struct{})
		peers(t, &cfg, deaf(release))
		c := connect(t, cfg)
		start := time.Now()
		mustPublish(t, c, "a", "x")
		<-c.done
		close(release)
		if took := time.Since(start); took != cfg.WriteTimeout {
			t.Errorf("given up after %v, want %v", took, cfg.WriteTimeout)
		}
		if err := c.closedError(); !errors.Is(err, ErrWriteTimeout) || !errors.Is(err, protocol.ErrTimeout) {
			t.Errorf("closed with %v", err)
		}
		if n := len(tape.all(func(n Notice) bool { return n.Kind == supervisor.LinkLost && errors.Is(n.Cause, ErrWriteTimeout) })); n != 1 {
			t.Errorf("the loss and its reason were told %d times", n)
		}
		if n := c.Stats().Uncertain; n != 0 {
			t.Errorf("%d publishes uncertain, though the socket took no byte", n)
		}
	})
}

// TestCloseWhileAWriteBlocks: Close tries for a second to write what waits and then
// reports how much it could not write.
func TestCloseWhileAWriteBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		release := make(chan struct{})
		peers(t, &cfg, deaf(release))
		c := connect(t, cfg)
		mustPublish(t, c, "a", "in the write")
		synctest.Wait()
		mustPublish(t, c, "a", "behind it")
		start := time.Now()
		r := c.Close(context.Background())
		close(release)
		if took := time.Since(start); took != closeFlush {
			t.Errorf("Close took %v, want %v", took, closeFlush)
		}
		if want := len("PUB a 9\r\nbehind it\r\n"); r.UnsentBytes < want || len(r.Unfinished) > 0 {
			t.Errorf("report %+v, want at least %d bytes unsent and nothing unfinished", r, want)
		}
	})
}

// TestCloseHonoursItsContext when it is shorter than the second for writing.
func TestCloseHonoursItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		release := make(chan struct{})
		peers(t, &cfg, deaf(release))
		c := connect(t, cfg)
		mustPublish(t, c, "a", "x")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		c.Close(ctx)
		close(release)
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("Close took %v, want its context's 100ms", took)
		}
	})
}

// TestCloseWithABlockedHandler returns within its grace and names the handler.
func TestCloseWithABlockedHandler(t *testing.T) {
	for _, grace := range []time.Duration{0, 50 * time.Millisecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(t)
			ready := make(chan *peer, 1)
			peers(t, &cfg, playing(ready))
			sys := NewSystem(nil)
			c, err := Connect(t.Context(), sys, cfg)
			if err != nil {
				t.Fatal(err)
			}
			release := make(chan struct{})
			s := subscribe(t, c, SubSpec{Subject: "b", Consumer: handle(func(_, _ string) { <-release })})
			p := <-ready
			p.expect("SUB b 1")
			p.send("MSG b 1 1\r\nx\r\nMSG b 1 1\r\ny\r\n")
			synctest.Wait()
			ctx, want := context.Background(), closeGrace
			if grace > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, grace)
				defer cancel()
				want = grace
			}
			start := time.Now()
			r := c.Close(ctx)
			if took := time.Since(start); took != want {
				t.Errorf("Close took %v, want %v", took, want)
			}
			if diff := cmp.Diff([]string{s.Path()}, r.Unfinished); diff != "" {
				t.Errorf("unfinished (-want +got):\n%s", diff)
			}
			if r.Undelivered != 1 {
				t.Errorf("%d messages reported undelivered, want the one behind the handler", r.Undelivered)
			}
			close(release)
			<-c.done // the tree ends as soon as the handler does
			if n := s.Counts().Delivered; n != 1 {
				t.Errorf("%d messages delivered, want 1", n)
			}
		})
	}
}

// TestDrainDeadline: a drain ends at its deadline and reports what was not finished, and
// the connection is closed anyway.
func TestDrainDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.DrainTimeout = 5 * time.Second
		tape := record(&cfg)
		ready := make(chan *peer, 1)
		peers(t, &cfg, playing(ready))
		c, err := Connect(t.Context(), NewSystem(nil), cfg)
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		s := subscribe(t, c, SubSpec{Subject: "b", Consumer: handle(func(_, _ string) { <-release })})
		p := <-ready
		p.expect("SUB b 1")
		p.send("MSG b 1 1\r\nx\r\n")
		synctest.Wait()
		start := time.Now()
		r, err := c.Drain(context.Background())
		if took, want := time.Since(start), cfg.DrainTimeout; took != want {
			t.Errorf("Drain took %v, want %v", took, want)
		}
		var late *DrainTimeoutError
		if !errors.As(err, &late) || !errors.Is(err, ErrDrainTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain returned %v", err)
		}
		if len(r.Unfinished) == 0 || r.Unfinished[0] != s.Path() {
			t.Errorf("report %+v does not name %s", r, s.Path())
		}
		if c.Status() != Closed {
			t.Errorf("status %v", c.Status())
		}
		close(release)
		<-c.done
		if len(tape.all(isKind(supervisor.DrainTimedOut))) != 1 {
			t.Error("no event told of it")
		}
	})
}

// TestARealServerForHours runs against nats-server in virtual time: a day of
// PINGs from both sides, with a message each hour.
func TestARealServerForHours(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true})
		cfg := config(t, "nats://inside")
		cfg.PingInterval = 2 * time.Minute
		cfg.Dial = func(context.Context, *url.URL) (net.Conn, error) { return s.InProcessConn() }
		c := connect(t, cfg)
		got := make(chan string, 100)
		subscribe(t, c, SubSpec{Subject: "hour", Consumer: handle(func(_, p string) { got <- p })})
		for hour := range 24 {
			time.Sleep(time.Hour)
			mustPublish(t, c, "hour", decimal(uint64(hour)))
			receiveAll(t, got, decimal(uint64(hour)))
		}
		if n := c.Stats().Reconnects; n != 0 {
			t.Errorf("%d reconnects in a day", n)
		}
	})
}

// TestKilledServerInVirtualTime loses the server for an hour: what was
// published meanwhile arrives, and the subscription is there once.
func TestKilledServerInVirtualTime(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true})
		cfg := config(t, "nats://inside")
		cfg.Backoff = supervisor.Backoff{Initial: time.Second, Max: time.Minute}
		cfg.Dial = func(context.Context, *url.URL) (net.Conn, error) { return s.InProcessConn() }
		c := connect(t, cfg)
		got := make(chan string, 100)
		subscribe(t, c, SubSpec{Subject: "x", Consumer: handle(func(_, p string) { got <- p })})
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		time.Sleep(time.Hour)
		if c.Status() != Reconnecting {
			t.Errorf("status %v while the server is down", c.Status())
		}
		mustPublish(t, c, "x", "meanwhile")
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		select {
		case p := <-got:
			if p != "meanwhile" {
				t.Errorf("got %q", p)
			}
		case <-time.After(cfg.Backoff.Max + time.Second):
			t.Error("not back after the longest backoff")
		}
		time.Sleep(time.Hour)
		if len(got) != 0 {
			t.Errorf("%d messages came twice", len(got))
		}
	})
}
