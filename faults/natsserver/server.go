package natsserver

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Limits of a start.
const (
	loopback = "127.0.0.1"

	// readyWait bounds the wait for parts that start alongside the client listener, such
	// as routes that Options.Edit asked for. The listener itself is bound when the
	// server's Start returns.
	readyWait = 10 * time.Second
	readyStep = 100 * time.Millisecond

	// A Restart may find the port taken for a moment, by an outgoing connection to which
	// the system gave the same number.
	bindAttemptMax = 50
	bindPause      = 20 * time.Millisecond
)

// Server is an embedded nats-server. All methods are safe for concurrent use; those that
// change its state wait for one another.
type Server struct {
	// opts are the options of the next start. Written with change and mu held.
	opts Options
	// at is where the server is. The first start fixes its ports, 0 for what it does not
	// listen on; its storeDir is empty without JetStream. Immutable afterwards.
	at place
	// ownsStore says that Shutdown removes the store.
	ownsStore bool
	// cluster is the cluster of the server, nil if it has none. Immutable.
	cluster *Cluster

	// change serialises Kill, Restart, Pause, Resume, Reload and Shutdown: a goroutine
	// that puts a token in owns the change and takes the token out again. It is a channel
	// because waiting for a mutex, held for as long as a server takes to stop, would stop
	// virtual time in a bubble.
	change chan struct{}

	// strangers says that a function of the caller decides who is a user.
	strangers atomic.Bool

	mu sync.Mutex
	// incarnation is the latest one, zero before the first. Guarded by mu
	incarnation
	farewell chan struct{} // of srv; nil before LameDuck, closed when srv is down. Guarded by mu
	down     bool          // srv was stopped. Guarded by mu
	gone     bool          // Shutdown was called. Guarded by mu
}

// Start starts a server and returns when clients can connect to it. The error quotes the
// server on why it could not start; then nothing is left running.
func Start(opts Options) (*Server, error) {
	s := newServer(opts)
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// newServer returns a server that was never started: it is down, and its start will
// choose the ports.
func newServer(opts Options) *Server {
	return &Server{opts: opts, at: place{on: ports{client: server.RANDOM_PORT, webSocket: server.RANDOM_PORT},
		resolver: new(server.MemAccResolver)}, change: make(chan struct{}, 1), down: true}
}

// start launches the first incarnation and keeps the ports that it chose.
func (s *Server) start() error {
	if s.opts.JetStream {
		if err := s.prepareStore(); err != nil {
			return err
		}
	}
	launch := s.launch
	if s.at.on.client > 0 {
		launch = s.relaunch // a child that must get the port of its predecessor
	}
	srv, err := launch()
	if err != nil {
		s.removeStore()
		return err
	}
	s.at.on.client, s.at.on.webSocket = 0, 0
	if addr, ok := srv.Addr().(*net.TCPAddr); ok {
		s.at.on.client = addr.Port
	}
	s.at.scheme, _, _ = strings.Cut(srv.ClientURL(), "://")
	if s.opts.WebSocket {
		s.at.on.webSocket = webSocketPort(srv)
		s.at.webSocketScheme, _, _ = strings.Cut(srv.WebsocketURL(), "://")
	}
	s.mu.Lock()
	s.incarnation, s.down = newIncarnation(srv), false
	s.mu.Unlock()
	s.opts.Operator.attach(s)
	return nil
}

// prepareStore determines where the JetStream store is.
func (s *Server) prepareStore() error {
	var err error
	s.at.storeDir, s.ownsStore, err = storeOf(&s.opts)
	return err
}

// storeOf returns the directory of the JetStream store, and whether it is temporary.
func storeOf(opts *Options) (dir string, temporary bool, err error) {
	if opts.StoreDir != "" {
		return opts.StoreDir, false, nil
	}
	if dir, err = os.MkdirTemp("", "troupe-natsserver-"); err != nil {
		return "", false, fmt.Errorf("natsserver: temporary store: %w", err)
	}
	return dir, true, nil
}

// removeStore removes a temporary store; it keeps one of the caller.
func (s *Server) removeStore() {
	if s.ownsStore {
		// What cannot be removed stays in the system's temporary directory.
		_ = os.RemoveAll(s.at.storeDir)
	}
}

// launch starts one incarnation. The server's Start returns only when its client listener
// is bound or when it gave up, which it reports in the log.
func (s *Server) launch() (*server.Server, error) {
	so, err := s.opts.serverOptions(s.at)
	if err != nil {
		return nil, err
	}
	s.strangers.Store(so.CustomClientAuthentication != nil)
	srv, err := server.NewServer(so)
	if err != nil {
		return nil, fmt.Errorf("natsserver: options: %w", err)
	}
	log := &logger{forward: s.opts.Log}
	srv.SetLoggerV2(log, so.Debug, so.Trace, so.TraceVerbose)
	srv.Start()
	if text := unready(srv, log); text != "" {
		srv.Shutdown()
		return nil, fmt.Errorf("natsserver: start: %s", text)
	}
	s.keepFolders(srv)
	return srv, nil
}

// unready waits until srv is ready, and returns why it is not, "" if it is.
func unready(srv *server.Server, log *logger) string {
	for deadline := time.Now().Add(readyWait); ; {
		if text := log.fatalLine(); text != "" {
			return text
		}
		if srv.ReadyForConnections(readyStep) {
			return ""
		}
		if time.Now().After(deadline) {
			return fmt.Sprintf("not ready within %v", readyWait)
		}
	}
}

// URL returns the address for a client: nats://127.0.0.1:port, or tls:// for a
// server that requires TLS. Credentials are not part of it. It stays the same
// over restarts.
func (s *Server) URL() string { return s.at.clientURL() }

// WebSocketURL returns the address for a client that uses a WebSocket:
// ws://127.0.0.1:port, or wss:// with WebSocketTLS; empty without WebSocket. It stays the
// same over restarts.
func (s *Server) WebSocketURL() string { return s.at.webSocketURL() }

// clientURL returns the address for a client.
func (p *place) clientURL() string {
	return p.scheme + "://" + net.JoinHostPort(loopback, strconv.Itoa(p.on.client))
}

// webSocketURL returns the address for a WebSocket, "" where there is none.
func (p *place) webSocketURL() string {
	if p.webSocketScheme == "" {
		return ""
	}
	return p.webSocketScheme + "://" + net.JoinHostPort(loopback, strconv.Itoa(p.on.webSocket))
}

// webSocketPort returns the port that srv chose; the server reports it only in an
// address.
func webSocketPort(srv *server.Server) int {
	_, port, _ := strings.Cut(srv.WebsocketURL(), loopback+":")
	number, _ := strconv.Atoi(port)
	return number
}

// Port returns the port that the server listens on, even while it is down; 0 with
// DontListen.
func (s *Server) Port() int { return s.at.on.client }

// StoreDir returns the directory of the JetStream store, "" without JetStream.
func (s *Server) StoreDir() string { return s.at.storeDir }

// Server returns the running nats-server, or the last one if it is down. A Restart
// creates a new one.
func (s *Server) Server() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.srv
}

