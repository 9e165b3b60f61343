package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// tally counts what the handlers have seen, burst after burst. Each subscription counts
// separately and reports once per window, so that counting costs equally little for both
// clients.
type tally struct {
	control *stub.Control
	size    int // payload that each message must have
	header  string

	subs     int
	reported atomic.Int64  // window parts reported so far
	wanted   atomic.Int64  // parts in the burst
	finished chan struct{} // one token when all parts were reported
	wrong    atomic.Int64  // messages that differ from what was sent
	failed   atomic.Bool   // a credit could not be sent
}

// slot is the count of one subscription. Only its handler, which a client runs for one
// message at a time, uses it; the padding keeps slots on separate cache lines.
type slot struct {
	got, quota int
	_          [6]uint64
}

// handler returns the handler of one subscription, which reports every quota messages.
func (t *tally) handler(s *slot) func(*Msg) {
	return func(m *Msg) {
		if len(m.Data) != t.size || t.header != "" && m.Header.Get(t.header) != stub.HeaderValue {
			t.wrong.Add(1)
		}
		if s.got++; s.got == s.quota {
			s.got = 0
			t.report()
		}
	}
}

// report records that a subscription has received its part of a window; the last part
// grants the stub another window.
func (t *tally) report() {
	n := t.reported.Add(1)
	if n%int64(t.subs) == 0 && t.control.Grant() != nil {
		t.failed.Store(true)
	}
	if n == t.wanted.Load() {
		t.finished <- struct{}{}
	}
}

// burst has count messages sent and waits until the handlers have seen them. It returns
// how many are missing.
func (t *tally) burst(j *job.Job, count int) (missing int, err error) {
	perPart := j.Window / j.Subs
	t.wanted.Add(int64(count / perPart))
	if _, err := t.control.Fire(count, j.Window, j.Size, j.Headers); err != nil {
		return 0, err
	}
	select {
	case <-t.finished:
	case <-time.After(runWait):
	}
	if t.failed.Load() {
		return 0, fmt.Errorf("dispatch: no credit could be sent to the stub")
	}
	missing = int(t.wanted.Load()-t.reported.Load())*perPart + int(t.wrong.Load())
	return missing, nil
}

// dispatch measures how fast messages get from the socket to the handlers.
func dispatch(j *job.Job) (*job.Result, error) {
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
	t := &tally{control: control, size: j.Size, subs: j.Subs, finished: make(chan struct{}, 1)}
	if j.Headers > 0 {
		t.header = stub.HeaderName(j.Headers - 1)
	}
	subs := make([]*Subscription, j.Subs)
	slots := make([]slot, j.Subs)
	for i := range subs {
		slots[i].quota = j.Window / j.Subs
		if subs[i], err = subscribeUnlimited(nc, job.Subject(i), t.handler(&slots[i]), deliveryOf(j)); err != nil {
			return nil, err
		}
	}
	if err := nc.Flush(); err != nil {
		return nil, err
	}
	missing, err := t.burst(j, j.Warmup)
	if err != nil {
		return nil, err
	}
	r, err := timed(j, j.Count, func() error {
		n, err := t.burst(j, j.Count)
		missing += n
		return err
	})
	if err != nil {
		return nil, err
	}
	r.Dropped = missing
	return r, countDropped(r, subs)
}

// countDropped adds the messages that the client reports as dropped.
func countDropped(r *job.Result, subs []*Subscription) error {
	for _, s := range subs {
		n, err := s.Dropped()
		if err != nil {
			return fmt.Errorf("dropped messages of %s: %w", s.Subject, err)
		}
		r.Dropped += n
	}
	return nil
}
