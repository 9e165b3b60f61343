package actors

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/protocol"
)

// WebSocket says how a connection becomes a WebSocket. The zero value requests the path
// of the server's address, without headers or compression.
type WebSocket struct {
	// Compress offers permessage-deflate without context takeover.
	Compress bool
	// Path replaces the path of every server's address, whose query is kept; empty
	// for none.
	Path string
	// Headers returns headers to add to the request; nil adds none. It is called for
	// every attempt, and may panic or block.
	Headers func() (http.Header, error)
}

const (
	// compressedBytesMax bounds a message to be compressed. Servers refuse messages
	// longer than their max_payload, even if the NATS messages in them are shorter.
	compressedBytesMax = 16 << 10
	// upgradeBytesMax bounds the head of the answer to an upgrade.
	upgradeBytesMax = 64 << 10
	// closeFrameWait bounds the write of a close frame, which can only take long
	// when the peer has stopped reading.
	closeFrameWait = 100 * time.Millisecond
)

// closeFrame is a close frame with status 1000. Its mask may be zero: masks protect
// proxies from content that others make a client send, and this content is fixed.
const closeFrame = "\x88\x82\x00\x00\x00\x00\x03\xe8"

// viaWebSocket reports whether to connect to the server through a WebSocket.
func (g *greeter) viaWebSocket() bool {
	return g.cfg.Dial == nil && (g.server.Scheme == "ws" || g.server.Scheme == "wss")
}

// upgrade turns the connection into a WebSocket, over TLS where wanted. It returns the
// phase that failed.
func (g *greeter) upgrade(ctx context.Context) (phase string, err error) {
	if err := g.secureWebSocket(ctx); err != nil {
		return "tls", err
	}
	o := &g.cfg.Transport.WebSocket
	options := &websocket.DialOptions{}
	if o.Headers != nil {
		options.HTTPHeader, err = Ask(ctx, "WebSocketConnectionHeadersHandler", o.Headers)
		if err != nil {
			return "upgrade", &WebSocketUpgradeError{Reason: "its headers are not available", Err: err}
		}
	}
	if o.Compress {
		options.CompressionMode = websocket.CompressionNoContextTakeover
	}
	w := &wire{Conn: g.conn}
	options.HTTPClient = &http.Client{Transport: w,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ws, answer, err := websocket.Dial(ctx, upgradeURL(g.server, o.Path), options)
	if err != nil {
		return "upgrade", g.upgradeError(w.fault, answer)
	}
	extensions := answer.Header.Get("Sec-Websocket-Extensions")
	if extensions != "" && !strings.Contains(extensions, "server_no_context_takeover") {
		_ = ws.CloseNow()
		return "upgrade", &WebSocketUpgradeError{Status: answer.StatusCode, Reason: "the server compresses with context takeover"}
	}
	ws.SetReadLimit(-1) // messages are passed on as they come
	w.open, g.heard = true, true
	c := &wsConn{Conn: g.conn, ws: ws, wire: w, compressed: extensions != ""}
	c.most.Store(math.MaxInt32)
	if c.compressed {
		c.most.Store(compressedBytesMax)
	}
	g.conn = c
	return "", nil
}

// secureWebSocket starts TLS on the connection if we want it for any reason: a server
// cannot request it before the upgrade.
func (g *greeter) secureWebSocket(ctx context.Context) error {
	cfg := g.cfg
	configured := cfg.TLS != nil || cfg.TLSCertificate != nil || cfg.TLSRootCAs != nil
	if g.server.Scheme == "wss" || cfg.Secure || configured && !cfg.NoTLS {
		return g.startTLS(ctx, tlsHandshake)
	}
	return nil
}

// upgradeError returns the error of a failed upgrade: fault, if the connection failed, or
// what is wrong with answer, which is nil if it could not be read.
func (g *greeter) upgradeError(fault error, answer *http.Response) error {
	switch {
	case fault != nil:
		return &WebSocketUpgradeError{Reason: "the connection failed", Err: g.cutOff(readCause(fault))}
	case answer == nil:
		return &WebSocketUpgradeError{Reason: "the answer is not HTTP, or too long"}
	case answer.StatusCode != http.StatusSwitchingProtocols:
		return &WebSocketUpgradeError{Status: answer.StatusCode,
			Reason: strings.TrimSpace(fmt.Sprintf("the answer is %d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))}
	default:
		return &WebSocketUpgradeError{Status: answer.StatusCode, Reason: "the answer breaks the WebSocket protocol"}
	}
}

// upgradeURL is the URL to request from server. It has no credentials, and always the
// scheme http: TLS is handled by the connection.
func upgradeURL(server *url.URL, path string) string {
	path = cmp.Or(path, server.EscapedPath())
	if path != "" && path[0] != '/' {
		path = "/" + path
	}
	if server.RawQuery != "" {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + server.RawQuery
	}
	return "http://" + server.Host + path
}

// WebSocketUpgradeError says why a connection did not become a WebSocket. It quotes
// nothing that the peer sent.
type WebSocketUpgradeError struct {
	Status int    // of the HTTP answer; 0 if there was none
	Reason string // what went wrong
	Err    error  // of the connection; nil if the answer was wrong
}

// Error names the status and the reason.
func (e *WebSocketUpgradeError) Error() string {
	text := ErrWebSocketUpgrade.Error() + ": " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns ErrWebSocketUpgrade and the cause.
func (e *WebSocketUpgradeError) Unwrap() []error { return []error{ErrWebSocketUpgrade, e.Err} }

// WebSocketCloseError is the close frame with which the peer ended a WebSocket. It
// matches ErrUnexpectedEOF, as the end of a TCP connection does.
type WebSocketCloseError struct {
	Code   int    // as RFC 6455, section 7.4, lists them; 1005 if there was none
	Reason string // the peer's words, at most 123 bytes
}

// Error names code and reason.
func (e *WebSocketCloseError) Error() string {
	text := "troupe: websocket closed by the server with status " + strconv.Itoa(e.Code)
	if e.Reason != "" {
		text += ": " + strconv.Quote(e.Reason)
	}
	return text
}

// Unwrap returns ErrUnexpectedEOF and io.EOF.
func (e *WebSocketCloseError) Unwrap() []error { return []error{ErrUnexpectedEOF, io.EOF} }

// wire is the connection below a WebSocket. During the upgrade it is the
// http.RoundTripper: net/http's own would dial by itself and leave goroutines behind.
type wire struct {
	net.Conn
	answer  *bufio.Reader // of the upgrade, and the frames that came with it
	open    bool          // the upgrade is done
	fault   error         // of the last read; of a write, too, before open
	written atomic.Int64  // bytes
}

// RoundTrip sends the request and reads the head of the answer.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Write(w); err != nil {
		return nil, err
	}
	head := &io.LimitedReader{R: w, N: upgradeBytesMax}
	w.answer = bufio.NewReader(head)
	answer, err := http.ReadResponse(w.answer, r)
	if err != nil {
		return nil, err
	}
	head.N = math.MaxInt64
	answer.Body = http.NoBody
	if answer.StatusCode == http.StatusSwitchingProtocols {
		answer.Body = frames{w}
	}
	return answer, nil
}

// Read reads bytes as they come.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err != nil {
		w.fault = err
	}
	return n, err
}

// Write counts what it writes.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.written.Add(int64(n))
	if err != nil && !w.open {
		w.fault = err
	}
	return n, err
}

