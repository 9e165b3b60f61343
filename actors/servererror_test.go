package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// What happens to the connection after an -ERR.
const (
	staysConnected = "stays connected"
	comesBack      = "comes back to the same server"
	goesElsewhere  = "goes to another server"
	dropsServer    = "drops the server"
	gives          = "gives up"
)

// serverError is what a server says, and what follows.
type serverError struct {
	text  string
	kind  error
	then  string
	event supervisor.EventKind // reported, in addition to the loss of the link if there is one
}

// everyServerError lists what nats-server says to clients.
var everyServerError = []serverError{
	{"Authorization Violation", protocol.ErrAuthorization, comesBack, supervisor.AuthenticationFailed},
	{"User Authentication Expired", protocol.ErrAuthExpired, comesBack, supervisor.AuthenticationFailed},
	{"User Authentication Revoked", protocol.ErrAuthRevoked, comesBack, supervisor.AuthenticationFailed},
	{"Account Authentication Expired", protocol.ErrAccountAuthExpired, comesBack, supervisor.AuthenticationFailed},
	{"Authentication Timeout", protocol.ErrAuthTimeout, comesBack, supervisor.AuthenticationFailed},
	{"Failed Account Registration", protocol.ErrAccountRegistration, comesBack, supervisor.ServerErrorReported},
	{"maximum connections exceeded", protocol.ErrMaxConnectionsExceeded, goesElsewhere, supervisor.ServerErrorReported},
	{"maximum account active connections exceeded", protocol.ErrMaxAccountConnectionsExceeded, goesElsewhere, supervisor.ServerErrorReported},
	{"Connection throttling is active. Please try again later.", protocol.ErrConnectionThrottled, goesElsewhere, supervisor.ServerErrorReported},
	{"maximum subscriptions exceeded", protocol.ErrMaxSubscriptionsExceeded, staysConnected, supervisor.PermissionDenied},
	{`Permissions Violation for Publish to "a"`, protocol.ErrPermissionViolation, staysConnected, supervisor.PermissionDenied},
	{`Permissions Violation for Subscription to "h"`, protocol.ErrPermissionViolation, staysConnected, supervisor.PermissionDenied},
	{`Permissions Violation for Subscription to "h" (sid "1")`, protocol.ErrPermissionViolation, staysConnected, supervisor.PermissionDenied},
	{`Permissions Violation for Subscription to "h", too many tokens`, protocol.ErrPermissionViolation, staysConnected, supervisor.PermissionDenied},
	{`Permissions Violation for Publish with Reply of "b"`, protocol.ErrPermissionViolation, staysConnected, supervisor.PermissionDenied},
	{"Invalid Subject", protocol.ErrBadSubject, staysConnected, supervisor.PermissionDenied},
	{"Invalid Publish Subject", protocol.ErrBadSubject, staysConnected, supervisor.ServerErrorReported},
	{"Maximum Payload Violation", protocol.ErrMaxPayload, comesBack, supervisor.ServerErrorReported},
	{"maximum control line exceeded", protocol.ErrMaxControlLine, comesBack, supervisor.ServerErrorReported},
	{"Unknown Protocol Operation", protocol.ErrProtocol, comesBack, supervisor.ServerErrorReported},
	{"invalid client protocol", protocol.ErrProtocol, gives, supervisor.ServerErrorReported},
	{"no responders requires headers support", protocol.ErrProtocol, gives, supervisor.ServerErrorReported},
	{"Stale Connection", protocol.ErrStaleConnection, comesBack, supervisor.ServerErrorReported},
	{"Secure Connection - TLS Required", protocol.ErrSecureConnRequired, comesBack, supervisor.ServerErrorReported},
	{"attempted to connect to route port", protocol.ErrWrongPort, dropsServer, supervisor.ServerErrorReported},
	{"attempted to connect to gateway port", protocol.ErrWrongPort, dropsServer, supervisor.ServerErrorReported},
	{"attempted to connect to leaf node port", protocol.ErrWrongPort, dropsServer, supervisor.ServerErrorReported},
	{"Never Heard Of", protocol.ErrServer, staysConnected, supervisor.ServerErrorReported},
}

