package actors

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Status is the state of a connection; the numbers are nats.go's.
type Status int

// The states of a connection.
const (
	Disconnected Status = iota
	Connected
	Closed
	Reconnecting
	Connecting
	DrainingSubs
	DrainingPubs
)

// String returns the name of the state in capitals, as nats.go does.
func (s Status) String() string {
	names := [...]string{"DISCONNECTED", "CONNECTED", "CLOSED", "RECONNECTING", "CONNECTING", "DRAINING_SUBS", "DRAINING_PUBS"}
	if s < 0 || int(s) >= len(names) {
		return "unknown status"
	}
	return names[s]
}

// Config describes one connection. It is not changed after Connect.
type Config struct {
	// Servers to connect to, in the order in which they are tried; at least one.
	Servers []*url.URL
	// KeepOrder tries discovered servers in the order in which they were announced;
	// otherwise they are shuffled.
	KeepOrder bool
	// Hello is what CONNECT says about us: name, echo, verbose, credentials.
	Hello protocol.Connect
	// Authenticate completes hello for one attempt; nil adds nothing. It runs on the
	// dialing goroutine at every attempt, and must call the user's callbacks through Ask
	// with ctx, which ends with the time for the handshake.
	Authenticate func(ctx context.Context, server *url.URL, info *protocol.Info, hello *protocol.Connect) error
	// Dial opens the connection to a server in place of Transport; nil for none. It may
	// panic, block or return nothing.
	Dial func(ctx context.Context, server *url.URL) (net.Conn, error)
	// Transport opens the connection to a server.
	Transport Transport
	// TLS is the client configuration; nil means a default one where needed.
	TLS *tls.Config
	// TLSCertificate returns our certificate and TLSRootCAs the authorities to trust; nil
	// for those in TLS. Both are called for every handshake, and may panic, block or
	// return nothing.
	TLSCertificate func() (tls.Certificate, error)
	TLSRootCAs     func() (*x509.CertPool, error)
	// TLSServerName is the name in every server's certificate; empty for the one
	// in TLS, or the host of the server's address.
	TLSServerName string
	// Secure requires TLS, TLSFirst begins with it, and NoTLS forbids it.
	Secure, TLSFirst, NoTLS bool
	// DialSecures says that dialed connections must not be wrapped in TLS.
	DialSecures bool
	// Timeout bounds the dial and, separately, the handshake.
	Timeout time.Duration
	// WriteTimeout bounds one socket write of 32 KiB, and larger ones in proportion; zero
	// or less means no bound.
	WriteTimeout time.Duration
	// PingInterval is the time between PINGs on our side; zero or less means none.
	PingInterval time.Duration
	// PingsMax is how many PINGs may be unanswered before the link is stale; negative
	// gives it up at the first PingInterval.
	PingsMax int
	// LooseSubjects checks the subjects of publishes only for what would break a frame.
	LooseSubjects bool
	// BufferWhileDown bounds the bytes of publishes kept while there is no
	// link; negative keeps none.
	BufferWhileDown int
	// NoReconnect closes the connection when its first link is lost.
	NoReconnect bool
	// RetryFirst keeps trying when the first pass over the servers fails.
	RetryFirst bool
	// AttemptsMax drops a server after that many failed attempts; negative never.
	AttemptsMax int
	// Backoff paces the attempts on each server.
	Backoff supervisor.Backoff
	// Delay, if not nil, replaces Backoff: it returns the pause before each new pass over
	// the servers, counted from 1. There is no pause within a pass. It may panic or
	// block, as may Choose.
	Delay func(pass int) time.Duration
	// Choose picks the server of each attempt to reconnect; nil leaves that to the pool.
	// Its arguments are shared: read only.
	Choose func(pool []PoolEntry, info *protocol.Info) Choice
	// KeepAfterAuthErrors keeps trying after the same server reported the same
	// authorization error twice in a row.
	KeepAfterAuthErrors bool
	// StayOnLameDuck stays with a server that is about to stop until it ends, instead of
	// moving to another one before.
	StayOnLameDuck bool
	// IgnoreDiscovered ignores the servers that INFO announces.
	IgnoreDiscovered bool
	// InboxPrefix begins the subjects of replies, without a trailing dot.
	InboxPrefix string
	// InboxEach subscribes to the reply subject of each request instead of to one
	// inbox for all.
	InboxEach bool
	// PendingBudget bounds the bytes that wait on the connection, in all subscriptions
	// together; 0 means no bound but their own.
	PendingBudget int
	// DrainTimeout bounds a drain whose context has no deadline.
	DrainTimeout time.Duration
	// OnEvent gets every event in order, on an actor of its own. It may block
	// and may call anything.
	OnEvent func(Notice)
}