// Running reports whether clients can connect.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.down && s.srv.Running()
}

// present returns the running nats-server, nil if the server is down or leaving.
func (s *Server) present() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.farewell != nil || !s.srv.Running() {
		return nil
	}
	return s.srv
}

// alive returns the running nats-server, nil if the server is down.
func (s *Server) alive() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || !s.srv.Running() {
		return nil
	}
	return s.srv
}

// Kill cuts all connections without notice and stops the server; port and store stay
// reserved for Restart. It returns when the server is down. On a server that is down it
// does nothing. The package documentation describes how this differs from a killed
// process.
func (s *Server) Kill() {
	s.change <- struct{}{}
	defer func() { <-s.change }()
	s.stop()
}

// stop stops the current incarnation, once. The caller holds change.
func (s *Server) stop() {
	s.mu.Lock()
	now, down, leaving := s.incarnation, s.down, s.farewell != nil
	s.down = true
	s.mu.Unlock()
	if down {
		return
	}
	close(now.quit)
	if !leaving {
		s.cutOff(now.srv)
	}
	now.srv.Shutdown()
	// Shutdown returns at once when a lame duck already stops the server.
	now.srv.WaitForShutdown()
	s.dropFolders()
	now.gate.lift() // so that calls waiting at the gate see the end
}

// cutOff closes the connections of a server without sockets, and lets it finish its
// current work. Its Shutdown, after notifying clients with open pulls, sleeps with a
// JetStream lock held: under virtual time, which stops while anything waits for a lock, a
// call that arrives meanwhile would never end.
func (s *Server) cutOff(srv *server.Server) {
	if !s.opts.DontListen || !s.goesOn() {
		return
	}
	clients, err := clientsOf(srv)
	if err != nil {
		return // it is already stopping
	}
	for _, c := range clients {
		_ = srv.DisconnectClientByID(c.Cid) // gone already
	}
	<-time.After(time.Nanosecond)
}

// Restart starts the server again on the same port with the same store; a running server
// is killed first. It returns when clients can connect and, for a member of a cluster,
// when it has joined the cluster again. The error is ErrShutdown after Shutdown; after
// any other error the server is down, and Restart may be called again.
func (s *Server) Restart() error {
	s.change <- struct{}{}
	defer func() { <-s.change }()
	if s.isGone() {
		return ErrShutdown
	}
	s.stop()
	srv, err := s.relaunch()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.incarnation, s.farewell, s.down = newIncarnation(srv), nil, false
	s.mu.Unlock()
	if s.cluster == nil {
		return nil
	}
	if err := s.cluster.form(); err != nil {
		s.stop()
		return err
	}
	return nil
}

// relaunch launches on the port of the first start. Any failure is tried again, a bounded
// number of times: the server gives its reasons only as text, and reasons other than a
// port in use are rare and permanent.
func (s *Server) relaunch() (*server.Server, error) {
	for attempt := 1; ; attempt++ {
		srv, err := s.launch()
		if err == nil || attempt == bindAttemptMax {
			return srv, err
		}
		<-time.After(bindPause)
	}
}

// Shutdown stops the server for good and removes its temporary store. It returns when
// everything is released. Further calls do nothing.
func (s *Server) Shutdown() {
	s.change <- struct{}{}
	defer func() { <-s.change }()
	s.stop()
	s.mu.Lock()
	first := !s.gone
	s.gone = true
	s.mu.Unlock()
	if first {
		s.opts.Operator.detach(s)
		s.removeStore()
	}
}

// InProcess returns a dial function that connects to the server in memory. It works for
// every incarnation: after a Restart it dials the new one.
func (s *Server) InProcess() func() (net.Conn, error) { return s.InProcessConn }

// InProcessConn opens one connection to the server in memory. The error is ErrDown while
// the server is down; a paused server accepts when it resumes. This method makes a Server
// a nats.InProcessServer.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	now, leaving := s.incarnation, s.down || s.farewell != nil
	s.mu.Unlock()
	if leaving {
		return nil, ErrDown
	}
	c := newConn(now.gate, now.srv.InProcessConn)
	if !now.gate.isOpen() {
		return c, nil
	}
	if _, err := c.connect(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	return c, nil
}
