package natsserver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Limits of a start.
const (
	loopback = "127.0.0.1"

	// readyWait bounds the wait for parts that start beside the client
	// listener, such as routes that Options.Edit asked for. The listener itself
	// is bound when the server's Start returns.
	readyWait = 10 * time.Second

	// A Restart may find the port taken for a moment, by an outgoing connection
	// to which the system gave the same number.
	bindAttemptMax = 50
	bindPause      = 20 * time.Millisecond
)

// ErrShutdown is returned by calls on a server after Shutdown.
var ErrShutdown = errors.New("natsserver: server was shut down")

// ErrDown is returned by an in-process dial while the server is down.
var ErrDown = errors.New("natsserver: server is down")

// Server is an embedded nats-server. All methods may be called from any
// goroutine; those that change its state wait for one another.
type Server struct {
	opts Options
	// port is fixed by the first start; 0 with DontListen. Immutable afterwards.
	port int
	// storeDir is empty without JetStream.
	storeDir string
	// ownsStore says that Shutdown removes storeDir.
	ownsStore bool

	// change serialises Kill, Restart and Shutdown: who puts a token in owns the
	// change and takes it out again. It is a channel because a mutex that is held
	// for as long as a server takes to stop would stand still in a bubble.
	change chan struct{}

	mu       sync.Mutex
	srv      *server.Server // the last incarnation; never nil after Start. Guarded by mu
	farewell chan struct{}  // of srv; nil before LameDuck, closed when srv is down. Guarded by mu
	down     bool           // srv was stopped. Guarded by mu
	gone     bool           // Shutdown was called. Guarded by mu
}

// Start starts a server and returns when clients can connect to it. The error
// quotes what the server says about why it could not start; nothing is left
// running then.
func Start(opts Options) (*Server, error) {
	s := &Server{opts: opts, change: make(chan struct{}, 1)}
	if opts.JetStream {
		if err := s.prepareStore(); err != nil {
			return nil, err
		}
	}
	srv, err := s.launch(server.RANDOM_PORT)
	if err != nil {
		s.removeStore()
		return nil, err
	}
	if addr, ok := srv.Addr().(*net.TCPAddr); ok {
		s.port = addr.Port
	}
	s.srv = srv
	return s, nil
}

// prepareStore settles where the JetStream store is.
func (s *Server) prepareStore() error {
	if s.opts.StoreDir != "" {
		s.storeDir = s.opts.StoreDir
		return nil
	}
	dir, err := os.MkdirTemp("", "troupe-natsserver-")
	if err != nil {
		return fmt.Errorf("natsserver: temporary store: %w", err)
	}
	s.storeDir, s.ownsStore = dir, true
	return nil
}

// removeStore removes a temporary store; one of the caller's stays.
func (s *Server) removeStore() {
	if s.ownsStore {
		// What cannot be removed stays in the system's temporary directory.
		_ = os.RemoveAll(s.storeDir)
	}
}

// launch starts one incarnation. Start of the server returns only when its
// client listener is bound or when it gave up, which the log tells.
func (s *Server) launch(port int) (*server.Server, error) {
	so := s.opts.serverOptions(port, s.storeDir)
	srv, err := server.NewServer(so)
	if err != nil {
		return nil, fmt.Errorf("natsserver: options: %w", err)
	}
	log := &logger{forward: s.opts.Log}
	srv.SetLoggerV2(log, so.Debug, so.Trace, so.TraceVerbose)
	srv.Start()
	text := log.fatalLine()
	if text == "" && !srv.ReadyForConnections(readyWait) {
		text = fmt.Sprintf("not ready within %v", readyWait)
	}
	if text != "" {
		srv.Shutdown()
		return nil, fmt.Errorf("natsserver: start: %s", text)
	}
	return srv, nil
}

