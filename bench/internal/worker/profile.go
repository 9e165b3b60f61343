package main

import (
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/troupe-go/troupe/bench/internal/cost"
	"github.com/troupe-go/troupe/bench/internal/job"
)

// timed runs the timed part and measures it; with Job.Profile it also writes a
// CPU profile of that part, and the allocations since the process began.
func timed(j *job.Job, operations int, part func() error) (*job.Result, error) {
	if j.Profile == "" {
		m := cost.Begin()
		if err := part(); err != nil {
			return nil, err
		}
		return m.End(operations), nil
	}
	f, err := os.Create(j.Profile + ".cpu.pprof")
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	defer f.Close()
	m := cost.Begin()
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	err = part()
	r := m.End(operations)
	pprof.StopCPUProfile()
	if err != nil {
		return nil, err
	}
	return r, writeAllocs(j.Profile + ".allocs.pprof")
}

func writeAllocs(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer f.Close()
	if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}
