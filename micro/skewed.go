package micro

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// skewedFor is how long requests to a subject carry no deadline after one of its endpoints
	// considered a request expired too early.
	skewedFor = time.Minute
	// skewedMax bounds the subjects that are remembered. A forgotten one is noticed again.
	skewedMax = 1024
)

// skewed are the subjects whose endpoints have differing clocks. The zero value is ready.
type skewed struct {
	last atomic.Int64 // time until which there may be any, in Unix ns

	mu    sync.Mutex
	until map[string]time.Time // by subject
}

// is reports whether requests to a subject carry no deadline.
func (s *skewed) is(subject string, now time.Time) bool {
	if now.UnixNano() >= s.last.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until, known := s.until[subject]
	if known && !now.Before(until) {
		delete(s.until, subject)
	}
	return now.Before(until)
}

// note adds a subject.
func (s *skewed) note(subject string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = map[string]time.Time{}
	}
	for other := range s.until {
		if len(s.until) < skewedMax {
			break
		}
		delete(s.until, other)
	}
	s.until[subject] = now.Add(skewedFor)
	s.last.Store(now.Add(skewedFor).UnixNano())
}
