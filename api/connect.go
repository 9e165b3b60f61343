package api

import (
	"cmp"
	"context"
	"math"
	"net/url"
	"strings"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Connect connects to a NATS server and returns when it is connected. servers is one address
// or several separated by commas. An address is nats://host:port (or tcp://), tls://host:port
// for TLS, or ws://host:port/path or wss://host:port/path for a WebSocket without or with
// TLS. It may have user:password@ or token@ before the host. A missing scheme means nats, or
// ws if the first address is for a WebSocket; a missing port is 4222, 80 for ws, and 443 for
// wss; an empty string means DefaultURL. Several addresses are tried in random order unless
// DontRandomize is set. Either all of them are for WebSockets or none is.
//
// Errors: those of options (ErrInvalidArg or a kind below it); ErrInvalidURL; a
// *NoServersError that lists every attempt; or the error of an attempt, if no other attempt
// could succeed. errors.Is finds the cause of each attempt. After an error nothing is left
// running.
func Connect(servers string, options ...Option) (*Conn, error) {
	return ConnectContext(context.Background(), servers, options...)
}

// ConnectContext is Connect that gives up when ctx is done. The error is then ErrTimeout if
// its deadline has passed, and otherwise context.Canceled. It does not list the attempts made
// so far; OnEvent reports them. It is ErrInvalidContext for nil. Once connected, ctx no
// longer matters.
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
	if err := cmp.Or(o.checkTLS(), o.checkAuth(servers)); err != nil {
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
		nc.events.end()
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
		KeepOrder: o.NoRandomize,
		Hello: protocol.Connect{
			Name: o.Name, Lang: LangString, Version: Version, Protocol: 1,
			Echo: !o.NoEcho, Verbose: o.Verbose, Pedantic: o.Pedantic,
		},
		Authenticate:        o.authenticate,
		Dial:                o.inProcess(),
		Transport:           o.transport(),
		TLS:                 o.TLSConfig,
		TLSCertificate:      o.TLSCertCB,
		TLSRootCAs:          o.RootCAsCB,
		TLSServerName:       o.TLSServerName,
		Secure:              o.Secure,
		TLSFirst:            o.TLSHandshakeFirst,
		NoTLS:               o.NoTLS,
		DialSecures:         o.dialSecures(),
		Timeout:             o.Timeout,
		WriteTimeout:        o.FlusherTimeout,
		PingInterval:        o.PingInterval,
		PingsMax:            o.MaxPingsOut,
		BufferWhileDown:     o.ReconnectBufSize,
		NoReconnect:         !o.AllowReconnect,
		RetryFirst:          o.RetryOnFailedConnect,
		AttemptsMax:         o.MaxReconnect,
		Backoff:             o.backoff(),
		Delay:               o.delay(),
		Choose:              o.choose(),
		KeepAfterAuthErrors: o.IgnoreAuthErrorAbort,
		IgnoreDiscovered:    o.IgnoreDiscoveredServers,
		StayOnLameDuck:      o.StayOnLameDuck,
		InboxPrefix:         nc.inboxPrefix(),
		InboxEach:           o.UseOldRequestStyle,
		LooseSubjects:       o.SkipSubjectValidation,
		PendingBudget:       o.PendingBudget,
		DrainTimeout:        o.DrainTimeout,
		OnEvent:             nc.onNotice,
	}
}

// backoff turns wait and jitter into the pace of attempts on one server.
func (o *Options) backoff() supervisor.Backoff {
	jitter := o.ReconnectJitter
	if o.Secure || o.TLSConfig != nil {
		jitter = o.ReconnectJitterTLS
	}
	most := o.ReconnectWait + min(jitter, math.MaxInt64-o.ReconnectWait)
	if most <= 0 {
		return supervisor.Backoff{Initial: supervisor.NoDelay}
	}
	initial := o.ReconnectWait
	if initial == 0 {
		initial = jitter
	}
	return supervisor.Backoff{Initial: min(backoffInitial, initial), Max: most, Factor: 2, Immediate: true}
}

func (nc *Conn) inboxPrefix() string {
	if nc.Opts.InboxPrefix != "" {
		return nc.Opts.InboxPrefix
	}
	return strings.TrimSuffix(InboxPrefix, ".")
}