// Notice is an event together with what it is about.
type Notice struct {
	supervisor.Event
	// Sub is the subscription concerned, nil for events of the connection.
	Sub *Sub
	// Conn is the connection; OnEvent may run before Connect has returned it.
	Conn *Conn

	call func() // called in the place of OnEvent; nil for an event
}

// Conn is one connection: what outlives its sockets, and the handle to its
// actor tree. Safe for concurrent use; any method may be called from any
// handler or callback.
type Conn struct {
	sys  *System
	cfg  Config
	name string // such as connection-1
	tree *tree
	root place[connectionMsg]

	out     *outbox
	subs    table // written under out.mu
	roster  roster
	chunks  chunkPool
	budget  *budget // nil for none
	reqs    requests
	outlets outlets

	farewells farewells
	events    eventLog

	status  atomic.Int32
	info    atomic.Pointer[protocol.Info]
	line    atomic.Pointer[line]   // in use; nil while down
	server  atomic.Pointer[server] // in use; nil while down
	local   atomic.Pointer[string] // address of the socket
	tls     atomic.Pointer[tls.ConnectionState]
	pool    *pool         // link's
	attempt atomic.Uint32 // incarnations of sockets, ever
	rtt     atomic.Int64  // last measured, ns

	inMsgs     atomic.Uint64
	inBytes    atomic.Uint64
	strays     atomic.Uint64 // messages for subscriptions that are gone
	reconnects atomic.Uint64
	uncertain  atomic.Uint64 // publishes that may or may not have been sent
	pongsOut   atomic.Int32  // heartbeats without an answer
	answered   atomic.Int64  // when the last PONG came, ns since 1970
	retried    atomic.Uint32 // attempt whose first PONG confirms refused subscriptions; 0 for none

	overlap overlap                       // guarded by the outbox's lock
	moving  atomic.Pointer[chan struct{}] // closed when the overlap is over; nil without one
	moves   atomic.Uint64                 // moves to another server

	everConnected atomic.Bool
	asking        atomic.Int32                // calls of Delay and Choose that have not returned
	urls          atomic.Pointer[[]PoolEntry] // the pool, for goroutines other than the link

	first   chan error // result of the first connect, capacity 1
	done    chan struct{}
	endOnce sync.Once
	mu      sync.Mutex
	lastErr error
	down    error // why there is no server, or was none the last time
	cause   error // why the connection closed
	undone  error // why the drain that closed it did not finish
	closing bool
	subsBox place[subscriptionsMsg]
	linkBox place[linkMsg]

	linkDefects supervisor.History // used by its supervisor only

	reqsBox place[requestsMsg]

	company  company
	linkNews linkNews
}

// Connect builds the tree of a connection and waits until it has a server or
// has tried them all. It returns a *NoServersError with every attempt, or a
// *TimeoutError or *CanceledError for ctx; no goroutine is left in that case.
func Connect(ctx context.Context, sys *System, cfg Config) (*Conn, error) {
	if sys.stopped() {
		return nil, ErrSystemStopped
	}
	began := time.Now()
	c := &Conn{
		sys: sys, cfg: cfg, name: sys.connName(),
		first: make(chan error, 1),
		done:  make(chan struct{}),
	}
	c.budget = newBudget(cfg.PendingBudget)
	c.out = newOutbox(cfg.BufferWhileDown, c.settled)
	c.out.loose = cfg.LooseSubjects
	c.status.Store(int32(Connecting))
	c.pool = newPool(cfg.Servers, cfg.Backoff, cfg.AttemptsMax)
	c.pool.mixing = !cfg.KeepOrder
	if cfg.Delay != nil {
		c.pool.backoff = supervisor.Backoff{Initial: supervisor.NoDelay}
	}
	c.publishPool()
	c.reqs.init(c)
	c.events.init(c)
	c.tree = newTree(sys, func(e supervisor.Event, s *Sub) { c.observe(Notice{Event: e, Sub: s}) }, c.ended)
	c.tree.giveUp = c.fail
	sys.exec.retain()
	spawnRoot(c.tree, Spec{Name: c.name, Kind: "connection", Policy: rootPolicy, first: start{},
		OnStopped: c.rootStopped},
		func() Actor[connectionMsg] { return &connection{conn: c} })
	select {
	case err := <-c.first:
		// Whatever happens after a first link, even a callback that closes the
		// connection, is not a failure to connect.
		if err == nil || cfg.RetryFirst || c.everConnected.Load() {
			return c, nil
		}
		c.fail(err)
		c.wait(context.Background())
		return nil, err
	case <-ctx.Done():
		err := Interrupted(ctx, "connect", "", began)
		c.fail(err)
		c.wait(context.Background())
		return nil, err
	}
}

