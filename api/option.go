package api

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// set makes an Option that cannot fail.
func set(change func(*Options)) Option {
	return func(o *Options) error {
		change(o)
		return nil
	}
}

// Name sets the name that the server's monitoring shows. Default: none.
func Name(name string) Option { return set(func(o *Options) { o.Name = name }) }

// UserInfo sets user and password. Credentials in a server's address win.
func UserInfo(user, password string) Option {
	return set(func(o *Options) { o.User, o.Password = user, password })
}

// Token sets an authentication token. One in a server's address wins.
func Token(token string) Option { return set(func(o *Options) { o.Token = token }) }

// Timeout bounds a dial and, separately, a handshake. Default: 2 s, also for
// zero. Negative is an ErrBadTimeout.
func Timeout(t time.Duration) Option { return set(func(o *Options) { o.Timeout = t }) }

// NoReconnect closes the connection when its first link is lost.
func NoReconnect() Option { return set(func(o *Options) { o.AllowReconnect = false }) }

// MaxReconnects sets how many attempts in a row fail on a server before it is
// given up; the connection closes with ErrNoServers when none is left. Negative
// means no limit. Default: 60.
func MaxReconnects(max int) Option { return set(func(o *Options) { o.MaxReconnect = max }) }

// ReconnectWait sets the pace of attempts on one server. The first attempt after
// a loss is made at once; before the next ones there is a random pause of up to
// 100 ms, 200 ms, 400 ms and so on, at most t plus the jitter. (nats.go waits for t
// plus jitter before each.) With t below 100 ms the pauses start at t.
// Default: 2 s. Negative is an ErrBadTimeout.
func ReconnectWait(t time.Duration) Option { return set(func(o *Options) { o.ReconnectWait = t }) }

// ReconnectJitter sets what is added to the bound of ReconnectWait, without and
// with TLS. Defaults: 100 ms and 1 s. Negative is an ErrBadTimeout.
func ReconnectJitter(jitter, jitterForTLS time.Duration) Option {
	return set(func(o *Options) { o.ReconnectJitter, o.ReconnectJitterTLS = jitter, jitterForTLS })
}

// RetryOnFailedConnect makes Connect return a connection in state RECONNECTING
// when no server can be reached at first. Subscriptions and publishes are kept
// for the first server, whose coming calls the ConnectHandler.
//
//style:allow params nats.go's signature
func RetryOnFailedConnect(retry bool) Option {
	return set(func(o *Options) { o.RetryOnFailedConnect = retry })
}

// NeverGiveUp takes away the two reasons for which a lost connection is closed
// for good: MaxReconnects, and the same authorization error twice in a row. A
// first connect that fails is still an error; see RetryOnFailedConnect.
func NeverGiveUp() Option {
	return set(func(o *Options) {
		o.AllowReconnect, o.MaxReconnect, o.IgnoreAuthErrorAbort = true, -1, true
	})
}

// IgnoreAuthErrorAbort goes on reconnecting after the same authorization error
// came twice in a row from the same server.
func IgnoreAuthErrorAbort() Option { return set(func(o *Options) { o.IgnoreAuthErrorAbort = true }) }

// ReconnectBufSize bounds the bytes of messages that are kept while there is no
// server; above it Publish returns ErrReconnectBufExceeded. Negative keeps
// nothing, zero means the default: 8 MiB.
func ReconnectBufSize(size int) Option { return set(func(o *Options) { o.ReconnectBufSize = size }) }

// PingInterval sets the time between PINGs to the server; zero or less sends
// none. Default: 2 min.
func PingInterval(t time.Duration) Option { return set(func(o *Options) { o.PingInterval = t }) }

// MaxPingsOutstanding sets how many PINGs may be unanswered before the link is
// given up with ErrStaleConnection. Default: 2, also for zero.
func MaxPingsOutstanding(max int) Option { return set(func(o *Options) { o.MaxPingsOut = max }) }

// DontRandomize tries servers in the order they were given.
func DontRandomize() Option { return set(func(o *Options) { o.NoRandomize = true }) }

// NoEcho keeps the connection's own messages from its own subscriptions.
// Connect fails with ErrNoEchoNotSupported on a server that cannot do it.
func NoEcho() Option { return set(func(o *Options) { o.NoEcho = true }) }

// FlusherTimeout bounds one write to the socket; after it the link is given up.
// Zero or less means no bound. Default: 1 min.
func FlusherTimeout(t time.Duration) Option { return set(func(o *Options) { o.FlusherTimeout = t }) }

// DrainTimeout bounds a drain of the connection. Default: 30 s, also for zero.
// Negative is an ErrBadTimeout.
func DrainTimeout(t time.Duration) Option { return set(func(o *Options) { o.DrainTimeout = t }) }

// SyncQueueLen bounds the messages that wait for NextMsg. Default: 65,536, also
// for zero. Negative is an ErrInvalidArg.
func SyncQueueLen(max int) Option { return set(func(o *Options) { o.SubChanLen = max }) }

