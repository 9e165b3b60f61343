package actors

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// failures.go - the errors that a handler returns. A handler may return one for
// each message, and messages come by the million: of each failuresWithin the first
// failuresMax are told one by one, those behind them by one event with their count,
// so that whatever else happens is not lost among them.

// failuresMax and failuresWithin bound the events of one subscription's handler.
const (
	failuresMax    = 100
	failuresWithin = time.Second
)

// failures counts those of one subscription.
type failures struct {
	mu     sync.Mutex
	since  time.Time                // when the first of the present window came
	told   int                      // events in it
	unsaid uint64                   // failures without an event
	last   *supervisor.HandlerError // the last of them
	timer  *time.Timer
	over   bool // the subscription has ended: what comes now is told at once
}

// Failed reports an error that the handler returned.
func (s *Sub) Failed(cause *supervisor.HandlerError) {
	if s.failures.Load() == nil {
		s.failures.CompareAndSwap(nil, new(failures))
	}
	f := s.failures.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.unsaid == 0 && now.Sub(f.since) >= failuresWithin {
		f.since, f.told = now, 0
	}
	switch {
	case f.over || f.unsaid == 0 && f.told < failuresMax:
		f.told++
		s.tellFailures(1, cause)
	default:
		if f.unsaid == 0 {
			f.timer = time.AfterFunc(failuresWithin-now.Sub(f.since), s.failuresDue)
		}
		f.unsaid++
		f.last = cause
	}
}

// failuresDue ends a window in which more failed than was told.
func (s *Sub) failuresDue() {
	f := s.failures.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flush(s)
	f.since, f.told = time.Now(), 1
}

// endFailures tells what was not, at the end of the subscription.
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
	if f.unsaid == 0 {
		return
	}
	f.timer.Stop()
	s.tellFailures(f.unsaid, f.last)
	f.unsaid, f.last = 0, nil
}

func (s *Sub) tellFailures(n uint64, cause *supervisor.HandlerError) {
	s.conn.observe(Notice{Sub: s, Event: supervisor.Event{Kind: supervisor.HandlerFailed, Path: s.Path(), Count: n, Cause: cause,
		Message: cause.Subject}})
}
