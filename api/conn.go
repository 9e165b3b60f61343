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
	// DISCONNECTED: the link was lost under NoReconnect, and CLOSED follows. A nil Conn
	// is in this state as well.
	DISCONNECTED = actors.Disconnected
	// CONNECTED: connected.
	CONNECTED = actors.Connected
	// CLOSED: ended for good.
	CLOSED = actors.Closed
	// RECONNECTING: there is no server, and attempts are made: the link was lost or, under
	// RetryOnFailedConnect, no server was reached when all had been tried once.
	RECONNECTING = actors.Reconnecting
	// CONNECTING: no server has been reached yet. Attempts after the loss of a link are
	// RECONNECTING.
	CONNECTING = actors.Connecting
	// DRAINING_SUBS: a drain lets subscriptions finish.
	DRAINING_SUBS = actors.DrainingSubs
	// DRAINING_PUBS: a drain lets publishes leave.
	DRAINING_PUBS = actors.DrainingPubs
)

// Conn is a connection to NATS servers: one at a time, another when that is
// lost. It is safe for concurrent use, and every method may be called from every
// handler and callback. Methods of a nil Conn return ErrInvalidConnection, or
// nothing.
type Conn struct {
	// Opts are the options in use: read only. Callbacks are changed with the Set
	// methods, which leave Opts alone.
	Opts Options

	core  *actors.Conn // set once by adopt, before anyone can have the Conn
	adopt func(*actors.Conn)
	mux   *Subscription // what replies to requests are bound to

	retries retryDesk // what calls of Retry share

	mu        sync.Mutex
	callbacks callbackSet // guarded by mu
	events    eventListeners
	statuses  statusListeners
	everUp    bool        // there has been a link; the callbacks actor's alone
	beganDown atomic.Bool // Connect returned without a server: the first one is news
}

// callbackSet holds the callbacks that can be changed while connected.
type callbackSet struct {
	disconnected ConnErrHandler
	lost         ConnHandler // in the place of disconnected, if that is nil
	reconnected  ConnHandler
	discovered   ConnHandler
	closed       ConnHandler
	failed       ErrHandler
}

// init prepares everything that events need: they may come before the runtime's
// Connect returns.
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

// valid reports whether the connection is one that Connect returned.
func (nc *Conn) valid() bool { return nc != nil && nc.core != nil }

// Status returns the state of the connection.
func (nc *Conn) Status() Status {
	if !nc.valid() {
		return DISCONNECTED
	}
	return nc.core.Status()
}

// IsConnected reports whether there is a server; also during a drain, which goes on
// when the server is lost, without being connected.
func (nc *Conn) IsConnected() bool { return nc.valid() && nc.core.Live() }

// IsReconnecting reports whether the state is RECONNECTING: there is no server, or was
// none yet, and attempts are made.
func (nc *Conn) IsReconnecting() bool { return nc.Status() == RECONNECTING }

// IsClosed reports whether the connection has ended for good.
func (nc *Conn) IsClosed() bool { return nc.Status() == CLOSED }

// IsDraining reports whether the connection is being drained.
func (nc *Conn) IsDraining() bool {
	s := nc.Status()
	return s == DRAINING_SUBS || s == DRAINING_PUBS
}

// LastError returns the last error of the connection: why a link was lost or an attempt
// failed, what a server complained of, the SlowConsumerError of a subscription, why a
// drain was not finished; nil if there was none. A connection that has ended by itself
// tells why. A Close or Drain that was asked for is no error, and leaves it as it is.
// Errors of handlers are not among them.
func (nc *Conn) LastError() error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	return nc.core.LastError()
}

// ForceReconnect gives up the link to the server and makes a new one at once,
// or ends the pause between two attempts. It does not wait. Requests and
// flushes that wait end with ErrDisconnected. NoReconnect does not stand in its way.
// ErrConnectionClosed when closed.
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

// info is what the last server said about itself, zero before the first.
func (nc *Conn) info() protocol.Info {
	if nc.valid() {
		if info := nc.core.Info(); info != nil {
			return *info
		}
	}
	return protocol.Info{}
}

// ConnectedUrl returns the address of the server in use with its credentials,
// empty unless connected.
func (nc *Conn) ConnectedUrl() string {
	if server, _ := nc.connected(); server != nil {
		return server.String()
	}
	return ""
}

// ConnectedUrlRedacted returns the address of the server in use with password or
// token masked, empty unless connected.
func (nc *Conn) ConnectedUrlRedacted() string {
	if server, _ := nc.connected(); server != nil {
		return redactedURL(server)
	}
	return ""
}

// ConnectedAddr returns host and port of the server in use as they were
// configured or discovered, empty unless connected.
func (nc *Conn) ConnectedAddr() string {
	if server, _ := nc.connected(); server != nil {
		return server.Host
	}
	return ""
}

// LocalAddr returns the local address of the socket, empty unless connected.
func (nc *Conn) LocalAddr() string {
	if server, _ := nc.connected(); server != nil {
		return nc.core.LocalAddr()
	}
	return ""
}

