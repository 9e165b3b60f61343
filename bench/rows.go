package main

import (
	"fmt"

	"github.com/troupe-go/troupe/bench/internal/bare"
	"github.com/troupe-go/troupe/bench/internal/job"
)

// Sizes that the rows share.
const (
	// windowMessages and windowBytes bound what is under way to a receiver, which grants
	// half of it at a time. It is more than sockets and read buffers hold, so that they
	// stay full, and small enough for queues to stay short.
	windowMessages = 1 << 16
	windowBytes    = 16 << 20
	// frameOverhead is roughly what surrounds a payload on the wire; a header adds about
	// 42.
	frameOverhead = 32
	headerBytes   = 42

	manySubs = 10_000
	smallest = 16
	// requestsAtATime is the concurrency of the throughput row.
	requestsAtATime = 64
	// streamBytes is the size of a message to a stream.
	streamBytes = 128
	// cutsPerRun is how often one run of the reconnect suite is cut.
	cutsPerRun = 5
)

// side is the client that works in a run.
type side int

const (
	sidePeer     side = iota // nats.go
	sideOwned                // troupe, owned messages
	sideBorrowed             // troupe, borrowed messages
	sideLimit                // a bare socket
)

// unit is the unit of a row's figure.
type unit int

const (
	unitMessage unit = iota // ns per message, request or call
	unitLatency             // ns of a percentile, shown in µs
	unitBytes               // bytes per subscription
	unitMillis              // ns of the whole, shown in ms
)

// row is one task that all sides do.
type row struct {
	suite, name string
	job         job.Job
	unit        unit
	// target is the smallest ratio that troupe has to reach, owned and borrowed; 0 means
	// none.
	target, targetBorrowed float64
	// borrows says that the row is also run with borrowed messages.
	borrows bool
}

// sides returns the sides that run the row, in the order of a pair.
func (r row) sides(self bool) []side {
	s := []side{sidePeer, sideOwned}
	if r.borrows && !self {
		s = append(s, sideBorrowed)
	}
	if bare.Has(r.suite) {
		s = append(s, sideLimit)
	}
	return s
}

