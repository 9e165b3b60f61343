package actors

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// out returns the bytes of buffers that are not in the pool.
func (p *chunkPool) out() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shared
}

// besieged connects to a peer, subscribes h, lets attack send anything on the first link,
// and calls check with the results afterwards. Later links behave normally.
func besieged(t *testing.T, attack func(p *peer), check func(t *testing.T, c *Conn, tape *eventTape, got chan string)) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.PingInterval = 0
		tape := record(&cfg)
		ready := make(chan *peer, 10)
		peers(t, &cfg, playing(ready))
		c := connect(t, cfg)
		got := make(chan string, 10_000)
		subscribe(t, c, SubSpec{Subject: "h", Consumer: handle(func(_, p string) { got <- p })})
		p := <-ready
		p.expect("SUB h 1")
		attack(p)
		pass(time.Second)
		check(t, c, tape, got)
		if n := c.chunks.out(); n > 4<<20 {
			t.Errorf("%d bytes of buffers are out", n)
		}
		select {
		case p = <-ready: // a new link
			p.expect("SUB h 1")
		default:
		}
		if !p.send("MSG h 1 5\r\nafter\r\n") {
			t.Error("the last link is not read")
		}
		synctest.Wait()
		for {
			select {
			case m := <-got:
				if m == "after" {
					return
				}
			default:
				t.Errorf("nothing is delivered after the attack; %v\n%v", c.Tree(), c.Events())
				return
			}
		}
	})
}

// TestGarbageCostsTheLink and nothing more: there is a typed error and a reconnect, and
// no memory is lost.
func TestGarbageCostsTheLink(t *testing.T) {
	attacks := map[string]string{
		"http":               "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno!",
		"tls record":         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"zeros":              strings.Repeat("\x00", 100),
		"line without end":   strings.Repeat("A", 100_000),
		"subject no end":     "MSG " + strings.Repeat("a", 100_000),
		"info without end":   "INFO {" + strings.Repeat(" ", 2<<20),
		"error without end":  "-ERR '" + strings.Repeat("x", 2<<20),
		"size overflows":     "MSG h 1 99999999999999999999999999\r\n",
		"size too large":     "MSG h 1 4294967297\r\n",
		"size negative":      "MSG h 1 -1\r\n",
		"size missing":       "MSG h 1\r\n",
		"sid missing":        "MSG h\r\n",
		"sid no number":      "MSG h x 1\r\n1\r\n",
		"size wrong":         "MSG h 1 3\r\nab\r\nMSG h 1 1\r\nx\r\n",
		"header over total":  "HMSG h 1 30 20\r\n",
		"client's operation": "PUB h 1\r\nx\r\n",
	}
	for name, bytes := range attacks {
		t.Run(name, func(t *testing.T) {
			besieged(t, func(p *peer) { p.send("MSG h 1 2\r\nok\r\n" + bytes) },
				func(t *testing.T, c *Conn, tape *eventTape, got chan string) {
					if m := <-got; m != "ok" {
						t.Errorf("what came before was delivered as %q", m)
					}
					lost := tape.all(isKind(supervisor.LinkLost))
					if len(lost) != 1 || !errors.Is(lost[0].Cause, protocol.ErrProtocol) {
						t.Fatalf("link lost: %v", lost)
					}
					var link *LinkError
					if !errors.As(lost[0].Cause, &link) || link.Phase != "parse" {
						t.Errorf("lost with %v", lost[0].Cause)
					}
					if c.Stats().Reconnects != 1 {
						t.Errorf("%d reconnects", c.Stats().Reconnects)
					}
				})
		})
	}
}

