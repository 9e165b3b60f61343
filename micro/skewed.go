package micro

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// skewedFor is how long a subject gets no deadlines when an endpoint behind it takes for
	// expired what is not.
	skewedFor = time.Minute
	// skewedMax bounds the subjects that are known. One that is forgotten is found anew.
	skewedMax = 1024
)

// skewed are the subjects whose endpoints have other clocks. The zero value is ready.
type skewed struct {
	last atomic.Int64 // until when there may be any, in Unix ns

	mu    sync.Mutex
	until map[string]time.Time // by subject
}

// is reports whether a subject gets no deadlines.
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
