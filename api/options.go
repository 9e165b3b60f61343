package api

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
	"unicode/utf8"

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
	// DefaultWriteBufSize is nats.go's, in bytes; see WriteBufferSize.
	DefaultWriteBufSize = 32 * 1024
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
	// TLSCertCB and RootCAsCB return the client's certificate and the authorities to
	// trust; nil for those in TLSConfig. See the option ClientTLSConfig.
	TLSCertCB TLSCertHandler
	RootCAsCB RootCAsHandler
	// TLSServerName is the name that a server's certificate has to carry; empty
	// means the one in TLSConfig, or the host of the address.
	TLSServerName string
	// TLSHandshakeFirst begins with the TLS handshake, and so requires TLS.
	TLSHandshakeFirst bool
	// NoTLS forbids TLS.
	NoTLS bool
	// AllowReconnect turns reconnecting on.
	AllowReconnect bool
	// MaxReconnect is how many attempts in a row a server gets; negative means
	// no limit, zero none at all.
	MaxReconnect int
	// NeverGiveUp takes away MaxReconnect, and is IgnoreAuthErrorAbort; see the option.
	NeverGiveUp bool
	limited     bool // MaxReconnects has set a limit
	// ReconnectWait, ReconnectJitter and ReconnectJitterTLS pace the attempts; see
	// the option ReconnectWait.
	ReconnectWait, ReconnectJitter, ReconnectJitterTLS time.Duration
	// CustomReconnectDelayCB replaces that pace, and ReconnectToServerCB chooses the
	// server; nil for neither. See CustomReconnectDelay and ReconnectToServer.
	CustomReconnectDelayCB ReconnectDelayHandler
	ReconnectToServerCB    ReconnectToServerHandler
	// ReconnectOnFlusherError is always so: a failed write ends the link.
	ReconnectOnFlusherError bool
	// WriteBufferSize is nats.go's and changes nothing; see the option.
	WriteBufferSize int
	// Timeout bounds the dial and, separately, the handshake; zero means DefaultTimeout.
	Timeout time.Duration
	// DrainTimeout bounds a drain; zero means DefaultDrainTimeout.
	DrainTimeout time.Duration
	// FlusherTimeout bounds one write to the socket; zero or less means no bound.
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
	// User and Password, Token, Nkey, or what UserInfo returns, are the credentials,
	// unless the server's address has its own; so is what TokenHandler returns, which
	// suffers no other token. UserJWT returns a JWT to go with them, and SignatureCB
	// signs for Nkey and UserJWT. See the options of these names for what excludes
	// what; nil and empty mean none.
	User, Password string
	UserInfo       UserInfoCB
	Token          string
	TokenHandler   AuthTokenHandler
	Nkey           string
	UserJWT        UserJWTHandler
	SignatureCB    SignatureHandler
	// Dialer dials, nil for the net package's defaults; see the option Dialer.
	//
	// Deprecated: use CustomDialer.
	Dialer *net.Dialer
	// CustomDialer opens connections in its own way and wins over Dialer; nil for none.
	CustomDialer CustomDialer
	// SkipHostLookup leaves the names of servers to the dialer.
	SkipHostLookup bool
	// AllowMultipathTCP turns multipath TCP on or off; nil leaves that to Dialer.
	AllowMultipathTCP *bool
	// Compression offers to compress what goes through a WebSocket.
	Compression bool
	// ProxyPath is the path that every WebSocket asks for; empty means that of the
	// server's address.
	ProxyPath string
	// WebSocketConnectionHeaders are sent with every WebSocket's HTTP request.
	WebSocketConnectionHeaders http.Header
	// WebSocketConnectionHeadersHandler returns the headers for one attempt, in
	// place of WebSocketConnectionHeaders; nil for none.
	WebSocketConnectionHeadersHandler WebSocketHeadersHandler
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
	// IgnoreDiscoveredServers does not use the servers that a server tells of.
	IgnoreDiscoveredServers bool
	// StayOnLameDuck does not leave a server before it stops; see the option.
	StayOnLameDuck bool

	// UseOldRequestStyle subscribes for each request; see the option.
	UseOldRequestStyle bool
	// SkipSubjectValidation checks less of what is published to; see the option.
	SkipSubjectValidation bool

	// DisconnectedCB is what is called when a link is lost if there is no
	// DisconnectedErrCB, which tells the cause, too.
	//
	// Deprecated: use DisconnectedErrCB.
	DisconnectedCB ConnHandler
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

	// PermissionErrOnSubscribe is nats.go's; see the option. It changes nothing.
	PermissionErrOnSubscribe bool
	// SubDefaults apply to all subscriptions; see the option SubscriptionDefaults.
	SubDefaults []SubOption
	// PendingBudget bounds, in bytes, what waits in all subscriptions together; zero
	// means nothing but their own limits does. See the option.
	PendingBudget int
	// RetryBudget bounds the retries of calls; see the option of that name.
	RetryBudget RetryBudgetConfig

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
		WriteBufferSize:    DefaultWriteBufSize,
		DrainTimeout:       DefaultDrainTimeout,
		FlusherTimeout:     DefaultFlusherTimeout,
	}
}

// complete replaces zeros that stand for a default.
func (o *Options) complete() {
	o.Secure = o.Secure || o.TLSHandshakeFirst
	if o.NeverGiveUp && !o.limited {
		o.MaxReconnect, o.IgnoreAuthErrorAbort = -1, true
	}
	setDefault(&o.MaxPingsOut, DefaultMaxPingOut)
	setDefault(&o.SubChanLen, DefaultMaxChanLen)
	setDefault(&o.ReconnectBufSize, DefaultReconnectBufSize)
	setDefault(&o.Timeout, DefaultTimeout)
	if o.WriteBufferSize <= 0 {
		o.WriteBufferSize = DefaultWriteBufSize
	}
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
	if o.PendingBudget < 0 {
		return badArg("option PendingBudget", "is negative")
	}
	if err := o.RetryBudget.Validate(); err != nil {
		return badPolicy("option RetryBudget", err)
	}
	if o.NeverGiveUp && (!o.AllowReconnect || o.limited) {
		return badArg("option NeverGiveUp", "contradicts NoReconnect and a limit by MaxReconnects")
	}
	for _, text := range []struct{ option, value string }{{"Name", o.Name}, {"UserInfo", o.User}, {"UserInfo", o.Password}, {"Token", o.Token}} {
		if !utf8.ValidString(text.value) {
			return badArg("option "+text.option, "is not in UTF-8") // which CONNECT cannot carry
		}
	}
	if err := o.checkWebSocket(); err != nil {
		return err
	}
	if o.InboxPrefix != "" {
		return checkInboxPrefix(o.InboxPrefix)
	}
	return nil
}
