package main

import (
	"runtime"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// ignore is the handler of subscriptions that never see a message.
func ignore(*Msg) {}

// subscribeMany makes n subscriptions.
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
	// What a connection holds anyway must not be counted for its subscriptions.
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

// inUse returns heap and stack bytes in use, and goroutines. Two collections: the
// first one may only queue finalizers and empty pools half-way.
func inUse() (bytes int64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse), runtime.NumGoroutine()
}

// subscribing measures the call of Subscribe. What a client puts off is seen in
// the processor time, which is taken after a flush.
func subscribing(j *job.Job) (*job.Result, error) {
	nc, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if err := subscribeMany(nc, j.Warmup); err != nil {
		return nil, err
	}
	if err := nc.Flush(); err != nil {
		return nil, err
	}
	var calls stopwatch
	r, err := timed(j, j.Count, func() error {
		calls.start()
		if err := subscribeMany(nc, j.Count); err != nil {
			return err
		}
		calls.stop()
		return nc.Flush()
	})
	if err != nil {
		return nil, err
	}
	r.Figure = float64(calls.elapsed) / float64(j.Count)
	return r, nil
}
