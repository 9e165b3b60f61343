package natsserver

import (
	"cmp"
	"errors"
	"fmt"
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

	// formWait bounds the wait for a cluster to form. With JetStream an election is
	// part of it, and a lost one takes seconds.
	formWait = 30 * time.Second

	// formPause lies between two looks at a cluster that forms: a server tells its
	// clients when it knows another one, and its process only if asked.
	formPause = 2 * time.Millisecond
)

// Cluster is a number of servers with a route between each two: what is published
// on one reaches the subscribers of all, and each tells its clients of the others.
// All methods may be called from any goroutine.
//
// Members are killed, restarted and sent away as lame ducks by their own methods.
// A Restart returns when the member is connected with all that are running. As
// routes need sockets, a cluster does not live in a bubble.
type Cluster struct {
	members []*Server // immutable once StartCluster has returned
	streams bool      // Options.JetStream
}

// StartCluster starts n servers, at least two. It returns when each knows each
// other, with JetStream also when they have elected a leader; what has been
// subscribed and flushed on one of them then reaches the others within a moment.
//
// All have the same options, except that a member's name is Name, or "node", with a
// number from 1 behind it, and its store, if StoreDir is set, a folder of that name
// in it. When one can't start the error says why, and none is left running.
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

// reserve finds n ports for routes. All members have to know all ports before the
// first one starts, and what the listeners hold until then nobody else is given.
func reserve(n int) ([]net.Listener, error) {
	var reserved []net.Listener
	for range n {
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return nil, errors.Join(err, closeAll(reserved))
		}
		reserved = append(reserved, l)
	}
	return reserved, nil
}

func closeAll(listeners []net.Listener) error {
	var err error
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}

// member makes the next member, which is down as yet, and whose routes are to come in
// where reserved listens.
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

// introduce tells each member whom it dials: all others, or, along routes that the
// test makes, those with higher numbers.
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

// Members returns the members in the order of their numbers, whether they run or
// not. The slice is the caller's.
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

// form waits until the members that are running are a cluster.
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

// missing names something that a cluster of the running members lacks, or nothing.
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

// routed reports whether from has registered a route to to, not to an earlier
// incarnation of it. With one connection for each route that is the moment at
// which it also tells its clients, and sends along what they are subscribed to.
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

// missingLeader says what running lacks to agree on streams: a leader, whom all follow,
// and who has heard from all, so that it gives them copies of streams.
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
