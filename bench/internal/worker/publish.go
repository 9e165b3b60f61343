package main

import (
	"sync"

	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// publish measures how fast messages get from the caller to the socket. The timed part
// ends with a flush, so the stub has read all of them.
func publish(j *job.Job) (*job.Result, error) {
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
	if err := publishAll(nc, j, j.Warmup); err != nil {
		return nil, err
	}
	r, err := timed(j, j.Count, func() error { return publishAll(nc, j, j.Count) })
	if err != nil {
		return nil, err
	}
	seen, err := control.Pubs()
	if err != nil {
		return nil, err
	}
	r.Dropped = j.Warmup + j.Count - seen
	return r, nil
}

// publishAll publishes count messages from the job's goroutines and flushes.
func publishAll(nc *Conn, j *job.Job, count int) error {
	var wg sync.WaitGroup
	errs := make(chan error, j.Goroutines)
	for g := range j.Goroutines {
		share := count / j.Goroutines
		if g < count%j.Goroutines {
			share++
		}
		wg.Go(func() { errs <- publishShare(nc, j, share) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nc.FlushTimeout(runWait)
}

// publishShare is one goroutine's part.
func publishShare(nc *Conn, j *job.Job, count int) error {
	subject, payload := job.Subject(0), stub.Payload(j.Size)
	if j.Headers == 0 {
		for range count {
			if err := nc.Publish(subject, payload); err != nil {
				return err
			}
		}
		return nil
	}
	m := &Msg{Subject: subject, Data: payload, Header: Header{}}
	for i := range j.Headers {
		m.Header.Set(stub.HeaderName(i), stub.HeaderValue)
	}
	for range count {
		if err := nc.PublishMsg(m); err != nil {
			return err
		}
	}
	return nil
}
