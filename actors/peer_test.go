package actors

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// peer is the far end of one connection: a scripted server.
//
//	Conn ◄── net.Pipe ──► peer ─► frames, one string for each frame that came
//
// It keeps reading, so that nothing the client writes ever blocks, unless the test uses
// deaf.
type peer struct {
	t      testing.TB
	conn   net.Conn
	nth    int           // 1 for the first dial
	frames chan string   // frames of the client, PINGs that were answered left out
	mute   bool          // leave PINGs unanswered
	pace   time.Duration // a pause after each read
}

// script is a server's part in one connection, run on its own goroutine.
type script func(p *peer)

// peers makes cfg dial peers: the n-th dial is served by script.
func peers(t testing.TB, cfg *Config, script script) {
	t.Helper()
	var mu sync.Mutex
	dials, over := 0, false
	var running sync.WaitGroup
	cfg.Servers = []*url.URL{{Scheme: "nats", Host: "peer"}}
	cfg.Dial = func(context.Context, *url.URL) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if over { // a dial that nothing waits for any more
			return nil, net.ErrClosed
		}
		dials++
		near, far := net.Pipe()
		p := &peer{t: t, conn: far, nth: dials, frames: make(chan string, 10_000)}
		running.Go(func() {
			defer far.Close()
			script(p)
		})
		return near, nil
	}
	t.Cleanup(func() { // after the Close of connections made later
		mu.Lock()
		over = true
		mu.Unlock()
		running.Wait()
	})
}

// greet leads the server's half of the handshake.
func (p *peer) greet(info protocol.Info) bool {
	if info.MaxPayload == 0 {
		info.MaxPayload = 1 << 20
	}
	info.ServerID, info.Proto, info.Headers = "peer", 1, true
	if _, err := p.conn.Write(protocol.AppendInfo(nil, &info)); err != nil {
		return false
	}
	var buf []byte
	chunk := make([]byte, 4096)
	for !strings.HasSuffix(string(buf), "PING\r\n") {
		n, err := p.conn.Read(chunk)
		if err != nil {
			return false
		}
		buf = append(buf, chunk[:n]...)
	}
	return p.send("PONG\r\n")
}

// send writes frames, and reports whether the client took them.
func (p *peer) send(frames string) bool {
	_, err := p.conn.Write([]byte(frames))
	return err == nil
}

// serve reads what the client sends until the connection ends, answering PINGs.
func (p *peer) serve() {
	parser := protocol.NewClientParser(protocol.Limits{Payload: 1 << 30})
	var f protocol.Frame
	var buf []byte
	chunk := make([]byte, 64<<10)
	for {
		n, err := parser.Next(buf, &f)
		if err != nil {
			p.t.Errorf("the client sent what is no frame: %v in %.100q", err, buf)
			return
		}
		if n > 0 {
			p.got(f.Op, string(buf[:n]))
			buf = buf[n:]
			continue
		}
		n, err = p.conn.Read(chunk)
		if err != nil {
			return
		}
		buf = append(buf, chunk[:n]...)
		if p.pace > 0 {
			<-time.After(p.pace)
		}
	}
}

func (p *peer) got(op protocol.Op, frame string) {
	if op == protocol.OpPing && !p.mute {
		// From another goroutine: the client may be writing, too.
		go p.send("PONG\r\n")
		return
	}
	select {
	case p.frames <- strings.TrimSuffix(frame, "\r\n"):
	default:
	}
}

// served greets and serves: the whole life of a server that does no more.
func served(p *peer) {
	if p.greet(protocol.Info{}) {
		p.serve()
	}
}

// playing greets, serves, and gives the peer to the test.
func playing(ready chan<- *peer) script {
	return func(p *peer) {
		if p.greet(protocol.Info{}) {
			ready <- p
			p.serve()
		}
	}
}

// expect waits for one frame of the client.
func (p *peer) expect(want string) {
	p.t.Helper()
	select {
	case got := <-p.frames:
		if got != want {
			p.t.Fatalf("the client sent %q, want %q", got, want)
		}
	case <-time.After(time.Hour): // for bubbles; others end with the test's own limit
		p.t.Fatalf("the client did not send %q", want)
	}
}

// eventTape collects events.
type eventTape struct {
	mu     sync.Mutex
	events []Notice
	more   chan struct{}
}

// record makes cfg record its events.
func record(cfg *Config) *eventTape {
	tape := &eventTape{more: make(chan struct{}, 1)}
	cfg.OnEvent = tape.add
	return tape
}

func (r *eventTape) add(n Notice) {
	r.mu.Lock()
	r.events = append(r.events, n)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// all returns the events for which want holds.
func (r *eventTape) all(want func(n Notice) bool) []Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Notice
	for _, n := range r.events {
		if want(n) {
			found = append(found, n)
		}
	}
	return found
}

// await waits for the n-th event for which want holds.
func (r *eventTape) await(t testing.TB, n int, what string, want func(n Notice) bool) Notice {
	t.Helper()
	deadline := must.Within(t, patience)
	for {
		if found := r.all(want); len(found) >= n {
			return found[n-1]
		}
		select {
		case <-r.more:
		case <-time.After(10 * time.Millisecond): // another waiter may have taken the signal
		case <-deadline.Done():
			t.Fatalf("%s: event number %d did not come; these did: %v", what, n, r.all(func(Notice) bool { return true }))
		}
	}
}