// rootStopped runs when the root has ended, with a reason if its policy ended it.
func (c *Conn) rootStopped(reason error) {
	switch {
	case reason != nil:
		reason = fmt.Errorf("%w: %w", ErrInternal, reason)
	case c.sys.adopted:
		reason = ErrSystemStopped // somebody else stopped it; no effect if we did
	}
	c.fail(reason)
}

// rootPolicy restarts the tree of a connection whose root failed, and ends it when that
// does not help.
var rootPolicy = supervisor.Policy{
	Directive: supervisor.Restart,
	Intensity: supervisor.Intensity{Max: 10, Within: 10 * time.Second},
	Exceeded:  supervisor.Stop,
	Backoff:   supervisor.Backoff{Initial: supervisor.NoDelay},
}

func (s *System) connName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns++
	return "connection-" + decimal(s.conns)
}

// dialWait returns how long the process-wide dial limit makes a dial wait.
func (s *System) dialWait(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials.Reserve(now)
}

// Name returns the name of the connection's root in the tree.
func (c *Conn) Name() string { return c.name }

// Done is closed when the connection begins to end for good. A drain does not close it.
func (c *Conn) Done() <-chan struct{} { return c.tree.ctx.Done() }

// Status returns the state of the connection.
func (c *Conn) Status() Status { return Status(c.status.Load()) }

// lastPong returns when the server last answered.
func (c *Conn) lastPong() time.Time { return time.Unix(0, c.answered.Load()) }

func (c *Conn) setStatus(s Status) { c.status.Store(int32(s)) }

// moveTo sets the status unless the connection is closed, which is final. It returns the
// previous status.
func (c *Conn) moveTo(s Status) (before Status) {
	for {
		before = c.Status()
		if before == Closed || c.status.CompareAndSwap(int32(before), int32(s)) {
			return before
		}
	}
}

// Info returns what the server last said about itself, nil before the first server. It
// includes everything the server said before it answered the latest PING. The value is
// shared: read only.
func (c *Conn) Info() *protocol.Info {
	n := c.line.Load()
	if n == nil {
		return c.info.Load()
	}
	news := n.news.Load() // read before the link's own copy: the link updates them in the other order
	known := c.info.Load()
	if news == nil {
		return known
	}
	info := *news
	info.Complete(known)
	return &info
}

// Server returns the address of the server in use, nil while there is none.
func (c *Conn) Server() *url.URL {
	if s := c.server.Load(); s != nil {
		return s.url
	}
	return nil
}

// serverName is the address of the server in use, for error texts.
func (c *Conn) serverName() string {
	if s := c.server.Load(); s != nil {
		return redacted(s.url)
	}
	return "server"
}

// PoolEntry is one server of the pool.
type PoolEntry struct {
	URL        *url.URL // shared: read only
	Attempts   int      // failed attempts to reconnect since the last success
	Discovered bool     // announced by a server
}

// Pool returns the servers that are tried, as of the last change.
func (c *Conn) Pool() []PoolEntry {
	if p := c.urls.Load(); p != nil {
		return *p
	}
	return nil
}

