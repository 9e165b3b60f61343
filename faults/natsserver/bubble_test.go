package natsserver_test

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// raw is a client in its barest form: lines over an in-memory connection.
type raw struct {
	t     *testing.T
	conn  net.Conn
	lines chan string // what the server sent, closed when the connection ends
}

// dialRaw connects and shakes hands.
func dialRaw(t *testing.T, s *natsserver.Server) *raw {
	t.Helper()
	return dialWith(t, s, `{"verbose":false,"echo":true}`)
}

// dialWith connects and shakes hands with the given options.
func dialWith(t *testing.T, s *natsserver.Server, connect string) *raw {
	t.Helper()
	conn, err := s.InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	c := &raw{t: t, conn: conn, lines: make(chan string, 16)}
	go func() {
		defer close(c.lines)
		for r := bufio.NewReader(conn); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			c.lines <- strings.TrimRight(line, "\r\n")
		}
	}()
	if line := <-c.lines; !strings.HasPrefix(line, "INFO ") {
		t.Fatalf("greeting %q", line)
	}
	c.send("CONNECT " + connect + "\r\nPING\r\n")
	c.expect("PONG")
	return c
}

func (c *raw) send(frames string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(frames)); err != nil {
		c.t.Fatalf("write %q: %v", frames, err)
	}
}

func (c *raw) expect(want string) {
	c.t.Helper()
	if got, ok := <-c.lines; got != want {
		c.t.Fatalf("server sent %q (open: %v), want %q", got, ok, want)
	}
}

func TestAnHourOfVirtualTimeWithARawClient(t *testing.T) {
	began := time.Now()
	natsserver.Bubble(t, func(t *testing.T) {
		// A PING a minute keeps the connection busy; a client that answers stays.
		s := natsserver.Run(t, natsserver.Options{DontListen: true, PingInterval: time.Minute})
		c := dialRaw(t, s)
		defer c.conn.Close()
		c.send("SUB clock 1\r\nPING\r\n")
		c.expect("PONG")
		start, pings := time.Now(), 0
		for hour := time.After(time.Hour); ; {
			select {
			case line := <-c.lines:
				if line != "PING" {
					t.Fatalf("server sent %q, want PING", line)
				}
				pings++
				c.send("PONG\r\n")
				continue
			case <-hour:
			}
			break
		}
		if passed := time.Since(start); passed != time.Hour {
			t.Errorf("%v passed, want exactly one hour", passed)
		}
		if pings < 50 || pings > 70 {
			t.Errorf("%d PINGs in an hour, want about one a minute", pings)
		}
		c.send("PUB clock 4\r\ntick\r\n")
		c.expect("MSG clock 1 4")
		c.expect("tick")
	})
	if took := time.Since(began); took > time.Minute {
		t.Errorf("a virtual hour took %v", took)
	}
}

func TestASilentClientIsCutAfterVirtualMinutes(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true, PingInterval: time.Minute})
		c := dialRaw(t, s)
		defer c.conn.Close()
		start := time.Now()
		var last string
		for line := range c.lines {
			last = line
		}
		if last != "-ERR 'Stale Connection'" {
			t.Errorf("the last words of the server were %q", last)
		}
		if passed := time.Since(start); passed < 2*time.Minute || passed > 5*time.Minute {
			t.Errorf("cut after %v, want about three minutes", passed)
		}
	})
}

func TestAKillAndARestartInABubble(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true})
		c := dialRaw(t, s)
		s.Kill()
		if line, open := <-c.lines; open {
			t.Errorf("the server said %q at the cut", line)
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		dialRaw(t, s).conn.Close()
	})
}

func TestStreamsExpireInVirtualTime(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true, JetStream: true})
		nc, err := nats.Connect("", nats.InProcessServer(s))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		cfg := jetstream.StreamConfig{Name: "SHORT", Subjects: []string{"short"}, MaxAge: time.Hour}
		stream, err := js.CreateStream(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := js.Publish(t.Context(), "short", nil); err != nil {
				t.Fatal(err)
			}
		}
		held := func() uint64 {
			info, err := stream.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return info.State.Msgs
		}
		time.Sleep(30 * time.Minute)
		if n := held(); n != 10 {
			t.Errorf("after half an hour the stream holds %d messages, want 10", n)
		}
		time.Sleep(time.Hour)
		if n := held(); n != 0 {
			t.Errorf("after an hour and a half the stream holds %d messages, want none", n)
		}
	})
}
