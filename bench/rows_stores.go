package main

import (
	"fmt"

	"github.com/troupe-go/troupe/bench/internal/job"
)

const (
	// keysInUse is how many keys the rows about single keys use.
	keysInUse = 1_000
	// keysLarge is how many keys a large bucket has.
	keysLarge = 100_000
	// keyWatchers is how many watchers a bucket has.
	keyWatchers = 100
	// valueBytes is the size of a value.
	valueBytes = 128
)

func (c *config) keyRows() []row {
	var out []row
	for _, r := range []row{
		{name: "get", job: job.Job{Do: job.Get, Count: 5_000, Goroutines: 1}, target: 1.15},
		{name: "put", job: job.Job{Do: job.Put, Count: 5_000, Goroutines: 1}, target: 1.15},
		{name: "update", job: job.Job{Do: job.Update, Count: 5_000, Goroutines: 1}, target: 1},
		{name: "get", job: job.Job{Do: job.Get, Count: 64_000, Goroutines: requestsAtATime}, target: 1},
		{name: "put", job: job.Job{Do: job.Put, Count: 64_000, Goroutines: requestsAtATime}, target: 1},
	} {
		n := r.job.Goroutines
		r.name = fmt.Sprintf("%s %d B, one at a time, p50", r.name, valueBytes)
		r.unit = unitLatency
		if n > 1 {
			r.name, r.unit = fmt.Sprintf("%s %d B, %d at a time", r.job.Do, valueBytes, n), unitMessage
		}
		r.job.Count = max(1, c.scaled(r.job.Count)/n) * n
		r.job.Warmup, r.job.Keys = max(1, r.job.Count/5/n)*n, keysInUse
		out = append(out, r)
	}
	watched := max(1, c.scaled(500_000)/keyWatchers) * keyWatchers
	keys := min(keysLarge, c.scaled(keysLarge))
	out = append(out, row{
		name: fmt.Sprintf("an entry to each of %d watchers", keyWatchers), target: 1,
		job: job.Job{Do: job.Watch, Subs: keyWatchers, Count: watched, Warmup: max(1, watched/5/keyWatchers) * keyWatchers, Keys: 10},
	}, row{
		name: fmt.Sprintf("list %d keys, each", keys), target: 1,
		job: job.Job{Do: job.Keys, Keys: keys, Count: 5 * keys},
	})
	for i := range out {
		out[i].job.Size = valueBytes
	}
	return out
}

func (c *config) objectRows() []row {
	var out []row
	for _, o := range []struct{ size, chunk, count int }{
		{1 << 20, 128 << 10, 300}, {1 << 20, 512 << 10, 300}, {256 << 20, 128 << 10, 1}, {256 << 20, 512 << 10, 1},
	} {
		count := o.count
		if c.short || c.count > 0 {
			count, o.size = max(1, min(c.count, o.count)), min(o.size, 8<<20)
		}
		target := 1.0
		if o.size >= 256<<20 {
			target = 1.3
		}
		for _, do := range []string{job.Put, job.Get} {
			out = append(out, row{
				name: fmt.Sprintf("%s %d MiB in chunks of %d KiB", do, o.size>>20, o.chunk>>10), unit: unitMillis, target: target,
				job: job.Job{Do: do, Size: o.size, Chunk: o.chunk, Count: count, Warmup: max(1, count/5)},
			})
		}
	}
	return out
}
