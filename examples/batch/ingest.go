package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/jetstream"
)

const (
	readings = 20_000
	cutAt    = readings / 2
)

// ingest publishes readings as fast as the stream accepts them, over a connection that is
// cut when half of them have been published.
func ingest(ctx context.Context, out io.Writer, js jetstream.JetStream, line *proxy.Proxy) error {
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "SENSORS", Subjects: []string{"sensor.*"},
		AllowBatchPublish: true, AllowDirect: true})
	if err != nil {
		return err
	}
	var acks atomic.Int64
	publisher, err := jetstream.NewFastPublisher(js, jetstream.WithFastPublisherAckHandler(func(uint64) { acks.Add(1) }))
	if err != nil {
		return err
	}
	began := time.Now()
	for i := range readings {
		if i == cutAt {
			if _, err := line.Inject("when op(MSG) index(1) reset"); err != nil {
				return err
			}
		}
		if _, err := publisher.Add(ctx, "sensor.1", fmt.Append(nil, i)); err != nil {
			return err
		}
	}
	ack, err := publisher.Close(ctx) // returns when everything is stored
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "fast ingest: %d readings, with %d acknowledgements and %d cut of the connection, in %v\n",
		ack.Count, acks.Load(), js.Conn().Stats().Reconnects, time.Since(began).Round(time.Millisecond))
	return audit(ctx, out, js, stream)
}

// audit reads the stream: each reading once, and in order.
func audit(ctx context.Context, out io.Writer, js jetstream.JetStream, stream jetstream.Stream) error {
	if js.Conn().Stats().Reconnects == 0 {
		return fmt.Errorf("the connection was not cut")
	}
	messages, err := jetstream.GetBatch(ctx, js, stream.CachedInfo().Config.Name, 0)
	if err != nil {
		return err
	}
	found := 0
	for m, err := range messages {
		if err != nil {
			return err
		}
		if string(m.Data) != fmt.Sprint(found) {
			return fmt.Errorf("where reading %d should be there is %s", found, m.Data)
		}
		found++
	}
	if found != readings {
		return fmt.Errorf("%d readings are stored, want %d", found, readings)
	}
	fmt.Fprintf(out, "the stream has %d readings, each of them once and in order\n", found)
	return nil
}