// CustomInboxPrefix replaces "_INBOX" at the beginning of reply subjects. It
// must be a subject without wildcards, or the error is an ErrInvalidArg.
func CustomInboxPrefix(prefix string) Option {
	return func(o *Options) error {
		if err := checkInboxPrefix(prefix); err != nil {
			return err
		}
		o.InboxPrefix = prefix
		return nil
	}
}

func checkInboxPrefix(prefix string) error {
	if protocol.CheckPublishSubject(prefix) != nil || strings.ContainsAny(prefix, "*>") {
		return badArg("option CustomInboxPrefix", fmt.Sprintf("%q is not a literal subject", prefix))
	}
	return nil
}

// IgnoreDiscoveredServers leaves aside the servers that a server tells of.
func IgnoreDiscoveredServers() Option {
	return set(func(o *Options) { o.IgnoreDiscoveredServers = true })
}

// InProcessServer connects to a server in the same process instead of dialing.
// An error of the provider is one of a failed attempt.
func InProcessServer(server InProcessConnProvider) Option {
	return set(func(o *Options) { o.InProcessServer = server })
}

// SetCustomDialer opens connections with dialer. Unlike nats.go it is given
// the server's host as written, and resolves it by itself.
func SetCustomDialer(dialer CustomDialer) Option {
	return set(func(o *Options) { o.CustomDialer = dialer })
}

// Secure requires TLS, with the given configuration or Go's defaults: the
// server's certificate is verified. More than one is an ErrMultipleTLSConfigs.
func Secure(configs ...*tls.Config) Option {
	return func(o *Options) error {
		if len(configs) > 1 {
			return &InvalidArgError{Kind: ErrMultipleTLSConfigs, What: "option Secure", Reason: "was given several"}
		}
		o.Secure = true
		if len(configs) == 1 {
			o.TLSConfig = configs[0]
		}
		return nil
	}
}

// RootCAs requires TLS and verifies the server against the certificates in the
// given PEM files, which are read at once.
func RootCAs(files ...string) Option {
	return func(o *Options) error {
		pool := x509.NewCertPool()
		for _, file := range files {
			pem, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("%w: option RootCAs: %w", ErrInvalidArg, err)
			}
			if !pool.AppendCertsFromPEM(pem) {
				return badArg("option RootCAs", fmt.Sprintf("found no certificate in %q", file))
			}
		}
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLSConfig != nil {
			config = o.TLSConfig.Clone()
		}
		config.RootCAs = pool
		o.TLSConfig, o.Secure = config, true
		return nil
	}
}

// ConnectHandler sets what is called after the first successful connect.
func ConnectHandler(cb ConnHandler) Option { return set(func(o *Options) { o.ConnectedCB = cb }) }

// DisconnectErrHandler sets what is called when the link to a server is lost,
// with the cause, and when a live connection is closed, with nil.
func DisconnectErrHandler(cb ConnErrHandler) Option {
	return set(func(o *Options) { o.DisconnectedErrCB = cb })
}

// ReconnectHandler sets what is called after each successful reconnect.
func ReconnectHandler(cb ConnHandler) Option { return set(func(o *Options) { o.ReconnectedCB = cb }) }

// ReconnectErrHandler sets what is called after each failed attempt to
// reconnect, or to connect at all under RetryOnFailedConnect. (nats.go leaves
// out attempts that fail after the dial.)
func ReconnectErrHandler(cb ConnErrHandler) Option {
	return set(func(o *Options) { o.ReconnectErrCB = cb })
}

// ClosedHandler sets what is called once when the connection is closed for good.
func ClosedHandler(cb ConnHandler) Option { return set(func(o *Options) { o.ClosedCB = cb }) }

// ErrorHandler sets what is called for errors that no call can return: slow
// consumers, failing handlers, what a server reports. The default is silence
// (nats.go prints): troupe never prints. OnEvent and Logger tell more.
func ErrorHandler(cb ErrHandler) Option { return set(func(o *Options) { o.AsyncErrorCB = cb }) }

// DiscoveredServersHandler sets what is called when a server tells of others
// that were unknown.
func DiscoveredServersHandler(cb ConnHandler) Option {
	return set(func(o *Options) { o.DiscoveredServersCB = cb })
}

// LameDuckModeHandler sets what is called when the server says that it will stop.
func LameDuckModeHandler(cb ConnHandler) Option {
	return set(func(o *Options) { o.LameDuckModeHandler = cb })
}

// NoCallbacksAfterClientClose leaves out the callbacks for disconnect and close
// when the program itself closes the connection.
func NoCallbacksAfterClientClose() Option {
	return set(func(o *Options) { o.NoCallbacksAfterClientClose = true })
}

// OnEvent sets what gets every event of the connection, in order, before the
// other callbacks do.
func OnEvent(cb func(Event)) Option { return set(func(o *Options) { o.EventCB = cb }) }

// System puts the connection's actors into a system other than the process-wide
// one. A test bubble needs one of its own.
func System(system *actors.System) Option { return set(func(o *Options) { o.ActorSystem = system }) }

// Logger writes every event as a line: what went wrong as a warning, the rest for
// debugging. No line holds a credential or a payload. Default: silence.
func Logger(log *zap.Logger) Option { return set(func(o *Options) { o.Log = log }) }
