package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// TestCloseTellsTheEndOfEachSubscription once: of those that sleep, are idle, are in the
// middle of a message, or are read with Next.
func TestCloseTellsTheEndOfEachSubscription(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		ended := map[string]int{}
		tell := func(sub *Sub, cause error) {
			ended[sub.Subject]++
			if cause != nil {
				t.Errorf("%s ended with %v", sub.Subject, cause)
			}
		}
		quiet := handle(func(_, _ string) {})
		slow := handle(func(_, _ string) { pass(time.Second) })
		subscribe(t, s.c, SubSpec{Subject: "asleep", Ended: tell, Consumer: quiet})
		idle := subscribe(t, s.c, SubSpec{Subject: "idle", Ended: tell, Consumer: quiet})
		busy := subscribe(t, s.c, SubSpec{Subject: "busy", Ended: tell, Consumer: slow})
		workers := subscribe(t, s.c, SubSpec{Subject: "workers", Ended: tell, Consumer: slow, Workers: 3})
		subscribe(t, s.c, SubSpec{Subject: "next", Ended: tell})
		for _, sub := range []*Sub{idle, busy, workers} {
			s.p.send(messages(int(sub.SID()), 1))
		}
		pass(100 * time.Millisecond) // with one processor the second handler waits for a runner
		if r := s.c.Close(context.Background()); len(r.Unfinished) > 0 || r.Undelivered != 0 {
			t.Errorf("%+v", r)
		}
		for _, name := range []string{"asleep", "idle", "busy", "workers", "next"} {
			if ended[name] != 1 {
				t.Errorf("%s: its end was told %d times", name, ended[name])
			}
		}
		if n := s.tape.all(isKind(supervisor.ConnectionClosed)); len(n) != 1 || n[0].Cause != nil {
			t.Errorf("the close was told as %v", n)
		}
		if n := s.c.SubscriptionCount(); n != 0 {
			t.Errorf("%d subscriptions left", n)
		}
	})
}

// TestCloseCountsWhatItDiscards over all subscriptions, to the message.
func TestCloseCountsWhatItDiscards(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		handled := subscribe(t, s.c, SubSpec{Subject: "handled", Consumer: handle(func(_, _ string) { pass(time.Second) })})
		read := subscribe(t, s.c, SubSpec{Subject: "read"})
		s.p.send(messages(int(handled.SID()), 200))
		s.p.send(messages(int(read.SID()), 30))
		synctest.Wait()
		for range 10 {
			if err := read.Next(t.Context(), func(*Raw) {}); err != nil {
				t.Error(err)
			}
		}
		if r := s.c.Close(context.Background()); r.Undelivered != 199+20 || len(r.Unfinished) > 0 {
			t.Errorf("%+v, want 219 undelivered", r)
		}
	})
}

// TestUseAfterClose: every call returns that the connection is closed, and why.
func TestUseAfterClose(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		sub := subscribe(t, s.c, SubSpec{Subject: "x"})
		s.c.Close(context.Background())
		ctx := t.Context()
		calls := map[string]func() error{
			"publish":   func() error { return s.c.Publish("x", "", nil, nil) },
			"flush":     func() error { return s.c.Flush(ctx) },
			"subscribe": func() error { _, err := s.c.Subscribe(&SubSpec{Subject: "y"}); return err },
			"request":   func() error { _, err := s.c.Request(ctx, "y", nil, nil, time.Second); return err },
			"drain":     func() error { _, err := s.c.Drain(ctx); return err },
			"reconnect": s.c.ForceReconnect,
			"buffered":  func() error { _, err := s.c.Buffered(); return err },
			"next":      func() error { return sub.Next(ctx, func(*Raw) {}) },
			"unsub":     sub.Unsubscribe,
			"auto":      func() error { return sub.AutoUnsubscribe(1) },
			"sub drain": func() error { return sub.Drain(ctx) },
		}
		for name, call := range calls {
			start := time.Now()
			var closed *ConnectionClosedError
			if err := call(); !errors.Is(err, ErrConnectionClosed) || !errors.As(err, &closed) || closed.Cause != nil {
				t.Errorf("%s: %v", name, err)
			}
			if time.Since(start) != 0 {
				t.Errorf("%s took %v", name, time.Since(start))
			}
		}
		if r := s.c.Close(context.Background()); len(r.Unfinished) > 0 || r.UnsentBytes != 0 {
			t.Errorf("a second close: %+v", r)
		}
	})
}

