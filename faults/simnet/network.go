package simnet

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

// Port is the port in the addresses of servers; a dial may name any port.
const Port = "4222"

// Provider is a server that hands out connections to itself, as natsserver.Server,
// fakeserver.Server and nats-server's own Server do.
type Provider interface {
	// InProcessConn returns a new connection, owned by the caller. An error means that
	// the connection is refused.
	InProcessConn() (net.Conn, error)
}

// Options configure a network. The zero value is valid.
type Options struct {
	// Window is how many bytes can wait at each end of a client's connection; 0 is
	// [WindowDefault]. Bytes that a rule holds in transit are not counted.
	Window int

	// Held is how many bytes a connection holds in transit in each direction while a rule
	// keeps them from passing; then it accepts no more, and writers block. 0 is
	// [wire.WindowDefault].
	Held int

	// Seed is the seed of the links, for rules with a share or a jitter; each link draws
	// from a stream of its own. The same seed and the same bytes give the same faults.
	Seed uint64
}

// Network is a network of servers with host names, and of clients that dial them. All
// methods are safe for concurrent use.
type Network struct {
	options Options

	mu      sync.Mutex
	hosts   map[string]*host // by name and by address
	links   map[plan.Target]*wire.Link
	named   []string       // names of hosts in the order in which they were attached
	clients map[string]int // connections so far, by the name of the client
	closed  bool
	relays  sync.WaitGroup
}

// host is a name in the network. Provider is nil while no server is attached.
type host struct {
	name, address string
	provider      Provider
}

// New returns a network without servers.
func New(options Options) *Network {
	return &Network{options: options, hosts: map[string]*host{}, links: map[plan.Target]*wire.Link{}, clients: map[string]int{}}
}

// Attach puts a server into the network under a host name, replacing the one before.
// Connections to the old one stay open. The name must not contain a colon.
func (n *Network) Attach(name string, p Provider) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[name]
	if h == nil {
		h = &host{name: name, address: addressOf(len(n.named))}
		n.hosts[name], n.hosts[h.address] = h, h
		n.named = append(n.named, name)
	}
	h.provider = p
}

// addressOf returns the address of the i-th host, counted from 0: 10.0.0.1, 10.0.0.2 …
func addressOf(i int) string {
	i++
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()
}

// Detach removes the server of a name: dials are refused from now on, as by a host
// without a listener. Connections stay open.
func (n *Network) Detach(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[name]; h != nil {
		h.provider = nil
	}
}

// Address returns the address and port of a host, such as "10.0.0.1:4222". It can be
// dialed in place of the name, and suits clients that look names up before they dial. It
// is empty for a name that was never attached.
func (n *Network) Address(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[name]; h != nil {
		return net.JoinHostPort(h.address, Port)
	}
	return ""
}

// Hosts returns the names of all hosts that were ever attached, in that order.
func (n *Network) Hosts() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.named)
}

// Clients returns the names for which there is a Dialer, sorted.
func (n *Network) Clients() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.clients))
}

// Dialer returns the dialer of the client with that name. Rules refer to the name, which
// may be anything but "*"; several connections may share it.
func (n *Network) Dialer(client string) *Dialer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.clients[client]; !known {
		n.clients[client] = 0
	}
	return &Dialer{network: n, client: client}
}

// Link returns the link from a client to a server. It is created when first used, by this
// call or by a dial. Its connections are counted per pair of client and server.
func (n *Network) Link(client, server string) *wire.Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.linkLocked(client, server)
}

// Links returns the links from all clients that have a Dialer to all hosts, creating
// those that do not exist yet. Rules that are given to all of them apply to every
// connection, until there is another Dialer or host.
func (n *Network) Links() []*wire.Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*wire.Link
	for _, client := range slices.Sorted(maps.Keys(n.clients)) {
		for _, server := range n.named {
			all = append(all, n.linkLocked(client, server))
		}
	}
	return all
}

func (n *Network) linkLocked(client, server string) *wire.Link {
	name := plan.Link(client, server)
	l := n.links[name]
	if l == nil {
		l = wire.New(name, wire.Options{Seed: n.options.Seed ^ seedOf(client, server), Window: n.options.Held})
		n.links[name] = l
		if n.closed {
			l.Close()
		}
	}
	return l
}

// seedOf gives each link its own seed (FNV-1a), independent of the order of creation.
func seedOf(names ...string) uint64 {
	sum := uint64(14695981039346656037)
	for _, name := range names {
		for _, b := range []byte(name + "\x00") {
			sum = (sum ^ uint64(b)) * 1099511628211
		}
	}
	return sum
}

// Close refuses all further dials, resets open connections, and waits until nothing of
// them is left. It does not stop servers.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	links := slices.Collect(maps.Values(n.links))
	n.mu.Unlock()
	for _, l := range links {
		l.Close()
	}
	n.relays.Wait()
}
