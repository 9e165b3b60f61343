package natsserver_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// quiet runs a test in a bubble with a server that can be paused.
func quiet(t *testing.T, f func(t *testing.T, s *natsserver.Server)) {
	t.Helper()
	natsserver.Bubble(t, func(t *testing.T) {
		f(t, natsserver.Run(t, natsserver.Options{DontListen: true, PingInterval: 24 * time.Hour, Edit: onTime}))
	})
}

// onTime makes a server send its first PING when it is due, like later ones.
func onTime(so *server.Options) { so.DisableShortFirstPing = true }

func TestAPausedServerDoesNotAnswerUntilItGoesOn(t *testing.T) {
	quiet(t, func(t *testing.T, s *natsserver.Server) {
		c := dialRaw(t, s)
		defer c.conn.Close()
		must.Do(t, s.Pause())
		must.Do(t, s.Pause())
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			c.send("PING\r\n")
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case <-sent:
			t.Error("a paused server takes what is written to it")
		case line := <-c.lines:
			t.Errorf("a paused server says %q", line)
		default:
		}
		must.Do(t, s.Resume())
		must.Do(t, s.Resume())
		<-sent
		c.expect("PONG")
	})
}

func TestWhatAServerSaysWhileItIsPausedArrivesWhenItGoesOn(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true, PingInterval: time.Minute, Edit: onTime})
		c := dialRaw(t, s)
		defer c.conn.Close()
		synctest.Wait() // until the client reads: then a PING arrives
		must.Do(t, s.Pause())
		time.Sleep(80 * time.Second)
		select {
		case line := <-c.lines:
			t.Errorf("a paused server says %q", line)
		default:
		}
		must.Do(t, s.Resume())
		c.expect("PING")
	})
}

func TestAPausedServerAcceptsWhenItGoesOn(t *testing.T) {
	quiet(t, func(t *testing.T, s *natsserver.Server) {
		must.Do(t, s.Pause())
		conn, err := s.InProcessConn()
		must.Do(t, err)
		defer conn.Close()
		begin := time.Now()
		must.Do(t, conn.SetReadDeadline(begin.Add(time.Minute)))
		if n, err := conn.Read(make([]byte, 10)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("a read during the pause is %d bytes and %v after %v", n, err, time.Since(begin))
		}
		if n := s.Server().NumClients(); n != 0 {
			t.Errorf("a paused server has accepted %d clients", n)
		}
		must.Do(t, s.Resume())
		must.Do(t, conn.SetReadDeadline(time.Time{}))
		buf := make([]byte, 5)
		if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "INFO " {
			t.Errorf("greeting %q, %v", buf, err)
		}
	})
}

func TestDeadlinesHoldAtAPausedServer(t *testing.T) {
	quiet(t, func(t *testing.T, s *natsserver.Server) {
		c := dialRaw(t, s)
		defer c.conn.Close()
		must.Do(t, s.Pause())
		// A deadline may be set, put off, taken away and set again under a call.
		begin := time.Now()
		must.Do(t, c.conn.SetWriteDeadline(begin.Add(time.Second)))
		go func() {
			time.Sleep(time.Second / 2)
			_ = c.conn.SetWriteDeadline(begin.Add(time.Hour))
			time.Sleep(time.Second)
			_ = c.conn.SetWriteDeadline(time.Time{})
			time.Sleep(8 * time.Second)
			_ = c.conn.SetDeadline(time.Now())
		}()
		n, err := c.conn.Write([]byte("PING\r\n"))
		var timeout net.Error
		if n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(begin) != 8*time.Second+3*time.Second/2 {
			t.Errorf("a write of %d bytes ends with %v after %v", n, err, time.Since(begin))
		}
		must.Do(t, s.Resume())
		if _, err := c.conn.Write([]byte("PING\r\n")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write after its deadline: %v", err)
		}
	})
}

func TestAReaderWithoutTimeLosesNothingOfAPausedServer(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true, PingInterval: time.Minute, Edit: onTime})
		conn, err := s.InProcessConn()
		must.Do(t, err)
		defer conn.Close()
		r := bufio.NewReader(conn)
		_, err = r.ReadString('\n')
		must.Do(t, err)
		go func() {
			time.Sleep(time.Second)
			if err := s.Pause(); err != nil {
				t.Error(err)
			}
		}()
		must.Do(t, conn.SetReadDeadline(time.Now().Add(90*time.Second)))
		if n, err := conn.Read(make([]byte, 10)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read during the pause: %d bytes, %v", n, err)
		}
		must.Do(t, s.Resume())
		must.Do(t, conn.SetReadDeadline(time.Now().Add(time.Second)))
		buf := make([]byte, 3)
		for _, want := range []string{"PIN", "G\r\n"} {
			if n, err := conn.Read(buf); string(buf[:n]) != want || err != nil {
				t.Errorf("after the pause comes %q, %v", buf[:n], err)
			}
		}
	})
}

