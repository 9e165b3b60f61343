package main

import (
	"time"

	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// reconnect measures the time from a cut until the stub has read the last SUB on the
// connection that replaces the lost one, once for each of Job.Count cuts. The figure is
// the fastest: anything beyond it is due to the machine.
func reconnect(j *job.Job) (*job.Result, error) {
	control, err := stub.Dial(j.Address.Control)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	nc, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if err := subscribeMany(nc, j.Subs); err != nil {
		return nil, err
	}
	if err := nc.Flush(); err != nil {
		return nil, err
	}
	best, bestSubs := time.Duration(0), time.Duration(0)
	r, err := timed(j, j.Count, func() error {
		for range j.Count {
			total, subs, err := control.Cut()
			if err != nil {
				return err
			}
			if best == 0 || total < best {
				best, bestSubs = total, subs
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.Figure = float64(best)
	r.Extra = map[string]float64{"ms after accept": float64(bestSubs) / float64(time.Millisecond)}
	return r, nil
}
