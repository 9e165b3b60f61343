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
	// ErrWebSocketUpgrade: the server did not upgrade the connection to a WebSocket. It is
	// fatal for the link.
	ErrWebSocketUpgrade = actors.ErrWebSocketUpgrade
	// ErrWebSocketHeadersAlreadySet: both headers for WebSockets and a handler for them are
	// set.
	ErrWebSocketHeadersAlreadySet error = kind.New("troupe: websocket connection headers already set", ErrInvalidArg)
	// ErrMixingWebsocketSchemes: only some of the addresses have the scheme ws or wss.
	ErrMixingWebsocketSchemes error = kind.New("troupe: mixing of websocket and non websocket URLs is not allowed", ErrInvalidURL)
)

// Errors with data about WebSockets.
type (
	// WebSocketUpgradeError says why the upgrade to a WebSocket failed.
	WebSocketUpgradeError = actors.WebSocketUpgradeError
	// WebSocketCloseError says how a server closed a WebSocket.
	WebSocketCloseError = actors.WebSocketCloseError
)

// InProcessConnProvider provides connections to a server in the same process: each call of
// InProcessConn returns a new one. The Server of nats-server is such a provider.
type InProcessConnProvider interface {
	InProcessConn() (net.Conn, error)
}

// CustomDialer opens connections: Dial is called with "tcp" and an address with a port. If it
// has a method DialContext of the usual form, that is called instead, and Close ends a dial
// at once. If it has a method SkipTLSHandshake that returns true, its connections are not
// wrapped in TLS.
type CustomDialer interface {
	Dial(network, address string) (net.Conn, error)
}

// contextDialer is a CustomDialer that can be cancelled.
type contextDialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// WebSocketHeadersHandler returns the HTTP headers for one WebSocket.
type WebSocketHeadersHandler func() (http.Header, error)

// InProcessServer connects to a server in the same process instead of dialing; the addresses
// of servers then serve only as names. If the provider fails, panics, or takes longer than
// Timeout, that attempt fails. Nil dials.
func InProcessServer(server InProcessConnProvider) Option {
	return set(func(o *Options) { o.InProcessServer = server })
}

// Dialer dials with a copy of dialer: its local address, keep-alive and resolver. Its
// Timeout, if set, bounds lookup and dial in place of the option Timeout. Default, also for
// nil: the zero net.Dialer.
//
// Deprecated: use SetCustomDialer.
func Dialer(dialer *net.Dialer) Option { return set(func(o *Options) { o.Dialer = dialer }) }

// SetCustomDialer opens connections with dialer, in place of Dialer. It is called with one
// address at a time. The addresses of a name come in random order (see DontRandomize); with
// SkipHostLookup, and for names that cannot be looked up, it receives the name itself. If it
// panics, or takes longer than Timeout, that attempt fails; a connection that it returns
// later is closed, and the next call may come before it returns. (nats.go waits forever.)
// Nil means none.
func SetCustomDialer(dialer CustomDialer) Option {
	return set(func(o *Options) { o.CustomDialer = dialer })
}

// SkipHostLookup leaves the lookup of host names to the dialer. By default a name is looked
// up first, and all its addresses are tried within Timeout.
func SkipHostLookup() Option { return set(func(o *Options) { o.SkipHostLookup = true }) }

// MultipathTCP turns multipath TCP on or off for dials without a CustomDialer. If the system
// does not support it, plain TCP is used. Default: the setting of Dialer, or else of Go.
//
//style:allow params nats.go's signature
func MultipathTCP(enabled bool) Option {
	return set(func(o *Options) { o.AllowMultipathTCP = &enabled })
}

// Compression offers compression to WebSocket servers, by permessage-deflate without context
// takeover. Messages below 512 bytes are not compressed, and neither is anything if the
// server declines. TCP is never compressed. Default: off.
//
//style:allow params nats.go's signature
func Compression(enabled bool) Option { return set(func(o *Options) { o.Compression = enabled }) }

// ProxyPath makes every WebSocket request ask for path, as a reverse proxy may require. It
// replaces the path in a server's address, whose query is kept, and also applies to servers
// that a server announces. A missing leading slash is added. Default: none.
func ProxyPath(path string) Option { return set(func(o *Options) { o.ProxyPath = path }) }

// WebSocketConnectionHeaders sends headers with every WebSocket's HTTP request. They are
// copied at Connect. A name or value that HTTP does not allow, or a name that the WebSocket
// itself uses (Connection, Upgrade, Sec-WebSocket-…), is an ErrInvalidArg. Together with
// WebSocketConnectionHeadersHandler it is an ErrWebSocketHeadersAlreadySet.
func WebSocketConnectionHeaders(headers http.Header) Option {
	return func(o *Options) error {
		o.WebSocketConnectionHeaders = headers
		return o.checkWebSocketHeaders("WebSocketConnectionHeaders")
	}
}

// WebSocketConnectionHeadersHandler sets the callback that returns the headers for each
// WebSocket's HTTP request, for tokens that change. If it fails, panics, takes longer than
// Timeout, or returns headers that WebSocketConnectionHeaders would refuse, that attempt
// fails with a *CallbackError. Together with WebSocketConnectionHeaders it is an
// ErrWebSocketHeadersAlreadySet.
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
	return &InvalidArgError{Kind: ErrWebSocketHeadersAlreadySet, What: "option " + option, Reason: "is set together with the other option for headers"}
}

// badHTTPHeader returns why headers cannot be sent with a WebSocket's request, empty if
// they can. The text does not contain values.
func badHTTPHeader(headers http.Header) string {
	for name, values := range headers {
		if name == "" || strings.ContainsFunc(name, notInToken) {
			return fmt.Sprintf("has %q, which is not the name of a header", name)
		}
		own := http.CanonicalHeaderKey(name)
		if own == "Connection" || own == "Upgrade" || strings.HasPrefix(own, "Sec-Websocket-") {
			return fmt.Sprintf("has %q, which the WebSocket itself sets", name)
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

// askHeaders returns the result of cb if it can be sent.
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

// checkWebSocket refuses options from which no request can be made.
func (o *Options) checkWebSocket() error {
	if _, err := url.Parse("http://host/" + o.ProxyPath); err != nil || strings.Contains(o.ProxyPath, "#") {
		return badArg("option ProxyPath", fmt.Sprintf("%q is not a path", o.ProxyPath))
	}
	return o.checkWebSocketHeaders("WebSocketConnectionHeaders")
}

// inProcess returns the function that connects without a network, nil to dial.
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

// dialer returns the function that dials one address, nil for the default of package net.
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
