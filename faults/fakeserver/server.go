package fakeserver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/protocol"
)

// loopback is the host that the server listens on.
const loopback = "127.0.0.1"

// Server is a scripted NATS server. All methods are safe for concurrent use.
type Server struct {
	options Options // complete; Info is only the first one
	running sync.WaitGroup

	// mu is held only for short moments, and never while a function of the user runs. A
	// client's own lock may be taken while it is held.
	mu       sync.Mutex
	info     protocol.Info
	random   *rand.Rand
	listener net.Listener // nil before Listen
	accepted int          // clients so far
	clients  []*Client    // all that are connected, and the last goneMax that are not
	interest interest
	controls []*Control // replaced, never written to
	closed   bool
	change   chan struct{} // closed and replaced at each change that wait may be about
}

// New returns a server that does not listen yet. Close ends it.
func New(options Options) *Server {
	options = options.complete()
	return &Server{
		options:  options,
		info:     options.Info,
		random:   rand.New(rand.NewPCG(options.Seed, 0)),
		interest: newInterest(),
		change:   make(chan struct{}),
	}
}

// Listen accepts clients on a free port of 127.0.0.1 and returns the address for them:
// nats://127.0.0.1:port. A second call returns the same. The error is ErrClosed or one of
// the system's.
func (s *Server) Listen() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", ErrClosed
	}
	if s.listener == nil {
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return "", fmt.Errorf("fakeserver: listen: %w", err)
		}
		s.listener = listener
		s.running.Go(func() { s.accept(listener) })
	}
	return s.url(), nil
}

// URL returns the address for clients; empty before Listen.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url()
}

func (s *Server) url() string {
	if s.listener == nil {
		return ""
	}
	return "nats://" + s.listener.Addr().String()
}

// accept accepts clients until the listener is closed.
func (s *Server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if _, err := s.Serve(conn); err != nil {
			conn.Close()
		}
	}
}

// InProcessConn connects a client in memory and returns its end. This method makes a
// Server a nats.InProcessServer. The end can be reset: it has a method Reset() error. The
// error is ErrClosed after Close.
func (s *Server) InProcessConn() (net.Conn, error) {
	near, far := pipe()
	if _, err := s.Serve(far); err != nil {
		return nil, err
	}
	return near, nil
}

// Serve takes conn as a new client and returns at once. From then on conn belongs to the
// server, which closes it. If the error is ErrClosed, conn still belongs to the caller.
func (s *Server) Serve(conn net.Conn) (*Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.accepted++
	c := newClient(s, s.accepted, conn)
	s.clients = append(s.clients, c)
	if len(s.interest.clients) >= s.options.ConnectionsMax {
		c.refused = "maximum connections exceeded"
	} else {
		s.interest.clients[c] = map[uint64]*subscription{}
	}
	s.forget()
	s.changed()
	s.running.Go(c.run)
	return c, nil
}

// forget drops the oldest ended clients above goneMax. The caller holds mu.
func (s *Server) forget() {
	drop := len(s.clients) - len(s.interest.clients) - goneMax
	if drop <= 0 {
		return
	}
	s.clients = slices.DeleteFunc(s.clients, func(c *Client) bool {
		if _, connected := s.interest.clients[c]; connected || drop == 0 {
			return false
		}
		drop--
		return true
	})
}

// Close cuts all clients without notice, stops listening, and returns when nothing of the
// server runs any more, control functions included. Further calls wait as well.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	if s.listener != nil {
		s.listener.Close()
	}
	clients := s.clients
	s.changed()
	s.mu.Unlock()
	for _, c := range clients {
		c.cut(ErrClosed)
	}
	s.running.Wait()
}

// Info returns what the server currently says about itself.
func (s *Server) Info() protocol.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info
}

// Announce changes what the server says about itself. New clients get it in their
// greeting; connected clients that understand it get another INFO. The server applies
// what it says: MaxPayload and Headers hold from the next frame on. To lie, use
// Client.Send.
func (s *Server) Announce(info protocol.Info) {
	s.mu.Lock()
	s.info = info
	clients := slices.Clone(s.clients) // a new client may drop ended ones from s.clients
	s.mu.Unlock()
	for _, c := range clients {
		if c.wantsInfo() {
			c.answer(protocol.AppendInfo(nil, c.infoOf(info)))
		}
	}
}

// Clients returns the connected clients, in the order in which they were accepted. A
// client is connected from its accept to its end, even if it has sent nothing.
func (s *Server) Clients() []*Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	var connected []*Client
	for _, c := range s.clients {
		if _, ok := s.interest.clients[c]; ok {
			connected = append(connected, c)
		}
	}
	return connected
}

// Client returns the n-th client, counted from 1, also after it has ended. It returns nil
// if there was no such client yet, or if it is no longer stored: of those that have
// ended, the last 1,000 are.
func (s *Server) Client(n int) *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client(n)
}

func (s *Server) client(n int) *Client {
	i, found := slices.BinarySearchFunc(s.clients, n, func(c *Client, n int) int { return c.number - n })
	if !found {
		return nil
	}
	return s.clients[i]
}

// Await returns the n-th client once its CONNECT was accepted. The error is a
// *[WaitError] if ctx ends before that.
func (s *Server) Await(ctx context.Context, n int) (*Client, error) {
	err := s.wait(ctx, "clients", n, func() int {
		if c := s.client(n); c == nil || !c.letIn() {
			return min(s.accepted, n-1)
		}
		return n
	})
	if err != nil {
		return nil, err
	}
	return s.Client(n), nil
}

// Accepted returns how many clients have connected so far.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// changed wakes all waiters. The caller holds mu.
func (s *Server) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

// wait returns when count, which is called with mu held, is at least n.
func (s *Server) wait(ctx context.Context, what string, n int, count func() int) error {
	for {
		s.mu.Lock()
		got, change := count(), s.change
		s.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return &WaitError{What: what, Want: n, Got: got, Cause: context.Cause(ctx)}
		}
	}
}
