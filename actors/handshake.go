package actors

import (
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

// greeting is the result of a completed handshake.
type greeting struct {
	conn net.Conn
	info *protocol.Info
	rest []byte               // a later INFO, if any, and the bytes after the PONG; read first by the reader
	tls  *tls.ConnectionState // nil without TLS
}

// greeter leads one connection to one server through its handshake:
//
//	dial ─► [TLS first] ─► INFO ─► [TLS] ─► CONNECT, PING ─► [+OK] ─► PONG
//	  └──► [TLS] ─► upgrade ─► INFO ─► CONNECT ...                      ws, wss
//
// It blocks and runs on a task goroutine; cancelling ctx ends it at once.
type greeter struct {
	cfg    *Config
	server *url.URL
	// tlsName is the name that the certificate must have if the server is known by an IP
	// address only; empty for the host of the URL.
	tlsName string
	conn    net.Conn
	secured *tls.Conn      // conn, if we have wrapped it in TLS
	heard   bool           // the server has sent something, in TLS if secured
	info    *protocol.Info // set once the connection is as secure as required
	later   []byte         // the last INFO between the first one and the PONG, a frame; nil for none
	buf     []byte         // read and not parsed
	parser  *protocol.Parser
}

// greet connects to one server. The error is a *DialError.
func greet(ctx context.Context, cfg *Config, s *server) (*greeting, error) {
	g := &greeter{cfg: cfg, server: s.url, tlsName: s.tlsName, parser: protocol.NewServerParser(protocol.Limits{})}
	done := false
	defer func() { // also when a user's callback panics
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
	return nil, &DialError{URL: redacted(s.url), Phase: phase, Err: err, info: g.info}
}

func (g *greeter) run(ctx context.Context) (result *greeting, phase string, err error) {
	if err := g.dial(ctx); err != nil {
		return nil, "dial", err
	}
	if err := g.conn.SetDeadline(time.Now().Add(g.cfg.Timeout)); err != nil {
		return nil, "dial", err
	}
	socket := g.conn // its deadlines also hold for what is wrapped around it later
	defer context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })()
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout) // also for the callbacks
	defer cancel()
	switch {
	case g.viaWebSocket():
		if phase, err := g.upgrade(ctx); err != nil {
			return nil, phase, err
		}
	case g.cfg.TLSFirst:
		if err := g.startTLS(ctx, tlsFirst); err != nil {
			return nil, "tls", err
		}
	}
	info, err := g.readInfo()
	if err != nil {
		return nil, "info", err
	}
	if err := g.secure(ctx, info); err != nil {
		return nil, "tls", err
	}
	g.info = info
	limitMessages(g.conn, info)
	if err := g.hello(ctx, info); err != nil {
		return nil, "connect", err
	}
	if err := g.conn.SetDeadline(time.Time{}); err != nil {
		return nil, "connect", err
	}
	rest := append(g.later, g.buf...) // an early INFO is handled as if it came now
	return &greeting{conn: g.conn, info: info, rest: rest, tls: g.tlsState()}, "", nil
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
		g.heard = g.heard || n > 0
		if n == 0 && err != nil {
			return 0, nil, g.cutOff(readCause(err))
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

// hello sends CONNECT and PING and waits for the PONG.
func (g *greeter) hello(ctx context.Context, info *protocol.Info) error {
	hello := g.cfg.Hello
	hello.Headers, hello.NoResponders = info.Headers, info.Headers
	hello.TLSRequired = g.wantsTLS()
	if g.cfg.Authenticate != nil {
		if err := g.cfg.Authenticate(ctx, g.server, info, &hello); err != nil {
			return err
		}
	}
	frames, err := protocol.AppendConnect(nil, &hello)
	if err != nil {
		return err
	}
	_, writeErr := g.conn.Write(protocol.AppendPing(frames))
	for {
		op, arg, err := g.frame()
		switch {
		case err != nil && writeErr != nil:
			// A server that refuses us closes at once: what it sent first explains more
			// than the failed write.
			return g.cutOff(writeErr)
		case err != nil:
			return err
		case op == protocol.OpPong:
			return nil
		case op == protocol.OpErr:
			return protocol.ClassifyServerError(arg)
		}
		if err := g.meanwhile(op, arg); err != nil {
			return err
		}
	}
}

// meanwhile handles what a server sends before its PONG.
func (g *greeter) meanwhile(op protocol.Op, arg []byte) (err error) {
	switch op {
	case protocol.OpOK:
	case protocol.OpInfo: // another server, or this one, is about to stop during the handshake
		g.later = fmt.Appendf(nil, "INFO %s\r\n", arg)
	case protocol.OpPing: // we have been slow
		_, err = g.conn.Write(protocol.AppendPong(nil))
	default:
		return fmt.Errorf("%w: expected PONG, got %v", protocol.ErrProtocol, op)
	}
	return err
}

// readCause marks a stream that the server ended without giving a reason.
func readCause(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrUnexpectedEOF, err)
	}
	return err
}
