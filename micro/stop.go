package micro

import (
	"errors"
	"slices"

	"github.com/troupe-go/troupe/api"
)

// stop.go - the end of a service.
//
//	Stop, or the end of the connection ─► stopping ── no subscription is left ──► finished

// isStopping reports whether the service has stopped, or is about to.
func (s *service) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Stopped implements Service.
func (s *service) Stopped() bool { return s.isStopping() || s.nc.IsClosed() }

// Done implements Service.
func (s *service) Done() <-chan struct{} { return s.done }

// Stop implements Service.
func (s *service) Stop() error {
	s.mu.Lock()
	again := s.stopping
	s.stopping = true
	endpoints, verbs := slices.Clone(s.endpoints), slices.Clone(s.verbs)
	s.mu.Unlock()
	if again {
		return nil
	}
	for _, e := range endpoints {
		_ = e.drain() // a connection that is closed has ended it
	}
	for _, sub := range verbs {
		_ = sub.Drain()
	}
	poke(&s.ref)
	s.finish() // if all had failed
	return nil
}

// undo ends a service that could not begin.
func (s *service) undo() {
	s.mu.Lock()
	s.undone = true
	s.mu.Unlock()
	_ = s.Stop()
}

// drain ends the endpoint in order.
func (e *Endpoint) drain() error {
	e.stands(func(s standing) standing { s.draining = true; return s })
	poke(&e.ref)
	sub := e.sub.Load()
	if sub == nil {
		return nil // it is being made, and whoever makes it will see
	}
	if err := sub.Drain(); err != nil && !errors.Is(err, api.ErrBadSubscription) {
		return err
	}
	return nil
}

// finish ends the service when nothing of it is left.
func (s *service) finish() {
	s.mu.Lock()
	over := s.stopping && s.live == 0 && !s.finished
	s.finished = s.finished || over
	tell := !s.undone && s.config.DoneHandler != nil
	s.mu.Unlock()
	if !over {
		return
	}
	dismiss(s.ref.Load())
	close(s.done)
	if tell {
		s.config.DoneHandler(s)
	}
}
