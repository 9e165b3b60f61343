package api

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/troupe-go/troupe/actors"
)

// Version is the version of this client, which servers show in their monitoring.
const Version = "0.1.0"

// Defaults of the options; all are nats.go's.
const (
	// DefaultURL is connected to when no server is named.
	DefaultURL = "nats://127.0.0.1:4222"
	// DefaultPort is used for addresses without one.
	DefaultPort = 4222
	// DefaultMaxReconnect is how many attempts in a row a server gets.
	DefaultMaxReconnect = 60
	// DefaultReconnectWait bounds the pause between attempts on one server.
	DefaultReconnectWait = 2 * time.Second
	// DefaultReconnectJitter is added to that bound.
	DefaultReconnectJitter = 100 * time.Millisecond
	// DefaultReconnectJitterTLS is added to that bound with TLS.
	DefaultReconnectJitterTLS = time.Second
	// DefaultTimeout bounds a dial and, separately, a handshake.
	DefaultTimeout = 2 * time.Second
	// DefaultPingInterval is the time between PINGs.
	DefaultPingInterval = 2 * time.Minute
	// DefaultMaxPingOut is how many PINGs may be unanswered.
	DefaultMaxPingOut = 2
	// DefaultMaxChanLen bounds the messages that wait for NextMsg.
	DefaultMaxChanLen = 64 * 1024
	// DefaultReconnectBufSize bounds, in bytes, what is kept while there is no server.
	DefaultReconnectBufSize = 8 * 1024 * 1024
	// DefaultDrainTimeout bounds a drain of the connection.
	DefaultDrainTimeout = 30 * time.Second
	// DefaultFlusherTimeout bounds one write to the socket.
	DefaultFlusherTimeout = time.Minute
	// DefaultSubPendingMsgsLimit bounds the messages that wait for a handler.
	DefaultSubPendingMsgsLimit = 500_000
	// DefaultSubPendingBytesLimit bounds, in bytes, what waits for a handler or NextMsg.
	DefaultSubPendingBytesLimit = 64 * 1024 * 1024
	// InboxPrefix begins the subjects of replies.
	InboxPrefix = "_INBOX."

	// flushTimeout bounds Flush and RTT.
	flushTimeout = 10 * time.Second
	// backoffInitial bounds the first pause between attempts, if ReconnectWait is not less.
	backoffInitial = 100 * time.Millisecond
)

// Callbacks of a connection. All of one connection run one after the other, in
// the order of what happened, on an actor of their own: they may block and may
// make any call, also Close. A panic in one is reported as an event and ends
// that call only.
type (
	// ConnHandler is told of a change of the connection.
	ConnHandler func(*Conn)
	// ConnErrHandler is told of a change and of its cause, nil if it was asked for.
	ConnErrHandler func(*Conn, error)
	// ErrHandler is told of errors that no call can return. The subscription is
	// nil when it is none's.
	ErrHandler func(*Conn, *Subscription, error)
)

// InProcessConnProvider hands out connections to a server in the same process,
// such as a nats-server's Server: InProcessConn returns a new one.
type InProcessConnProvider interface {
	InProcessConn() (net.Conn, error)
}

// CustomDialer opens connections in its own way: Dial is called with "tcp" and
// the server's host and port. If there is a method DialContext of the usual form
// it is called instead, and Close ends a dial at once.
type CustomDialer interface {
	Dial(network, address string) (net.Conn, error)
}

// contextDialer is a CustomDialer that can be cancelled.
type contextDialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Option changes one of the Options. An error ends Connect before anything is
// done. A nil Option is skipped.
type Option func(*Options) error

