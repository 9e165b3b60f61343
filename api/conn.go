package api

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Status is the state of a connection.
type Status = actors.Status

// The states of a connection.
const (
	// DISCONNECTED: the link was lost with NoReconnect set, and CLOSED follows. A nil Conn
	// is in this state as well.
	DISCONNECTED = actors.Disconnected
	// CONNECTED: connected.
	CONNECTED = actors.Connected
	// CLOSED: ended for good.
	CLOSED = actors.Closed
	// RECONNECTING: there is no server, and attempts are made, because the link was lost or,
	// with RetryOnFailedConnect, because the first attempt at every server has failed.
	RECONNECTING = actors.Reconnecting
	// CONNECTING: no server has been reached yet. After the loss of a link the state is
	// RECONNECTING instead.
	CONNECTING = actors.Connecting
	// DRAINING_SUBS: a drain lets subscriptions finish.
	DRAINING_SUBS = actors.DrainingSubs
	// DRAINING_PUBS: a drain sends what was published.
	DRAINING_PUBS = actors.DrainingPubs
)

// Conn is a connection to one NATS server at a time, and to another one when that is lost. It
// is safe for concurrent use, and every method may be called from every handler and callback.
// Methods of a nil Conn return ErrInvalidConnection or a zero value.
type Conn struct {
	// Opts are the options in use: read only. Callbacks are changed with the Set
	// methods, which leave Opts alone.
	Opts Options

	core  *actors.Conn // set once by adopt, before the program has the Conn
	adopt func(*actors.Conn)
	mux   *Subscription // Sub of replies to requests

	retries retryDesk // shared by calls of Retry

	mu        sync.Mutex
	callbacks callbackSet // guarded by mu
	events    eventListeners
	statuses  statusListeners
	everUp    bool        // there has been a link; used by the callbacks actor alone
	beganDown atomic.Bool // Connect returned without a server: the first link is reported
}

// callbackSet holds the callbacks that can be changed while connected.
type callbackSet struct {
	disconnected ConnErrHandler
	lost         ConnHandler // used if disconnected is nil
	reconnected  ConnHandler
	discovered   ConnHandler
	closed       ConnHandler
	failed       ErrHandler
}

// init prepares everything that events need, because the first may arrive before the
// runtime's Connect returns.
func (nc *Conn) init() {
	var once sync.Once
	nc.adopt = func(core *actors.Conn) { once.Do(func() { nc.core = core }) }
	nc.mux = &Subscription{nc: nc, typ: NilSubscription}
	nc.callbacks = callbackSet{
		disconnected: nc.Opts.DisconnectedErrCB,
		lost:         nc.Opts.DisconnectedCB,
		reconnected:  nc.Opts.ReconnectedCB,
		discovered:   nc.Opts.DiscoveredServersCB,
		closed:       nc.Opts.ClosedCB,
		failed:       nc.Opts.AsyncErrorCB,
	}
}

// valid reports whether the connection was returned by Connect.
func (nc *Conn) valid() bool { return nc != nil && nc.core != nil }

// Status returns the state of the connection.
func (nc *Conn) Status() Status {
	if !nc.valid() {
		return DISCONNECTED
	}
	return nc.core.Status()
}

// IsConnected reports whether there is a server. It may be true during a drain, which also
// continues without a server.
func (nc *Conn) IsConnected() bool { return nc.valid() && nc.core.Live() }

// IsReconnecting reports whether the state is RECONNECTING: there is no server, and attempts
// are made to reach one.
func (nc *Conn) IsReconnecting() bool { return nc.Status() == RECONNECTING }

// IsClosed reports whether the connection has ended for good.
func (nc *Conn) IsClosed() bool { return nc.Status() == CLOSED }

// IsDraining reports whether the connection is being drained.
func (nc *Conn) IsDraining() bool {
	s := nc.Status()
	return s == DRAINING_SUBS || s == DRAINING_PUBS
}

// LastError returns the last error of the connection, nil if there was none: why a link was
// lost or an attempt failed, an error that a server reported, the SlowConsumerError of a
// subscription, or why a drain did not finish. If the connection ended by itself, it is the
// reason. A Close or Drain by the program leaves it unchanged. Errors of handlers are not
// included.
func (nc *Conn) LastError() error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	return nc.core.LastError()
}

