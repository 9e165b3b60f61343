package actors

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Status is the state of a connection; the numbers are nats.go's.
type Status int32

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
	// Servers to connect to, tried in random order unless KeepOrder; at least one.
	Servers   []*url.URL
	KeepOrder bool
	// Hello is what CONNECT says about us: name, echo, verbose, credentials.
	Hello protocol.Connect
	// Authenticate completes hello for one attempt, nil for nothing to add. It
	// runs on the dialing goroutine at every attempt.
	Authenticate func(server *url.URL, info *protocol.Info, hello *protocol.Connect) error
	// Dial opens the transport, nil for TCP to the server's host.
	Dial func(ctx context.Context, server *url.URL) (net.Conn, error)
	// TLS is the client configuration; nil means a default one where needed.
	TLS *tls.Config
	// Secure requires TLS.
	Secure bool
	// Timeout bounds the dial and, separately, the handshake.
	Timeout time.Duration
	// WriteTimeout bounds one socket write; zero or less means none.
	WriteTimeout time.Duration
	// PingInterval is the time between PINGs on our side; zero or less means none.
	PingInterval time.Duration
	// PingsMax is how many PINGs may be unanswered before the link is stale.
	PingsMax int
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
	// KeepAfterAuthErrors goes on after the same authorization error came
	// twice in a row from the same server.
	KeepAfterAuthErrors bool
	// IgnoreDiscovered leaves the servers that INFO announces aside.
	IgnoreDiscovered bool
	// InboxPrefix begins the subjects of replies, without a trailing dot.
	InboxPrefix string
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
}

// Conn is one connection: what outlives its sockets, and the handle to its
// actor tree. Safe for concurrent use; any method may be called from any
// handler or callback.
type Conn struct {
	sys  *System
	cfg  Config
	name string // connection-1
	tree *tree
	root place[connectionMsg]

	out    *outbox
	subs   table // written under out.mu
	roster roster
	chunks chunkPool
	reqs   requests
	events eventLog

	status  atomic.Int32
	info    atomic.Pointer[protocol.Info]
	server  atomic.Pointer[server] // in use; nil while down
	local   atomic.Pointer[string] // address of the socket
	pool    *pool                  // link's
	attempt atomic.Uint32          // incarnations of sockets, ever
	rtt     atomic.Int64           // last measured, ns

	inMsgs     atomic.Uint64
	inBytes    atomic.Uint64
	strays     atomic.Uint64 // messages for subscriptions that are gone
	reconnects atomic.Uint64
	uncertain  atomic.Uint64 // publishes that may or may not have left
	pongsOut   atomic.Int32  // heartbeats without an answer

	everConnected atomic.Bool
	urls          atomic.Pointer[[]PoolEntry] // the pool, for others than the link

	first   chan error // result of the first connect, capacity 1
	done    chan struct{}
	endOnce sync.Once
	mu      sync.Mutex
	lastErr error
	cause   error // why the connection closed
	closing bool
	subsBox place[subscriptionsMsg]
	linkBox place[linkMsg]
	reqsBox place[requestsMsg]
}

// Connect builds the tree of a connection and waits until it has a server or
// has tried them all. It returns a *NoServersError with every attempt, or
// ctx's error; no goroutine is left in that case.
func Connect(ctx context.Context, sys *System, cfg Config) (*Conn, error) {
	c := &Conn{
		sys: sys, cfg: cfg, name: sys.connName(),
		first: make(chan error, 1),
		done:  make(chan struct{}),
	}
	c.out = newOutbox(cfg.BufferWhileDown, c.settled)
	c.status.Store(int32(Connecting))
	c.pool = newPool(cfg.Servers, !cfg.KeepOrder, cfg.Backoff, cfg.AttemptsMax)
	c.publishPool()
	c.reqs.init(c)
	c.events.init(c)
	c.tree = newTree(sys, func(e supervisor.Event) { c.observe(Notice{Event: e, Sub: c.subAt(e.Path)}) }, c.ended)
	c.tree.giveUp = c.fail
	sys.exec.retain()
	spawnRoot(c.tree, Spec{Name: c.name, Kind: "connection", Policy: rootPolicy, first: start{},
		OnStopped: c.rootStopped},
		func() Actor[connectionMsg] { return &connection{conn: c} })
	select {
	case err := <-c.first:
		// What came after a first link, even a callback that closed the connection,
		// is no failure to connect.
		if err == nil || cfg.RetryFirst || c.everConnected.Load() {
			return c, nil
		}
		c.fail(err)
		c.wait(context.Background())
		return nil, err
	case <-ctx.Done():
		c.fail(ctx.Err())
		c.wait(context.Background())
		return nil, ctx.Err()
	}
}

