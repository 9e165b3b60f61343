package natsserver

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nuid"
)

const (
	clusterName       = "troupe"
	memberNameDefault = "node"

	// formWait bounds the wait for a cluster to form. With JetStream that includes an
	// election, and one without a winner takes up to nine seconds, on a busy machine several
	// times in a row.
	formWait = time.Minute

	// formPause is the pause between two checks of a forming cluster: a server notifies
	// its clients of other servers, but its own process has to poll.
	formPause = 2 * time.Millisecond

	// Ports for routes are below those that systems give to outgoing connections: one of
	// these could take the port after its reservation and before its member starts.
	routePortMin   = 16_384
	routePortCount = 16_384
	reserveTries   = 100
)

// Cluster is a group of servers with a route between each two: what is published on one
// reaches the subscribers of all, and each advertises the others to its clients. All
// methods are safe for concurrent use.
//
// Use the methods of its members to kill and restart them and to put them into lame duck
// mode. A Restart returns when the member is connected to all that are running. As routes
// need sockets, a cluster does not work in a bubble.
type Cluster struct {
	members []*Server // immutable once StartCluster has returned
	streams bool      // Options.JetStream
}

// StartCluster starts n servers, at least two. It returns when each knows all others, and
// with JetStream when they have elected a leader; subscriptions flushed on one of them
// then reach the others within a moment.
//
// All have the same options, except that a member's name is Name, or "node", followed by
// a number from 1, and its store, if StoreDir is set, is a folder of that name in it. If
// one can't start, the error says why, and none is left running.
func StartCluster(n int, opts Options) (*Cluster, error) {
	if n < 2 || opts.DontListen {
		return nil, errors.New("natsserver: a cluster has at least two members, and they listen")
	}
	reserved, err := reserve(n)
	if err != nil {
		return nil, fmt.Errorf("natsserver: port for routes: %w", err)
	}
	c := &Cluster{streams: opts.JetStream}
	for i := range reserved {
		c.members = append(c.members, c.member(opts, reserved[i]))
	}
	if err := c.introduce(opts.Route); err != nil {
		return nil, errors.Join(err, closeAll(reserved))
	}
	for i, m := range c.members {
		_ = reserved[i].Close() // from here on the port is the member's
		err = errors.Join(err, m.start())
	}
	if err == nil {
		err = c.form()
	}
	if err != nil {
		c.Shutdown()
		return nil, err
	}
	return c, nil
}

// reserve finds n ports for routes. All members have to know all ports before the first
// one starts; the listeners reserve them until then.
func reserve(n int) ([]net.Listener, error) {
	var reserved []net.Listener
	for range n {
		l, err := reserveOne()
		if err != nil {
			return nil, errors.Join(err, closeAll(reserved))
		}
		reserved = append(reserved, l)
	}
	return reserved, nil
}

// reserveOne finds a port for routes; if all that it tries are taken, any port.
func reserveOne() (net.Listener, error) {
	for range reserveTries {
		port := routePortMin + rand.IntN(routePortCount)
		if l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return net.Listen("tcp", net.JoinHostPort(loopback, "0"))
}

func closeAll(listeners []net.Listener) error {
	var err error
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}

// member creates the next member, which is not started yet, and whose routes will listen
// at the address of reserved.
func (c *Cluster) member(opts Options, reserved net.Listener) *Server {
	opts.Name = cmp.Or(opts.Name, memberNameDefault) + strconv.Itoa(len(c.members)+1)
	if opts.StoreDir != "" {
		opts.StoreDir = filepath.Join(opts.StoreDir, opts.Name)
	}
	m := newServer(opts)
	m.cluster = c
	if c.streams {
		m.at.system = nuid.Next()
	}
	m.at.on.cluster = reserved.Addr().(*net.TCPAddr).Port
	return m
}

// introduce tells each member which others to dial: all, or, if the test provides the
// routes, those with higher numbers.
func (c *Cluster) introduce(route func(from, to, address string) (string, error)) error {
	for i, from := range c.members {
		for j, to := range c.members {
			if j == i || route != nil && j < i {
				continue
			}
			if err := from.dials(to, route); err != nil {
				return err
			}
		}
	}
	return nil
}

// dials adds a route to another member.
func (s *Server) dials(to *Server, route func(from, to, address string) (string, error)) error {
	address := net.JoinHostPort(loopback, strconv.Itoa(to.at.on.cluster))
	if route != nil {
		var err error
		if address, err = route(s.opts.Name, to.opts.Name, address); err != nil {
			return fmt.Errorf("natsserver: route from %s to %s: %w", s.opts.Name, to.opts.Name, err)
		}
	}
	s.at.peers = append(s.at.peers, &url.URL{Scheme: routeScheme, Host: address})
	return nil
}

// Members returns the members in the order of their numbers, running or not. The slice
// belongs to the caller.
func (c *Cluster) Members() []*Server { return append([]*Server(nil), c.members...) }

// URLs returns the addresses of all members, in the same order.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, m := range c.members {
		urls = append(urls, m.URL())
	}
	return urls
}

// Shutdown stops all members for good and removes their temporary stores.
func (c *Cluster) Shutdown() {
	var wg sync.WaitGroup
	for _, m := range c.members {
		wg.Go(m.Shutdown)
	}
	wg.Wait()
}

// form waits until the running members are a cluster.
func (c *Cluster) form() error {
	for deadline := time.Now().Add(formWait); ; {
		missing := c.missing()
		if missing == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("natsserver: no cluster within %v: %s", formWait, missing)
		}
		<-time.After(formPause)
	}
}

// missing names something that the running members lack to be a cluster, "" for nothing.
func (c *Cluster) missing() string {
	var running []*server.Server
	for _, m := range c.members {
		if srv := m.present(); srv != nil {
			running = append(running, srv)
		}
	}
	for _, from := range running {
		for _, to := range running {
			if from != to && !routed(from, to) {
				return fmt.Sprintf("%s has no route to %s", from.Name(), to.Name())
			}
		}
	}
	if c.streams && 2*len(running) > len(c.members) {
		return missingLeader(running)
	}
	return ""
}

// routed reports whether from has registered a route to to, not to an earlier incarnation
// of it. With one connection per route this is also when from notifies its clients, and
// forwards their subscriptions.
func routed(from, to *server.Server) bool {
	routes, err := from.Routez(nil)
	if err != nil {
		return false
	}
	for _, r := range routes.Routes {
		if r.RemoteID == to.ID() {
			return true
		}
	}
	return false
}

// missingLeader returns what running lacks to agree on streams: a leader that all follow,
// and that has heard from all, so that it places replicas on them.
func missingLeader(running []*server.Server) string {
	var leaders []*server.Server
	for _, srv := range running {
		if !srv.JetStreamIsCurrent() {
			return srv.Name() + " is behind the JetStream leader, or knows none"
		}
		if srv.JetStreamIsLeader() {
			leaders = append(leaders, srv)
		}
	}
	if len(leaders) != 1 {
		return fmt.Sprintf("%d JetStream leaders", len(leaders))
	}
	heard := leaders[0].JetStreamClusterPeers()
	for _, srv := range running {
		if !slices.Contains(heard, srv.Name()) {
			return "the JetStream leader has not heard from " + srv.Name()
		}
	}
	return ""
}
