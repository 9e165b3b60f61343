package fakeserver_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// quiet is a server for a bubble.
func quiet(t testing.TB) *fakeserver.Server {
	t.Helper()
	return fakeserver.Run(t, fakeserver.Options{DontListen: true})
}

// TestControl has functions pass, drop, answer, do both, and end the connection.
func TestControl(t *testing.T) {
	const published = "SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n"
	for name, c := range map[string]struct {
		verdict fakeserver.Verdict
		want    string
	}{
		"pass":             {fakeserver.Pass(), "MSG a 1 1\r\nx\r\nPONG\r\n"},
		"drop":             {fakeserver.Drop(), "PONG\r\n"},
		"answer":           {fakeserver.Answer("-ERR 'no'\r\n"), "-ERR 'no'\r\nPONG\r\n"},
		"answer, and pass": {fakeserver.Verdict{Send: []byte("+OK\r\n")}, "+OK\r\nMSG a 1 1\r\nx\r\nPONG\r\n"},
		"close":            {fakeserver.Verdict{Send: []byte("-ERR 'go'\r\n"), Close: true}, "-ERR 'go'\r\nEND"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeserver.Run(t, fakeserver.Options{})
			var seen fakeserver.Frame
			control := s.Control(protocol.OpPub, func(_ *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
				seen = f
				return c.verdict
			})
			r := dialTCP(t, s.URL()).greeted()
			r.send(published)
			r.expect(c.want)
			must.Do(t, control.Wait(must.Within(t, patience), 1))
			if seen.Op != protocol.OpPub || seen.Subject != "a" || string(seen.Payload) != "x" || seen.String() != "PUB a 1\r\nx\r\n" {
				t.Errorf("shown %+v", seen)
			}
			if n := control.Hits(); n != 1 {
				t.Errorf("%d hits", n)
			}
		})
	}
}

// TestControlsAreAskedInTurn until one decides, and no more when they are lifted.
func TestControlsAreAskedInTurn(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{})
	r := dialTCP(t, s.URL()).greeted()
	watch := s.Control(protocol.OpNone, nil)
	first := s.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
		return fakeserver.Answer("PONG first\r\n")
	})
	second := s.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
		return fakeserver.Answer("PONG second\r\n")
	})
	r.send("PING\r\nPONG\r\n")
	r.expect("PONG first\r\n")
	first.Lift()
	first.Lift()
	r.send("PING\r\n")
	r.expect("PONG second\r\n")
	second.Lift()
	r.send("PING\r\n")
	r.expect("PONG\r\n")
	if watch.Hits() != 4 || first.Hits() != 1 || second.Hits() != 1 {
		t.Errorf("hits %d, %d, %d", watch.Hits(), first.Hits(), second.Hits())
	}
}

// TestControlMayCallAnything, among that Lift of itself and the end of its client.
func TestControlMayCallAnything(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{})
	var control *fakeserver.Control
	ready := make(chan struct{})
	control = s.Control(protocol.OpSub, func(c *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
		<-ready
		control.Lift()
		if control.Hits() != 0 || s.Client(1) != c || len(s.Clients()) != 1 || len(c.Subscriptions()) != 0 {
			t.Error("the server stands otherwise")
		}
		info := s.Info()
		info.MaxPayload = 10
		s.Announce(info)
		must.Do(t, c.Send([]byte("+OK\r\n")))
		c.Close()
		return fakeserver.Pass()
	})
	close(ready)
	r := dialTCP(t, s.URL()).greeted()
	r.send("SUB a 1\r\n")
	r.expect("INFO *\r\n+OK\r\nEND")
	if c := s.Client(1); len(c.Subscriptions()) != 0 {
		t.Error("a client that has ended is subscribed")
	}
}

// TestWaitEndsWithItsContext, and says what there was.
func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quiet(t)
		control := s.Control(protocol.OpPing, nil)
		dial(t, s).greeted()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := control.Wait(ctx, 2)
		var wait *fakeserver.WaitError
		if !errors.As(err, &wait) || wait.Got != 1 || wait.Want != 2 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited: %v", err)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("for %v", d)
		}
		if _, err := s.Await(ctx, 2); !errors.As(err, &wait) || wait.Got != 1 {
			t.Errorf("awaited: %v", err)
		}
		if _, err := s.Await(t.Context(), 1); err != nil {
			t.Error(err)
		}
		if !strings.Contains(wait.Error(), "2 clients") {
			t.Error(wait)
		}
	})
}