// TestDrainThroughALostLink: what was published is sent with the next link.
func TestDrainThroughALostLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.DrainTimeout = time.Minute
		ready := make(chan *peer, 10)
		got := make(chan string, 10_000)
		peers(t, &cfg, func(p *peer) {
			if p.nth == 1 {
				p.mute = true // the first server never answers the flush
				playing(ready)(p)
				return
			}
			pass(time.Second)
			p.frames = got
			served(p)
		})
		c := connect(t, cfg)
		p := <-ready
		done := make(chan struct{})
		sub := subscribe(t, c, SubSpec{Subject: "x", Consumer: handle(func(_, _ string) {
			<-done
			_ = c.Publish("answer", "", nil, []byte("last words"))
		})})
		p.expect("SUB x 1")
		p.send(messages(1, 1))
		synctest.Wait()
		result := make(chan error, 1)
		go func() {
			_, err := c.Drain(context.Background())
			result <- err
		}()
		p.expect("UNSUB 1")
		p.conn.Close()
		synctest.Wait()
		close(done)
		if err := <-result; err != nil {
			t.Errorf("drain: %v", err)
		}
		if n := sub.Counts().Delivered; n != 1 {
			t.Errorf("%d delivered", n)
		}
		if f := <-got; f != "PUB answer 10\r\nlast words" {
			t.Errorf("the next server got %q", f)
		}
	})
}

// TestDrainInOrder: what was published by handlers in their last messages is
// sent before the connection closes; new subscriptions are refused.
func TestDrainInOrder(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Consumer: handle(func(_, p string) {
			pass(time.Second)
			if err := s.c.Publish("out", "", nil, []byte(p)); err != nil {
				t.Error(err)
			}
			if _, err := s.c.Subscribe(&SubSpec{Subject: "late"}); p == "2" && !errors.Is(err, ErrConnectionDraining) {
				t.Errorf("subscribe while draining: %v", err)
			}
		})})
		s.p.expect("SUB x 1")
		s.p.send(messages(1, 3))
		synctest.Wait()
		result := make(chan error, 1)
		go func() {
			_, err := s.c.Drain(context.Background())
			result <- err
		}()
		synctest.Wait()
		if s.c.Status() != DrainingSubs || !sub.Draining() {
			t.Errorf("%v, the subscription drains: %v", s.c.Status(), sub.Draining())
		}
		if _, err := s.c.Drain(context.Background()); !errors.Is(err, ErrConnectionDraining) {
			t.Errorf("a second drain: %v", err)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
		for _, f := range []string{"UNSUB 1", "PUB out 1\r\n0", "PUB out 1\r\n1", "PUB out 1\r\n2"} {
			if f == "PUB out 1\r\n0" && len(s.p.frames) == 4 { // SUB late of the first two
				continue
			}
			s.p.expect(f)
		}
		if s.c.Status() != Closed {
			t.Errorf("status %v", s.c.Status())
		}
	})
}

// failing makes actors of a kind fail at every message while broken is set.
func failing(kind string, broken *atomic.Bool) func(string) func() {
	return func(k string) func() {
		if k != kind {
			return nil
		}
		return func() {
			if broken.Load() {
				panic(errKilled)
			}
		}
	}
}

// TestDefectInTheRoot: a root that fails at every message closes the connection with a
// typed error instead of spinning.
func TestDefectInTheRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, kind := range []string{"connection", "subscriptions", "link"} {
			sys := NewSystem(nil)
			cfg := config(t)
			peers(t, &cfg, served)
			var broken atomic.Bool
			sys.Interpose(failing(kind, &broken))
			c, err := Connect(t.Context(), sys, cfg)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			broken.Store(true)
			subscribe(t, c, SubSpec{Subject: "x", Consumer: handle(func(_, _ string) {})})
			switch kind {
			case "connection":
				_ = c.root.Send(linkUp{})
			case "subscriptions":
				_ = c.subsBox.Send(revive{})
			case "link":
				_ = c.ForceReconnect()
			}
			pass(time.Minute)
			select {
			case <-c.done:
				if err := c.closedError(); !errors.Is(err, ErrInternal) || !errors.Is(err, errKilled) {
					t.Errorf("%s: closed with %v", kind, err)
				}
			default:
				t.Errorf("%s: still %v\n%v", kind, c.Status(), c.Tree())
			}
			broken.Store(false)
			c.Close(t.Context())
		}
	})
}

