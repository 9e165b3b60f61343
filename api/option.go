package api

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/troupe-go/troupe/protocol"
)

// set returns an Option that cannot fail.
func set(change func(*Options)) Option {
	return func(o *Options) error {
		change(o)
		return nil
	}
}

// Name sets the name of the connection that the server's monitoring shows. Default: none.
func Name(name string) Option { return set(func(o *Options) { o.Name = name }) }

// Timeout bounds a dial and, separately, a handshake. Default: 2 s, also for
// zero. Negative is an ErrBadTimeout.
func Timeout(t time.Duration) Option { return set(func(o *Options) { o.Timeout = t }) }

// NoReconnect closes the connection when its first link is lost.
func NoReconnect() Option { return set(func(o *Options) { o.AllowReconnect = false }) }

// MaxReconnects sets how many attempts in a row may fail at a server before it is given up.
// The connection closes with ErrNoServers when no server is left. Negative means no limit;
// zero means that a lost connection is closed. Default: 60.
func MaxReconnects(max int) Option {
	return set(func(o *Options) { o.MaxReconnect, o.limited = max, max >= 0 })
}

// ReconnectWait sets the pace of attempts at one server. The first attempt after a loss is
// made at once. Each later one follows a random pause of up to 100 ms, then 200 ms, 400 ms
// and so on, bounded by t plus the jitter. (nats.go waits for t plus jitter before each
// attempt.) If t is below 100 ms, the pauses start at t. Zero leaves the jitter as the bound;
// without jitter there is then no pause. Negative is an ErrBadTimeout. Default: 2 s.
func ReconnectWait(t time.Duration) Option { return set(func(o *Options) { o.ReconnectWait = t }) }

// ReconnectJitter sets what is added to the bound of ReconnectWait, without and with TLS.
// Negative is an ErrBadTimeout. Defaults: 100 ms and 1 s.
func ReconnectJitter(jitter, jitterForTLS time.Duration) Option {
	return set(func(o *Options) { o.ReconnectJitter, o.ReconnectJitterTLS = jitter, jitterForTLS })
}

// RetryOnFailedConnect makes Connect return a connection in state RECONNECTING when it
// reaches no server at first, or when all servers refuse it, even because of its credentials
// (see IgnoreAuthErrorAbort). The ReconnectErrHandler receives the errors. Subscriptions and
// publishes are kept for the first server; when it is reached, the ConnectHandler is called.
//
//style:allow params nats.go's signature
func RetryOnFailedConnect(retry bool) Option {
	return set(func(o *Options) { o.RetryOnFailedConnect = retry })
}

// NeverGiveUp removes the two reasons for which a lost connection is closed for good:
// MaxReconnects, and the same authorization error twice in a row. A first connect that fails
// is still an error; see RetryOnFailedConnect. Together with NoReconnect, or with a limit set
// by MaxReconnects, it is an ErrInvalidArg.
func NeverGiveUp() Option { return set(func(o *Options) { o.NeverGiveUp = true }) }

// IgnoreAuthErrorAbort continues to reconnect after the same server has sent the same
// authorization error twice in a row.
func IgnoreAuthErrorAbort() Option { return set(func(o *Options) { o.IgnoreAuthErrorAbort = true }) }

// ReconnectBufSize bounds the bytes of messages that are kept while there is no server.
// Beyond it Publish returns ErrReconnectBufExceeded. Negative keeps nothing. Default, also
// for zero: 8 MiB.
func ReconnectBufSize(size int) Option { return set(func(o *Options) { o.ReconnectBufSize = size }) }

// PingInterval sets the time between PINGs to the server. Zero or less sends none. Default: 2
// min.
func PingInterval(t time.Duration) Option { return set(func(o *Options) { o.PingInterval = t }) }

// MaxPingsOutstanding sets how many PINGs may be unanswered before the link is given up with
// ErrStaleConnection. Negative gives up every link after one PingInterval, as in nats.go;
// this is useful only in tests. Default: 2, also for zero.
func MaxPingsOutstanding(max int) Option { return set(func(o *Options) { o.MaxPingsOut = max }) }

// DontRandomize tries servers in the given order.
func DontRandomize() Option { return set(func(o *Options) { o.NoRandomize = true }) }

// NoEcho keeps the connection's own messages from its own subscriptions. With a server that
// does not support it, Connect fails with ErrNoEchoNotSupported.
func NoEcho() Option { return set(func(o *Options) { o.NoEcho = true }) }

// FlusherTimeout bounds one write of 32 KiB to the socket; for larger ones it grows in
// proportion. When it passes, the link is given up. Zero or less means no bound. Default: 1
// min.
func FlusherTimeout(t time.Duration) Option { return set(func(o *Options) { o.FlusherTimeout = t }) }

// DrainTimeout bounds a drain of the connection. Default: 30 s, also for zero.
// Negative is an ErrBadTimeout.
func DrainTimeout(t time.Duration) Option { return set(func(o *Options) { o.DrainTimeout = t }) }

// SyncQueueLen bounds the number of messages that wait for NextMsg. Negative is an
// ErrInvalidArg. Default: 65,536, also for zero.
func SyncQueueLen(max int) Option { return set(func(o *Options) { o.SubChanLen = max }) }

