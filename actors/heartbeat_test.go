package actors

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// TestADeadServerIsFoundUnderLoad: callers that wait for a silent server wait for seconds
// only, whatever the ping interval is.
func TestADeadServerIsFoundUnderLoad(t *testing.T) {
	for name, work := range map[string]func(t *testing.T, c *Conn){
		"a publish": func(t *testing.T, c *Conn) {
			if err := c.Publish("a", "", nil, nil); err != nil {
				t.Error(err)
			}
		},
		"a request": func(_ *testing.T, c *Conn) {
			go func() { _, _ = c.Request(context.Background(), "a", nil, nil, time.Hour) }()
		},
		"a flush": func(_ *testing.T, c *Conn) { go func() { _ = c.Flush(context.Background()) }() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config(t)
				cfg.PingInterval, cfg.NoReconnect = time.Hour, true
				peers(t, &cfg, func(p *peer) {
					p.mute = true
					served(p)
				})
				c := connect(t, cfg)
				time.Sleep(20 * time.Minute)
				began := time.Now()
				work(t, c)
				<-c.done
				if after := time.Since(began); after != silentMax*watchEvery {
					t.Errorf("given up after %v", after)
				}
				if err := c.endedBy(); !errors.Is(err, protocol.ErrStaleConnection) {
					t.Errorf("closed by %v", err)
				}
			})
		})
	}
}

// TestWhoAnswersLives: a server that owes an answer for hours, and is four seconds away,
// gets a PING now and then and is kept.
func TestWhoAnswersLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.PingInterval = time.Hour
		ready := make(chan *peer, 1)
		peers(t, &cfg, func(p *peer) {
			p.mute = true
			playing(ready)(p)
		})
		c := connect(t, cfg)
		p := <-ready
		var pings atomic.Int64
		defer hear(p, func(f string) {
			if f == "PING" {
				pings.Add(1)
				time.AfterFunc(4*time.Second, func() { p.send("PONG\r\n") })
			}
		})()
		ended := make(chan error)
		go func() {
			_, err := c.Request(context.Background(), "a", nil, nil, 3*time.Hour)
			ended <- err
		}()
		if err := <-ended; !errors.Is(err, protocol.ErrTimeout) {
			t.Errorf("the request ended with %v", err)
		}
		if s, n := c.Stats(), pings.Load(); s.Reconnects != 0 || n < 3*3600/10 || n > 3*3600/4 {
			t.Errorf("%d reconnects, %d PINGs", s.Reconnects, n)
		}
		before := pings.Load()
		time.Sleep(50 * time.Minute)
		if n := pings.Load(); n > before+2 {
			t.Errorf("%d PINGs in 50 minutes in which nobody waited", n-before)
		}
		c.Close(context.Background())
	})
}

// TestNobodyIsStaleWhileBytesWait: a reader that is held up by a full lane reads
// no PONG, and that is not the server's fault.
func TestNobodyIsStaleWhileBytesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.PingInterval, cfg.PingsMax = 10*time.Second, 1
		ready := make(chan *peer, 1)
		peers(t, &cfg, func(p *peer) {
			p.mute = true
			playing(ready)(p)
		})
		c := connect(t, cfg)
		p := <-ready
		subscribe(t, c, SubSpec{Subject: "a", Overflow: Block, Limits: Limits{Msgs: 1, Bytes: -1, BlockFor: 5 * time.Minute}})
		p.expect("SUB a 1")
		p.send(strings.Repeat("MSG a 1 0\r\n\r\n", 3))
		defer hear(p, func(f string) { // one at a time: two writers of a pipe wait for each other's lock
			if f == "PING" {
				p.send("PONG\r\n")
			}
		})()
		go func() { _ = c.Flush(context.Background()) }()
		time.Sleep(4 * time.Minute)
		if s := c.Stats(); s.Reconnects != 0 || c.Status() != Connected {
			t.Errorf("%d reconnects, %v", s.Reconnects, c.Status())
		}
		time.Sleep(time.Hour)
		if s := c.Stats(); s.Reconnects != 0 || c.Status() != Connected {
			t.Errorf("after an hour %d reconnects, %v", s.Reconnects, c.Status())
		}
		c.Close(context.Background())
	})
}

// hear calls f with each frame that a peer gets, until over is called.
func hear(p *peer, f func(frame string)) (over func()) {
	end := make(chan struct{})
	go func() {
		for {
			select {
			case frame := <-p.frames:
				f(frame)
			case <-end:
				return
			}
		}
	}()
	return func() { close(end) }
}

// TestNoPingMayBeOutstanding gives up every link after one interval, as nats.go does.
func TestNoPingMayBeOutstanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.PingInterval, cfg.PingsMax = time.Minute, -1
		peers(t, &cfg, served)
		c := connect(t, cfg)
		time.Sleep(time.Hour - time.Second)
		if s := c.Stats(); s.Reconnects != 59 {
			t.Errorf("%d reconnects in an hour", s.Reconnects)
		}
	})
}

// TestASlowLineIsNoSilence, even where the kernel cannot be asked: a server that takes a
// large message piece by piece is not given up.
func TestASlowLineIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		peers(t, &cfg, func(p *peer) {
			p.pace = time.Second // for 50 KiB
			served(p)
		})
		c := connect(t, cfg)
		time.Sleep(10 * time.Second)
		if err := c.Publish("big", "", nil, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if s := c.Stats(); s.Reconnects != 0 || s.Uncertain != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestAProbeOnASlowLine does not count as unanswered while the data before it arrives.
func TestAProbeOnASlowLine(t *testing.T) {
	type look struct {
		acked   uint64
		unsent  int
		written bool
		want    bool
	}
	for name, looks := range map[string][]look{
		"nothing arrives":          {{0, 100, true, false}, {0, 100, true, false}},
		"it arrives, no answer":    {{60, 40, true, true}, {90, 10, true, true}, {100, 0, true, false}, {150, 0, true, false}},
		"it waits to be written":   {{60, 400, false, true}, {90, 400, false, true}, {90, 400, false, false}, {120, 400, true, true}, {519, 1, true, true}, {520, 1, true, false}},
		"more comes behind it":     {{60, 40, true, true}, {90, 400, true, true}, {100, 400, true, false}},
		"it was there at once":     {{100, 0, true, false}, {200, 0, true, false}},
		"nothing moves, then does": {{0, 100, true, false}, {50, 50, true, true}, {100, 0, true, false}},
	} {
		var p probe
		for i, l := range looks {
			if got := p.underway(kernelView{acked: l.acked, unsent: l.unsent}, l.written); got != l.want {
				t.Errorf("%s: look %d: %v", name, i, got)
			}
		}
	}
}

// TestTheKernelIsAsked about a socket that neither end reads.
func TestTheKernelIsAsked(t *testing.T) {
	if _, ok := askKernel(&net.TCPConn{}); ok {
		t.Error("it knows what is not open")
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if _, ok := askKernel(near); ok {
		t.Error("it knows a pipe")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	before, ok := askKernel(dialed)
	if !ok {
		return // not on this system
	}
	for _, conn := range []net.Conn{dialed, server} {
		if _, err := conn.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	var k kernelView
	for limit := time.Now().Add(5 * time.Second); time.Now().Before(limit) && (k.unread == 0 || k.acked == before.acked); {
		k, _ = askKernel(dialed)
	}
	if k.unread != 5 || k.acked != before.acked+5 || k.unsent != 0 {
		t.Errorf("before %+v, then %+v", before, k)
	}
}
