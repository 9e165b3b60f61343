package natsserver

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// dismissPauseMax is the longest pause between closing two connections, the same as in a
// server that listens.
const dismissPauseMax = time.Second

// LameDuck puts the server into lame duck mode: it accepts no more clients, notifies
// those it has, and closes their connections one by one over Options.LameDuck. The
// returned channel is closed when the server is down; Restart, Kill and Shutdown cut this
// short, and a further call returns the same channel. On a server that is down the
// channel is closed at once; a paused server begins when it resumes.
func (s *Server) LameDuck() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.farewell != nil {
		return s.farewell
	}
	done, now, opts := make(chan struct{}), s.incarnation, s.opts
	s.farewell = done
	go func() {
		defer close(done)
		<-now.gate.way()
		if now.srv.Addr() != nil {
			now.srv.LameDuckShutdown()
		} else {
			now.dismiss(&opts)
		}
		now.srv.Shutdown()
		now.srv.WaitForShutdown()
	}()
	return done
}

// dismiss does for a server without a socket what nats-server does for one that listens:
// streams end, clients are notified, and after the grace period their connections are
// closed in random order, evenly spread.
func (i incarnation) dismiss(opts *Options) {
	_ = i.srv.ShutdownJetStream() // fails only where there is none to shut down
	clients, err := clientsOf(i.srv)
	if err != nil || len(clients) == 0 {
		return
	}
	rand.Shuffle(len(clients), func(a, b int) { clients[a], clients[b] = clients[b], clients[a] })
	for _, c := range clients {
		_ = i.srv.LDMClientByID(c.Cid) // fails for a client that has left
	}
	if !i.wait(cmp.Or(opts.LameDuckGrace, lameDuckGraceDefault)) {
		return
	}
	each := min(cmp.Or(opts.LameDuck, lameDuckDurationDefault)/time.Duration(len(clients)), dismissPauseMax)
	for n, c := range clients {
		if n > 0 && !i.wait(each) {
			return
		}
		_ = i.srv.DisconnectClientByID(c.Cid)
	}
}

// wait reports whether d passed before the server was stopped.
func (i incarnation) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-i.quit:
		return false
	}
}

// incarnation is one life of a server, from a start to the next.
type incarnation struct {
	srv  *server.Server
	gate *gate
	quit chan struct{} // closed before it is stopped
}

func newIncarnation(srv *server.Server) incarnation {
	return incarnation{srv: srv, gate: newGate(), quit: make(chan struct{})}
}
