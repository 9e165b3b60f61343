package simnet

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// Dialer dials on behalf of one client. Its methods fit api.SetCustomDialer and
// nats.SetCustomDialer. Safe for concurrent use.
type Dialer struct {
	network *Network
	client  string
}

// Client returns the name of the client.
func (d *Dialer) Client() string { return d.client }

// Dial is DialContext without a context.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext connects to the server at address, a host's name or address and any port;
// network is used in error texts only. It returns a *Conn, or a *net.OpError around:
//
//   - a *net.DNSError that IsNotFound: no host has ever had that name;
//   - syscall.ECONNREFUSED: no server is attached under the name, the server refuses, or a
//     rule of the link does; their error is wrapped as well;
//   - net.ErrClosed: the network is closed;
//   - the context's error, if it has already ended.
//
// A successful dial takes no time; rules only affect the bytes of the connection.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.dial(ctx, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: Addr(address), Err: err}
	}
	return conn, nil
}

func (d *Dialer) dial(ctx context.Context, address string) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	server, err := d.network.lookup(name)
	if err != nil {
		return nil, err
	}
	link := d.network.Link(d.client, server.name)
	if err := link.Admit(); err != nil {
		return nil, err
	}
	if server.provider == nil {
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	conn, err := server.provider.InProcessConn()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", os.NewSyscallError("connect", syscall.ECONNREFUSED), err)
	}
	near, far, err := d.network.open(d.client, Addr(net.JoinHostPort(server.name, port)))
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	relay, err := link.Open(far, conn)
	if err != nil {
		d.network.relays.Done()
		_ = near.Close()
		return nil, err
	}
	go func() {
		defer d.network.relays.Done()
		relay()
	}()
	return near, nil
}

// lookup returns the host with a name or an address.
func (n *Network) lookup(name string) (host, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return host{}, net.ErrClosed
	}
	if h := n.hosts[name]; h != nil {
		return *h, nil
	}
	return host{}, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// open creates the pipe of a client's next connection. The caller has to call relay.
func (n *Network) open(client string, server Addr) (near, far *Conn, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, nil, net.ErrClosed
	}
	n.relays.Add(1)
	n.clients[client]++
	local := Addr(net.JoinHostPort(client, strconv.Itoa(n.clients[client])))
	near, far = pipeBetween(local, server, n.options.Window)
	return near, far, nil
}
