package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/troupe-go/troupe/jetstream"
)

// shop does the jobs. Some of them fail.
type shop struct {
	mu     sync.Mutex
	tried  map[string]int
	done   map[string]int
	broken map[string]func() error // why a job fails
	all    chan struct{}           // closed when all are done
}

func newShop() *shop {
	return &shop{tried: map[string]int{}, done: map[string]int{}, all: make(chan struct{}), broken: map[string]func() error{
		"job 13": func() error { return errors.New("out of paper") },
		"job 17": func() error { panic("the printer is on fire") },
	}}
}

// print is the handler: if it returns no error, the job is acknowledged.
func (s *shop) print(_ context.Context, m jetstream.Msg) error {
	job := string(m.Data())
	if err := s.try(job); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[job]++
	if len(s.done) == jobs && s.done[job] == 1 {
		close(s.all)
	}
	return nil
}

// try fails for broken jobs, and for job 7 the first two times.
func (s *shop) try(job string) error {
	s.mu.Lock()
	s.tried[job]++
	tried, broken := s.tried[job], s.broken[job]
	s.mu.Unlock()
	if job == "job 7" && tried < attempts {
		return errors.New("the printer is cold")
	}
	if broken != nil {
		return broken()
	}
	return nil
}

// mend fixes the cause of a job's failure.
func (s *shop) mend(job string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.broken, job)
}

// total returns how often the handler was called.
func (s *shop) total() (calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.tried {
		calls += n
	}
	return calls
}

// finished waits until all jobs are done, and checks that none was done twice.
func (s *shop) finished(ctx context.Context) error {
	select {
	case <-s.all:
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Errorf("%d of %d jobs are done", len(s.done), jobs)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for job, times := range s.done {
		if times != 1 {
			return fmt.Errorf("%s was done %d times", job, times)
		}
	}
	return nil
}