// dialed records the hosts that cfg dials, and lets it begin with the first.
func dialed(cfg *Config, hosts ...string) *[]string {
	all := new([]string)
	var mu sync.Mutex
	through := cfg.Dial
	cfg.Dial = func(ctx context.Context, u *url.URL) (net.Conn, error) {
		mu.Lock()
		*all = append(*all, u.Host)
		mu.Unlock()
		return through(ctx, u)
	}
	cfg.Servers = nil
	for _, h := range hosts {
		cfg.Servers = append(cfg.Servers, &url.URL{Scheme: "nats", Host: h})
	}
	return all
}

// TestEveryErrorOfAServer, sent on a live connection: what is reported and what happens
// to the connection. The reason is the -ERR and not the end that follows it.
func TestEveryErrorOfAServer(t *testing.T) {
	for _, c := range everyServerError {
		t.Run(c.text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config(t)
				cfg.PingInterval = 0
				tape := record(&cfg)
				peers(t, &cfg, func(p *peer) {
					if !p.greet(protocol.Info{}) {
						return
					}
					if p.nth > 1 {
						p.serve()
						return
					}
					go p.serve()
					pass(time.Second)
					p.send("-ERR '" + c.text + "'\r\n")
					if c.then == staysConnected {
						pass(time.Hour)
					}
				})
				hosts := dialed(&cfg, "first")
				conn := connect(t, cfg)
				subscribe(t, conn, SubSpec{Subject: "h", Consumer: handle(func(_, _ string) {})})
				pass(time.Minute)

				told := tape.all(isKind(c.event))
				if len(told) != 1 || !errors.Is(told[0].Cause, c.kind) {
					t.Fatalf("told %v", told)
				}
				saidOf(t, told[0].Cause, c.text)
				lost := tape.all(isKind(supervisor.LinkLost))
				if c.then == staysConnected {
					if len(lost) > 0 || conn.Status() != Connected {
						t.Errorf("lost %v", lost)
					}
					return
				}
				if len(lost) != 1 || !errors.Is(lost[0].Cause, c.kind) || errors.Is(lost[0].Cause, io.EOF) {
					t.Fatalf("lost %v, want %v", lost, c.kind)
				}
				saidOf(t, lost[0].Cause, c.text)
				if c.then == gives || c.then == dropsServer { // there is no other
					if conn.Status() != Closed || !errors.Is(conn.closedError(), c.kind) || len(*hosts) != 1 {
						t.Errorf("%v: %v, dialed %v", conn.Status(), conn.closedError(), *hosts)
					}
				} else if conn.Status() != Connected || len(*hosts) != 2 {
					t.Errorf("%v, dialed %v", conn.Status(), *hosts)
				}
			})
		})
	}
}

// saidOf checks that an error holds the server's words.
func saidOf(t *testing.T, err error, text string) {
	t.Helper()
	var said *protocol.ServerError
	if !errors.As(err, &said) || said.Text != text {
		t.Fatalf("the server's words are not in %#v", err)
	}
	if all := err.Error(); !strings.Contains(all, text) && !strings.Contains(all, fmt.Sprintf("%q", text)) {
		t.Errorf("the server's words are not in %v", err)
	}
}

// TestEveryErrorOfAServerAmongOthers: with a second server the connection survives,
// whatever the first one says, unless our own CONNECT is at fault.
func TestEveryErrorOfAServerAmongOthers(t *testing.T) {
	for _, atOnce := range []bool{true, false} {
		for _, c := range everyServerError {
			if c.then == staysConnected {
				continue
			}
			t.Run(fmt.Sprintf("%s, in the handshake %v", c.text, atOnce), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { amongOthers(t, atOnce, c) })
			})
		}
	}
}

