package main

import (
	"errors"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/troupe-go/troupe/bench/internal/cost"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// errHeader says that a response lacks the header that the handler gave it.
var errHeader = errors.New("service: answer without its header")

// service measures calls of a service through a real server. The service and its callers have
// a connection of the client each, so that both ends count. With one caller the figure is the
// median latency, with more it is the time per call.
func service(j *job.Job) (*job.Result, error) {
	nc, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	subject := job.Subject(0)
	if err := serve(nc, subject, answering(j.Headers > 0)); err != nil {
		return nil, err
	}
	if err := nc.FlushTimeout(runWait); err != nil {
		return nil, err
	}
	callers, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer callers.Close()
	call := calling(callers, subject, j)
	if _, err := latencies(j.Goroutines, max(j.Warmup, j.Goroutines), call); err != nil {
		return nil, err
	}
	var took *hdrhistogram.Histogram
	r, err := timed(j, j.Count, func() error {
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

// answering returns a handler that echoes the data, and one header if there are any.
func answering(headers bool) func(ServiceRequest) {
	name := stub.HeaderName(0)
	if !headers {
		return func(r ServiceRequest) { _ = r.Respond(r.Data()) } // the requester notices an error
	}
	return func(r ServiceRequest) {
		_ = r.Respond(r.Data(), respondWith(map[string][]string{name: {r.Headers().Get(name)}}))
	}
}

// calling returns a function for one call, which checks the response.
func calling(nc *Conn, subject string, j *job.Job) func(int) error {
	payload, name := stub.Payload(j.Size), stub.HeaderName(0)
	if j.Headers == 0 {
		return func(int) error {
			m, err := nc.Request(subject, payload, runWait)
			if err == nil && len(m.Data) != j.Size {
				err = errReply
			}
			return err
		}
	}
	header := Header{}
	for i := range j.Headers {
		header.Set(stub.HeaderName(i), stub.HeaderValue)
	}
	return func(int) error {
		m, err := nc.RequestMsg(&Msg{Subject: subject, Header: header, Data: payload}, runWait)
		switch {
		case err == nil && len(m.Data) != j.Size:
			return errReply
		case err == nil && m.Header.Get(name) != stub.HeaderValue:
			return errHeader
		}
		return err
	}
}
