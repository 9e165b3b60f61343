package wire_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
	"github.com/troupe-go/troupe/internal/must"
)

// dialogue is what a client and a server say to each other, in turns.
var dialogue = []struct{ client, server string }{
	{"", "INFO {\"max_payload\":100}\r\n"},
	{"CONNECT {}\r\nPING\r\n", "PONG\r\n"},
	{"SUB a 1\r\nPUB a 5\r\nhello\r\n", "MSG a 1 5\r\nhello\r\n"},
}

// TestResetAfterEachByte: all bytes before the reset are forwarded, none after it.
func TestResetAfterEachByte(t *testing.T) {
	var out, in string
	for _, turn := range dialogue {
		out += turn.client
		in += turn.server
	}
	check := func(dir string, k int, sent string) {
		rule := fmt.Sprintf("when bytes(%d) reset(%s)", k, dir)
		bubble(t, wire.Options{}, []string{rule}, func(r *rig) {
			for _, turn := range dialogue {
				io.WriteString(r.client, turn.client)
				io.WriteString(r.server, turn.server)
				synctest.Wait()
			}
			<-r.over
			synctest.Wait()
			tp := r.atServer
			if dir == "in" {
				tp = r.atClient
			}
			if got := tp.all(); got != sent[:k] {
				t.Errorf("%s: there came %q, want %q", rule, got, sent[:k])
			}
			if n := r.link.Injections()[0].Hits(); n != 1 || r.link.Stats().Resets != 1 {
				t.Errorf("%s: %d hits, %+v", rule, n, r.link.Stats())
			}
		})
	}
	for k := 1; k <= len(out); k++ {
		check("out", k, out)
	}
	for k := 1; k <= len(in); k++ {
		check("in", k, in)
	}
}

// TestAResetOverTCPIsAReset: bytes before it can be read, then both ends get ECONNRESET.
func TestAResetOverTCPIsAReset(t *testing.T) {
	for _, k := range []int{1, 7, 64 << 10, 200_000} {
		l := wire.New(plan.Target{}, wire.Options{})
		i := inject(t, l, fmt.Sprintf("when bytes(%d) reset(out)", k))
		client, server := relayed(t, l)
		go client.Write(bytes.Repeat([]byte("x"), k+1000))
		got, err := io.ReadAll(server)
		if len(got) != k || !isReset(err) {
			t.Errorf("after %d bytes there came %v, want %d bytes and a reset", len(got), err, k)
		}
		if _, err := client.Read(make([]byte, 1)); !isReset(err) {
			t.Errorf("the client sees %v", err)
		}
		if err := i.Wait(must.Within(t, patience), 1); err != nil {
			t.Error(err)
		}
	}
}

// TestAnEndPassesAsWhatItIs: a FIN is forwarded as a FIN, separately for each direction,
// and a reset as a reset.
func TestAnEndPassesAsWhatItIs(t *testing.T) {
	l := wire.New(plan.Target{}, wire.Options{})
	client, server := relayed(t, l)
	client.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(server); len(got) != 0 || err != nil {
		t.Errorf("the server reads %q, %v", got, err)
	}
	io.WriteString(server, "still here")
	server.Close()
	if got, err := io.ReadAll(client); string(got) != "still here" || err != nil {
		t.Errorf("the client reads %q, %v", got, err)
	}
	l = wire.New(plan.Target{}, wire.Options{})
	client, server = relayed(t, l)
	client.(*net.TCPConn).SetLinger(0)
	client.Close()
	if _, err := io.ReadAll(server); !isReset(err) {
		t.Errorf("the server reads %v after a reset of the client", err)
	}
}

// deaf is an end that can't be written, though nothing else is wrong with it.
type deaf struct{ net.Conn }

// Write fails.
func (deaf) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestAnEndThatCannotBeWrittenIsDead: the other end sees a reset, after everything that
// came from the dead one.
func TestAnEndThatCannotBeWrittenIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wire.New(plan.Target{}, wire.Options{})
		inject(t, l, "latency(1s, in)")
		client, outer := net.Pipe()
		inner, server := net.Pipe()
		defer server.Close()
		began, over := time.Now(), make(chan struct{})
		go func() {
			defer close(over)
			l.Relay(outer, deaf{inner})
		}()
		if _, err := client.Write([]byte("PING\r\n")); err != nil {
			t.Error(err)
		}
		_, err := client.Read(make([]byte, 1))
		if d := time.Since(began); err == nil || d != time.Second {
			t.Errorf("the client: %v after %v", err, d)
		}
		<-over
	})
}

