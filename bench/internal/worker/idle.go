package main

import (
	"runtime"
	"slices"
	"time"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// ignore is the handler of subscriptions that never see a message.
func ignore(*Msg) {}

// subscribeMany creates n subscriptions.
func subscribeMany(nc *Conn, n int) error {
	for i := range n {
		if _, err := subscribe(nc, job.Subject(i), ignore, owned); err != nil {
			return err
		}
	}
	return nil
}

// memory measures what an idle subscription holds: heap and stacks in use after
// a garbage collection, and goroutines.
func memory(j *job.Job) (*job.Result, error) {
	nc, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	// What a connection holds anyway must not count for its subscriptions.
	if err := subscribeMany(nc, 1); err != nil {
		return nil, err
	}
	if err := nc.Flush(); err != nil {
		return nil, err
	}
	bytes, goroutines := inUse()
	r, err := timed(j, j.Subs, func() error {
		if err := subscribeMany(nc, j.Subs); err != nil {
			return err
		}
		return nc.Flush()
	})
	if err != nil {
		return nil, err
	}
	bytesAfter, goroutinesAfter := inUse()
	n := float64(j.Subs)
	r.Figure = float64(bytesAfter-bytes) / n
	r.Extra = map[string]float64{"goroutines per subscription": float64(goroutinesAfter-goroutines) / n}
	runtime.KeepAlive(nc)
	return r, nil
}

// inUse returns heap and stack bytes in use, and goroutines. It collects twice: the first
// collection may only queue finalizers and empty pools by half.
func inUse() (bytes int64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse), runtime.NumGoroutine()
}

// subscribing measures the call of Subscribe: the median of several passes, each on a
// connection of its own. Work that a client defers shows in the costs, which are those of
// the last pass including a flush.
func subscribing(j *job.Job) (*job.Result, error) {
	var calls []time.Duration
	var last *job.Result
	for range passMax {
		took, r, err := subscribePass(j)
		if err != nil {
			return nil, err
		}
		calls, last = append(calls, took), r
	}
	slices.Sort(calls)
	last.Figure = float64(calls[len(calls)/2]) / float64(j.Count)
	return last, nil
}

// subscribePass returns how long the calls took, and the costs with the flush.
func subscribePass(j *job.Job) (calls time.Duration, r *job.Result, err error) {
	nc, err := connect(j.Address.URL)
	if err != nil {
		return 0, nil, err
	}
	defer nc.Close()
	if err := subscribeMany(nc, j.Warmup); err != nil {
		return 0, nil, err
	}
	if err := nc.Flush(); err != nil {
		return 0, nil, err
	}
	r, err = timed(j, j.Count, func() error {
		began := time.Now()
		if err := subscribeMany(nc, j.Count); err != nil {
			return err
		}
		calls = time.Since(began)
		return nc.Flush()
	})
	return calls, r, err
}
