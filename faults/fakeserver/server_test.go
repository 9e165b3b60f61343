package fakeserver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// TestGreetings: what a client hears first, and when.
func TestGreetings(t *testing.T) {
	info := fakeserver.DefaultInfo()
	info.ServerName, info.ClientID = "slow", 7
	line := string(protocol.AppendInfo(nil, &info))
	for name, c := range map[string]struct {
		greeting fakeserver.Greeting
		want     string
		takes    time.Duration
	}{
		"honest":   {fakeserver.Greeting{}, line + "PONG\r\n", 0},
		"late":     {fakeserver.Greeting{Delay: time.Minute}, line + "PONG\r\n", time.Minute},
		"slow":     {fakeserver.Greeting{Pace: time.Second}, line + "PONG\r\n", time.Duration(len(line)) * time.Second},
		"raw":      {fakeserver.Greeting{Raw: []byte("HTTP/1.1 400\r\n\r\n")}, "HTTP/1.1 400\r\n\r\nPONG\r\n", 0},
		"raw slow": {fakeserver.Greeting{Raw: []byte("four"), Delay: time.Hour, Pace: time.Second}, "fourPONG\r\n", time.Hour + 4*time.Second},
		"nothing":  {fakeserver.Greeting{Raw: []byte{}}, "PONG\r\n", 0},
		"silence":  {fakeserver.Greeting{Silent: true}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := fakeserver.Run(t, fakeserver.Options{DontListen: true, Info: info, Greeting: func(n int) fakeserver.Greeting {
					if n != 1 {
						return fakeserver.Greeting{}
					}
					return c.greeting
				}})
				r := dial(t, s)
				r.send("PING\r\n")
				time.Sleep(c.takes)
				synctest.Wait()
				if heard, err := r.take(); heard != c.want || err != nil {
					t.Errorf("heard %q, %v, want %q", heard, err, c.want)
				}
				dial(t, s).expect(line) // others are greeted as usual
				if c.greeting.Silent {
					must.Do(t, s.Client(1).Send([]byte("x\r\n")))
					r.expect("x\r\n")
				}
			})
		})
	}
}

// TestTheEndCutsAGreetingShort: neither Close waits for it.
func TestTheEndCutsAGreetingShort(t *testing.T) {
	for name, end := range map[string]func(s *fakeserver.Server){
		"of the client": func(s *fakeserver.Server) { s.Client(1).Close() },
		"a reset":       func(s *fakeserver.Server) { s.Client(1).Reset() },
		"of the server": func(s *fakeserver.Server) { s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := fakeserver.Run(t, fakeserver.Options{DontListen: true, Greeting: func(int) fakeserver.Greeting {
					return fakeserver.Greeting{Pace: time.Hour}
				}})
				r := dial(t, s)
				c := s.Client(1)
				synctest.Wait()
				began := time.Now()
				end(s)
				<-c.Done()
				if d := time.Since(began); d != 0 {
					t.Errorf("took %v", d)
				}
				synctest.Wait()
				if heard, err := r.take(); heard != "I" || err == nil {
					t.Errorf("heard %q, %v", heard, err)
				}
			})
		})
	}
}

// TestAuth: the function decides, and nothing is sent to a client before it has.
func TestAuth(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{Auth: func(c *fakeserver.Client, connect protocol.Connect) string {
		if connect.AuthToken != "open" {
			return fmt.Sprintf("Not You, Number %d", c.Number())
		}
		return ""
	}})
	if !s.Info().AuthRequired {
		t.Error("INFO does not say auth_required")
	}
	r := dialTCP(t, s.URL())
	r.expect("INFO *\r\n")
	r.send("CONNECT {}\r\n")
	r.expect("-ERR 'Not You, Number 1'\r\nEND")
	var end *fakeserver.ClientError
	<-s.Client(1).Done()
	if err := s.Client(1).Err(); !errors.As(err, &end) || end.Said != "Not You, Number 1" || !errors.Is(err, fakeserver.ErrRefused) || !errors.Is(err, fakeserver.ErrGone) {
		t.Errorf("ended by %v", err)
	}
	r = dialTCP(t, s.URL())
	r.expect("INFO *\r\n")
	r.send(`CONNECT {"auth_token":"open","verbose":false,"name":"me"}` + "\r\nPING\r\n")
	r.expect("PONG\r\n")
	c, err := s.Await(must.Within(t, patience), 2)
	must.Do(t, err)
	if connect := c.Connect(); connect.Name != "me" || connect.AuthToken != "open" {
		t.Errorf("said %+v", connect)
	}
	if s.Client(1).Connect() != nil {
		t.Error("a client that was refused is let in")
	}
}

