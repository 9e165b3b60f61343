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

// The lame duck timing of a server whose options do not say: real servers take
// two minutes, which no test wants to wait for.
const (
	lameDuckDurationDefault = 2 * time.Second
	lameDuckGraceDefault    = 50 * time.Millisecond
)

// nowhere is what members tell each other to dial that have routes made for them, and
// what each of them tries to reach once a second: no connection can be had there.
const nowhere = "255.255.255.255:1"

const routeScheme = "nats-route"

// Options describe a server. The zero value is a server without JetStream,
// authentication or encryption on a random port of 127.0.0.1.
//
// Options are read when a server starts and again at every Restart; Reload changes
// them. What a server in a process of its own cannot take says so; see [StartProcess].
type Options struct {
	// Name is the server's name; empty means one that the server makes up.
	// A JetStream server keeps its name over a Restart only if it has one.
	Name string

	// DontListen leaves the socket out: clients connect through InProcess.
	// Port then reports 0, and URL an address that only names the server.
	DontListen bool

	// JetStream enables streams. The store is StoreDir, or, if that is empty, a
	// temporary directory that Shutdown removes.
	JetStream bool

	// StoreDir is the JetStream store; it belongs to the caller and stays.
	StoreDir string

	// User and Password, or Token, are what a client has to present; empty means
	// that everybody may connect.
	User, Password, Token string

	// Accounts divide the server: what is published in one of them is not seen in the
	// others, but for what they export and import. With accounts every client needs
	// to be a user of one.
	Accounts []Account

	// Operator makes the server trust the accounts and users that the operator
	// signs, and nobody else. It does not go with the fields above.
	Operator *Operator

	// MaxPayload limits header plus payload of a message, in bytes; 0 means the
	// server's default of 1 MiB.
	MaxPayload int

	// PingInterval is the pause between the server's PINGs; 0 means the
	// server's default of two minutes.
	PingInterval time.Duration

	// TLS makes the server require TLS with this configuration.
	TLS *tls.Config `json:"-"`

	// WebSocket listens for WebSockets as well, at WebSocketURL, with compression
	// for clients that ask for it, and in TLS if WebSocketTLS is set.
	WebSocket    bool
	WebSocketTLS *tls.Config `json:"-"`

	// LameDuck is how long LameDuck takes to send its clients away, one by one and
	// evenly spread; 0 means 2 s. It begins after LameDuckGrace, in which clients
	// know already and may leave by themselves; 0 means 50 ms.
	LameDuck, LameDuckGrace time.Duration

	// Route is asked once for each two members of a cluster which address one of them
	// dials to reach the other, whose own is given as host:port. With a proxy in between
	// the route can be slow, or cut, and members can be parted. They then know each other
	// by these routes only. nil: each dials each, directly. Route is read by StartCluster.
	Route func(from, to, address string) (string, error) `json:"-"`

	// Config is text in the language of the server's configuration files, for
	// whatever the fields above do not cover. What it says wins over them. It must
	// not name a host, a port or the routes of a cluster.
	Config string

	// Log receives each line that the server logs, from any goroutine; nil means
	// silence. Debug and trace lines come only if Config or Edit ask for them.
	Log func(level, line string) `json:"-"`

	// Edit is called last with the server's own options, for what cannot be said in
	// Config. It must not change a Host, a Port or DontListen, nor the Routes of a
	// cluster.
	Edit func(*server.Options) `json:"-"`
}

// ports are what a server listens on; -1 stands for a random one. A cluster port
// of 0 belongs to a server that stands alone.
type ports struct{ client, webSocket, cluster int }

// place is where one server is, beside what its options say of it.
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
// since servers write to theirs.
func (o *Options) serverOptions(at place) (*server.Options, error) {
	so := &server.Options{
		ServerName:             o.Name,
		Host:                   loopback,
		Port:                   cmp.Or(at.on.client, server.RANDOM_PORT), // 0 would mean 4222 to a server that does not listen
		DontListen:             o.DontListen,
		NoSigs:                 true,
		NoLog:                  true, // a reload would replace our logger by one that prints
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
	// The server counts the grace period as a part of the duration.
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
			so.Routes = append(so.Routes, &url.URL{Scheme: routeScheme, Host: nowhere}) // known to all
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

// configure applies what is said in the server's own language.
func (o *Options) configure(so *server.Options) error {
	if len(o.Accounts) > 0 {
		text, err := accountsConfig(o.Accounts)
		if err != nil {
			return err
		}
		// The server looks for the one user only where there are no others.
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
