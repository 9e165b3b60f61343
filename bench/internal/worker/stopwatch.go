package main

import "time"

// stopwatch times a part of a timed part.
type stopwatch struct {
	began   time.Time
	elapsed time.Duration
}

func (s *stopwatch) start() { s.began = time.Now() }

func (s *stopwatch) stop() { s.elapsed = time.Since(s.began) }