// amongOthers lets the first of two servers say c.
func amongOthers(t *testing.T, atOnce bool, c serverError) {
	t.Helper()
	cfg := config(t)
	cfg.PingInterval, cfg.KeepOrder = 0, true
	peers(t, &cfg, func(p *peer) {
		switch {
		case p.nth > 1:
			served(p)
			return
		case atOnce:
			p.send("INFO {\"max_payload\":1000}\r\n")
			go io.Copy(io.Discard, p.conn)
		case p.greet(protocol.Info{}):
			go p.serve()
			pass(time.Second)
		}
		p.send("-ERR '" + c.text + "'\r\n")
	})
	hosts := dialed(&cfg, "first", "second")
	conn, err := Connect(must.Within(t, patience), NewSystem(nil), cfg)
	if c.then == gives && atOnce {
		if !errors.Is(err, c.kind) {
			t.Errorf("connected: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	pass(time.Minute)
	if c.then == gives {
		if conn.Status() != Closed || !errors.Is(conn.closedError(), c.kind) {
			t.Errorf("%v: %v", conn.Status(), conn.closedError())
		}
		return
	}
	if conn.Status() != Connected || !slices.Equal(*hosts, []string{"first", "second"}) {
		t.Errorf("%v, dialed %v", conn.Status(), *hosts)
	}
	if left := len(conn.Pool()); left != 2 && c.then != dropsServer || left != 1 && c.then == dropsServer {
		t.Errorf("%d servers are left", left)
	}
}

// severed is a socket that the peer has closed: writes fail, and what was sent
// before can still be read.
type severed struct {
	net.Conn
	cut   atomic.Bool
	wrote chan struct{} // capacity 1: a write has failed
}

func (s *severed) Write(p []byte) (int, error) {
	if !s.cut.Load() {
		return s.Conn.Write(p)
	}
	select {
	case s.wrote <- struct{}{}:
	default:
	}
	return 0, &net.OpError{Op: "write", Err: syscall.EPIPE}
}

// TestTheLastWordsOfAServer are read before a failed write is the reason for
// anything.
func TestTheLastWordsOfAServer(t *testing.T) {
	for name, c := range map[string]struct {
		words string // read after the failed write
		then  func(p *peer)
		want  error
		takes time.Duration
	}{
		"an error":       {words: "-ERR 'maximum connections exceeded'\r\n", want: protocol.ErrMaxConnectionsExceeded},
		"an end":         {then: func(p *peer) { p.conn.Close() }, want: ErrUnexpectedEOF},
		"garbage":        {words: "garbage\r\n", want: protocol.ErrProtocol},
		"nothing":        {want: syscall.EPIPE, takes: lastWords},
		"something else": {words: "PING\r\n+OK\r\n", want: syscall.EPIPE, takes: lastWords},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config(t)
				cfg.PingInterval = 0
				tape := record(&cfg)
				ready := make(chan *peer, 10)
				peers(t, &cfg, playing(ready))
				socket := &severed{wrote: make(chan struct{}, 1)}
				through := cfg.Dial
				cfg.Dial = func(ctx context.Context, u *url.URL) (net.Conn, error) {
					conn, err := through(ctx, u)
					if socket.Conn == nil {
						socket.Conn = conn
						conn = socket
					}
					return conn, err
				}
				conn := connect(t, cfg)
				p := <-ready
				pass(time.Second)
				socket.cut.Store(true)
				began := time.Now()
				mustPublish(t, conn, "a", "1")
				<-socket.wrote
				mustPublish(t, conn, "a", "2") // waits, and is not written after the failed write
				if c.words != "" {
					p.send(c.words)
				}
				if c.then != nil {
					c.then(p)
				}
				lost := tape.await(t, 1, "the loss", isKind(supervisor.LinkLost))
				if !errors.Is(lost.Cause, c.want) {
					t.Errorf("lost by %v, want %v", lost.Cause, c.want)
				}
				if d := time.Since(began); d > 2*c.takes+10*time.Millisecond || d < c.takes {
					t.Errorf("after %v", d)
				}
				p = <-ready
				p.expect("PUB a 1\r\n1")
				p.expect("PUB a 1\r\n2")
				if n := conn.Stats().Uncertain; n != 0 {
					t.Errorf("%d publishes are uncertain", n)
				}
			})
		})
	}
}
