package natsserver

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The default lame duck timing: real servers take two minutes, too long for a test.
const (
	lameDuckDurationDefault = 2 * time.Second
	lameDuckGraceDefault    = 50 * time.Millisecond
)

// nowhere is the address that members with custom routes advertise to each other, and
// which each of them tries to reach once a second: no connection to it succeeds.
const nowhere = "255.255.255.255:1"

const routeScheme = "nats-route"

// Options configure a server. The zero value is a server without JetStream,
// authentication or encryption on a random port of 127.0.0.1.
//
// Options are read when a server starts and again at every Restart; Reload changes them.
// Some are not supported for a server in a process of its own; see [StartProcess].
type Options struct {
	// Name is the server's name; empty means one that the server generates. A JetStream
	// server keeps its name over a Restart only if it is set here.
	Name string

	// DontListen opens no socket: clients connect through InProcess. Port then returns 0,
	// and URL an address that only names the server.
	DontListen bool

	// JetStream enables streams. The store is StoreDir or, if that is empty, a temporary
	// directory that Shutdown removes.
	JetStream bool

	// StoreDir is the JetStream store; it belongs to the caller and is not removed.
	StoreDir string

	// User and Password, or Token, are the required credentials; empty means that
	// everybody may connect.
	User, Password, Token string

	// Accounts divide the server: messages published in one of them are not seen in the
	// others, except for exports and imports. With accounts, every client must be a user
	// of one.
	Accounts []Account

	// Operator makes the server trust the accounts and users that the operator signs, and
	// nobody else. It excludes the fields above.
	Operator *Operator

	// MaxPayload limits header plus payload of a message, in bytes; 0 means the server's
	// default of 1 MiB.
	MaxPayload int

	// PingInterval is the pause between the server's PINGs; 0 means the
	// server's default of two minutes.
	PingInterval time.Duration

	// TLS makes the server require TLS with this configuration.
	TLS *tls.Config `json:"-"`

	// WebSocket also listens for WebSockets, at WebSocketURL, with compression for
	// clients that ask for it, and with TLS if WebSocketTLS is set.
	WebSocket    bool
	WebSocketTLS *tls.Config `json:"-"`

	// LameDuck is how long lame duck mode takes to close all connections, one by one and
	// evenly spread; 0 means 2 s. It begins after LameDuckGrace, in which clients are
	// already notified and may leave by themselves; 0 means 50 ms.
	LameDuck, LameDuckGrace time.Duration

	// Route is called once for each pair of cluster members, and returns the address that
	// one of them dials to reach the other, whose own address is given as host:port. With
	// a proxy in between, the route can be slow or cut, and members can be partitioned.
	// They then know each other only by these routes. nil: members dial each other
	// directly. StartCluster reads Route.
	Route func(from, to, address string) (string, error) `json:"-"`

	// Config is text in the language of the server's configuration files, for settings
	// that the fields above do not cover. It takes precedence over them. It must not set
	// a host, a port or the routes of a cluster.
	Config string

	// Log receives each line that the server logs, concurrently; nil means no log. Debug
	// and trace lines are included only if Config or Edit enable them.
	Log func(level, line string) `json:"-"`

	// Edit is called last with the server's own options, for settings that Config can't
	// express. It must not change Host, Port or DontListen, nor the Routes of a cluster.
	Edit func(*server.Options) `json:"-"`
}

// ports are the ports that a server listens on; -1 stands for a random one. A cluster
// port of 0 means that the server is not in a cluster.
type ports struct{ client, webSocket, cluster int }

// place is where one server is, in addition to its options.
type place struct {
	on       ports
	storeDir string
	peers    []*url.URL // the routes to the other members of a cluster

	// scheme and webSocketScheme are those of the addresses: nats or tls, and ws or
	// wss, or "" without WebSockets.
	scheme, webSocketScheme string

	// resolver is where a server with an Operator finds its accounts.
	resolver *server.MemAccResolver

	// system is the password of a user of the system account, "" for none.
	system string
}

// serverOptions translates o for a server at a place. The result is new each time,
// because servers modify theirs.
func (o *Options) serverOptions(at place) (*server.Options, error) {
	so := &server.Options{
		ServerName:             o.Name,
		Host:                   loopback,
		Port:                   cmp.Or(at.on.client, server.RANDOM_PORT), // 0 would mean 4222 to a server that does not listen
		DontListen:             o.DontListen,
		NoSigs:                 true,
		NoLog:                  true, // a reload would replace our logger with one that prints
		JetStream:              o.JetStream,
		DisableJetStreamBanner: true,
		StoreDir:               at.storeDir,
		Username:               o.User,
		Password:               o.Password,
		Authorization:          o.Token,
		MaxPayload:             int32(o.MaxPayload),
		PingInterval:           o.PingInterval,
		TLSConfig:              o.TLS,
		LameDuckGracePeriod:    cmp.Or(o.LameDuckGrace, lameDuckGraceDefault),
	}
	// The server counts the grace period as part of the duration.
	so.LameDuckDuration = so.LameDuckGracePeriod + cmp.Or(o.LameDuck, lameDuckDurationDefault)
	if o.TLS != nil {
		so.TLSTimeout = float64(server.TLS_TIMEOUT) / float64(time.Second)
	}
	if o.WebSocket {
		so.Websocket = server.WebsocketOpts{Host: loopback, Port: at.on.webSocket, NoTLS: o.WebSocketTLS == nil,
			TLSConfig: o.WebSocketTLS, Compression: true}
	}
	if at.on.cluster != 0 {
		so.Cluster = server.ClusterOpts{Name: clusterName, Host: loopback, Port: at.on.cluster, PoolSize: -1}
		so.Routes = slices.Clone(at.peers)
		if o.Route != nil {
			so.Cluster.Advertise = nowhere
			so.Routes = append(so.Routes, &url.URL{Scheme: routeScheme, Host: nowhere}) // the same for all members
		}
	}
	if err := o.configure(so); err != nil {
		return nil, fmt.Errorf("natsserver: options: %w", err)
	}
	if err := o.Operator.trusted(so, at.resolver); err != nil {
		return nil, err
	}
	if o.Edit != nil {
		o.Edit(so)
	}
	if at.system == "" {
		return so, nil
	}
	return so, addSystemUser(so, at.system)
}

// configure applies Config.
func (o *Options) configure(so *server.Options) error {
	if len(o.Accounts) > 0 {
		text, err := accountsConfig(o.Accounts)
		if err != nil {
			return err
		}
		// The server considers the single user only if there are no others.
		so.Username, so.Password = "", ""
		if err := so.ProcessConfigString(text); err != nil {
			return err
		}
		if o.User != "" {
			so.Users = append(so.Users, &server.User{Username: o.User, Password: o.Password})
		}
	}
	if o.Config == "" {
		return nil
	}
	return so.ProcessConfigString(o.Config)
}