// TestDefectInALeaf restarts the tree when restarts of the leaf do not help.
func TestDefectInALeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		sys := NewSystem(nil)
		sys.Interpose(failing("requests", &broken))
		cfg := config(t)
		s := &stage{tape: record(&cfg), ready: make(chan *peer, 10)}
		peers(t, &cfg, playing(s.ready))
		s.c = connectOn(t, sys, cfg)
		<-s.ready
		broken.Store(true)
		got := make(chan string, 10)
		subscribe(t, s.c, SubSpec{Subject: "x", Consumer: handle(func(_, p string) { got <- p })})
		for range own.Intensity.Max + 1 {
			_ = s.c.reqsBox.Send(failSent{})
		}
		pass(time.Second)
		broken.Store(false)
		next := <-s.ready
		next.expect("SUB x 1")
		next.send(messages(1, 1))
		receiveAll(t, got, "0")
		up := s.tape.all(func(n Notice) bool { return n.Kind == supervisor.ActorFailed && n.Path == s.c.name })
		var from *supervisor.EscalatedError
		if len(up) != 1 || !errors.As(up[0].Cause, &from) || !errors.Is(up[0].Cause, supervisor.ErrRestartLimit) || !errors.Is(up[0].Cause, supervisor.ErrActorPanic) {
			t.Errorf("escalated as %v", up)
		}
	})
}

// TestEventsForASlowCallback are bounded, and drops are reported.
func TestEventsForASlowCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		release := make(chan struct{})
		var got []Notice
		cfg.OnEvent = func(n Notice) {
			<-release
			got = append(got, n)
		}
		peers(t, &cfg, served)
		c := connect(t, cfg)
		synctest.Wait()
		const reported = eventsMax + 500
		for i := range reported {
			c.Report(Notice{Event: supervisor.Event{Kind: supervisor.CallRetried, Count: uint64(i)}})
		}
		dropped := c.Stats().EventsDropped
		if dropped < 500 || dropped > 550 {
			t.Errorf("%d events dropped of %d", dropped, reported)
		}
		close(release)
		synctest.Wait()
		c.Report(Notice{Event: supervisor.Event{Kind: supervisor.CallRetried}})
		c.Close(context.Background())
		told, seq, delivered := uint64(0), uint64(0), 0
		for _, n := range got {
			if n.Kind == supervisor.EventsDropped {
				told += n.Count
			}
			if n.Kind == supervisor.CallRetried {
				delivered++
			}
			if n.Seq <= seq {
				t.Errorf("number %d follows %d", n.Seq, seq)
			}
			seq = n.Seq
		}
		if told != dropped || delivered != reported+1-int(dropped) {
			t.Errorf("%d told of %d dropped, %d delivered", told, dropped, delivered)
		}
		if n := len(c.Events()); n > eventsKept {
			t.Errorf("%d events kept", n)
		}
	})
}

