package main

import (
	"errors"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/troupe-go/troupe/bench/internal/cost"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// errReply says that a reply did not echo its request.
var errReply = errors.New("request: the reply does not echo the request")

// request measures requests through a real server to a responder that is the same for
// every client. With one goroutine the figure is the median latency, with more it is the
// time per request.
func request(j *job.Job) (*job.Result, error) {
	nc, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if _, err := requestAll(nc, j, max(j.Warmup, j.Goroutines)); err != nil {
		return nil, err
	}
	var latency *hdrhistogram.Histogram
	r, err := timed(j, j.Count, func() error {
		latency, err = requestAll(nc, j, j.Count)
		return err
	})
	if err != nil {
		return nil, err
	}
	cost.Percentiles(r, latency)
	if j.Goroutines == 1 {
		r.Figure = float64(latency.ValueAtQuantile(50))
	}
	return r, nil
}

// requestAll makes count requests from the job's goroutines, each one after another.
func requestAll(nc *Conn, j *job.Job, count int) (*hdrhistogram.Histogram, error) {
	payload := stub.Payload(j.Size)
	return latencies(j.Goroutines, count, func(int) error {
		m, err := nc.Request(job.EchoSubject, payload, runWait)
		if err == nil && len(m.Data) != j.Size {
			return errReply
		}
		return err
	})
}

// latencies calls one count times, in several goroutines; the argument is the number of
// the call, from 0. It returns how long the calls took.
func latencies(goroutines, count int, one func(i int) error) (*hdrhistogram.Histogram, error) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		all   = cost.Latency()
		first error
	)
	share := count / goroutines
	for g := range goroutines {
		wg.Go(func() {
			h := cost.Latency()
			var err error
			for i := g * share; i < (g+1)*share && err == nil; i++ {
				began := time.Now()
				err = one(i)
				// A value beyond the histogram's range is not worth ending the run for.
				_ = h.RecordValue(int64(time.Since(began)))
			}
			mu.Lock()
			defer mu.Unlock()
			all.Merge(h)
			if first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	return all, first
}