// frames is the wire after the upgrade.
type frames struct{ *wire }

// Read begins with what came with the answer. After a failed upgrade it reads nothing:
// package websocket would wait for more.
func (f frames) Read(p []byte) (int, error) {
	if !f.open {
		return 0, io.EOF
	}
	return f.answer.Read(p)
}

// limitMessages bounds the messages that conn sends, if it is a WebSocket, to what the
// server accepts.
func limitMessages(conn net.Conn, info *protocol.Info) {
	if c, ok := conn.(*wsConn); ok && c.compressed && info.MaxPayload > 0 {
		c.most.Store(min(compressedBytesMax, info.MaxPayload))
	}
}

// wsConn is a WebSocket as a stream: a write is a binary message in one frame, or in
// several if it is compressed, and messages of either type are read without regard to
// where they end. Unlike the one that websocket.NetConn makes, it has the deadlines of
// the connection below and knows whether a failed write has left anything on the wire,
// and its Close does not wait. One goroutine may read and one may write; Close may come
// from any.
type wsConn struct {
	net.Conn
	ws      *websocket.Conn
	wire    *wire
	message io.Reader  // being read; nil between two. reader's
	writing sync.Mutex // held while messages are written
	// most bounds a message in bytes; only those that may be compressed have a bound.
	most       atomic.Int64
	compressed bool        // negotiated in the upgrade
	over       atomic.Bool // closed, or ended by the peer
}

// NetConn returns the connection below.
func (c *wsConn) NetConn() net.Conn { return c.Conn }

// Read reads from the current message, or from the next one that is not empty.
func (c *wsConn) Read(p []byte) (int, error) {
	for {
		n, err := c.read(p)
		if errors.Is(err, io.EOF) && c.message != nil {
			c.message, err = nil, nil
		}
		if err != nil {
			c.over.Store(true)
			return n, c.cause(err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
}

func (c *wsConn) read(p []byte) (int, error) {
	if c.message == nil {
		_, message, err := c.ws.Reader(context.Background())
		if err != nil {
			return 0, err
		}
		c.message = message
	}
	if len(p) == 0 {
		return 0, nil
	}
	return c.message.Read(p)
}

// cause returns the reason for a failed read: the peer's close frame, an error of the
// connection below, our own Close, or a protocol violation by the peer.
func (c *wsConn) cause(err error) error {
	var end websocket.CloseError
	switch {
	case errors.As(err, &end):
		return &WebSocketCloseError{Code: int(end.Code), Reason: end.Reason}
	case c.wire.fault != nil:
		return c.wire.fault
	case errors.Is(err, net.ErrClosed):
		return err
	default:
		return fmt.Errorf("%w: websocket: %w", protocol.ErrProtocol, err)
	}
}

// Write writes p. After an error a message counts as written if any byte of it was: it is
// unknown how much of a masked, perhaps compressed, message the peer can decode.
func (c *wsConn) Write(p []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for most := int(c.most.Load()); n < len(p) && err == nil; {
		message := p[n:min(n+most, len(p))]
		before := c.wire.written.Load()
		err = c.ws.Write(context.Background(), websocket.MessageBinary, message)
		if c.wire.written.Load() > before {
			n += len(message)
		}
	}
	return n, err
}

// Close closes the connection, after a close frame if the peer has not ended it and
// nothing else is being written.
func (c *wsConn) Close() error {
	if !c.over.Swap(true) && c.writing.TryLock() {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(closeFrameWait))
		_, _ = c.Conn.Write([]byte(closeFrame))
		c.writing.Unlock()
	}
	err := c.Conn.Close()
	_ = c.ws.CloseNow() // ends calls that wait inside
	return err
}