// Options describe a connection. GetDefaultOptions returns the defaults; in a
// bare Options zero means what the field says, as in nats.go.
type Options struct {
	// Url is tried before Servers; empty for none.
	Url string
	// Servers are the addresses, in the form of Connect's.
	Servers []string
	// InProcessServer is connected to instead of dialing; see InProcessServer.
	InProcessServer InProcessConnProvider
	// NoRandomize tries the servers in the order given.
	NoRandomize bool
	// NoEcho keeps our own messages from our own subscriptions.
	NoEcho bool
	// Name is shown in the server's monitoring.
	Name string
	// Verbose makes the server confirm every operation.
	Verbose bool
	// Pedantic makes the server check subjects more strictly.
	Pedantic bool
	// Secure requires TLS.
	Secure bool
	// TLSConfig is used for TLS; nil means Go's defaults from TLS 1.2 on. It is
	// cloned for each handshake.
	TLSConfig *tls.Config
	// AllowReconnect turns reconnecting on.
	AllowReconnect bool
	// MaxReconnect is how many attempts in a row a server gets; negative means
	// no limit, zero none at all.
	MaxReconnect int
	// ReconnectWait, ReconnectJitter and ReconnectJitterTLS pace the attempts; see
	// the option ReconnectWait.
	ReconnectWait, ReconnectJitter, ReconnectJitterTLS time.Duration
	// Timeout bounds the dial and, separately, the handshake; zero means DefaultTimeout.
	Timeout time.Duration
	// DrainTimeout bounds a drain; zero means DefaultDrainTimeout.
	DrainTimeout time.Duration
	// FlusherTimeout bounds one write to the socket; zero or less means nothing does.
	FlusherTimeout time.Duration
	// PingInterval is the time between PINGs; zero or less means none are sent.
	PingInterval time.Duration
	// MaxPingsOut is how many PINGs may be unanswered; zero means
	// DefaultMaxPingOut, and a negative value makes the first one end the link.
	MaxPingsOut int
	// ReconnectBufSize bounds, in bytes, what is kept while there is no server;
	// zero means DefaultReconnectBufSize, negative that nothing is kept.
	ReconnectBufSize int
	// SubChanLen bounds the messages that wait for NextMsg; zero means DefaultMaxChanLen.
	SubChanLen int
	// User and Password are the credentials, unless the server's address has its own.
	User, Password string
	// Token is the credential, unless the server's address has its own.
	Token string
	// CustomDialer opens connections; nil means the net package.
	CustomDialer CustomDialer
	// InboxPrefix begins the subjects of replies, without a dot at its end; empty
	// means "_INBOX".
	InboxPrefix string
	// RetryOnFailedConnect makes a failed first connect the first of many attempts.
	RetryOnFailedConnect bool
	// NoCallbacksAfterClientClose leaves out DisconnectedErrCB and ClosedCB when the
	// program itself closes the connection.
	NoCallbacksAfterClientClose bool
	// IgnoreAuthErrorAbort goes on after the same authorization error came twice
	// in a row from the same server.
	IgnoreAuthErrorAbort bool
	// IgnoreDiscoveredServers leaves aside the servers that a server tells of.
	IgnoreDiscoveredServers bool

	// ConnectedCB, DisconnectedErrCB, ReconnectedCB, ReconnectErrCB, ClosedCB,
	// DiscoveredServersCB, LameDuckModeHandler and AsyncErrorCB are the callbacks;
	// see the options.
	ConnectedCB         ConnHandler
	DisconnectedErrCB   ConnErrHandler
	ReconnectedCB       ConnHandler
	ReconnectErrCB      ConnErrHandler
	ClosedCB            ConnHandler
	DiscoveredServersCB ConnHandler
	LameDuckModeHandler ConnHandler
	AsyncErrorCB        ErrHandler

	// EventCB gets every event; see the option OnEvent.
	EventCB func(Event)
	// ActorSystem is the home of the actors; nil means the process-wide one.
	ActorSystem *actors.System
	// Log gets every event as a line; nil means silence.
	Log *zap.Logger
}

// GetDefaultOptions returns the defaults.
func GetDefaultOptions() Options {
	return Options{
		AllowReconnect:     true,
		MaxReconnect:       DefaultMaxReconnect,
		ReconnectWait:      DefaultReconnectWait,
		ReconnectJitter:    DefaultReconnectJitter,
		ReconnectJitterTLS: DefaultReconnectJitterTLS,
		Timeout:            DefaultTimeout,
		PingInterval:       DefaultPingInterval,
		MaxPingsOut:        DefaultMaxPingOut,
		SubChanLen:         DefaultMaxChanLen,
		ReconnectBufSize:   DefaultReconnectBufSize,
		DrainTimeout:       DefaultDrainTimeout,
		FlusherTimeout:     DefaultFlusherTimeout,
	}
}

// complete replaces zeros that stand for a default.
func (o *Options) complete() {
	setDefault(&o.MaxPingsOut, DefaultMaxPingOut)
	setDefault(&o.SubChanLen, DefaultMaxChanLen)
	setDefault(&o.ReconnectBufSize, DefaultReconnectBufSize)
	setDefault(&o.Timeout, DefaultTimeout)
	setDefault(&o.DrainTimeout, DefaultDrainTimeout)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// check refuses values that mean nothing.
func (o *Options) check() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Timeout", o.Timeout}, {"DrainTimeout", o.DrainTimeout}, {"ReconnectWait", o.ReconnectWait},
		{"ReconnectJitter", o.ReconnectJitter}, {"ReconnectJitterTLS", o.ReconnectJitterTLS},
	} {
		if d.value < 0 {
			return &BadTimeoutError{Op: "option " + d.name, Value: d.value}
		}
	}
	if o.SubChanLen < 0 {
		return badArg("option SyncQueueLen", "is negative")
	}
	if o.InboxPrefix != "" {
		return checkInboxPrefix(o.InboxPrefix)
	}
	return nil
}