// TestErrorTexts: every error of this package names what it is about and matches its
// kind.
func TestErrorTexts(t *testing.T) {
	cause := errors.New("the cause")
	cases := []struct {
		err   error
		kinds []error
		says  string
	}{
		{&MaxPayloadError{Subject: "s", Size: 9, Limit: 5}, []error{protocol.ErrMaxPayload}, "9 bytes for \"s\""},
		{&OutboundBufferLimitError{Buffered: 1, Need: 2, Limit: 3}, []error{ErrOutboundBufferLimit}, "limit 3"},
		{&SlowConsumerError{Subject: "s", Dropped: 7, LimitMsgs: 4}, []error{ErrSlowConsumer}, "7 messages dropped"},
		{&NoServersError{}, []error{ErrNoServers}, "no servers"},
		{&NoServersError{Attempts: []ServerAttempt{{URL: "u", Err: cause}}}, []error{ErrNoServers, cause}, "troupe: no servers available for connection: u: the cause (1 attempt)"},
		{&NoServersError{Attempts: []ServerAttempt{{}, {URL: "u", Err: &DialError{URL: "u", Phase: "dial", Err: protocol.ErrNotNATS}}}}, []error{protocol.ErrNotNATS},
			"connection: dial u: peer does not speak the NATS protocol (2 attempts)"},
		{&ConnectionClosedError{}, []error{ErrConnectionClosed}, "closed"},
		{&ConnectionClosedError{Cause: cause}, []error{ErrConnectionClosed, cause}, "the cause"},
		{&DialError{URL: "u", Phase: "info", Err: cause}, []error{cause}, "info u"},
		{&LinkError{URL: "u", Phase: "read", Err: cause}, []error{cause}, "read"},
		{&TimeoutError{Op: "request", After: time.Second}, []error{protocol.ErrTimeout, context.DeadlineExceeded}, "after 1s"},
		{&RequestLostError{Cause: cause}, []error{ErrDisconnected, cause}, "the cause"},
		{&DrainTimeoutError{Report: Report{Unfinished: []string{"a/b"}}, Cause: cause}, []error{ErrDrainTimeout, protocol.ErrTimeout, cause}, "a/b"},
		{&StaleConnectionError{URL: "u", PingsOut: 2, Interval: time.Minute}, []error{protocol.ErrStaleConnection}, "2 pings"},
		{&giveUp{cause}, []error{cause}, "the cause"},
	}
	for _, k := range cases {
		t.Run(fmt.Sprintf("%T", k.err), func(t *testing.T) {
			if !strings.Contains(k.err.Error(), k.says) {
				t.Errorf("%q does not say %q", k.err, k.says)
			}
			for _, kind := range k.kinds {
				if !errors.Is(k.err, kind) {
					t.Errorf("%v is no %v", k.err, kind)
				}
			}
		})
	}
	if !(&TimeoutError{}).Timeout() {
		t.Error("a timeout that is none")
	}
}

// TestSocketsAreClosed: whenever Close comes while connecting, and whatever messages the
// link can no longer handle, no socket stays open.
func TestSocketsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for nth := uint64(1); nth <= 8; nth++ {
			cfg := config(t)
			peers(t, &cfg, served) // waits for the far ends at the end of the test
			sys := NewSystem(nil)
			k := &killer{kind: "link", nth: nth}
			sys.Interpose(k.between)
			c, err := Connect(t.Context(), sys, cfg)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.ForceReconnect()
			synctest.Wait()
			c.Close(t.Context())
		}
		for yield := range 50 {
			cfg := config(t)
			peers(t, &cfg, served)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for range yield {
					runtime.Gosched()
				}
				cancel()
			}()
			if c, err := Connect(ctx, NewSystem(nil), cfg); err == nil {
				_ = c.ForceReconnect()
				for range yield {
					runtime.Gosched()
				}
				c.Close(t.Context())
			}
		}
	})
}

// brokenSocket panics when it is to write a message.
type brokenSocket struct{ net.Conn }

func (b brokenSocket) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("PUB")) {
		panic(errKilled)
	}
	return b.Conn.Write(p)
}

// TestASocketThatPanics costs its link: what it was writing is uncertain, and
// the next link works.
func TestASocketThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		tape := record(&cfg)
		ready := make(chan *peer, 10)
		peers(t, &cfg, playing(ready))
		through, dials := cfg.Dial, 0
		cfg.Dial = func(ctx context.Context, u *url.URL) (net.Conn, error) {
			conn, err := through(ctx, u)
			if dials++; dials == 1 {
				conn = brokenSocket{conn}
			}
			return conn, err
		}
		c := connect(t, cfg)
		<-ready
		mustPublish(t, c, "a", "uncertain")
		p := <-ready
		mustPublish(t, c, "a", "next")
		p.expect("PUB a 4\r\nnext")
		synctest.Wait()
		if n := tape.all(isKind(supervisor.PublishUncertain)); len(n) != 1 || n[0].Count != 1 || c.Stats().Uncertain != 1 {
			t.Errorf("uncertain: %v", n)
		}
	})
}
