package main

import (
	"context"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
)

// stream measures publishing to a stream of a real server, until every message is
// acknowledged.
func stream(j *job.Job) (*job.Result, error) {
	nc, err := connect(j.Address.URL)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	js, err := streams(nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*runWait)
	defer cancel()
	if err := stays(ctx, js); err != nil {
		return nil, err
	}
	name := freshName()
	config := StreamConfig{Name: name, Subjects: []string{job.Subject(0)}, Storage: inMemory}
	if j.File {
		config.Storage = inFiles
	}
	if j.Best || j.Read {
		forMany(&config)
	}
	s, err := js.CreateStream(ctx, config)
	if err != nil {
		return nil, err
	}
	defer func() { _ = js.DeleteStream(context.WithoutCancel(ctx), config.Name) }() // if it fails, so does the next run
	publish := publishStream
	switch {
	case j.Wait:
		publish = publishWaiting
	case j.Best:
		publish = publishBest
	case j.Read:
		return streamRead(ctx, js, j, name)
	}
	if j.Pull != "" {
		if err := publishStream(ctx, js, j, j.Warmup+j.Count); err != nil {
			return nil, err
		}
		publish = func(ctx context.Context, _ JetStream, j *job.Job, count int) error { return pull(ctx, s, j, count) }
	}
	r, err := streamRun(ctx, js, j, publish)
	if err != nil {
		return nil, err
	}
	info, err := s.Info(ctx)
	if err != nil {
		return nil, err
	}
	r.Dropped = j.Warmup + j.Count - int(info.State.Msgs)
	return r, nil
}

// stays creates a stream that is kept. A server that has lost its last stream removes the
// account's folder some time later, which breaks the next stream if that is created soon.
func stays(ctx context.Context, js JetStream) error {
	_, err := js.CreateOrUpdateStream(ctx, StreamConfig{Name: "BENCH", Subjects: []string{"bench.stays"}, Storage: inFiles})
	return err
}

// freshName returns a stream name that was never used: a server may still be removing the
// files of a stream after it has reported the deletion.
func freshName() string { return "BENCH-" + strconv.FormatInt(time.Now().UnixNano(), 36) }

type streamPublish func(ctx context.Context, js JetStream, j *job.Job, count int) error

func streamRun(ctx context.Context, js JetStream, j *job.Job, publish streamPublish) (*job.Result, error) {
	if err := publish(ctx, js, j, j.Warmup); err != nil {
		return nil, err
	}
	return timed(j, j.Count, func() error { return publish(ctx, js, j, j.Count) })
}

// publishStream publishes without waiting, as far as the client allows, and then waits for
// all acknowledgements.
func publishStream(ctx context.Context, js JetStream, j *job.Job, count int) error {
	subject, payload := job.Subject(0), stub.Payload(j.Size)
	for range count {
		_, err := js.PublishAsync(subject, payload)
		for isStalled(err) && ctx.Err() == nil { // the server is busy with its disk
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

// publishWaiting waits for each acknowledgement.
func publishWaiting(ctx context.Context, js JetStream, j *job.Job, count int) error {
	subject, payload := job.Subject(0), stub.Payload(j.Size)
	for range count {
		if _, err := js.Publish(ctx, subject, payload); err != nil {
			return err
		}
	}
	return nil
}

// streamRead publishes messages, and measures how fast they are read.
func streamRead(ctx context.Context, js JetStream, j *job.Job, name string) (*job.Result, error) {
	if err := publishStream(ctx, js, j, j.Count); err != nil {
		return nil, err
	}
	got := 0
	r, err := timed(j, j.Count, func() (err error) {
		got, err = readAll(ctx, js, name, j.Count)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.Dropped = j.Count - got
	return r, nil
}
