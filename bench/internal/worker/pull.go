package main

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// fetchBatch is how many messages a fetch asks for: as many as Consume does.
const fetchBatch = 500

// errFetched says that an error of the client or the server ended a batch.
var errFetched = errors.New("a fetch failed")

// pull gets count messages with a consumer of its own, from the beginning of the stream.
func pull(ctx context.Context, s Stream, j *job.Job, count int) error {
	c, err := consumer(ctx, s, j)
	if err != nil {
		return err
	}
	if j.Pull == job.Fetch {
		return fetch(ctx, c, j, count)
	}
	done := make(chan error, 1)
	got := 0
	consuming, err := c.Consume(func(m StreamMsg) {
		var err error
		if j.Acks {
			err = m.Ack()
		}
		if got++; got == count || err != nil {
			select {
			case done <- err:
			default:
			}
		}
	})
	if err != nil {
		return err
	}
	defer consuming.Stop()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// consumer creates the consumer of a job.
func consumer(ctx context.Context, s Stream, j *job.Job) (Consumer, error) {
	switch {
	case j.Pull == job.Ordered:
		return s.OrderedConsumer(ctx, OrderedConsumerConfig{})
	case j.Acks:
		return s.CreateConsumer(ctx, ConsumerConfig{AckPolicy: withAcks})
	}
	return s.CreateConsumer(ctx, ConsumerConfig{AckPolicy: withoutAcks})
}

// fetch gets messages in batches.
func fetch(ctx context.Context, c Consumer, j *job.Job, count int) error {
	for got := 0; got < count; {
		batch, err := c.Fetch(fetchBatch)
		if err != nil {
			return err
		}
		for m := range batch.Messages() {
			got++
			if !j.Acks {
				continue
			}
			if err := m.Ack(); err != nil {
				return err
			}
		}
		if err := batch.Error(); err != nil {
			return errors.Join(errFetched, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
