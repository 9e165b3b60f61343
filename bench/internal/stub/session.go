package stub

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// credit is the byte that grants the stub another window.
const credit = '+'

// creditMax is how many credits may wait; a receiver has at most one per window, and only
// a burst of more than 2^16 windows would exceed it.
const creditMax = 1 << 16

// subscription is one SUB as the client sent it.
type subscription struct{ subject, sid string }

// session is one worker's use of the stub.
type session struct {
	control net.Conn // nil until a worker connects
	credits chan struct{}
	ended   chan struct{} // closed by end

	mu       sync.Mutex
	changed  *sync.Cond // broadcast when a field below changes in a way that others wait for
	client   net.Conn   // the newest client connection
	accepted time.Time  // when it was accepted
	subs     []subscription
	lastSub  time.Time // when the newest SUB was read
	pubs     int       // messages published, as of the last read
}

func newSession() *session {
	s := &session{credits: make(chan struct{}, creditMax), ended: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// end closes the session's connections and wakes all waiters.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over() {
		return
	}
	close(s.ended)
	if s.client != nil {
		s.client.Close()
	}
	if s.control != nil {
		s.control.Close()
	}
	s.changed.Broadcast()
}

// over reports whether the session ended.
func (s *session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// takeCredit waits for one credit; false means that the session ended.
func (s *session) takeCredit() bool {
	select {
	case <-s.credits:
		return true
	case <-s.ended:
		return false
	}
}

// serve greets one client and reads what it sends until the connection ends.
func (s *session) serve(conn net.Conn, accepted time.Time) {
	defer conn.Close()
	s.mu.Lock()
	if s.over() {
		s.mu.Unlock()
		return
	}
	s.client, s.accepted, s.subs = conn, accepted, nil
	s.mu.Unlock()
	if _, err := conn.Write([]byte(info)); err != nil {
		return
	}
	r := &reader{session: s, conn: conn}
	r.run()
}

// obey executes the control connection's commands until it ends. Credits arrive while a
// command is running, so commands run on goroutines of their own.
func (s *session) obey() {
	// The worker waits for this answer before its client connects.
	if s.answer(0, 0) != nil {
		s.end()
		return
	}
	r := bufio.NewReader(s.control)
	for {
		b, err := r.ReadByte()
		if err != nil {
			break
		}
		if b == credit {
			s.credits <- struct{}{}
			continue
		}
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		go s.execute(string(b) + line)
	}
	s.end()
}

// execute runs one command and answers it; an error ends the session, which
// the worker sees as the end of its control connection.
func (s *session) execute(line string) {
	if err := s.command(line); err != nil {
		s.end()
	}
}

var errCommand = errors.New("stub: no such command")

func (s *session) command(line string) error {
	var verb string
	var a, b, c, d int
	// Verbs differ in their number of arguments; missing ones stay 0.
	_, _ = fmt.Sscan(line, &verb, &a, &b, &c, &d)
	switch verb {
	case "fire":
		return s.fire(burst{count: a, window: b, size: c, headers: d})
	case "pace":
		return s.pace(schedule{count: a, batch: b, interval: time.Duration(c), every: d})
	case "cut":
		return s.cut()
	case "pubs":
		s.mu.Lock()
		n := s.pubs
		s.mu.Unlock()
		return s.answer(int64(n), 0)
	default:
		return errCommand
	}
}

func (s *session) answer(a, b int64) error {
	_, err := fmt.Fprintf(s.control, "ok %d %d\n", a, b)
	return err
}

// current returns the client connection and a copy of its subscriptions.
func (s *session) current() (net.Conn, []subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client, append([]subscription(nil), s.subs...)
}

// cut closes the client connection and waits for the next one to subscribe as
// often as the last did.
func (s *session) cut() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, want := s.client, len(s.subs)
	if last == nil {
		return errCommand
	}
	start := time.Now()
	last.Close()
	for !s.over() && (s.client == last || len(s.subs) < want) {
		s.changed.Wait()
	}
	if s.over() {
		return net.ErrClosed
	}
	return s.answer(int64(s.lastSub.Sub(start)), int64(s.lastSub.Sub(s.accepted)))
}