// rows returns the rows that the flags ask for.
func (c *config) rows() ([]row, error) {
	makers := map[string]func() []row{
		job.Dispatch: c.dispatchRows, job.Publish: c.publishRows, job.Request: c.requestRows,
		job.Memory: c.memoryRows, job.Subscribe: c.subscribeRows, job.Reconnect: c.reconnectRows,
		job.Isolation: c.isolationRows, job.Stream: c.streamRows, job.KeyValue: c.keyRows, job.Object: c.objectRows,
		job.Service: c.serviceRows,
	}
	var out []row
	for _, s := range c.suites {
		for _, r := range makers[s]() {
			r.suite, r.job.Suite = s, s
			if c.self {
				r.target, r.targetBorrowed = 0, 0
			}
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("nothing to run")
	}
	return out, nil
}

// work is one combination of a default table or of the flags.
type work struct {
	payload
	times    int // subscriptions or goroutines
	count    int
	target   float64
	borrowed float64
}

// works returns the default table, or the product of sizes and times if a flag sets them.
// Combinations that are in the table keep their targets and counts.
func works(table []work, sizes []payload, times []int) []work {
	if len(sizes) == 0 && len(times) == 0 {
		return table
	}
	if len(sizes) == 0 {
		sizes = []payload{{size: smallest}}
	}
	if len(times) == 0 {
		times = []int{1}
	}
	var out []work
	for _, p := range sizes {
		for _, n := range times {
			out = append(out, workOf(table, p, n))
		}
	}
	return out
}

func workOf(table []work, p payload, times int) work {
	for _, w := range table {
		if w.payload == p && w.times == times {
			return w
		}
	}
	// About a quarter of a GiB, and no more than for the smallest messages.
	count := min(table[0].count, (256<<20)/(p.size+p.headers*headerBytes+frameOverhead))
	return work{payload: p, times: times, count: count}
}

// scaled returns how many operations a row has.
func (c *config) scaled(count int) int {
	if c.count > 0 {
		return c.count
	}
	if c.short {
		return max(1, count/shortDivisor)
	}
	return count
}

func (c *config) dispatchRows() []row {
	table := []work{
		{payload{size: smallest}, 1, 2_000_000, 3.5, 7.0},
		{payload{size: smallest}, 100, 2_000_000, 3.5, 5.0},
		{payload{size: smallest}, 1000, 1_500_000, 3.0, 4.0},
		{payload{size: smallest}, manySubs, 1_200_000, 1.2, 2.0},
		{payload{size: 1024}, 1, 500_000, 1.3, 2.5},
		{payload{size: 128, headers: 3}, 1, 500_000, 2.5, 4.0},
	}
	var out []row
	for _, w := range works(table, c.sizes, c.subs) {
		count := c.scaled(w.count)
		limit := min(windowMessages, windowBytes/(w.size+w.headers*headerBytes+frameOverhead), max(count/4, 1))
		window := max(1, limit/w.times) * w.times
		windows := max(1, count/window)
		out = append(out, row{
			name: fmt.Sprintf("%v, %s", w.payload, counted(w.times, "subscription")),
			job: job.Job{Size: w.size, Headers: w.headers, Subs: w.times, Window: window,
				Count: windows * window, Warmup: max(2, windows/5) * window},
			target: w.target, targetBorrowed: w.borrowed, borrows: true,
		})
	}
	return out
}

func (c *config) publishRows() []row {
	table := []work{
		{payload{size: smallest}, 1, 5_000_000, 3.0, 0},
		{payload{size: smallest}, 8, 5_000_000, 2.5, 0},
		{payload{size: smallest}, 1000, 4_000_000, 2.0, 0},
		{payload{size: 1024}, 1, 1_000_000, 2.0, 0},
		{payload{size: 128, headers: 3}, 1, 1_500_000, 2.0, 0},
	}
	var out []row
	for _, w := range works(table, c.sizes, c.goroutines) {
		count := c.scaled(w.count)
		out = append(out, row{
			name:   fmt.Sprintf("%v, %s", w.payload, counted(w.times, "goroutine")),
			job:    job.Job{Size: w.size, Headers: w.headers, Goroutines: w.times, Count: count, Warmup: max(1, count/10)},
			target: w.target,
		})
	}
	return out
}

func (c *config) requestRows() []row {
	table := []work{
		{payload{size: smallest}, 1, 5_000, 1.2, 0},
		{payload{size: smallest}, requestsAtATime, 100_000, 1.5, 0},
	}
	return c.callRows(table)
}

func (c *config) serviceRows() []row {
	table := []work{
		{payload{size: smallest}, 1, 5_000, 1, 0},
		{payload{size: smallest}, requestsAtATime, 100_000, 1.3, 0},
		{payload{size: 128, headers: 3}, requestsAtATime, 100_000, 1.3, 0},
	}
	return c.callRows(table)
}

// callRows returns rows of calls that wait for their replies.
func (c *config) callRows(table []work) []row {
	var out []row
	for _, w := range works(table, c.sizes, c.goroutines) {
		count := max(1, c.scaled(w.count)/w.times) * w.times
		r := row{
			name:   fmt.Sprintf("%v, %d at a time", w.payload, w.times),
			job:    job.Job{Size: w.size, Headers: w.headers, Goroutines: w.times, Count: count, Warmup: max(1, count/5/w.times) * w.times},
			target: w.target,
		}
		if w.times == 1 {
			r.name, r.unit = fmt.Sprintf("%v, one at a time, p50", w.payload), unitLatency
		}
		out = append(out, r)
	}
	return out
}

// subCounts returns the numbers of subscriptions for suites that vary nothing else.
func (c *config) subCounts() []int {
	if len(c.subs) > 0 {
		return c.subs
	}
	return []int{manySubs}
}

func (c *config) memoryRows() []row {
	var out []row
	for _, n := range c.subCounts() {
		out = append(out, row{
			name: "bytes per idle subscription, of " + counted(n, "subscription"), unit: unitBytes,
			// nats.go's 2,993 bytes against at most 1,200.
			job: job.Job{Subs: n, Count: n}, target: 2.5,
		})
	}
	return out
}

func (c *config) subscribeRows() []row {
	var out []row
	for _, n := range c.subCounts() {
		out = append(out, row{
			name:   "Subscribe, each of " + counted(n, "call"),
			job:    job.Job{Subs: n, Count: n, Warmup: max(1, n/10)},
			target: 1.2,
		})
	}
	return out
}

func (c *config) reconnectRows() []row {
	var out []row
	for _, n := range c.subCounts() {
		out = append(out, row{
			name: "cut to last SUB, " + counted(n, "subscription"), unit: unitMillis,
			job: job.Job{Subs: n, Count: cutsPerRun}, target: 2.0,
		})
	}
	return out
}

func (c *config) isolationRows() []row {
	// One second of the schedule alone, and one beside a blocked handler; five passes of
	// whole batches.
	count := max(800, c.scaled(16_000)/40*40)
	return []row{{
		name: "p99 beside a blocked handler", unit: unitLatency,
		job: job.Job{Size: smallest, Count: count, Warmup: 800}, borrows: true,
	}}
}

func (c *config) streamRows() []row {
	var out []row
	for _, r := range []row{
		{name: "memory, without waiting", job: job.Job{Count: 200_000}, target: 1.2},
		{name: "file, without waiting", job: job.Job{Count: 100_000, File: true}, target: 1.2},
		{name: "memory, in the best way for many", job: job.Job{Count: 200_000, Best: true}, target: 1.5},
		{name: "memory, and read it again", job: job.Job{Count: 10_000, Read: true}, target: 5},
		{name: "memory, one at a time", job: job.Job{Count: 5_000, Wait: true}, target: 1},
		{name: "file, one at a time", job: job.Job{Count: 5_000, Wait: true, File: true}, target: 1},
		{name: "memory, with acknowledgements", job: job.Job{Count: 100_000, Pull: job.Consume, Acks: true}, target: 1.5},
		{name: "memory, without acknowledgements", job: job.Job{Count: 200_000, Pull: job.Consume}, target: 1.5},
		{name: "memory, in order", job: job.Job{Count: 200_000, Pull: job.Ordered}, target: 1.5},
		{name: "memory, fetched by 500, with acknowledgements", job: job.Job{Count: 100_000, Pull: job.Fetch, Acks: true}, target: 1.5},
	} {
		r.job.Count = c.scaled(r.job.Count)
		r.job.Size, r.job.Warmup = streamBytes, max(1, r.job.Count/5)
		what := "publish %d B to a stream, %s"
		if r.job.Pull != "" {
			what = "consume %d B from a stream, %s"
		}
		r.name = fmt.Sprintf(what, streamBytes, r.name)
		out = append(out, r)
	}
	return out
}

// counted returns "1 thing" or "2 things".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