// rootStopped runs when the root has ended, with a reason if its policy ended it.
func (c *Conn) rootStopped(reason error) {
	if reason != nil {
		reason = fmt.Errorf("%w: %w", ErrInternal, reason)
	}
	c.fail(reason)
}

// rootPolicy restarts the tree of a connection whose root has a defect, and
// ends it when that does not help.
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

// Status returns the state of the connection.
func (c *Conn) Status() Status { return Status(c.status.Load()) }

func (c *Conn) setStatus(s Status) { c.status.Store(int32(s)) }

// moveTo sets the status unless the connection is closed, which it stays. It
// returns the status before.
func (c *Conn) moveTo(s Status) (before Status) {
	for {
		before = c.Status()
		if before == Closed || c.status.CompareAndSwap(int32(before), int32(s)) {
			return before
		}
	}
}

// Info returns what the server last said about itself, nil before the first
// server. The value is shared: read only.
func (c *Conn) Info() *protocol.Info { return c.info.Load() }

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
	Attempts   int      // failed ones since the last stable link
	Discovered bool     // learnt from a server
}

// Pool returns the servers that are tried, as of the last change.
func (c *Conn) Pool() []PoolEntry {
	if p := c.urls.Load(); p != nil {
		return *p
	}
	return nil
}

// publishPool makes the pool visible; link's turn only.
func (c *Conn) publishPool() {
	entries := make([]PoolEntry, 0, len(c.pool.servers))
	for _, s := range c.pool.servers {
		entries = append(entries, PoolEntry{URL: s.url, Attempts: s.attempts, Discovered: s.implicit})
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
	Uncertain                          uint64 // publishes whose fate a lost link left open
	Strays                             uint64 // messages for subscriptions that had ended
	LateReplies                        uint64 // replies that nobody waited for any more
	EventsDropped                      uint64
}

// Stats returns a snapshot of the counters.
func (c *Conn) Stats() Stats {
	c.out.mu.Lock()
	s := Stats{OutMsgs: c.out.accepted, OutBytes: c.out.outBytes}
	c.out.mu.Unlock()
	s.InMsgs, s.InBytes = c.inMsgs.Load(), c.inBytes.Load()
	s.Reconnects, s.Uncertain, s.Strays = c.reconnects.Load(), c.uncertain.Load(), c.strays.Load()
	s.LateReplies = c.reqs.late.Load()
	s.EventsDropped = c.events.droppedCount()
	return s
}

// Report adds an event of the caller's to the stream: numbered, kept, and
// delivered in order like all others.
func (c *Conn) Report(n Notice) { c.observe(n) }

// SubscriptionCount returns how many subscriptions the server is told of, the
// reply inbox included.
func (c *Conn) SubscriptionCount() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.subs.count
}

// subAt returns the subscription whose dispatcher, or a worker of it, has that
// path; nil when the path is another actor's.
func (c *Conn) subAt(path string) *Sub {
	rest, ok := strings.CutPrefix(path, c.name+"/subscriptions/dispatcher-")
	if !ok {
		return nil
	}
	digits, _, _ := strings.Cut(rest, "/")
	sid, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return nil
	}
	return c.subs.get(sid)
}

// Buffered returns the bytes that wait to be written.
func (c *Conn) Buffered() (int, error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.state == outClosed {
		return -1, c.out.why
	}
	return len(c.out.buf), nil
}

// Publish sends a message. The subject is checked here; reply has passed the
// checks of package protocol, block is an encoded header block or nil. The
// payload is copied. It returns a *protocol.BadSubjectError, *MaxPayloadError,
// *OutboundBufferLimitError, ErrHeadersNotSupported, ErrConnectionDraining or
// ErrConnectionClosed; nothing was sent then.
func (c *Conn) Publish(subject, reply string, block, payload []byte) error {
	return c.out.publish(subject, reply, block, payload)
}

// Flush waits until the server has seen everything sent before.
func (c *Conn) Flush(ctx context.Context) error { return c.out.flush(ctx) }

// ForceReconnect gives up the link, or ends the wait for the next attempt.
func (c *Conn) ForceReconnect() error {
	if c.Status() == Closed {
		return c.closedError()
	}
	return c.linkBox.Send(redial{})
}

// closedError says that, and why, the connection is closed.
func (c *Conn) closedError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &ConnectionClosedError{Cause: c.cause}
}

// fail ends the connection with a cause; nil for an end that was asked for.
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
	c.reqs.failAll(why)
	for _, w := range c.out.close(why) {
		w <- why
	}
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

// ended runs when the root actor has stopped.
func (c *Conn) ended() {
	c.endOnce.Do(func() {
		c.chunks.drop()
		c.sys.exec.release()
		close(c.done)
	})
}