// TestAnnounce: clients that understand it get an INFO, and the server applies it.
func TestAnnounce(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{})
	r, early, old := dialTCP(t, s.URL()).greeted(), dialTCP(t, s.URL()), dialTCP(t, s.URL())
	early.expect("INFO *\r\n")
	old.expect("INFO *\r\n")
	old.send("CONNECT {\"verbose\":false}\r\nPING\r\n")
	old.expect("PONG\r\n")
	info := s.Info()
	info.MaxPayload, info.Headers, info.LameDuckMode, info.ConnectURLs = 3, false, true, []string{"a:1"}
	s.Announce(info)
	info.ClientID = 1
	r.expect(string(protocol.AppendInfo(nil, &info)))
	old.send("PING\r\n")
	old.expect("PONG\r\n")
	early.send("PING\r\n")
	early.expect("PONG\r\n")

	r.send("PUB a 3\r\nabc\r\nPING\r\n")
	r.expect("PONG\r\n")
	r.send("PUB a 4\r\n")
	r.expect("-ERR 'Maximum Payload Violation'\r\nEND")
	old.send("HPUB a 12 12\r\n")
	old.expect("-ERR 'Maximum Payload Violation'\r\nEND")
	info.ClientID = 4
	r = dialTCP(t, s.URL())
	r.expect(string(protocol.AppendInfo(nil, &info)))
	r.send(hello)
	r.expect("-ERR 'no responders requires headers support'\r\nEND")
}

// TestLostSubscriptions: the server forgets some, all, and none that is another's.
func TestLostSubscriptions(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{})
	r, other := dialTCP(t, s.URL()).greeted(), dialTCP(t, s.URL()).greeted()
	other.send("SUB > 9\r\nUNSUB 9 5\r\nPING\r\n")
	other.expect("PONG\r\n")
	r.send("SUB a 3\r\nSUB b q 2\r\nSUB c.* 1\r\nPING\r\n")
	r.expect("PONG\r\n")
	c := s.Client(1)
	want := []fakeserver.Subscription{{Subject: "c.*", SID: 1}, {Subject: "b", Queue: "q", SID: 2}, {Subject: "a", SID: 3}}
	if got := c.Subscriptions(); !slices.Equal(got, want) {
		t.Errorf("subscribed to %+v", got)
	}
	c.Lose(3)
	r.send("PUB a 1\r\nx\r\nPUB b 1\r\nx\r\n")
	r.expect("MSG b 2 1\r\nx\r\n")
	want[1].Delivered = 1
	if got := c.Subscriptions(); !slices.Equal(got, want[:2]) {
		t.Errorf("subscribed to %+v", got)
	}
	c.Lose()
	if got := c.Subscriptions(); len(got) != 0 {
		t.Errorf("subscribed to %+v", got)
	}
	if got := s.Client(2).Subscriptions(); len(got) != 1 || got[0].Max != 5 || got[0].Delivered != 2 {
		t.Errorf("the other is subscribed to %+v", got)
	}
	r.send("SUB a 3\r\nPUB a 1\r\ny\r\n")
	r.expect("MSG a 3 1\r\ny\r\n")
}

// TestSend puts any bytes between two frames, and says when it can't.
func TestSend(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{})
	r := dialTCP(t, s.URL()).greeted()
	must.Do(t, s.Client(1).Send([]byte("\x00\xff what\r\n")))
	r.expect("\x00\xff what\r\n")
	r.conn.Close()
	c := s.Client(1)
	<-c.Done()
	var end *fakeserver.ClientError
	if err := c.Send([]byte("x")); !errors.As(err, &end) || end.Client != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("sent to nobody: %v", err)
	}
}

