package stub

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// info is the greeting of every connection.
const info = `INFO {"server_id":"STUB","server_name":"stub","version":"2.15.2","proto":1,"go":"go","host":"127.0.0.1",` +
	`"port":4222,"headers":true,"max_payload":8388608,"client_id":1}` + "\r\n"

// Stub is a running stub server.
type Stub struct {
	clients, control net.Listener

	mu      sync.Mutex
	session *session // the newest; guarded by mu
}

// Start listens on two random ports of the loopback interface.
func Start() (*Stub, error) {
	clients, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("stub: %w", err)
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		clients.Close()
		return nil, fmt.Errorf("stub: %w", err)
	}
	s := &Stub{clients: clients, control: control, session: newSession()}
	go s.acceptClients()
	go s.acceptControl()
	return s, nil
}

// Address returns where the stub listens.
func (s *Stub) Address() job.Address {
	return job.Address{URL: "nats://" + s.clients.Addr().String(), Control: s.control.Addr().String()}
}

// Close stops listening and ends the session.
func (s *Stub) Close() {
	s.clients.Close()
	s.control.Close()
	s.replace(nil)
}

// replace makes next the session and ends the previous one.
func (s *Stub) replace(next *session) {
	s.mu.Lock()
	last := s.session
	s.session = next
	s.mu.Unlock()
	if last != nil {
		last.end()
	}
}

func (s *Stub) acceptClients() {
	for {
		conn, err := s.clients.Accept()
		if err != nil {
			return
		}
		accepted := time.Now()
		s.mu.Lock()
		current := s.session
		s.mu.Unlock()
		if current == nil {
			conn.Close()
			continue
		}
		go current.serve(conn, accepted)
	}
}

func (s *Stub) acceptControl() {
	for {
		conn, err := s.control.Accept()
		if err != nil {
			return
		}
		next := newSession()
		next.control = conn
		s.replace(next)
		go next.obey()
	}
}
