package api

import (
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// Server is one server of the pool, to which the connection may connect.
type Server struct {
	// URL is a copy of the address, including credentials.
	URL *url.URL
	// Reconnects is how many attempts to reconnect to it have failed since the last
	// success; MaxReconnects limits it.
	Reconnects int
}

// ServerInfo is what a server says about itself.
type ServerInfo struct {
	ID           string   // unique for each start of the server
	Name         string   // as configured, or the ID
	Proto        int      // version of the protocol
	Version      string   // of the server
	Host         string   // that it listens on
	Port         int      // that it listens on
	Headers      bool     // it supports headers
	AuthRequired bool     // it requires credentials
	TLSRequired  bool     // it requires TLS
	TLSAvailable bool     // it offers TLS
	MaxPayload   int64    // bytes of header and data in one message
	CID          uint64   // the number that the server has given the connection
	ClientIP     string   // the client's address as the server sees it
	Nonce        string   // to be signed by a client with a key
	Cluster      string   // empty for none
	ConnectURLs  []string // host:port of the servers that it knows
	LameDuckMode bool     // it is about to stop

	JetStream       bool   // JetStream is enabled
	IsSystemAccount bool   // the account is the system account
	RemoteAccount   string // the account that the connection is bound to
	JSApiLevel      int    // of JetStream; 0 before server 2.12
	Domain          string // of JetStream; empty for none
}

// Callbacks that take part in reconnecting. Each runs on a goroutine of its own, without
// a lock: it may call any method of the connection, which may be closed meanwhile. If
// one panics, or does not return within Timeout, the ReconnectErrHandler receives a
// *CallbackError, and the connection continues as without the callback. A callback is not
// called again until it has returned.
type (
	// ReconnectDelayHandler returns how long to wait before all servers are tried again;
	// see CustomReconnectDelay.
	ReconnectDelayHandler func(attempts int) time.Duration
	// ReconnectToServerHandler picks one of the servers and says how long to wait
	// before connecting to it; see ReconnectToServer.
	ReconnectToServerHandler func([]Server, ServerInfo) (*Server, time.Duration)
)

// CustomReconnectDelay replaces the pauses of ReconnectWait and ReconnectJitter. After a loss
// all servers are tried without a pause. When all have failed, cb is called with the number
// of such passes, from 1, and returns the pause before the next pass; negative counts as
// zero. A server that is lost within 5 s counts as a failed one, so that flapping is slowed
// down, too. The result should be partly random, because many clients lose a server at the
// same time. (nats.go calls cb before the last server of each pass.)
func CustomReconnectDelay(cb ReconnectDelayHandler) Option {
	return set(func(o *Options) { o.CustomReconnectDelayCB = cb })
}

// ReconnectToServer lets cb choose the server of each attempt to reconnect, and the exact
// time to wait before it; zero or less means at once. Only the process-wide limit of 100
// dials per second can delay it further. cb receives the servers that have attempts left
// (MaxReconnects) and what the last server said about itself. If cb returns nil, the server
// and the pause are chosen as without cb. A server that is not in the pool is reported to the
// ReconnectErrHandler as an ErrServerNotInPool and counts as nil.
//
// Unlike in nats.go, cb may call any method of the connection.
func ReconnectToServer(cb ReconnectToServerHandler) Option {
	return set(func(o *Options) { o.ReconnectToServerCB = cb })
}

// ReconnectOnFlusherError has no effect. In nats.go it makes a failed write reconnect; here
// every failed write does, because it is unknown how much of it has left.
func ReconnectOnFlusherError() Option {
	return set(func(o *Options) { o.ReconnectOnFlusherError = true })
}

// WriteBufferSize has no effect; the value is kept in the Options. In nats.go it sets the
// bytes of the buffer that collects small writes. Here, what is published while the socket is
// busy leaves with the next write, up to 256 KiB, and at once when the socket is idle.
// Default: 32 KiB, also for zero or less.
func WriteBufferSize(size int) Option { return set(func(o *Options) { o.WriteBufferSize = size }) }

// delay translates CustomReconnectDelayCB for the runtime.
func (o *Options) delay() func(int) time.Duration {
	if o.CustomReconnectDelayCB == nil {
		return nil
	}
	return o.CustomReconnectDelayCB
}

// choose translates ReconnectToServerCB for the runtime.
func (o *Options) choose() func([]actors.PoolEntry, *protocol.Info) actors.Choice {
	cb := o.ReconnectToServerCB
	if cb == nil {
		return nil
	}
	return func(pool []actors.PoolEntry, info *protocol.Info) (c actors.Choice) {
		s, wait := cb(copyPool(pool), serverInfo(info))
		if s == nil {
			return c
		}
		if s.URL == nil {
			s = &Server{URL: &url.URL{}} // not in any pool
		}
		return actors.Choice{URL: s.URL, Wait: wait}
	}
}

// copyPool copies a pool for the program.
func copyPool(pool []actors.PoolEntry) []Server {
	servers := make([]Server, 0, len(pool))
	for _, e := range pool {
		u := *e.URL
		servers = append(servers, Server{URL: &u, Reconnects: e.Attempts})
	}
	return servers
}

// serverInfo translates the INFO of a server, nil if there was none yet.
func serverInfo(i *protocol.Info) ServerInfo {
	if i == nil {
		return ServerInfo{}
	}
	return ServerInfo{
		ID: i.ServerID, Name: i.ServerName, Proto: i.Proto, Version: i.Version, Host: i.Host, Port: i.Port,
		Headers: i.Headers, AuthRequired: i.AuthRequired, TLSRequired: i.TLSRequired, TLSAvailable: i.TLSAvailable,
		MaxPayload: i.MaxPayload, CID: i.ClientID, ClientIP: i.ClientIP, Nonce: i.Nonce, Cluster: i.Cluster,
		ConnectURLs: append([]string(nil), i.ConnectURLs...), LameDuckMode: i.LameDuckMode, JetStream: i.JetStream,
		IsSystemAccount: i.IsSystemAccount, RemoteAccount: i.RemoteAccount, JSApiLevel: i.APILevel, Domain: i.Domain,
	}
}

// ServerPool returns a copy of the servers that are tried, including discovered ones, in
// order. Their URLs include credentials.
func (nc *Conn) ServerPool() []Server {
	if !nc.valid() {
		return nil
	}
	return copyPool(nc.core.Pool())
}

// SetServerPool replaces the servers that are tried. servers has the form of Options.Servers;
// the order is random unless NoRandomize is set. Servers that were in the pool keep their
// counts. The connection stays with its server, even if that is not in the list;
// ForceReconnect leaves it. Servers that are announced are still added unless
// IgnoreDiscoveredServers is set.
//
// Errors: ErrConnectionClosed; ErrInvalidArg for an empty list; ErrInvalidURL (a *URLError);
// ErrMixingWebsocketSchemes, also if the pool has WebSockets and the list does not, or the
// other way round. With an error the pool is unchanged.
func (nc *Conn) SetServerPool(servers []string) error {
	if err := nc.open(); err != nil {
		return err
	}
	if len(servers) == 0 {
		return badArg("SetServerPool", "got no servers")
	}
	urls, err := parseServers(servers, nc.anyServer(), nc.Opts.Secure)
	if err != nil {
		return err
	}
	if !nc.Opts.NoRandomize {
		rand.Shuffle(len(urls), func(i, j int) { urls[i], urls[j] = urls[j], urls[i] })
	}
	return nc.core.SetPool(urls)
}

// anyServer returns an address of the pool, nil if it is empty.
func (nc *Conn) anyServer() *url.URL {
	for _, s := range nc.core.Pool() {
		return s.URL
	}
	return nil
}

// ConnectedDomain returns the JetStream domain of the server in use; empty unless connected.
func (nc *Conn) ConnectedDomain() string {
	if _, info := nc.connected(); info != nil {
		return info.Domain
	}
	return ""
}

// ConnectedServerJetStream reports whether the server in use has JetStream, and the level of
// its API, 0 before server 2.12. It returns false and 0 unless connected.
func (nc *Conn) ConnectedServerJetStream() (enabled bool, apiLevel int) {
	if _, info := nc.connected(); info != nil {
		return info.JetStream, info.APILevel
	}
	return false, 0
}

// RemoteAccount returns the name of the account that the connection is bound to, "$G" if the
// server has no accounts configured; empty unless connected. The server sends it just after
// the handshake: after Connect or a reconnect it is certain to be known once a Flush has
// returned.
func (nc *Conn) RemoteAccount() string {
	if _, info := nc.connected(); info != nil {
		return info.RemoteAccount
	}
	return ""
}

// IsSystemAccount reports whether the connection is bound to the system account. It is known
// when RemoteAccount is.
func (nc *Conn) IsSystemAccount() bool {
	_, info := nc.connected()
	return info != nil && info.IsSystemAccount
}