// TestOddFramesKeepTheLink: strange but harmless frames are counted or reported.
func TestOddFramesKeepTheLink(t *testing.T) {
	told := func(t *testing.T, tape *eventTape, kind supervisor.EventKind, want ...error) {
		t.Helper()
		found := tape.all(isKind(kind))
		if len(found) != len(want) {
			t.Fatalf("%d events of %v, want %d", len(found), kind, len(want))
		}
		for i, f := range found {
			if !errors.Is(f.Cause, want[i]) {
				t.Errorf("%v: %v, want %v", kind, f.Cause, want[i])
			}
		}
	}
	attacks := map[string]struct {
		bytes string
		check func(t *testing.T, c *Conn, tape *eventTape)
	}{
		"unknown sids": {strings.Repeat("MSG h 77 1\r\nx\r\n", 1000), func(t *testing.T, c *Conn, _ *eventTape) {
			if n := c.Stats().Strays; n != 1000 {
				t.Errorf("%d strays, want 1000", n)
			}
		}},
		"largest sid": {"MSG h 18446744073709551615 1\r\nx\r\n", func(t *testing.T, c *Conn, _ *eventTape) {
			if n := c.Stats().Strays; n != 1 {
				t.Errorf("%d strays, want 1", n)
			}
		}},
		"PONG storm": {strings.Repeat("PONG\r\n", 10_000), func(t *testing.T, c *Conn, _ *eventTape) {
			c.out.mu.Lock()
			defer c.out.mu.Unlock()
			if c.out.confirmed > c.out.written {
				t.Errorf("confirmed %d of %d", c.out.confirmed, c.out.written)
			}
		}},
		"PING flood": {strings.Repeat("PING\r\n", 10_000), func(t *testing.T, c *Conn, _ *eventTape) {
			if n, _ := c.Buffered(); n > 1000 {
				t.Errorf("%d bytes of answers wait", n)
			}
		}},
		"OK": {strings.Repeat("+OK\r\n", 100), func(*testing.T, *Conn, *eventTape) {}},
		"INFO without JSON": {"INFO {\"max_payload\":\r\nINFO []\r\nINFO x\r\n", func(t *testing.T, c *Conn, tape *eventTape) {
			told(t, tape, supervisor.ServerErrorReported, protocol.ErrJSONParse, protocol.ErrJSONParse, protocol.ErrJSONParse)
			if n := c.Info().MaxPayload; n != 1<<20 {
				t.Errorf("the limit is now %d", n)
			}
		}},
		"INFO with odd servers": {`INFO {"max_payload":99,"connect_urls":["","a:1","a:1","%%%"," ","b:2"]}` + "\r\n", func(t *testing.T, c *Conn, _ *eventTape) {
			for _, e := range c.Pool() {
				if e.URL.Host == "" {
					t.Error("a server without an address is in the pool")
				}
			}
			c.out.mu.Lock()
			defer c.out.mu.Unlock()
			if n := c.out.payloadMax; n != 99 {
				t.Errorf("the new limit was not taken over: %d", n)
			}
		}},
		"unknown errors": {"-ERR 'Never Heard Of'\r\n-ERR\r\n-ERR unquoted\r\n", func(t *testing.T, _ *Conn, tape *eventTape) {
			told(t, tape, supervisor.ServerErrorReported, protocol.ErrServer, protocol.ErrServer, protocol.ErrServer)
		}},
		"permission to publish": {"-ERR 'Permissions Violation for Publish to \"x.y\"'\r\n", func(t *testing.T, _ *Conn, tape *eventTape) {
			told(t, tape, supervisor.PermissionDenied, protocol.ErrPermissionViolation)
		}},
		"permission to subscribe": {"-ERR 'Permissions Violation for Subscription to \"h\"'\r\n", func(t *testing.T, _ *Conn, tape *eventTape) {
			told(t, tape, supervisor.PermissionDenied, protocol.ErrPermissionViolation)
			if n := tape.all(isKind(supervisor.PermissionDenied)); len(n) == 1 && (n[0].Sub == nil || n[0].Sub.Subject != "h") {
				t.Error("not told which subscription")
			}
		}},
		"too many subscriptions": {"-ERR 'maximum subscriptions exceeded'\r\n", func(t *testing.T, _ *Conn, tape *eventTape) {
			told(t, tape, supervisor.PermissionDenied, protocol.ErrMaxSubscriptionsExceeded)
		}},
	}
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			besieged(t, func(p *peer) { p.send(a.bytes) }, func(t *testing.T, c *Conn, tape *eventTape, _ chan string) {
				if lost := tape.all(isKind(supervisor.LinkLost)); len(lost) != 0 {
					t.Fatalf("the link was lost: %v", lost[0].Cause)
				}
				a.check(t, c, tape)
			})
		})
	}
}