// PendingBudget bounds the bytes of header and data that wait in all subscriptions and
// RequestManys of the connection together. Messages count until they are handed to the
// program; a handler takes up to 128 at once. Messages in a channel of ChanSubscribe do not
// count. Negative is an ErrInvalidArg. Default: 0, which leaves only the PendingLimits of
// each subscription.
//
// A subscription may use as much as it leaves free for the others: a single slow one gets
// half of the budget, two get a third each. A message that does not fit is treated as one
// above the subscription's own limit: OnOverflow decides, and the SlowConsumerError names the
// Budget. A subscription in which nothing waits always receives its next message, so that
// others cannot silence it; the budget is exceeded by at most those messages. Stats and Tree
// show how much is used.
func PendingBudget(bytes int) Option { return set(func(o *Options) { o.PendingBudget = bytes }) }

// PermissionErrOnSubscribe has no effect. It exists for programs that come from nats.go,
// where it makes NextMsg return the error of a refused subscription; here NextMsg always
// does.
//
//style:allow params nats.go's signature
func PermissionErrOnSubscribe(enabled bool) Option {
	return set(func(o *Options) { o.PermissionErrOnSubscribe = enabled })
}

// CustomInboxPrefix replaces "_INBOX" at the beginning of reply subjects. A prefix that is
// not a subject without wildcards is an ErrInvalidArg.
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

// UseOldRequestStyle gives each request its own subscription for the reply, which ends with
// the request, instead of one inbox for all requests. It costs two more frames per request.
func UseOldRequestStyle() Option { return set(func(o *Options) { o.UseOldRequestStyle = true }) }

// SkipSubjectValidation allows wildcards and empty tokens in the subject of a publish or
// request. Blanks and control characters, which would break the connection, are still refused
// (nats.go sends them).
func SkipSubjectValidation() Option {
	return set(func(o *Options) { o.SkipSubjectValidation = true })
}

// IgnoreDiscoveredServers uses only the servers that were given to Connect or SetServerPool,
// and not those that a server announces.
func IgnoreDiscoveredServers() Option {
	return set(func(o *Options) { o.IgnoreDiscoveredServers = true })
}

// StayOnLameDuck stays with a server that has announced that it will stop, until it closes
// the connection, as nats.go does. Default: move to another server first. With NoReconnect
// the connection never moves.
//
// During a move, queue groups and subscriptions with OverlapOnMove are known to both servers
// for a moment; they miss nothing, but messages of that moment may arrive out of order. Other
// subscriptions change over within about one round trip and can miss messages in that time.
// They get a message twice only if it reaches the new server later than the old one by more
// than that. The same applies to requests that may have many replies. Waiting requests are
// answered, and publishes continue in order. The move is reported by a LinkMoved event; the
// callbacks for lost and restored links are not called. The LameDuckModeHandler is called in
// any case.
func StayOnLameDuck() Option { return set(func(o *Options) { o.StayOnLameDuck = true }) }

// ConnectHandler sets the callback for the first successful connect.
func ConnectHandler(cb ConnHandler) Option { return set(func(o *Options) { o.ConnectedCB = cb }) }

// DisconnectErrHandler sets the callback for the loss of the link to a server, which receives
// the cause. When a live connection is closed, it is called with nil.
func DisconnectErrHandler(cb ConnErrHandler) Option {
	return set(func(o *Options) { o.DisconnectedErrCB = cb })
}

// DisconnectHandler sets the callback for the loss of the link to a server, and for the end
// of a live connection. It is called only if there is no DisconnectErrHandler.
//
// Deprecated: use DisconnectErrHandler, which receives the cause.
func DisconnectHandler(cb ConnHandler) Option {
	return set(func(o *Options) { o.DisconnectedCB = cb })
}

// ReconnectHandler sets the callback for each successful reconnect.
func ReconnectHandler(cb ConnHandler) Option { return set(func(o *Options) { o.ReconnectedCB = cb }) }

// ReconnectErrHandler sets the callback for each failed attempt to reconnect and, with
// RetryOnFailedConnect, for each failed attempt to connect. (nats.go leaves out attempts that
// fail after the dial.)
func ReconnectErrHandler(cb ConnErrHandler) Option {
	return set(func(o *Options) { o.ReconnectErrCB = cb })
}

// ClosedHandler sets the callback that is called once, when the connection is closed for
// good.
func ClosedHandler(cb ConnHandler) Option { return set(func(o *Options) { o.ClosedCB = cb }) }

// ErrorHandler sets the callback for errors that no call can return: slow consumers, failing
// handlers, errors that a server reports. Default: none, and nothing is printed (nats.go
// prints them). OnEvent and Logger report more.
func ErrorHandler(cb ErrHandler) Option { return set(func(o *Options) { o.AsyncErrorCB = cb }) }

// DiscoveredServersHandler sets the callback for servers that a server announces and that
// were unknown.
func DiscoveredServersHandler(cb ConnHandler) Option {
	return set(func(o *Options) { o.DiscoveredServersCB = cb })
}

// LameDuckModeHandler sets the callback for a server's announcement that it will stop.
func LameDuckModeHandler(cb ConnHandler) Option {
	return set(func(o *Options) { o.LameDuckModeHandler = cb })
}

// NoCallbacksAfterClientClose suppresses the callbacks for disconnect and close when the
// program itself closes the connection.
func NoCallbacksAfterClientClose() Option {
	return set(func(o *Options) { o.NoCallbacksAfterClientClose = true })
}

// OnEvent sets the callback that receives every event of the connection, in order, before the
// other callbacks for it.
func OnEvent(cb func(Event)) Option { return set(func(o *Options) { o.EventCB = cb }) }

// Logger logs every event as one line: those with an error at warning level, others at debug
// level. No line contains a credential or a payload. Default: nothing is logged.
func Logger(log *zap.Logger) Option { return set(func(o *Options) { o.Log = log }) }
