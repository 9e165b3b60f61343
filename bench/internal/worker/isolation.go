package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/troupe-go/troupe/bench/internal/cost"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// The schedule of the isolation suite: 16,000 messages a second, open loop. Every
// tenth batch also has a message for the subscription whose handler is blocked.
const (
	pacedBatch    = 8
	pacedInterval = 500 * time.Microsecond
	blockedEvery  = 10
)

var errMissing = errors.New("isolation: the busy subscription did not get all its messages")

// observer is the handler of the busy subscription.
type observer struct {
	latency  *hdrhistogram.Histogram
	left     int
	finished chan struct{}
}

// see records the latency from the intended sending time.
func (o *observer) see(m *Msg) {
	intended := int64(binary.LittleEndian.Uint64(m.Data))
	// The two processes read the same clock; an early wake-up may still show as
	// a negative latency, which the histogram refuses.
	_ = o.latency.RecordValue(max(1, time.Now().UnixNano()-intended))
	if o.left--; o.left == 0 {
		o.finished <- struct{}{}
	}
}

// pass has count messages sent to the busy subscription on schedule, and waits for them.
func (o *observer) pass(control *stub.Control, count, every int) (*hdrhistogram.Histogram, error) {
	o.latency, o.left = cost.Latency(), count
	if err := control.Pace(count, pacedBatch, pacedInterval, every); err != nil {
		return nil, err
	}
	select {
	case <-o.finished:
		return o.latency, nil
	case <-time.After(runWait):
		return nil, errMissing
	}
}

// passes does the passes of count messages and returns the median of their p99s in ns,
// and all latencies.
func (o *observer) passes(control *stub.Control, count, every int) (int64, *hdrhistogram.Histogram, error) {
	all, p99s := cost.Latency(), make([]int64, 0, passMax)
	share := count / passMax / pacedBatch * pacedBatch
	for range passMax {
		h, err := o.pass(control, share, every)
		if err != nil {
			return 0, nil, err
		}
		all.Merge(h)
		p99s = append(p99s, h.ValueAtQuantile(99))
	}
	slices.Sort(p99s)
	return p99s[passMax/2], all, nil
}

// isolation measures the latency of a busy subscription, first alone, then beside one
// whose handler never returns. The figure is the p99 in the second case.
func isolation(j *job.Job) (*job.Result, error) {
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
	o := &observer{finished: make(chan struct{}, 1)}
	if _, err := subscribeUnlimited(nc, job.Subject(0), o.see, deliveryOf(j)); err != nil {
		return nil, err
	}
	if err := nc.Flush(); err != nil {
		return nil, err
	}
	if _, err := o.pass(control, j.Warmup, 0); err != nil {
		return nil, err
	}
	alone, _, err := o.passes(control, j.Count, 0)
	if err != nil {
		return nil, err
	}
	release := make(chan struct{})
	defer close(release)
	if _, err := subscribeUnlimited(nc, job.Subject(1), func(*Msg) { <-release }, owned); err != nil {
		return nil, err
	}
	if err := nc.Flush(); err != nil {
		return nil, err
	}
	var beside int64
	var latency *hdrhistogram.Histogram
	r, err := timed(j, j.Count, func() error {
		beside, latency, err = o.passes(control, j.Count, blockedEvery)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("beside a blocked handler: %w", err)
	}
	cost.Percentiles(r, latency)
	r.Figure = float64(beside)
	r.Extra = map[string]float64{"p99 alone µs": float64(alone) / 1e3, "p99 beside/alone": r.Figure / float64(max(1, alone))}
	return r, nil
}
