package api_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// fleet is the dialer of a test: it connects each address to a real server in memory, or
// refuses, and records every dial.
type fleet struct {
	mu      sync.Mutex
	servers map[string]func() (net.Conn, error)
	dials   []dialed
	open    []net.Conn
	wrap    func(net.Conn) net.Conn // around each connection; nil for none
}

type dialed struct {
	host string
	at   time.Time
}

var errAway = errors.New("the test's server is away")

// newFleet has one server that answers at all hosts, like a cluster whose members are
// identical.
func newFleet(t *testing.T, hosts ...string) *fleet {
	s := natsserver.Run(t, natsserver.Options{DontListen: true})
	f := &fleet{servers: map[string]func() (net.Conn, error){}}
	for _, h := range hosts {
		f.servers[h+":4222"] = s.InProcessConn
	}
	return f
}

// Dial opens a connection to the server at address.
func (f *fleet) Dial(_, address string) (net.Conn, error) {
	f.mu.Lock()
	f.dials = append(f.dials, dialed{address, time.Now()})
	to, wrap := f.servers[address], f.wrap
	f.mu.Unlock()
	if to == nil {
		return nil, errAway
	}
	conn, err := to()
	if err != nil {
		return nil, err
	}
	if wrap != nil {
		conn = wrap(conn)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = append(f.open, conn)
	return conn, nil
}

// set changes the server of a host; nil removes it.
func (f *fleet) set(host string, to func() (net.Conn, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers[host+":4222"] = to
}

// away removes all hosts and closes open connections.
func (f *fleet) away() {
	f.mu.Lock()
	clear(f.servers)
	f.mu.Unlock()
	f.cut()
}

// cut closes all connections; the servers stay.
func (f *fleet) cut() {
	f.mu.Lock()
	open := f.open
	f.open = nil
	f.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

// count returns how often each host was dialed, and resets the record.
func (f *fleet) count() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := map[string]int{}
	for _, d := range f.dials {
		n[d.host[:len(d.host)-len(":4222")]]++
	}
	f.dials = nil
	return n
}

// times returns the times of all dials, and resets the record.
func (f *fleet) times() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []time.Time
	for _, d := range f.dials {
		all = append(all, d.at)
	}
	f.dials = nil
	return all
}

// connect connects through the fleet to hosts, in their order.
func (f *fleet) connect(t *testing.T, hosts string, options ...api.Option) *api.Conn {
	t.Helper()
	nc, err := api.Connect(hosts, append([]api.Option{api.SetCustomDialer(f), api.SkipHostLookup(), api.DontRandomize(),
		api.System(api.NewActorSystem(nil))}, options...)...)
	must.Do(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// host is the name of the server in use.
func host(nc *api.Conn) string {
	h, _, _ := net.SplitHostPort(nc.ConnectedAddr())
	return h
}

// settle lets virtual time pass and checks that the connection has a server.
func settle(t *testing.T, nc *api.Conn, d time.Duration) {
	t.Helper()
	time.Sleep(d)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := nc.FlushWithContext(ctx); err != nil || !nc.IsConnected() {
		t.Fatalf("after %v: %v, %v", d, nc.Status(), err)
	}
}