// publishPool makes the pool visible to other goroutines; in the link's turn only.
func (c *Conn) publishPool() {
	entries := make([]PoolEntry, 0, len(c.pool.servers))
	for _, s := range c.pool.servers {
		entries = append(entries, PoolEntry{URL: s.url, Attempts: s.tries, Discovered: s.implicit})
	}
	c.urls.Store(&entries)
}

// LocalAddr returns the local address of the socket, empty while there is none.
func (c *Conn) LocalAddr() string {
	if a := c.local.Load(); a != nil && c.Status() != Closed {
		return *a
	}
	return ""
}

// LastError returns the last error that was reported, nil if none was.
func (c *Conn) LastError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastErr
}

func (c *Conn) setLastError(err error) {
	c.mu.Lock()
	c.lastErr = err
	c.mu.Unlock()
}

// Stats is what a connection has done.
type Stats struct {
	InMsgs, OutMsgs, InBytes, OutBytes uint64 // bytes are header block and payload
	Reconnects                         uint64
	Moves                              uint64 // to another socket, without having lost the link
	Uncertain                          uint64 // publishes that a lost link may or may not have delivered
	Strays                             uint64 // messages for subscriptions that had ended
	LateReplies                        uint64 // replies that came when no caller was waiting any more
	EventsDropped                      uint64
	PendingBytes, MaxPendingBytes      uint64 // bytes that wait, and the most that ever did; 0 without a budget
}

// Stats returns a snapshot of the counters.
func (c *Conn) Stats() Stats {
	c.out.mu.Lock()
	s := Stats{OutMsgs: c.out.accepted, OutBytes: c.out.outBytes}
	c.out.mu.Unlock()
	s.Moves = c.moves.Load()
	s.InMsgs, s.InBytes = c.inMsgs.Load(), c.inBytes.Load()
	s.Reconnects, s.Uncertain, s.Strays = c.reconnects.Load(), c.uncertain.Load(), c.strays.Load()
	s.LateReplies = c.reqs.late.Load()
	s.EventsDropped = c.events.droppedCount()
	used, peak := c.budget.use()
	s.PendingBytes, s.MaxPendingBytes = uint64(used), uint64(peak)
	return s
}

// Report adds the caller's event to the stream: it is numbered, kept, and delivered in
// order like all others.
func (c *Conn) Report(n Notice) { c.observe(n) }

// SubscriptionCount returns how many subscriptions are registered with the server, the
// reply inbox included.
func (c *Conn) SubscriptionCount() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.subs.count
}

// Buffered returns the bytes that wait to be written. All bytes of a write in progress
// count: only its end shows how many the socket took.
func (c *Conn) Buffered() (int, error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.state == outClosed {
		return -1, c.out.why
	}
	return len(c.out.buf) + c.out.writing, nil
}

// Publish sends a message. The subject is checked here; reply must already be checked,
// and block is an encoded header block or nil. The payload is copied. It returns a
// *protocol.BadSubjectError, *MaxPayloadError, *OutboundBufferLimitError,
// ErrHeadersNotSupported, ErrConnectionDraining or ErrConnectionClosed; nothing was sent
// then.
func (c *Conn) Publish(subject, reply string, block, payload []byte) error {
	return c.out.publish(subject, reply, block, payload)
}

// Flush waits until the server has seen everything sent before.
func (c *Conn) Flush(ctx context.Context) error { return c.out.flush(ctx) }

// closedError says that, and why, the connection is closed.
func (c *Conn) closedError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &ConnectionClosedError{Cause: c.cause}
}

// fail ends the connection with a cause; nil for an end on request.
func (c *Conn) fail(cause error) {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return
	}
	c.closing = true
	c.cause = cause
	if cause != nil {
		c.lastErr = cause
	}
	c.mu.Unlock()
	before := c.Status()
	c.setStatus(Closed)
	why := c.closedError()
	for _, w := range c.out.close(why) {
		w <- &ConnectionClosedError{Cause: cause, Sent: true}
	}
	c.reqs.failAll(cause)
	c.endSubscriptions()
	c.observe(Notice{Event: supervisor.Event{Kind: supervisor.ConnectionClosed, Path: c.name,
		Before: before.String(), After: Closed.String(), Cause: cause}})
	select {
	case c.first <- why:
	default:
	}
	c.events.close()
	_ = c.root.must(closeDown{})
}