// TestHowConnectionsEnd: with what was queued, or with a reset and without it.
func TestHowConnectionsEnd(t *testing.T) {
	for name, connect := range map[string]func(t *testing.T, s *fakeserver.Server) *raw{
		"over TCP":       func(t *testing.T, s *fakeserver.Server) *raw { return dialTCP(t, s.URL()) },
		"through memory": func(t *testing.T, s *fakeserver.Server) *raw { return dial(t, s) },
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeserver.Run(t, fakeserver.Options{})
			r := connect(t, s).greeted()
			must.Do(t, s.Client(1).Send([]byte("last\r\n")))
			s.Client(1).Close()
			r.expect("last\r\nEND")
			<-s.Client(1).Done()
			if err := s.Client(1).Err(); !errors.Is(err, fakeserver.ErrCut) {
				t.Errorf("ended by %v", err)
			}
			r = connect(t, s).greeted()
			s.Client(2).Reset()
			r.expectReset()
			if _, err := r.take(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("ended with %v", err)
			}
			<-s.Client(2).Done()
			r = connect(t, s).greeted()
			r.conn.Close()
			<-s.Client(3).Done()
			if len(s.Clients()) != 0 || s.Accepted() != 3 {
				t.Errorf("%d of %d are connected", len(s.Clients()), s.Accepted())
			}
		})
	}
}

// TestResetByTheClient of a connection through memory is one for the server, too.
func TestResetByTheClient(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{DontListen: true})
	r := dial(t, s).greeted()
	must.Do(t, r.conn.(interface{ Reset() error }).Reset())
	<-s.Client(1).Done()
	if err := s.Client(1).Err(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("ended by %v", err)
	}
}

// TestAPeerThatDoesNotRead blocks nobody: it is cut when its queue is full, or a second
// after the last bytes.
func TestAPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fakeserver.Run(t, fakeserver.Options{DontListen: true, QueueMax: 1000})
		deaf := func(n int) (net.Conn, *fakeserver.Client) {
			conn, err := s.InProcessConn()
			must.Do(t, err)
			t.Cleanup(func() { conn.Close() })
			buf := make([]byte, 4096)
			_, err = conn.Read(buf)
			must.Do(t, err)
			_, err = conn.Write([]byte("CONNECT {\"verbose\":false}\r\nSUB > 1\r\n"))
			must.Do(t, err)
			synctest.Wait()
			return conn, s.Client(n)
		}
		_, c := deaf(1)
		r := dial(t, s).greeted()
		r.send("PUB a 500\r\n" + strings.Repeat("x", 500) + "\r\nPING\r\n")
		r.expect("PONG\r\n")
		if err := c.Err(); err != nil {
			t.Fatalf("cut before the limit: %v", err)
		}
		var full *fakeserver.QueueFullError
		if err := c.Send(make([]byte, 500)); !errors.As(err, &full) || full.Size != 500 || full.Limit != 1000 || full.Queued < 500 {
			t.Errorf("queued above the limit: %v", err)
		}
		must.Do(t, c.Send(make([]byte, full.Limit-full.Queued)))
		r.send("PUB a 1\r\nx\r\nPING\r\n")
		r.expect("PONG\r\n")
		<-c.Done()
		if err := c.Err(); !errors.Is(err, fakeserver.ErrQueueFull) {
			t.Errorf("ended by %v", err)
		}

		conn, c := deaf(3) // which floods the server, too
		for range 1000 {
			if _, err := conn.Write([]byte("PING\r\n")); err != nil {
				break
			}
		}
		<-c.Done()
		if err := c.Err(); !errors.Is(err, fakeserver.ErrQueueFull) {
			t.Errorf("ended by %v", err)
		}

		_, c = deaf(4)
		must.Do(t, c.Send([]byte("last words\r\n")))
		began := time.Now()
		c.Close()
		<-c.Done()
		if d := time.Since(began); d != time.Second {
			t.Errorf("waited %v with the last words", d)
		}
	})
}

