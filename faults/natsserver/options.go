package natsserver

import (
	"crypto/tls"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The lame duck timing of a server whose options do not say: real servers take
// two minutes, which no test wants to wait for.
const (
	lameDuckDurationDefault = 2 * time.Second
	lameDuckGraceDefault    = 50 * time.Millisecond
)

// Options describe a server. The zero value is a server without JetStream,
// authentication or encryption on a random port of 127.0.0.1.
//
// Options are read when a server starts and again at every Restart.
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

	// MaxPayload limits header plus payload of a message, in bytes; 0 means the
	// server's default of 1 MiB.
	MaxPayload int

	// PingInterval is the pause between the server's PINGs; 0 means the
	// server's default of two minutes.
	PingInterval time.Duration

	// TLS makes the server require TLS with this configuration.
	TLS *tls.Config

	// LameDuck is how long LameDuck takes to send its clients away, after
	// a grace period of 50 ms; 0 means 2 s. Clients leave one by one, evenly spread.
	LameDuck time.Duration

	// Log receives each line that the server logs, from any goroutine;
	// nil means silence. Debug and trace lines come only if Edit asks for them.
	Log func(level, line string)

	// Edit is called last with the server's own options, for whatever the
	// fields above do not cover. It must not change Host, Port or DontListen.
	Edit func(*server.Options)
}

// serverOptions translates o for a server on port, -1 for a random one, with
// its store in storeDir. The result is new each time, since servers write to theirs.
func (o *Options) serverOptions(port int, storeDir string) *server.Options {
	so := &server.Options{
		ServerName:             o.Name,
		Host:                   loopback,
		Port:                   port,
		DontListen:             o.DontListen,
		NoSigs:                 true,
		JetStream:              o.JetStream,
		DisableJetStreamBanner: true,
		StoreDir:               storeDir,
		Username:               o.User,
		Password:               o.Password,
		Authorization:          o.Token,
		MaxPayload:             int32(o.MaxPayload),
		PingInterval:           o.PingInterval,
		TLSConfig:              o.TLS,
		LameDuckDuration:       o.LameDuck + lameDuckGraceDefault,
		LameDuckGracePeriod:    lameDuckGraceDefault,
	}
	if o.LameDuck == 0 {
		so.LameDuckDuration = lameDuckDurationDefault + lameDuckGraceDefault
	}
	if o.TLS != nil {
		so.TLSTimeout = float64(server.TLS_TIMEOUT) / float64(time.Second)
	}
	if o.Edit != nil {
		o.Edit(so)
	}
	return so
}
