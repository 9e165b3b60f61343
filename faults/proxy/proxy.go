package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

// The defaults of [Options].
const (
	DialTimeoutDefault = 5 * time.Second
	portDefault        = "4222"
)

// Options configure a proxy. The zero value is valid. They are read by [Start].
type Options struct {
	// Name is compared with the targets of rules; the zero value accepts every rule for
	// links.
	Name plan.Target

	// Seed is the seed of everything random.
	Seed uint64

	// Window is how many bytes a connection holds in each direction while they can't
	// pass; 0 is [wire.WindowDefault]. The system's socket buffers add to it.
	Window int

	// DialTimeout bounds how long a dial to the server may take; 0 is
	// [DialTimeoutDefault].
	DialTimeout time.Duration

	// Advertise returns the address that clients are told in place of a server's,
	// host:port as an INFO lists it in connect_urls; "" leaves the server out. It is
	// called concurrently for several connections, and must not block. nil changes
	// nothing.
	Advertise func(server string) string
}

// Proxy listens on a random port of 127.0.0.1, and relays each connection to its server
// through one link. All methods are safe for concurrent use.
type Proxy struct {
	link     *wire.Link
	listener net.Listener
	dialer   net.Dialer
	user     *url.Userinfo // of the server's URL
	scheme   string
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu       sync.Mutex
	upstream string // host:port
}

// Start starts a proxy in front of a server, given as a URL or as host:port, with 4222 as
// the default port. The server need not be running yet. The error is a [*net.AddrError]
// or a [*url.Error] about the address, or that of listening.
func Start(upstream string, options Options) (*Proxy, error) {
	server, err := parse(upstream)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return start(listener, server, options), nil
}

// start starts a proxy on a listener.
func start(listener net.Listener, server *url.URL, options Options) *Proxy {
	if options.DialTimeout <= 0 {
		options.DialTimeout = DialTimeoutDefault
	}
	wired := wire.Options{Seed: options.Seed, Window: options.Window}
	if options.Advertise != nil {
		wired.Info = func(line []byte) []byte { return advertise(line, options.Advertise) }
	}
	p := &Proxy{link: wire.New(options.Name, wired), listener: listener, dialer: net.Dialer{Timeout: options.DialTimeout},
		user: server.User, scheme: server.Scheme, upstream: server.Host}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.running.Go(func() { p.accept(ctx) })
	return p
}

// parse returns the URL of a server, with a port.
func parse(upstream string) (*url.URL, error) {
	if !strings.Contains(upstream, "://") {
		upstream = "nats://" + upstream
	}
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" {
		return nil, &net.AddrError{Err: "missing host", Addr: upstream}
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && strings.Contains(u.Hostname(), ":") {
		return nil, &net.AddrError{Err: "too many colons", Addr: upstream}
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), portDefault)
	}
	return u, nil
}

// URL returns the address for clients as a URL, with the scheme and the user of the
// server's.
func (p *Proxy) URL() string {
	return (&url.URL{Scheme: p.scheme, User: p.user, Host: p.Addr()}).String()
}

// Addr returns the address for clients as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Link returns the link, which has all rules and counts.
func (p *Proxy) Link() *wire.Link { return p.link }

// Inject adds a rule to the link, in its text form.
func (p *Proxy) Inject(rule string) (*wire.Injection, error) { return p.link.Inject(rule) }

// Add adds a rule to the link.
func (p *Proxy) Add(rule plan.Rule) (*wire.Injection, error) { return p.link.Add(rule) }

// Clear lifts all rules of the link.
func (p *Proxy) Clear() { p.link.Clear() }

// Stats returns the counts of the link.
func (p *Proxy) Stats() wire.Stats { return p.link.Stats() }

// SetUpstream sets another server for all new connections; open ones stay. Errors are
// those of [Start] about the address, and change nothing.
func (p *Proxy) SetUpstream(upstream string) error {
	u, err := parse(upstream)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upstream = u.Host
	return nil
}

// Upstream returns the server's address as host:port.
func (p *Proxy) Upstream() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.upstream
}

// Close stops listening, resets all connections, and waits until nothing of them is
// left. It may be called more than once.
func (p *Proxy) Close() {
	p.stop()
	_ = p.listener.Close()
	p.link.Close()
	p.running.Wait()
}

// accept takes connections until the proxy is closed.
func (p *Proxy) accept(ctx context.Context) {
	for {
		conn, err := p.listener.Accept()
		switch {
		case err == nil:
			p.take(ctx, conn.(*net.TCPConn))
		case errors.Is(err, net.ErrClosed):
			return
		default: // too many open files for a moment, or a client that left at once
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return
			}
		}
	}
}

// take relays a connection, unless a rule refuses it.
func (p *Proxy) take(ctx context.Context, client *net.TCPConn) {
	if p.link.Admit() != nil {
		reset(client)
		return
	}
	p.running.Go(func() {
		server, err := p.dialer.DialContext(ctx, "tcp", p.Upstream())
		if err != nil {
			reset(client)
			return
		}
		p.link.Relay(client, server)
	})
}

// reset closes a connection that is not served.
func reset(conn *net.TCPConn) { _ = errors.Join(conn.SetLinger(0), conn.Close()) }
