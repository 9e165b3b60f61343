package api

import (
	"context"
	"net"
	"net/url"
	"strings"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Connect connects to a NATS server and returns when it is connected. servers
// is one address or several separated by commas: nats://host:port, with
// user:password@ or token@ before the host if need be, or tls:// for TLS. A
// missing scheme is nats, a missing port 4222; an empty string is DefaultURL.
// Several are tried in random order unless DontRandomize is set.
//
// Errors: what an option refused (ErrInvalidArg and its kind), ErrInvalidURL, and
// a *NoServersError that lists every attempt, or the error that no other attempt
// can mend. errors.Is sees the cause of each. Nothing is left behind then.
func Connect(servers string, options ...Option) (*Conn, error) {
	return ConnectContext(context.Background(), servers, options...)
}

// ConnectContext is Connect that gives up when ctx is done. Once connected, ctx
// has no meaning for the connection.
func ConnectContext(ctx context.Context, servers string, options ...Option) (*Conn, error) {
	o := GetDefaultOptions()
	o.Servers = splitServers(servers)
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&o); err != nil {
			return nil, err
		}
	}
	return o.ConnectContext(ctx)
}

// Connect connects as the options say.
func (o Options) Connect() (*Conn, error) { return o.ConnectContext(context.Background()) }

// ConnectContext connects as the options say, or gives up when ctx is done.
func (o Options) ConnectContext(ctx context.Context) (*Conn, error) {
	if ctx == nil {
		return nil, ErrInvalidContext
	}
	o.complete()
	if err := o.check(); err != nil {
		return nil, err
	}
	servers, err := o.servers()
	if err != nil {
		return nil, err
	}
	nc := &Conn{Opts: o}
	nc.init()
	system := o.ActorSystem
	if system == nil {
		system = actors.Default()
	}
	core, err := actors.Connect(ctx, system, nc.config(servers))
	if err != nil {
		nc.listeners.end()
		return nil, err
	}
	nc.adopt(core)
	nc.beganDown.Store(core.Status() != CONNECTED)
	return nc, nil
}

// config translates the options for the runtime.
func (nc *Conn) config(servers []*url.URL) actors.Config {
	o := &nc.Opts
	return actors.Config{
		Servers:   servers,
		KeepOrder: true, // servers has shuffled them
		Hello: protocol.Connect{
			Name: o.Name, Lang: "go", Version: Version, Protocol: 1,
			Echo: !o.NoEcho, Verbose: o.Verbose, Pedantic: o.Pedantic,
		},
		Authenticate:        o.authenticate,
		Dial:                o.dialer(),
		TLS:                 o.TLSConfig,
		Secure:              o.Secure,
		Timeout:             o.Timeout,
		WriteTimeout:        o.FlusherTimeout,
		PingInterval:        o.PingInterval,
		PingsMax:            o.MaxPingsOut,
		BufferWhileDown:     o.ReconnectBufSize,
		NoReconnect:         !o.AllowReconnect,
		RetryFirst:          o.RetryOnFailedConnect,
		AttemptsMax:         o.MaxReconnect,
		Backoff:             o.backoff(),
		KeepAfterAuthErrors: o.IgnoreAuthErrorAbort,
		IgnoreDiscovered:    o.IgnoreDiscoveredServers,
		InboxPrefix:         nc.inboxPrefix(),
		DrainTimeout:        o.DrainTimeout,
		OnEvent:             nc.onNotice,
	}
}

// backoff turns wait and jitter into the pace of attempts on one server.
func (o *Options) backoff() supervisor.Backoff {
	jitter := o.ReconnectJitter
	if o.Secure {
		jitter = o.ReconnectJitterTLS
	}
	most := o.ReconnectWait + jitter
	if most <= 0 {
		return supervisor.Backoff{Initial: supervisor.NoDelay}
	}
	initial := o.ReconnectWait
	if initial == 0 {
		initial = jitter
	}
	return supervisor.Backoff{Initial: min(backoffInitial, initial), Max: most, Factor: 2, Immediate: true}
}

// authenticate puts the credentials for one server into its CONNECT. Those in
// the server's address win over the options'.
func (o *Options) authenticate(server *url.URL, info *protocol.Info, hello *protocol.Connect) error {
	if o.NoEcho && info.Proto < 1 {
		return ErrNoEchoNotSupported
	}
	if server.User == nil {
		hello.User, hello.Password, hello.AuthToken = o.User, o.Password, o.Token
		return nil
	}
	if password, ok := server.User.Password(); ok {
		hello.User, hello.Password = server.User.Username(), password
		return nil
	}
	hello.AuthToken = server.User.Username()
	return nil
}

// dialer returns how to open the transport, nil for the runtime's own way.
func (o *Options) dialer() func(context.Context, *url.URL) (net.Conn, error) {
	if provider := o.InProcessServer; provider != nil {
		return func(context.Context, *url.URL) (net.Conn, error) { return provider.InProcessConn() }
	}
	if dialer, ok := o.CustomDialer.(contextDialer); ok {
		return func(ctx context.Context, server *url.URL) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", server.Host)
		}
	}
	if dialer := o.CustomDialer; dialer != nil {
		return func(_ context.Context, server *url.URL) (net.Conn, error) {
			return dialer.Dial("tcp", server.Host)
		}
	}
	return nil
}

func (nc *Conn) inboxPrefix() string {
	if nc.Opts.InboxPrefix != "" {
		return nc.Opts.InboxPrefix
	}
	return strings.TrimSuffix(InboxPrefix, ".")
}