// ForceReconnect gives up the link to the server and connects again at once, or ends the
// pause between two attempts. It does not wait. When it returns, the status is no longer
// CONNECTED because of the old link, and what is published or flushed from then on goes to the
// next one; calls meanwhile make no further reconnect. Waiting requests and flushes end with
// ErrDisconnected. It reconnects even with NoReconnect. The error is ErrConnectionClosed when
// closed.
func (nc *Conn) ForceReconnect() error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	return nc.core.ForceReconnect()
}

// connected returns the server in use while the state is exactly CONNECTED.
func (nc *Conn) connected() (*url.URL, *protocol.Info) {
	if nc.Status() != CONNECTED {
		return nil, nil
	}
	server, info := nc.core.Server(), nc.core.Info()
	if server == nil || info == nil {
		return nil, nil
	}
	return server, info
}

// info returns the INFO of the last server, zero before the first.
func (nc *Conn) info() protocol.Info {
	if nc.valid() {
		if info := nc.core.Info(); info != nil {
			return *info
		}
	}
	return protocol.Info{}
}

// ConnectedUrl returns the address of the server in use, including its credentials;
// empty unless connected.
func (nc *Conn) ConnectedUrl() string {
	if server, _ := nc.connected(); server != nil {
		return server.String()
	}
	return ""
}

// ConnectedUrlRedacted returns the address of the server in use with its password or
// token masked; empty unless connected.
func (nc *Conn) ConnectedUrlRedacted() string {
	if server, _ := nc.connected(); server != nil {
		return redactedURL(server)
	}
	return ""
}

// ConnectedAddr returns the host and port of the server in use as they were
// configured or discovered; empty unless connected.
func (nc *Conn) ConnectedAddr() string {
	if server, _ := nc.connected(); server != nil {
		return server.Host
	}
	return ""
}

// LocalAddr returns the local address of the socket; empty unless connected.
func (nc *Conn) LocalAddr() string {
	if server, _ := nc.connected(); server != nil {
		return nc.core.LocalAddr()
	}
	return ""
}

// ConnectedServerId returns the ID of the server in use; empty unless connected.
func (nc *Conn) ConnectedServerId() string {
	if _, info := nc.connected(); info != nil {
		return info.ServerID
	}
	return ""
}

// ConnectedServerName returns the name of the server in use; empty unless connected.
func (nc *Conn) ConnectedServerName() string {
	if _, info := nc.connected(); info != nil {
		return info.ServerName
	}
	return ""
}

// ConnectedServerVersion returns the version of the server in use; empty unless
// connected.
func (nc *Conn) ConnectedServerVersion() string {
	if _, info := nc.connected(); info != nil {
		return info.Version
	}
	return ""
}

// ConnectedClusterName returns the cluster of the server in use; empty unless
// connected.
func (nc *Conn) ConnectedClusterName() string {
	if _, info := nc.connected(); info != nil {
		return info.Cluster
	}
	return ""
}

// Servers returns the addresses of the pool, including discovered ones, without
// credentials.
func (nc *Conn) Servers() []string { return nc.servers(func(actors.PoolEntry) bool { return true }) }

// DiscoveredServers returns the addresses that servers have announced, without
// credentials.
func (nc *Conn) DiscoveredServers() []string {
	return nc.servers(func(e actors.PoolEntry) bool { return e.Discovered })
}

func (nc *Conn) servers(wanted func(actors.PoolEntry) bool) []string {
	list := []string{}
	if !nc.valid() {
		return list
	}
	for _, e := range nc.core.Pool() {
		if wanted(e) {
			list = append(list, e.URL.Scheme+"://"+e.URL.Host)
		}
	}
	return list
}

// MaxPayload returns how many bytes of header and data the last server accepts in
// one message; 0 before the first server.
func (nc *Conn) MaxPayload() int64 { return nc.info().MaxPayload }

// HeadersSupported reports whether the last server supports headers.
func (nc *Conn) HeadersSupported() bool { return nc.info().Headers }

// AuthRequired reports whether the last server requires credentials.
func (nc *Conn) AuthRequired() bool { return nc.info().AuthRequired }

// TLSRequired reports whether the last server requires TLS.
func (nc *Conn) TLSRequired() bool { return nc.info().TLSRequired }

// GetClientID returns the number that the server has given this connection. It changes
// with each reconnect. Errors: ErrConnectionClosed, ErrClientIDNotSupported.
func (nc *Conn) GetClientID() (uint64, error) {
	if err := nc.open(); err != nil {
		return 0, err
	}
	if id := nc.info().ClientID; id != 0 {
		return id, nil
	}
	return 0, ErrClientIDNotSupported
}

