package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors about transports.
var (
	// ErrWebSocketUpgrade: what was dialed did not become a WebSocket. It is fatal for the
	// link.
	ErrWebSocketUpgrade = actors.ErrWebSocketUpgrade
	// ErrWebSocketHeadersAlreadySet: headers for WebSockets were given, and a handler
	// for them.
	ErrWebSocketHeadersAlreadySet error = kind.New("troupe: websocket connection headers already set", ErrInvalidArg)
	// ErrMixingWebsocketSchemes: some addresses have the scheme ws or wss and others
	// have not.
	ErrMixingWebsocketSchemes error = kind.New("troupe: mixing of websocket and non websocket URLs is not allowed", ErrInvalidURL)
)

// Errors with data about WebSockets.
type (
	// WebSocketUpgradeError says why a WebSocket did not come about.
	WebSocketUpgradeError = actors.WebSocketUpgradeError
	// WebSocketCloseError is how a server ended a WebSocket.
	WebSocketCloseError = actors.WebSocketCloseError
)

// InProcessConnProvider hands out connections to a server in the same process,
// such as a nats-server's Server: InProcessConn returns a new one.
type InProcessConnProvider interface {
	InProcessConn() (net.Conn, error)
}

// CustomDialer opens connections in its own way: Dial is called with "tcp" and an
// address and port. If there is a method DialContext of the usual form it is called
// instead, and Close ends a dial at once. If there is a method SkipTLSHandshake
// that returns true, the connections are not wrapped in TLS.
type CustomDialer interface {
	Dial(network, address string) (net.Conn, error)
}

// contextDialer is a CustomDialer that can be cancelled.
type contextDialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// WebSocketHeadersHandler returns the HTTP headers for one WebSocket.
type WebSocketHeadersHandler func() (http.Header, error)

// InProcessServer connects to a server in the same process instead of dialing; the
// servers' addresses only name it then. An error of the provider, a panic in it,
// and a wait for it beyond Timeout are errors of that attempt. Nil dials.
func InProcessServer(server InProcessConnProvider) Option {
	return set(func(o *Options) { o.InProcessServer = server })
}

// Dialer dials with a copy of dialer: its local address, keep-alive and resolver. Its
// Timeout, if it has one, bounds lookup and dial in place of the option Timeout.
// Default, and for nil: the zero Dialer.
//
// Deprecated: use SetCustomDialer.
func Dialer(dialer *net.Dialer) Option { return set(func(o *Options) { o.Dialer = dialer }) }

// SetCustomDialer opens connections with dialer, which wins over Dialer. It gets
// one address at a time, those of a name in random order (see DontRandomize), or
// the name itself with SkipHostLookup and for names that cannot be looked up. A
// panic in it, and a wait for it beyond Timeout, are errors of that attempt; a
// connection that comes later is closed. (nats.go waits for ever.) Nil is none.
func SetCustomDialer(dialer CustomDialer) Option {
	return set(func(o *Options) { o.CustomDialer = dialer })
}

// SkipHostLookup leaves the names of servers to the dialer. By default a name is
// looked up first, and all its addresses are tried within Timeout.
func SkipHostLookup() Option { return set(func(o *Options) { o.SkipHostLookup = true }) }

// MultipathTCP turns multipath TCP on or off for dials without a CustomDialer.
// Where the system has none it is plain TCP. Default: what Dialer says, or Go.
//
//style:allow params nats.go's signature
func MultipathTCP(enabled bool) Option {
	return set(func(o *Options) { o.AllowMultipathTCP = &enabled })
}

// Compression offers to compress what goes through a WebSocket, with
// permessage-deflate and without context takeover; messages below 512 bytes are
// sent as they are. A server that does not compress is used all the same. TCP is
// never compressed. Default: off.
//
//style:allow params nats.go's signature
func Compression(enabled bool) Option { return set(func(o *Options) { o.Compression = enabled }) }

// ProxyPath makes every WebSocket ask for path, as a reverse proxy may want it: in
// place of the path in a server's address, whose query is kept, and for the servers
// that a server tells of. A missing slash is put before it. Default: none.
func ProxyPath(path string) Option { return set(func(o *Options) { o.ProxyPath = path }) }

// WebSocketConnectionHeaders sends headers with every WebSocket's HTTP request. They
// are copied at Connect. A name or value that HTTP does not allow, or a name that is
// the WebSocket's own (Connection, Upgrade, Sec-WebSocket-…), is an ErrInvalidArg. With
// a WebSocketConnectionHeadersHandler the error is ErrWebSocketHeadersAlreadySet.
func WebSocketConnectionHeaders(headers http.Header) Option {
	return func(o *Options) error {
		o.WebSocketConnectionHeaders = headers
		return o.checkWebSocketHeaders("WebSocketConnectionHeaders")
	}
}