// TestLimits: subscriptions, connections, and transcripts are bounded.
func TestLimits(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{SubscriptionsMax: 2, ConnectionsMax: 2, TranscriptMax: 3})
	r := dialTCP(t, s.URL()).greeted()
	r.send("SUB a 1\r\nSUB b 2\r\nPING\r\n")
	r.expect("PONG\r\n")
	r.send("SUB c 3\r\n")
	r.expect("-ERR 'maximum subscriptions exceeded'\r\n")
	dialTCP(t, s.URL()).greeted()
	refused := dialTCP(t, s.URL())
	refused.expect("INFO *\r\n-ERR 'maximum connections exceeded'\r\nEND")
	<-s.Client(3).Done()
	if n := len(s.Clients()); n != 2 {
		t.Errorf("%d are connected", n)
	}
	c := s.Client(1)
	if n := c.Received(); n != 6 {
		t.Errorf("received %d", n)
	}
	var frames []string
	for _, f := range c.Frames() {
		frames = append(frames, f.String())
	}
	if want := []string{"SUB b 2\r\n", "PING\r\n", "SUB c 3\r\n"}; !slices.Equal(frames, want) {
		t.Errorf("remembered %q", frames)
	}
	large := "PUB x 1000000\r\n" + strings.Repeat("x", 1_000_000) + "\r\n"
	r.send(large + "PING\r\n")
	r.expect("PONG\r\n")
	r.send(large + large + "PING\r\n")
	r.expect("PONG\r\n")
	if f := c.Frames(); len(f) != 2 || len(f[0].Raw) != len(large) || f[1].Op != protocol.OpPing {
		t.Errorf("remembered %d frames", len(f))
	}
}

// TestClientsThatHaveEnded are forgotten, the oldest first, and those connected never.
func TestClientsThatHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quiet(t)
		dial(t, s)
		for range 1005 {
			conn, err := s.InProcessConn()
			must.Do(t, err)
			conn.Close()
			synctest.Wait()
		}
		dial(t, s)
		synctest.Wait()
		for n, want := range map[int]bool{-1: false, 0: false, 1: true, 2: false, 6: false, 7: true, 1006: true, 1007: true, 1008: false} {
			if c := s.Client(n); (c != nil) != want || c != nil && c.Number() != n {
				t.Errorf("client %d is known: %v", n, c != nil)
			}
		}
		if n := len(s.Clients()); n != 2 || s.Accepted() != 1007 {
			t.Errorf("%d of %d are connected", n, s.Accepted())
		}
	})
}

// TestSeeds choose the members of a queue group: equally, and all of them in time.
func TestSeeds(t *testing.T) {
	chosen := func(seed uint64) string {
		s := fakeserver.Run(t, fakeserver.Options{Seed: seed, DontListen: true})
		r := dial(t, s).greeted()
		r.send("SUB a q 1\r\nSUB a q 2\r\nSUB a q 3\r\n" + strings.Repeat("PUB a 0\r\n\r\n", 50))
		r.expect(strings.Repeat("MSG a *\r\n\r\n", 50))
		var members strings.Builder
		for _, sub := range s.Client(1).Subscriptions() {
			fmt.Fprint(&members, sub.Delivered, " ")
			if sub.Delivered == 0 {
				t.Errorf("member %d got nothing", sub.SID)
			}
		}
		return members.String()
	}
	first := chosen(1)
	if again := chosen(1); again != first {
		t.Error("equal seeds choose differently")
	}
	if chosen(2) == first && chosen(3) == first {
		t.Error("all seeds choose alike")
	}
}

// TestAClosedServer accepts nobody, and has ended.
func TestAClosedServer(t *testing.T) {
	s := fakeserver.New(fakeserver.Options{})
	if s.URL() != "" {
		t.Errorf("the address is %q", s.URL())
	}
	url, err := s.Listen()
	must.Do(t, err)
	if again, err := s.Listen(); again != url || err != nil || s.URL() != url {
		t.Errorf("listens on %q, then on %q: %v", url, again, err)
	}
	r := dialTCP(t, url).greeted()
	s.Close()
	s.Close()
	r.expect("END")
	if err := s.Client(1).Err(); !errors.Is(err, fakeserver.ErrClosed) {
		t.Errorf("the client ended by %v", err)
	}
	if _, err := s.InProcessConn(); !errors.Is(err, fakeserver.ErrClosed) {
		t.Errorf("in process: %v", err)
	}
	if _, err := s.Listen(); !errors.Is(err, fakeserver.ErrClosed) {
		t.Errorf("listen: %v", err)
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if _, err := s.Serve(far); !errors.Is(err, fakeserver.ErrClosed) {
		t.Errorf("serve: %v", err)
	}
}

// TestAnnouncingWhileClientsAreForgotten: those that are gone make place in the midst of it.
func TestAnnouncingWhileClientsAreForgotten(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{})
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				s.Announce(s.Info())
			}
		}
	}()
	for range 3000 {
		near, far := net.Pipe()
		near.Close()
		if _, err := s.Serve(far); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-done
}