func TestFinIsToldToTheSideItPointsTo(t *testing.T) {
	for _, rule := range []string{"when op(MSG) index(2) fin", "when bytes(18) fin(in)"} {
		l := wire.New(plan.Target{}, wire.Options{})
		inject(t, l, rule)
		client, server := relayed(t, l)
		io.WriteString(server, strings.Repeat("MSG a 1 5\r\nhello\r\n", 3))
		if got, err := io.ReadAll(client); string(got) != "MSG a 1 5\r\nhello\r\n" || err != nil {
			t.Errorf("%s: the client reads %q, %v", rule, got, err)
		}
		io.WriteString(client, "PING\r\n")
		client.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(server); string(got) != "PING\r\n" || err != nil {
			t.Errorf("%s: the server reads %q, %v", rule, got, err)
		}
	}
}

func TestMomentsAtTheirTime(t *testing.T) {
	ping := func(r *rig) {
		r.send("PING\r\n")
		time.Sleep(time.Second)
		r.send("PUB a 4\r\nab")
		time.Sleep(2 * time.Second)
		r.send("cd\r\n")
		time.Sleep(time.Second)
	}
	t.Run("inject between two operations", func(t *testing.T) {
		bubble(t, wire.Options{}, []string{`at 500ms inject("+OK\r\n", in)`, `at 2s inject("SUB x 9\r\n", out)`}, func(r *rig) {
			ping(r)
			r.atServer.expect(t, `0s "PING\r\n"`, `1s "PUB a 4\r\nab"`, `3s "cd\r\n"`, `3s "SUB x 9\r\n"`)
			r.atClient.expect(t, `500ms "+OK\r\n"`)
		})
	})
	t.Run("replay", func(t *testing.T) {
		bubble(t, wire.Options{}, []string{"at 500ms replay(100, out)", "at 2s replay(3, out)"}, func(r *rig) {
			ping(r)
			r.atServer.expect(t, `0s "PING\r\n"`, `500ms "PING\r\n"`, `1s "PUB a 4\r\nab"`, `2s "\nab"`, `3s "cd\r\n"`)
		})
	})
	t.Run("reset", func(t *testing.T) {
		bubble(t, wire.Options{}, []string{"at 500ms reset"}, func(r *rig) {
			r.send("PING\r\n")
			<-r.over
			synctest.Wait()
			for _, tp := range []*tape{r.atClient, r.atServer} {
				if at, err := tp.end(); err == nil || at != 500*time.Millisecond {
					t.Errorf("ended by %v after %v", err, at)
				}
			}
		})
	})
	t.Run("fin", func(t *testing.T) {
		bubble(t, wire.Options{}, []string{"at 500ms fin(in)"}, func(r *rig) {
			<-r.over // a pipe has no half close
			synctest.Wait()
			if at, err := r.atClient.end(); err != io.EOF || at != 500*time.Millisecond {
				t.Errorf("ended by %v after %v", err, at)
			}
		})
	})
	t.Run("what is held is lost in a reset", func(t *testing.T) {
		bubble(t, wire.Options{}, []string{"latency(1s)", "at 500ms reset"}, func(r *rig) {
			r.send("PING\r\n")
			<-r.over
			r.atServer.expect(t)
		})
	})
}

// TestMomentsMeetAllConnectionsThatAreOpen, and those only, or the one that is meant.
func TestMomentsMeetAllConnectionsThatAreOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wire.New(plan.Target{}, wire.Options{})
		var rigs []*rig
		for range 3 {
			rigs = append(rigs, connect(t, l, net.Pipe))
			synctest.Wait()
		}
		one := inject(t, l, "at 1s when conn(2) reset")
		all := inject(t, l, "at 2s reset")
		time.Sleep(1500 * time.Millisecond)
		<-rigs[1].over
		if s := l.Stats(); s.Open != 2 || one.Hits() != 1 {
			t.Errorf("%+v, %d hits", s, one.Hits())
		}
		if err := all.Wait(t.Context(), 2); err != nil {
			t.Error(err)
		}
		late := connect(t, l, net.Pipe)
		time.Sleep(time.Minute)
		late.send("a")
		synctest.Wait()
		late.atServer.expect(t, `1m0s "a"`)
		if s := l.Stats(); s.Open != 1 || s.Connections != 4 || all.Hits() != 2 {
			t.Errorf("%+v, %d hits", s, all.Hits())
		}
	})
}