func TestAClientMayLeaveAPausedServer(t *testing.T) {
	quiet(t, func(t *testing.T, s *natsserver.Server) {
		old := dialRaw(t, s)
		must.Do(t, s.Pause())
		late, err := s.InProcessConn()
		must.Do(t, err)
		read := make(chan error)
		go func() {
			_, err := late.Read(make([]byte, 1))
			read <- err
		}()
		must.Do(t, old.conn.Close())
		must.Do(t, late.Close())
		if err := <-read; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("a read of a connection that is closed: %v", err)
		}
		for line := range old.lines {
			t.Errorf("a paused server says %q", line)
		}
		must.Do(t, s.Resume())
		if _, err := late.Write([]byte("PING\r\n")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("a write to a connection that is closed: %v", err)
		}
	})
}

func TestAPausedServerThatIsKilledEndsItsConnections(t *testing.T) {
	quiet(t, func(t *testing.T, s *natsserver.Server) {
		old := dialRaw(t, s)
		defer old.conn.Close()
		must.Do(t, s.Pause())
		late, err := s.InProcessConn()
		must.Do(t, err)
		defer late.Close()
		s.Kill()
		if line, open := <-old.lines; open {
			t.Errorf("the server said %q at the cut", line)
		}
		if n, err := late.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("a connection that was never accepted ends with %d bytes and %v", n, err)
		}
		if err := errors.Join(s.Pause(), s.Resume()); !errors.Is(err, natsserver.ErrDown) {
			t.Errorf("a pause while down: %v", err)
		}
		must.Do(t, s.Restart())
		dialRaw(t, s).conn.Close()
	})
}

func TestOrdersToAPausedServerAreRefused(t *testing.T) {
	quiet(t, func(t *testing.T, s *natsserver.Server) {
		must.Do(t, s.Pause())
		_, byName := s.Kick("nobody")
		_, all := s.KickAll()
		for what, err := range map[string]error{"kick": byName, "kick by id": s.KickID(1), "kick all": all,
			"reload": s.Reload(func(*natsserver.Options) {})} {
			if !errors.Is(err, natsserver.ErrPaused) {
				t.Errorf("%s during a pause: %v", what, err)
			}
		}
	})
}

func TestOnlyAServerWithoutSocketsCanBePausedInPlace(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	if err := s.Pause(); !errors.Is(err, natsserver.ErrSockets) {
		t.Errorf("pause of a server that listens: %v", err)
	}
	s.Shutdown()
	if err := s.Pause(); !errors.Is(err, natsserver.ErrShutdown) {
		t.Errorf("pause after shutdown: %v", err)
	}
	if err := s.Resume(); !errors.Is(err, natsserver.ErrShutdown) {
		t.Errorf("resume after shutdown: %v", err)
	}
}

func TestALameDuckWithoutASocketSaysGoodbye(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true, JetStream: true, LameDuckGrace: time.Minute, LameDuck: 2 * time.Second})
		ends := make(chan time.Duration, 2)
		begin := time.Now()
		for range 2 {
			c := dialWith(t, s, `{"verbose":false,"protocol":1}`)
			defer c.conn.Close()
			go func() {
				told := false
				for line := range c.lines {
					told = told || strings.Contains(line, `"ldm":true`)
				}
				if !told {
					t.Error("a client was not told")
				}
				ends <- time.Since(begin)
			}()
		}
		done := s.LameDuck()
		if _, err := s.InProcessConn(); !errors.Is(err, natsserver.ErrDown) {
			t.Errorf("dial to a lame duck: %v", err)
		}
		if first, second := <-ends, <-ends; first != time.Minute || second != time.Minute+time.Second {
			t.Errorf("connections ended after %v and %v", first, second)
		}
		<-done
		if s.Running() {
			t.Error("a lame duck that is gone says that it is running")
		}
		must.Do(t, s.Restart())
		// Lame duck mode is cut short at each of its waits.
		for _, wait := range []time.Duration{time.Second, time.Minute + time.Second/2} {
			a, b := dialRaw(t, s), dialRaw(t, s)
			begin, done = time.Now(), s.LameDuck()
			time.Sleep(wait)
			s.Kill()
			<-done
			if passed := time.Since(begin); passed != wait {
				t.Errorf("a farewell that was cut short after %v took %v", wait, passed)
			}
			a.conn.Close()
			b.conn.Close()
			must.Do(t, s.Restart())
		}
	})
}

func TestALameDuckThatIsPausedBeginsWhenItGoesOn(t *testing.T) {
	quiet(t, func(t *testing.T, s *natsserver.Server) {
		must.Do(t, s.Pause())
		done := s.LameDuck()
		time.Sleep(time.Hour)
		if !s.Running() {
			t.Error("a paused server took its leave")
		}
		must.Do(t, s.Resume())
		<-done
	})
}
