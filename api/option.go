package api

import (
	"fmt"
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

// Timeout bounds a dial and, separately, a handshake. Default: 2 s, also for
// zero. Negative is an ErrBadTimeout.
func Timeout(t time.Duration) Option { return set(func(o *Options) { o.Timeout = t }) }

// NoReconnect closes the connection when its first link is lost.
func NoReconnect() Option { return set(func(o *Options) { o.AllowReconnect = false }) }

// MaxReconnects sets how many attempts in a row fail on a server before it is
// given up; the connection closes with ErrNoServers when none is left. Negative
// means no limit, zero that a lost connection is closed. Default: 60.
func MaxReconnects(max int) Option {
	return set(func(o *Options) { o.MaxReconnect, o.limited = max, max >= 0 })
}

// ReconnectWait sets the pace of attempts on one server. The first attempt after
// a loss is made at once; before the next ones there is a random pause of up to
// 100 ms, 200 ms, 400 ms and so on, at most t plus the jitter. (nats.go waits for t
// plus jitter before each.) With t below 100 ms the pauses start at t.
// Default: 2 s. With zero the jitter alone is the bound, and without jitter there is
// no pause. Negative is an ErrBadTimeout.
func ReconnectWait(t time.Duration) Option { return set(func(o *Options) { o.ReconnectWait = t }) }

// ReconnectJitter sets what is added to the bound of ReconnectWait, without and
// with TLS. Defaults: 100 ms and 1 s. Negative is an ErrBadTimeout.
func ReconnectJitter(jitter, jitterForTLS time.Duration) Option {
	return set(func(o *Options) { o.ReconnectJitter, o.ReconnectJitterTLS = jitter, jitterForTLS })
}

// RetryOnFailedConnect makes Connect return a connection in state RECONNECTING
// when no server can be reached at first, or all refuse us, even our credentials (see
// IgnoreAuthErrorAbort): the ReconnectErrHandler is told. Subscriptions and publishes are kept
// for the first server, whose coming calls the ConnectHandler.
//
//style:allow params nats.go's signature
func RetryOnFailedConnect(retry bool) Option {
	return set(func(o *Options) { o.RetryOnFailedConnect = retry })
}

// NeverGiveUp takes away the two reasons for which a lost connection is closed
// for good: MaxReconnects, and the same authorization error twice in a row. A
// first connect that fails is still an error; see RetryOnFailedConnect. It is an
// ErrInvalidArg together with NoReconnect, or with a limit by MaxReconnects.
func NeverGiveUp() Option { return set(func(o *Options) { o.NeverGiveUp = true }) }

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
// given up with ErrStaleConnection. Default: 2, also for zero. Negative gives every
// link up after one PingInterval, as nats.go does; it serves tests.
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

// PendingBudget bounds the bytes, of header and data, that wait on the connection in
// all subscriptions and RequestManys together, whoever reads them. Messages count
// until they are handed on: with a handler up to 128 at once. What waits in a channel
// of ChanSubscribe is the program's. Default: 0, nothing but each subscription's own
// PendingLimits. Negative is an ErrInvalidArg.
//
// A subscription finds room for as much as it leaves free for the others: one that
// does not keep up gets half of the budget, two get a third each. A message that
// finds none is one above the subscription's own limit: its OnOverflow decides, and
// the SlowConsumerError names the Budget. A subscription for which nothing waits gets
// its next message in any case, so none is silenced by others; what waits exceeds the
// budget by those messages at most. Stats and Tree show the use.
func PendingBudget(bytes int) Option { return set(func(o *Options) { o.PendingBudget = bytes }) }

// PermissionErrOnSubscribe is accepted for programs that come from nats.go, where
// it makes NextMsg return the error of a refused subscription. Here that is
// always so, and nothing changes.
//
//style:allow params nats.go's signature
func PermissionErrOnSubscribe(enabled bool) Option {
	return set(func(o *Options) { o.PermissionErrOnSubscribe = enabled })
}

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

// UseOldRequestStyle subscribes to the reply subject of each request by itself, and
// ends that when the request ends, instead of to one inbox for all. It costs two
// more frames for each request.
func UseOldRequestStyle() Option { return set(func(o *Options) { o.UseOldRequestStyle = true }) }

// SkipSubjectValidation lets wildcards and empty tokens pass in the subject of a
// publish or request. What would break the connection, blanks and control
// characters, is refused all the same (nats.go sends it).
func SkipSubjectValidation() Option {
	return set(func(o *Options) { o.SkipSubjectValidation = true })
}

// IgnoreDiscoveredServers keeps to the servers that were given to Connect or
// SetServerPool, and does not use those that a server tells of.
func IgnoreDiscoveredServers() Option {
	return set(func(o *Options) { o.IgnoreDiscoveredServers = true })
}

// StayOnLameDuck stays with a server that says that it is about to stop until it
// closes the connection, as nats.go does. Default: move to another server before.
//
// Then queue groups, and subscriptions with OverlapOnMove, are known to both servers
// for a moment and miss nothing, though what comes in that moment may come out of
// order. The others change over within about a round trip, in which they can miss a
// message, and get one twice only if it reaches the new server that much later than the
// old one; so do requests that may have many replies. Waiting requests are answered,
// and what is published goes on in order. A LinkMoved tells of it; the callbacks for
// lost and restored links are not called. The LameDuckModeHandler is called in any
// case. With NoReconnect nothing moves.
func StayOnLameDuck() Option { return set(func(o *Options) { o.StayOnLameDuck = true }) }

// ConnectHandler sets what is called after the first successful connect.
func ConnectHandler(cb ConnHandler) Option { return set(func(o *Options) { o.ConnectedCB = cb }) }

// DisconnectErrHandler sets what is called when the link to a server is lost,
// with the cause, and when a live connection is closed, with nil.
func DisconnectErrHandler(cb ConnErrHandler) Option {
	return set(func(o *Options) { o.DisconnectedErrCB = cb })
}

// DisconnectHandler sets what is called when the link to a server is lost, or a live
// connection closed, if there is no DisconnectErrHandler.
//
// Deprecated: use DisconnectErrHandler, which tells the cause.
func DisconnectHandler(cb ConnHandler) Option {
	return set(func(o *Options) { o.DisconnectedCB = cb })
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
// one. A test bubble needs one of its own; actors.Adopt makes one of a protoactor
// ActorSystem that the process runs already.
func System(system *actors.System) Option { return set(func(o *Options) { o.ActorSystem = system }) }

// Logger writes every event as a line: what went wrong as a warning, the rest for
// debugging. No line holds a credential or a payload. Default: silence.
func Logger(log *zap.Logger) Option { return set(func(o *Options) { o.Log = log }) }
