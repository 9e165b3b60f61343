package actors

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// greeting is what a completed handshake leaves.
type greeting struct {
	conn net.Conn
	info *protocol.Info
	rest []byte // bytes behind the PONG; the reader's first
}

// greeter leads one connection to one server through its handshake:
//
//	dial ─► INFO ─► [TLS] ─► CONNECT, PING ─► [+OK] ─► PONG
//
// It blocks and runs on a task goroutine; cancelling ctx ends it at once.
type greeter struct {
	cfg    *Config
	server *url.URL
	// tlsName is the name that the certificate of a server known by its address
	// alone has to carry; empty for the host of the URL.
	tlsName string
	conn    net.Conn
	buf     []byte // read and not parsed
	parser  *protocol.Parser
}

// greet connects to one server. The error is a *DialError.
func greet(ctx context.Context, cfg *Config, s *server) (*greeting, error) {
	g := &greeter{cfg: cfg, server: s.url, tlsName: s.tlsName, parser: protocol.NewServerParser(protocol.Limits{})}
	done := false
	defer func() { // also when a callback of the user's panics
		if !done && g.conn != nil {
			g.conn.Close()
		}
	}()
	result, phase, err := g.run(ctx)
	if err == nil {
		done = true
		return result, nil
	}
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return nil, &DialError{URL: redacted(s.url), Phase: phase, Err: err}
}

func (g *greeter) run(ctx context.Context) (result *greeting, phase string, err error) {
	if err := g.dial(ctx); err != nil {
		return nil, "dial", err
	}
	if err := g.conn.SetDeadline(time.Now().Add(g.cfg.Timeout)); err != nil {
		return nil, "dial", err
	}
	defer context.AfterFunc(ctx, func() { g.conn.SetDeadline(time.Unix(1, 0)) })()
	info, err := g.readInfo()
	if err != nil {
		return nil, "info", err
	}
	if err := g.secure(ctx, info); err != nil {
		return nil, "tls", err
	}
	if err := g.hello(info); err != nil {
		return nil, "connect", err
	}
	if err := g.conn.SetDeadline(time.Time{}); err != nil {
		return nil, "connect", err
	}
	return &greeting{conn: g.conn, info: info, rest: g.buf}, "", nil
}

func (g *greeter) dial(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	if g.cfg.Dial != nil {
		g.conn, err = g.cfg.Dial(ctx, g.server)
		if err == nil && g.conn == nil {
			return ErrNoConnection
		}
		return err
	}
	var d net.Dialer
	g.conn, err = d.DialContext(ctx, "tcp", g.server.Host)
	return err
}

// frame reads the next frame; arg is its argument, owned by the caller.
func (g *greeter) frame() (op protocol.Op, arg []byte, err error) {
	var f protocol.Frame
	for {
		n, err := g.parser.Next(g.buf, &f)
		if err != nil {
			return 0, nil, err
		}
		if n > 0 {
			arg = append([]byte(nil), f.Arg.Of(g.buf)...)
			g.buf = g.buf[n:]
			return f.Op, arg, nil
		}
		chunk := make([]byte, 4096)
		n, err = g.conn.Read(chunk)
		g.buf = append(g.buf, chunk[:n]...)
		if n == 0 && err != nil {
			return 0, nil, readCause(err)
		}
	}
}

func (g *greeter) readInfo() (*protocol.Info, error) {
	op, arg, err := g.frame()
	if err != nil {
		return nil, err
	}
	switch op {
	case protocol.OpInfo:
		return protocol.ParseInfo(arg)
	case protocol.OpErr:
		return nil, protocol.ClassifyServerError(arg)
	default:
		return nil, fmt.Errorf("%w: got %v", protocol.ErrNoInfoReceived, op)
	}
}

// secure turns the connection into TLS if either side wants it. It fails
// before anything is written when TLS is wanted here and not offered there.
func (g *greeter) secure(ctx context.Context, info *protocol.Info) error {
	wanted := g.cfg.Secure || g.server.Scheme == "tls"
	if wanted && !info.TLSRequired && !info.TLSAvailable {
		return ErrSecureConnWanted
	}
	if !wanted && !info.TLSRequired {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if g.cfg.TLS != nil {
		config = g.cfg.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = cmp.Or(g.tlsName, g.server.Hostname())
	}
	secured := tls.Client(g.conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrSecureConnFailed, err)
	}
	g.conn = secured
	g.buf = nil
	return nil
}

// hello sends CONNECT and PING and waits for the PONG.
func (g *greeter) hello(info *protocol.Info) error {
	hello := g.cfg.Hello
	hello.Headers, hello.NoResponders = info.Headers, info.Headers
	hello.TLSRequired = g.cfg.Secure || g.server.Scheme == "tls"
	if g.cfg.Authenticate != nil {
		if err := g.cfg.Authenticate(g.server, info, &hello); err != nil {
			return err
		}
	}
	frames, err := protocol.AppendConnect(nil, &hello)
	if err != nil {
		return err
	}
	_, writeErr := g.conn.Write(protocol.AppendPing(frames))
	// A server that refuses us closes at once: what it said tells more than
	// our write error.
	for {
		op, arg, err := g.frame()
		switch {
		case err != nil && writeErr != nil:
			return writeErr
		case err != nil:
			return err
		case op == protocol.OpPong:
			return nil
		case op == protocol.OpErr:
			return protocol.ClassifyServerError(arg)
		case op != protocol.OpOK && op != protocol.OpInfo:
			return fmt.Errorf("%w: expected PONG, got %v", protocol.ErrProtocol, op)
		}
	}
}

// readCause names the end of a stream that the server ended without a word.
func readCause(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrUnexpectedEOF, err)
	}
	return err
}
