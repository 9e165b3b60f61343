package main

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/troupe-go/troupe/bench/internal/cost"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// errKeys says that not all keys were listed.
var errKeys = errors.New("keys: not all keys were listed")

// keyValue measures a bucket of keys on a real server.
func keyValue(j *job.Job) (*job.Result, error) {
	nc, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	js, err := streams(nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*runWait)
	defer cancel()
	if err := stays(ctx, js); err != nil {
		return nil, err
	}
	name := freshName()
	b, err := keyBucket(ctx, js, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dropKeys(context.WithoutCancel(ctx), js, name) }() // if it fails, so does the next run
	if err := fill(ctx, js, j, filling{name, 0, j.Keys}); err != nil {
		return nil, err
	}
	switch j.Do {
	case job.Watch:
		return keyWatch(ctx, js, b, j)
	case job.Keys:
		return keyList(ctx, b, j)
	default:
		return keyCalls(ctx, b, j)
	}
}

func key(i int) string { return "key." + strconv.Itoa(i) }

// filling is a range of keys of a bucket.
type filling struct {
	bucket      string
	from, count int
}

// fill puts values. It does not wait for each, and is not part of what is compared. Each
// key gets one value: a bucket keeps no more, and a watcher may miss a value that is
// replaced.
func fill(ctx context.Context, js JetStream, j *job.Job, f filling) error {
	payload := stub.Payload(j.Size)
	for i := f.from; i < f.from+f.count; i++ {
		subject := "$KV." + f.bucket + "." + key(i)
		_, err := js.PublishAsync(subject, payload)
		for isStalled(err) && ctx.Err() == nil {
			_, err = js.PublishAsync(subject, payload)
		}
		if err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keyCalls measures calls about single keys. With one goroutine the figure is the median
// latency, with more the time per call.
func keyCalls(ctx context.Context, b Bucket, j *job.Job) (*job.Result, error) {
	payload := stub.Payload(j.Size)
	revisions := make([]uint64, j.Keys)
	for i := range revisions {
		revisions[i] = uint64(i + 1)
	}
	call := map[string]func(i int) error{
		job.Get: func(i int) error {
			_, err := b.Get(ctx, key(i%j.Keys))
			return err
		},
		job.Put: func(i int) error {
			_, err := b.Put(ctx, key(i%j.Keys), payload)
			return err
		},
		job.Update: func(i int) (err error) {
			revisions[i%j.Keys], err = b.Update(ctx, key(i%j.Keys), payload, revisions[i%j.Keys])
			return err
		},
	}[j.Do]
	if _, err := latencies(j.Goroutines, max(j.Warmup, j.Goroutines), call); err != nil {
		return nil, err
	}
	var took *hdrhistogram.Histogram
	r, err := timed(j, j.Count, func() (err error) {
		took, err = latencies(j.Goroutines, j.Count, call)
		return err
	})
	if err != nil {
		return nil, err
	}
	cost.Percentiles(r, took)
	if j.Goroutines == 1 {
		r.Figure = float64(took.ValueAtQuantile(50))
	}
	return r, nil
}

// keyList lists the keys, several times: the figure is the time for each key.
func keyList(ctx context.Context, b Bucket, j *job.Job) (*job.Result, error) {
	list := func() error {
		keys, err := b.Keys(ctx)
		if err == nil && len(keys) != j.Keys {
			err = errKeys
		}
		return err
	}
	if err := list(); err != nil {
		return nil, err
	}
	return timed(j, j.Count, func() error {
		for range j.Count / j.Keys {
			if err := list(); err != nil {
				return err
			}
		}
		return nil
	})
}

// keyWatch has several watchers follow a bucket while keys are put: the figure is the
// time for each entry of each watcher.
func keyWatch(ctx context.Context, js JetStream, b Bucket, j *job.Job) (*job.Result, error) {
	var warm, all sync.WaitGroup
	warmup, each := j.Warmup/j.Subs, j.Count/j.Subs
	for range j.Subs {
		w, err := b.WatchAll(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = w.Stop() }()
		warm.Add(1)
		all.Add(1)
		go func() {
			got := -j.Keys // existing values are delivered first
			for e := range w.Updates() {
				if e == nil {
					continue
				}
				switch got++; got {
				case warmup:
					warm.Done()
				case warmup + each:
					all.Done()
				}
			}
		}()
	}
	if err := fill(ctx, js, j, filling{b.Bucket(), j.Keys, warmup}); err != nil {
		return nil, err
	}
	warm.Wait()
	dropped := 0
	r, err := timed(j, j.Count, func() error {
		if err := fill(ctx, js, j, filling{b.Bucket(), j.Keys + warmup, each}); err != nil {
			return err
		}
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(runWait):
			dropped = 1
		}
		return nil
	})
	if r != nil {
		r.Dropped = dropped
	}
	return r, err
}
