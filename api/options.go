package api

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
)

// Version is the version of this client. Servers show it in their monitoring.
const Version = "0.1.0"

// Defaults of the options; all are nats.go's.
const (
	// DefaultURL is the address to use if no server is given.
	DefaultURL = "nats://127.0.0.1:4222"
	// DefaultPort is used for addresses without one.
	DefaultPort = 4222
	// DefaultMaxReconnect is how many attempts in a row may fail at a server.
	DefaultMaxReconnect = 60
	// DefaultReconnectWait bounds the pause between attempts at one server.
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
	// DefaultWriteBufSize is the default, in bytes, of WriteBufferSize, which has no effect.
	DefaultWriteBufSize = 32 * 1024
	// DefaultDrainTimeout bounds a drain of the connection.
	DefaultDrainTimeout = 30 * time.Second
	// DefaultFlusherTimeout bounds one write to the socket.
	DefaultFlusherTimeout = time.Minute
	// DefaultSubPendingMsgsLimit bounds the messages that wait for a handler.
	DefaultSubPendingMsgsLimit = 500_000
	// DefaultSubPendingBytesLimit bounds, in bytes, what waits for a handler or NextMsg.
	DefaultSubPendingBytesLimit = 64 * 1024 * 1024
	// InboxPrefix is the beginning of reply subjects.
	InboxPrefix = "_INBOX."

	// flushTimeout bounds Flush and RTT.
	flushTimeout = 10 * time.Second
	// backoffInitial bounds the first pause between attempts, unless ReconnectWait is less.
	backoffInitial = 100 * time.Millisecond
)

// Callbacks of a connection. Those of one connection run one after the other, in the
// order of events, on an actor of their own: they may block and may make any call, even
// Close. A panic in one is reported as an event and ends only that call.
type (
	// ConnHandler is called when the state of the connection changes.
	ConnHandler func(*Conn)
	// ConnErrHandler is called with the cause of a change, nil if the program requested it.
	ConnErrHandler func(*Conn, error)
	// ErrHandler is called with errors that no call can return. The subscription is nil
	// if the error does not concern one.
	ErrHandler func(*Conn, *Subscription, error)
)

// Option changes the Options. If it returns an error, Connect returns it without
// connecting. A nil Option is skipped.
type Option func(*Options) error