// URL returns the address for a client: nats://127.0.0.1:port, or tls:// for a
// server that requires TLS. Credentials are not part of it. It stays the same
// over restarts.
func (s *Server) URL() string {
	scheme := "nats"
	if s.opts.TLS != nil {
		scheme = "tls"
	}
	return scheme + "://" + net.JoinHostPort(loopback, strconv.Itoa(s.port))
}

// Port returns the port that the server listens on, also while it is down; 0
// with DontListen.
func (s *Server) Port() int { return s.port }

// StoreDir returns the directory of the JetStream store, "" without JetStream.
func (s *Server) StoreDir() string { return s.storeDir }

// Server returns the running nats-server, or the last one if it is down. A
// Restart makes a new one.
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

// Kill cuts all connections without a farewell and stops the server; port
// and store stay reserved for Restart. It returns when the server is down. On a
// server that is down it does nothing. See the package documentation for how
// this differs from a killed process.
func (s *Server) Kill() {
	s.change <- struct{}{}
	defer func() { <-s.change }()
	s.stop()
}

// stop stops the current incarnation, once. The caller holds change.
func (s *Server) stop() {
	s.mu.Lock()
	srv, down := s.srv, s.down
	s.down = true
	s.mu.Unlock()
	if down {
		return
	}
	srv.Shutdown()
	// Shutdown returns at once when a lame duck already stops the server.
	srv.WaitForShutdown()
}

// Restart starts the server anew on the same port with the same store; a
// running server is killed first. It returns when clients can connect. The
// error is ErrShutdown after Shutdown; otherwise the server stays down and
// Restart may be called again.
func (s *Server) Restart() error {
	s.change <- struct{}{}
	defer func() { <-s.change }()
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	if gone {
		return ErrShutdown
	}
	s.stop()
	srv, err := s.relaunch()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.srv, s.farewell, s.down = srv, nil, false
	s.mu.Unlock()
	return nil
}

// relaunch launches on the port of the first start. A failure is tried again, a
// bounded number of times, whatever it was: the server gives its reasons as text
// only, and every other reason than a port in use is rare and lasts.
func (s *Server) relaunch() (*server.Server, error) {
	for attempt := 1; ; attempt++ {
		srv, err := s.launch(s.port)
		if err == nil || attempt == bindAttemptMax {
			return srv, err
		}
		<-time.After(bindPause)
	}
}

// LameDuck lets the server say goodbye: it accepts no more clients, tells those
// it has, and closes their connections one by one over Options.LameDuck. The
// returned channel is closed when the server is down; Restart, Kill and
// Shutdown cut the farewell short, and a further call returns the same channel.
// A server that does not listen, or is down, knows no farewell: it is killed.
func (s *Server) LameDuck() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.farewell != nil {
		return s.farewell
	}
	done, srv := make(chan struct{}), s.srv
	s.farewell = done
	go func() {
		defer close(done)
		if srv.Addr() != nil {
			srv.LameDuckShutdown()
		}
		srv.Shutdown()
		srv.WaitForShutdown()
	}()
	return done
}

// Shutdown stops the server for good and removes its temporary store. It
// returns when all of it is released. Further calls do nothing.
func (s *Server) Shutdown() {
	s.change <- struct{}{}
	defer func() { <-s.change }()
	s.stop()
	s.mu.Lock()
	first := !s.gone
	s.gone = true
	s.mu.Unlock()
	if first {
		s.removeStore()
	}
}

// InProcess returns a dial function that connects to the server through memory.
// It serves every incarnation: after a Restart it dials the new one.
func (s *Server) InProcess() func() (net.Conn, error) { return s.InProcessConn }

// InProcessConn opens one connection to the server through memory. The error is
// ErrDown while the server is down. With this method a Server is what
// nats.InProcessServer asks for.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	srv, down := s.srv, s.down
	s.mu.Unlock()
	if down {
		return nil, ErrDown
	}
	conn, err := srv.InProcessConn()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	return conn, nil
}
