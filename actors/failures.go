package actors

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// failures.go - the errors that a handler returns. A handler may return one for each of
// millions of messages, so a supervisor.Burst bounds the events.

// failures counts the handler errors of one subscription.
type failures struct {
	mu    sync.Mutex
	burst supervisor.Burst
	last  *supervisor.HandlerError // the last without an event; nil for none
	timer *time.Timer
	over  bool // the subscription has ended: later failures are reported at once
}

// Failed reports an error that the handler returned.
func (s *Sub) Failed(cause *supervisor.HandlerError) {
	if s.failures.Load() == nil {
		s.failures.CompareAndSwap(nil, new(failures))
	}
	f := s.failures.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		s.tellFailures(1, cause)
		return
	}
	tell, wake := f.burst.Add(time.Now())
	if tell {
		s.tellFailures(1, cause)
		return
	}
	f.last = cause
	if wake > 0 {
		f.timer = time.AfterFunc(wake, s.failuresDue)
	}
}

// failuresDue ends a span with failures that were not reported one by one.
func (s *Sub) failuresDue() {
	f := s.failures.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flush(s)
}

// endFailures reports the remaining failures at the end of the subscription.
func (s *Sub) endFailures() {
	f := s.failures.Load()
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.flush(s)
}

func (f *failures) flush(s *Sub) {
	if f.last == nil {
		return
	}
	f.timer.Stop()
	s.tellFailures(f.burst.Flush(time.Now()), f.last)
	f.last = nil
}

func (s *Sub) tellFailures(n uint64, cause *supervisor.HandlerError) {
	s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.HandlerFailed, Path: s.Path(), Count: n, Cause: cause,
		Message: cause.Subject}})
}