// Options describe a connection. GetDefaultOptions returns the defaults. In Options made
// without it, a zero field means what its comment says, as in nats.go.
type Options struct {
	// Url is a server that is tried before Servers; empty for none.
	Url string
	// Servers are the addresses, in the form of Connect's.
	Servers []string
	// InProcessServer replaces dialing; nil to dial. See the option InProcessServer.
	InProcessServer InProcessConnProvider
	// NoRandomize tries the servers in the order given.
	NoRandomize bool
	// NoEcho keeps the connection's own messages from its own subscriptions.
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
	// TLSServerName is the name that a server's certificate must contain; empty means
	// the one in TLSConfig, or the host of the address.
	TLSServerName string
	// TLSHandshakeFirst begins with the TLS handshake. It requires TLS.
	TLSHandshakeFirst bool
	// NoTLS forbids TLS.
	NoTLS bool
	// AllowReconnect turns reconnecting on.
	AllowReconnect bool
	// MaxReconnect is how many attempts in a row may fail at a server; negative means no
	// limit, and zero that a lost connection is closed.
	MaxReconnect int
	// NeverGiveUp removes the limit MaxReconnect and implies IgnoreAuthErrorAbort; see the
	// option.
	NeverGiveUp bool
	limited     bool // MaxReconnects has set a limit
	// ReconnectWait, ReconnectJitter and ReconnectJitterTLS pace the attempts; see
	// the option ReconnectWait.
	ReconnectWait, ReconnectJitter, ReconnectJitterTLS time.Duration
	// CustomReconnectDelayCB replaces that pace, and ReconnectToServerCB chooses the
	// server, unless they are nil. See CustomReconnectDelay and ReconnectToServer.
	CustomReconnectDelayCB ReconnectDelayHandler
	ReconnectToServerCB    ReconnectToServerHandler
	// ReconnectOnFlusherError has no effect: a failed write always ends the link.
	ReconnectOnFlusherError bool
	// WriteBufferSize has no effect; see the option.
	WriteBufferSize int
	// Timeout bounds the dial and, separately, the handshake; zero means DefaultTimeout.
	Timeout time.Duration
	// DrainTimeout bounds a drain; zero means DefaultDrainTimeout.
	DrainTimeout time.Duration
	// FlusherTimeout bounds one write of 32 KiB to the socket; for larger ones it grows in
	// proportion. Zero or less means no bound.
	FlusherTimeout time.Duration
	// PingInterval is the time between PINGs; zero or less means none are sent.
	PingInterval time.Duration
	// MaxPingsOut is how many PINGs may be unanswered; zero means DefaultMaxPingOut,
	// and negative that every link ends after one PingInterval.
	MaxPingsOut int
	// ReconnectBufSize bounds, in bytes, what is kept while there is no server;
	// zero means DefaultReconnectBufSize, negative that nothing is kept.
	ReconnectBufSize int
	// SubChanLen bounds the messages that wait for NextMsg; zero means DefaultMaxChanLen.
	SubChanLen int
	// User and Password, Token, Nkey, or the results of UserInfo are the credentials,
	// unless the server's address contains its own. TokenHandler returns a token, and
	// allows no other one. UserJWT returns a JWT to send with them, and SignatureCB signs
	// for Nkey and UserJWT. The options of these names say which exclude each other. Nil
	// and empty mean none.
	User, Password string
	UserInfo       UserInfoCB
	Token          string
	TokenHandler   AuthTokenHandler
	Nkey           string
	UserJWT        UserJWTHandler
	SignatureCB    SignatureHandler
	// Dialer dials; nil means the defaults of package net. See the option Dialer.
	//
	// Deprecated: use CustomDialer.
	Dialer *net.Dialer
	// CustomDialer opens connections in place of Dialer; nil for none.
	CustomDialer CustomDialer
	// SkipHostLookup leaves the lookup of host names to the dialer.
	SkipHostLookup bool
	// AllowMultipathTCP turns multipath TCP on or off; nil leaves it to Dialer.
	AllowMultipathTCP *bool
	// Compression offers compression to WebSocket servers.
	Compression bool
	// ProxyPath is the path of every WebSocket request; empty means the path of the
	// server's address.
	ProxyPath string
	// WebSocketConnectionHeaders are sent with every WebSocket's HTTP request.
	WebSocketConnectionHeaders http.Header
	// WebSocketConnectionHeadersHandler returns the headers for one attempt, in place
	// of WebSocketConnectionHeaders; nil for none.
	WebSocketConnectionHeadersHandler WebSocketHeadersHandler
	// InboxPrefix is the beginning of reply subjects, without a trailing dot; empty
	// means "_INBOX".
	InboxPrefix string
	// RetryOnFailedConnect continues with further attempts after a failed first connect.
	RetryOnFailedConnect bool
	// NoCallbacksAfterClientClose suppresses DisconnectedErrCB and ClosedCB when the program
	// itself closes the connection.
	NoCallbacksAfterClientClose bool
	// IgnoreAuthErrorAbort continues after the same server has sent the same authorization
	// error twice in a row.
	IgnoreAuthErrorAbort bool
	// IgnoreDiscoveredServers does not use the servers that a server announces.
	IgnoreDiscoveredServers bool
	// StayOnLameDuck stays with a server until it stops; see the option.
	StayOnLameDuck bool

	// UseOldRequestStyle gives each request its own subscription; see the option.
	UseOldRequestStyle bool
	// SkipSubjectValidation relaxes the checks of subjects to publish to; see the option.
	SkipSubjectValidation bool

	// DisconnectedCB is called when a link is lost, if there is no DisconnectedErrCB,
	// which also receives the cause.
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

	// PermissionErrOnSubscribe has no effect; see the option.
	PermissionErrOnSubscribe bool
	// SubDefaults apply to all subscriptions; see the option SubscriptionDefaults.
	SubDefaults []SubOption
	// PendingBudget bounds the bytes that wait in all subscriptions together; zero means
	// that only their own limits apply. See the option.
	PendingBudget int
	// RetryBudget bounds the retries of calls; see the option.
	RetryBudget RetryBudgetConfig

	// EventCB receives every event; see the option OnEvent.
	EventCB func(Event)
	// ActorSystem runs the connection's actors; nil means the process-wide system.
	ActorSystem *ActorSystem
	// Log receives every event as a line; nil logs nothing. See the option Logger.
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

// complete replaces zero values with the defaults that they stand for.
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

// check refuses invalid values.
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
			return badArg("option "+text.option, "is not valid UTF-8") // CONNECT cannot carry it
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