// ConnectedServerId returns the id of the server in use, empty unless connected.
func (nc *Conn) ConnectedServerId() string {
	if _, info := nc.connected(); info != nil {
		return info.ServerID
	}
	return ""
}

// ConnectedServerName returns the name of the server in use, empty unless connected.
func (nc *Conn) ConnectedServerName() string {
	if _, info := nc.connected(); info != nil {
		return info.ServerName
	}
	return ""
}

// ConnectedServerVersion returns the version of the server in use, empty unless
// connected.
func (nc *Conn) ConnectedServerVersion() string {
	if _, info := nc.connected(); info != nil {
		return info.Version
	}
	return ""
}

// ConnectedClusterName returns the cluster of the server in use, empty unless
// connected.
func (nc *Conn) ConnectedClusterName() string {
	if _, info := nc.connected(); info != nil {
		return info.Cluster
	}
	return ""
}

// Servers returns the addresses that are tried, discovered ones included,
// without credentials.
func (nc *Conn) Servers() []string { return nc.servers(func(actors.PoolEntry) bool { return true }) }

// DiscoveredServers returns the addresses that were learnt from servers,
// without credentials.
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

// MaxPayload returns how many bytes of header and data the last server takes in
// one message; 0 before the first server.
func (nc *Conn) MaxPayload() int64 { return nc.info().MaxPayload }

// HeadersSupported reports whether the last server takes headers.
func (nc *Conn) HeadersSupported() bool { return nc.info().Headers }

// AuthRequired reports whether the last server wants credentials.
func (nc *Conn) AuthRequired() bool { return nc.info().AuthRequired }

// TLSRequired reports whether the last server wants TLS.
func (nc *Conn) TLSRequired() bool { return nc.info().TLSRequired }

// GetClientID returns the server's number of this connection; another one after
// a reconnect. Errors: ErrConnectionClosed, ErrClientIDNotSupported.
func (nc *Conn) GetClientID() (uint64, error) {
	if err := nc.open(); err != nil {
		return 0, err
	}
	if id := nc.info().ClientID; id != 0 {
		return id, nil
	}
	return 0, ErrClientIDNotSupported
}

// GetClientIP returns our address as the server sees it. Errors:
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

// Statistics is what a connection has done. Bytes are header and data.
type Statistics struct {
	InMsgs     uint64 // all that came, dropped ones and replies included
	OutMsgs    uint64 // accepted publishes, those that wait included
	InBytes    uint64
	OutBytes   uint64
	Reconnects uint64 // completed ones

	Moves         uint64 // to another socket, without having lost the link; see StayOnLameDuck and Rotate
	Uncertain     uint64 // publishes that a lost link may have swallowed, see PublishUncertain
	Strays        uint64 // messages for subscriptions that had ended
	LateReplies   uint64 // replies that nobody waited for any more
	EventsDropped uint64 // events for which a slow callback left no room

	PendingBytes    uint64 // what waits, in bytes, as PendingBudget counts it; 0 without one
	MaxPendingBytes uint64 // the most that ever waited
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

// Buffered returns how many bytes wait to be written, those of a write that is going on
// included; -1 and ErrConnectionClosed when closed.
func (nc *Conn) Buffered() (int, error) {
	if !nc.valid() {
		return -1, ErrInvalidConnection
	}
	return nc.core.Buffered()
}

// NumSubscriptions returns how many subscriptions there are. The one for replies
// to requests counts.
func (nc *Conn) NumSubscriptions() int {
	if !nc.valid() {
		return 0
	}
	return nc.core.SubscriptionCount()
}

// Tree returns a snapshot of the connection's actors: what state each is in,
// since when and why. Its String is the picture.
func (nc *Conn) Tree() Node {
	if !nc.valid() {
		return supervisor.Node{Kind: "connection", State: "closed", Level: supervisor.Down, Taken: time.Now()}
	}
	return nc.core.Tree()
}

// Health returns nil while everything works, and otherwise a *HealthError that
// names what does not, and why.
func (nc *Conn) Health() error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	return nc.core.Health()
}

// Node is a snapshot of one actor and those below it: its Path, Name and Kind; State,
// the Level that this is for Health, Since when and for what Reason; Restarts;
// MailboxMsgs and MailboxBytes that wait; Counters; and Children.
type Node = supervisor.Node

// NewInbox returns a new subject that nobody else uses, "_INBOX." and a unique id.
func NewInbox() string { return InboxPrefix + nuid.Next() }

// NewInbox returns a new subject that nobody else uses, under the connection's
// inbox prefix.
func (nc *Conn) NewInbox() string {
	if nc == nil {
		return NewInbox()
	}
	return nc.inboxPrefix() + "." + nuid.Next()
}

// respTokenLen is the length of what NewRespInbox appends: enough of a nuid not to
// come again on one connection.
const respTokenLen = 8

// NewRespInbox returns a new subject below the one that replies to this
// connection's requests come to. Once there has been a request, what comes there
// without a subscription of its own is counted as a late reply.
func (nc *Conn) NewRespInbox() string {
	if !nc.valid() {
		return nc.NewInbox()
	}
	id := nuid.Next()
	return nc.core.ReplyPrefix() + id[len(id)-respTokenLen:]
}