// WebSocketConnectionHeadersHandler sets what is called for the headers before every
// WebSocket's HTTP request, for tokens that change. An error of it, a panic in it,
// headers that WebSocketConnectionHeaders would refuse, and a wait for it beyond
// Timeout end that attempt with a *CallbackError. With WebSocketConnectionHeaders the
// error is ErrWebSocketHeadersAlreadySet.
func WebSocketConnectionHeadersHandler(cb WebSocketHeadersHandler) Option {
	return func(o *Options) error {
		o.WebSocketConnectionHeadersHandler = cb
		return o.checkWebSocketHeaders("WebSocketConnectionHeadersHandler")
	}
}

// checkWebSocketHeaders refuses headers that cannot be sent, or from two sources.
func (o *Options) checkWebSocketHeaders(option string) error {
	if reason := badHTTPHeader(o.WebSocketConnectionHeaders); reason != "" {
		return badArg("option WebSocketConnectionHeaders", reason)
	}
	if len(o.WebSocketConnectionHeaders) == 0 || o.WebSocketConnectionHeadersHandler == nil {
		return nil
	}
	return &InvalidArgError{Kind: ErrWebSocketHeadersAlreadySet, What: "option " + option, Reason: "is one of two that set them"}
}

// badHTTPHeader says why headers cannot be sent with a WebSocket's request, without
// their values; empty if they can.
func badHTTPHeader(headers http.Header) string {
	for name, values := range headers {
		if name == "" || strings.ContainsFunc(name, notInToken) {
			return fmt.Sprintf("has %q, which is no name of a header", name)
		}
		own := http.CanonicalHeaderKey(name)
		if own == "Connection" || own == "Upgrade" || strings.HasPrefix(own, "Sec-Websocket-") {
			return fmt.Sprintf("has %q, which is the WebSocket's own", name)
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return fmt.Sprintf("has a control character in the value of %q", name)
			}
		}
	}
	return ""
}

// notInToken reports whether r cannot be part of a token of HTTP.
func notInToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
}

var errBadHTTPHeader error = kind.New("it returned headers that cannot be sent", ErrCallbackFailed)

// askHeaders returns what cb does, if it can be sent.
func askHeaders(cb WebSocketHeadersHandler) (http.Header, error) {
	headers, err := cb()
	if err != nil {
		return nil, err
	}
	if reason := badHTTPHeader(headers); reason != "" {
		return nil, fmt.Errorf("%w: it %s", errBadHTTPHeader, reason)
	}
	return headers, nil
}

// checkWebSocket refuses what no request can be made of.
func (o *Options) checkWebSocket() error {
	if _, err := url.Parse("http://host/" + o.ProxyPath); err != nil || strings.Contains(o.ProxyPath, "#") {
		return badArg("option ProxyPath", fmt.Sprintf("%q is not a path", o.ProxyPath))
	}
	return o.checkWebSocketHeaders("WebSocketConnectionHeaders")
}

// inProcess returns what connects without a network, nil to dial.
func (o *Options) inProcess() func(context.Context, *url.URL) (net.Conn, error) {
	provider := o.InProcessServer
	if provider == nil {
		return nil
	}
	return func(context.Context, *url.URL) (net.Conn, error) {
		conn, err := provider.InProcessConn()
		if err != nil {
			return nil, fmt.Errorf("in-process connection: %w", err)
		}
		return conn, nil
	}
}

// transport translates the options about dialing.
func (o *Options) transport() actors.Transport {
	t := actors.Transport{Dial: o.dialer(), SkipLookup: o.SkipHostLookup, KeepAddressOrder: o.NoRandomize,
		WebSocket: actors.WebSocket{Compress: o.Compression, Path: o.ProxyPath}}
	if o.Dialer != nil {
		t.Dialer = *o.Dialer
	}
	if o.AllowMultipathTCP != nil {
		t.Dialer.SetMultipathTCP(*o.AllowMultipathTCP)
	}
	if cb := o.WebSocketConnectionHeadersHandler; cb != nil {
		t.WebSocket.Headers = func() (http.Header, error) { return askHeaders(cb) }
	}
	if headers := o.WebSocketConnectionHeaders.Clone(); len(headers) > 0 {
		t.WebSocket.Headers = func() (http.Header, error) { return headers, nil }
	}
	return t
}

// dialer returns how to dial one address, nil for the net package's way.
func (o *Options) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	switch d := o.CustomDialer.(type) {
	case nil:
		return nil
	case contextDialer:
		return d.DialContext
	default:
		return func(_ context.Context, network, address string) (net.Conn, error) { return d.Dial(network, address) }
	}
}