// GetClientIP returns the client's address as the server sees it. Errors:
// ErrConnectionClosed, ErrClientIPNotSupported.
func (nc *Conn) GetClientIP() (net.IP, error) {
	if err := nc.open(); err != nil {
		return nil, err
	}
	if ip := net.ParseIP(nc.info().ClientIP); ip != nil {
		return ip, nil
	}
	return nil, ErrClientIPNotSupported
}

// open returns an error for a nil or closed connection.
func (nc *Conn) open() error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	_, err := nc.core.Buffered() // the cheapest call that knows why it was closed
	return err
}

// Statistics counts what a connection has done. Bytes are those of header and data.
type Statistics struct {
	InMsgs     uint64 // received messages, including replies and messages dropped here
	OutMsgs    uint64 // accepted publishes, including those not sent yet
	InBytes    uint64
	OutBytes   uint64
	Reconnects uint64 // completed reconnects

	Moves         uint64 // moves to another socket without losing the link; see StayOnLameDuck and Rotate
	Uncertain     uint64 // publishes that may have been lost with a link; see PublishUncertain
	Strays        uint64 // messages for subscriptions that had ended
	LateReplies   uint64 // replies that arrived after their request had ended
	EventsDropped uint64 // events dropped because a callback was too slow

	PendingBytes    uint64 // bytes that wait now, as PendingBudget counts them; 0 without a budget
	MaxPendingBytes uint64 // the highest PendingBytes so far
}

// Stats returns a snapshot of the counters.
func (nc *Conn) Stats() Statistics {
	if !nc.valid() {
		return Statistics{}
	}
	s := nc.core.Stats()
	return Statistics{
		InMsgs: s.InMsgs, OutMsgs: s.OutMsgs, InBytes: s.InBytes, OutBytes: s.OutBytes, Reconnects: s.Reconnects, Moves: s.Moves,
		Uncertain: s.Uncertain, Strays: s.Strays, LateReplies: s.LateReplies, EventsDropped: s.EventsDropped,
		PendingBytes: s.PendingBytes, MaxPendingBytes: s.MaxPendingBytes,
	}
}

// Buffered returns how many bytes wait to be written, including those of a write in
// progress; -1 and ErrConnectionClosed when closed.
func (nc *Conn) Buffered() (int, error) {
	if !nc.valid() {
		return -1, ErrInvalidConnection
	}
	return nc.core.Buffered()
}

// NumSubscriptions returns the number of subscriptions, including the one for replies
// to requests.
func (nc *Conn) NumSubscriptions() int {
	if !nc.valid() {
		return 0
	}
	return nc.core.SubscriptionCount()
}

// Tree returns a snapshot of the connection's actors: the state of each, since when it
// has been in it, and why. Its String draws the tree.
func (nc *Conn) Tree() Node {
	if !nc.valid() {
		return supervisor.Node{Kind: "connection", State: "closed", Level: supervisor.Down, Taken: time.Now()}
	}
	return nc.core.Tree()
}

// Health returns nil while everything works, and otherwise a *HealthError that names
// the actors that do not, and the reasons.
func (nc *Conn) Health() error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	return nc.core.Health()
}

// Node is a snapshot of one actor and those below it: its Path, Name and Kind; its State, the
// Level of the state for Health, Since when and for what Reason; the number of Restarts; the
// MailboxMsgs and MailboxBytes that wait; Counters; and Children.
type Node = supervisor.Node

// NewInbox returns a new unique subject: "_INBOX." and an ID.
func NewInbox() string { return InboxPrefix + nuid.Next() }

// NewInbox returns a new unique subject below the connection's inbox prefix.
func (nc *Conn) NewInbox() string {
	if nc == nil {
		return NewInbox()
	}
	return nc.inboxPrefix() + "." + nuid.Next()
}

// respTokenLen is the length of what NewRespInbox appends: enough of a nuid to be
// unique on one connection.
const respTokenLen = 8

// NewRespInbox returns a new subject below the inbox for replies to this connection's
// requests. After the first request, messages to it are counted as late replies unless it has
// a subscription of its own.
func (nc *Conn) NewRespInbox() string {
	if !nc.valid() {
		return nc.NewInbox()
	}
	id := nuid.Next()
	return nc.core.ReplyPrefix() + id[len(id)-respTokenLen:]
}