// TestRepeatedAuthorizationErrorStops: the same refusal twice from one server is final,
// unless the user wants to go on.
func TestRepeatedAuthorizationErrorStops(t *testing.T) {
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(t)
			cfg.KeepAfterAuthErrors = keep
			dials := 0
			peers(t, &cfg, func(p *peer) {
				dials = p.nth
				switch {
				case p.nth == 1:
					p.greet(protocol.Info{})
					pass(time.Second)
				case p.nth <= 4:
					p.send("INFO {}\r\n-ERR 'Authorization Violation'\r\n")
				default:
					served(p)
				}
			})
			c := connect(t, cfg)
			pass(time.Hour)
			if keep && (c.Status() != Connected || dials != 5) {
				t.Errorf("%v after %d dials, want to be connected at the fifth", c.Status(), dials)
			}
			if !keep && (c.Status() != Closed || dials != 3 || !errors.Is(c.closedError(), protocol.ErrAuthorization)) {
				t.Errorf("%v after %d dials: %v", c.Status(), dials, c.closedError())
			}
		})
	}
}

// TestABufferGrowsWithWhatCame, not with what was announced.
func TestABufferGrowsWithWhatCame(t *testing.T) {
	besieged(t, func(p *peer) { p.send(fmt.Sprintf("MSG h 1 %d\r\nonly this", protocol.PayloadMax)) },
		func(t *testing.T, c *Conn, tape *eventTape, _ chan string) {
			if n := c.chunks.out(); n > 2*chunkBytesMin {
				t.Errorf("%d bytes of buffer for an announcement", n)
			}
			_ = c.ForceReconnect() // the peer cannot continue after this
			pass(time.Second)
		})
}

// TestDripsOfALongLine: a line longer than the smallest buffer comes in far smaller
// pieces, so that the buffer tends to shrink meanwhile.
func TestDripsOfALongLine(t *testing.T) {
	info := `INFO {"max_payload":1000,"server_name":"` + strings.Repeat("n", 3*chunkBytesMin) + `"}` + "\r\n"
	besieged(t, func(p *peer) {
		for at := 0; at < len(info); at += 100 {
			p.send(info[at:min(len(info), at+100)])
		}
	}, func(t *testing.T, c *Conn, tape *eventTape, _ chan string) {
		if n := len(tape.all(isKind(supervisor.LinkLost))); n != 0 || c.Stats().Reconnects != 0 {
			t.Errorf("lost the link %d times: %v", n, c.Events())
		}
		if c.Info().MaxPayload != 1000 {
			t.Errorf("the line was not understood: %d", c.Info().MaxPayload)
		}
	})
}

// TestOneByteAtATime: the same frames, whole and in the smallest pieces.
func TestOneByteAtATime(t *testing.T) {
	frames := ""
	var want []string
	for i := range 50 {
		payload := strings.Repeat(string(rune('a'+i%26)), i)
		want = append(want, payload)
		frames += fmt.Sprintf("MSG h 1 reply.%d %d\r\n%s\r\n", i, len(payload), payload)
		header := "NATS/1.0\r\nK: v\r\n\r\n"
		want = append(want, payload)
		frames += fmt.Sprintf("HMSG h 1 %d %d\r\n%s%s\r\n", len(header), len(header)+len(payload), header, payload)
		frames += "PING\r\n+OK\r\nPONG\r\n-ERR 'odd'\r\nINFO {\"max_payload\":1000}\r\n"
	}
	for _, piece := range []int{1, 2, 3, 7, len(frames)} {
		besieged(t, func(p *peer) {
			for at := 0; at < len(frames); at += piece {
				p.send(frames[at:min(len(frames), at+piece)])
			}
		}, func(t *testing.T, c *Conn, _ *eventTape, got chan string) {
			receiveAll(t, got, want...)
			if s := c.Stats(); s.InMsgs != 100 || s.Reconnects != 0 {
				t.Errorf("pieces of %d: %+v", piece, s)
			}
		})
	}
}
