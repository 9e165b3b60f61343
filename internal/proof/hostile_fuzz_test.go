package proof_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/protocol"
)

// scripts are what the fuzzer begins with: frames, whole and broken, and all that the
// hostile servers of the table say that is short.
func scripts() []string {
	all := []string{
		"", "PING\r\n", "PONG\r\nPONG\r\n", "+OK\r\n", "MSG a 1 5\r\nhello\r\n", "MSG a 1 r 5\r\nhello\r\nMSG a 2 0\r\n\r\n",
		"HMSG a 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", "HMSG a 1 22 22\r\nNATS/1.0 503\r\nK: v\r\n\r\n\r\n", "HMSG a 1 4 5\r\nNATSx\r\n",
		"MSG a 1 67108864\r\nx", "MSG a 1 67108865\r\n", "MSG a 99999999999999999999 1\r\n", "MSG\r\n", "HMSG a 1 5 4\r\n",
		"INFO {\"ldm\":true}\r\n", "INFO {\"connect_urls\":[\"a:1\",\"\",\"[::1]:2\",\"%%\"],\"max_payload\":3}\r\n", "INFO {\"headers\":false}\r\n",
		"INFO {\"tls_required\":true,\"nonce\":\"x\"}\r\n", "INFO {\"max_payload\":-1,\"proto\":-5,\"client_id\":18446744073709551615}\r\n",
		"INFO [\r\n", "INFO {\"connect_urls\":" + strings.Repeat("[", 200) + "\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\x16\x03\x01\x00\xa5\x01", "\r\n\r\n",
	}
	for text := range refusals {
		all = append(all, "-ERR '"+text+"'\r\n")
	}
	for _, text := range []string{"", "Stale Connection", "Unknown Protocol Operation", "maximum connections exceeded", "invalid client protocol",
		"Maximum Payload Violation", "attempted to connect to route port", "Invalid Subject", "maximum subscriptions exceeded",
		`Permissions Violation for Subscription to "a"`, `Permissions Violation for Subscription to "a" using queue "q" (sid "1")`,
		`Permissions Violation for Publish to "service"`, "Never Heard Of"} {
		all = append(all, "-ERR '"+text+"'\r\n")
	}
	return all
}

// FuzzHostileServer lets a server say anything whatever, in place of its INFO or once
// connected, in pieces of a size; then it is honest. The client does not panic (G12),
// holds a bounded amount of memory (G9), and serves again, or has ended with a type (G8,
// G11).
func FuzzHostileServer(f *testing.F) {
	for _, script := range scripts() {
		f.Add([]byte(script), false, uint8(0))
		f.Add([]byte(script+"MSG a 1 1\r\nx\r\n"), false, uint8(1))
		f.Add([]byte(script), true, uint8(3))
	}
	f.Fuzz(func(t *testing.T, script []byte, first bool, piece uint8) {
		script = script[:min(len(script), 64<<10)]
		before := heap()
		var s *fakeserver.Server
		s = fakeserver.New(fakeserver.Options{Greeting: func(n int) fakeserver.Greeting {
			if !first || n > 1 {
				return fakeserver.Greeting{}
			}
			s.Client(1).Close() // behind the greeting
			return fakeserver.Greeting{Raw: append([]byte{}, script...)}
		}})
		defer s.Close()
		limit := patience // the first connection is to come about, however slow the machine is
		if first {
			limit = 100 * time.Millisecond // a script may leave it without its INFO
		}
		events := newTape()
		nc, err := api.Connect("", api.InProcessServer(s), events.option(), api.NeverGiveUp(), api.RetryOnFailedConnect(true),
			api.Timeout(limit), api.ReconnectWait(time.Millisecond), api.ReconnectJitter(0, 0))
		if err != nil {
			mustBeTyped(t, err)
			return
		}
		defer nc.Close()
		if _, err = nc.Subscribe("a", func(*api.Msg) {}); err != nil { // it has ended already
			mustBeTyped(t, err)
			return
		}
		asked := make(chan error, 1)
		go func() {
			_, err := nc.Request("service", []byte("x"), 10*time.Second)
			asked <- err
		}()
		if !first {
			treat(s.Client(1), script, int(piece))
		}
		recovers(t, nc, events)
		nc.Close()
		if err := <-asked; err != nil {
			mustBeTyped(t, err)
		}
		events.unharmed(t)
		if heap()-before > heldMax && held()-before > heldMax {
			t.Errorf("%d KiB are held", (heap()-before)>>10)
		}
	})
}

// heap returns the bytes that are in use, garbage included.
func heap() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// treat sends a script in pieces, 0 for one, and then ends the connection.
func treat(c *fakeserver.Client, script []byte, piece int) {
	if piece == 0 {
		piece = max(1, len(script))
	}
	for len(script) > 0 {
		n := min(piece, len(script))
		if c.Send(script[:n]) != nil {
			return // the client has left
		}
		script = script[n:]
	}
	c.Close()
}

// recovers waits until the client is served, or has ended.
func recovers(t *testing.T, nc *api.Conn, events *tape) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		err := nc.FlushContext(ctx)
		if err == nil {
			return
		}
		mustBeTyped(t, err)
		if nc.IsClosed() {
			mustBeTyped(t, events.await(t, api.ConnectionClosed, 1).Cause)
			return
		}
	}
	t.Fatalf("the client does not recover: %v, %v", nc.Status(), nc.LastError())
}

// mustBeTyped checks that an error is one of the library's own or the standard library's, and
// none of a defect.
func mustBeTyped(t *testing.T, err error) {
	t.Helper()
	if !typed(err) {
		t.Errorf("%v (%T) is %v", err, err, api.CategoryOf(err))
	}
}

// TestScriptsAreFrames: most of what the fuzzer begins with is read, so that it does not
// spend its time in front of the parser.
func TestScriptsAreFrames(t *testing.T) {
	read := 0
	for _, script := range scripts() {
		parser := protocol.NewServerParser(protocol.Limits{})
		var frame protocol.Frame
		if n, err := parser.Next([]byte(script), &frame); n > 0 && err == nil {
			read++
		}
	}
	if read < 20 {
		t.Error(fmt.Sprint(read, " scripts of ", len(scripts()), " hold a frame"))
	}
}
