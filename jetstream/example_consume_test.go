package jetstream_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

// orders starts a server with the stream ORDERS of three messages and the consumer
// "billing", as the examples need it.
func orders(ctx context.Context) (consumer jetstream.Consumer, js jetstream.JetStream, end func()) {
	server, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		panic(err)
	}
	nc, err := api.Connect(server.URL())
	if err != nil {
		panic(err)
	}
	js, err = jetstream.New(nc)
	if err != nil {
		panic(err)
	}
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	if err != nil {
		panic(err)
	}
	for i := range 3 {
		if _, err := js.Publish(ctx, "orders.new", fmt.Appendf(nil, "order %d", i+1)); err != nil {
			panic(err)
		}
	}
	consumer, err = stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "billing", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		panic(err)
	}
	return consumer, js, func() { nc.Close(); server.Shutdown() }
}

// Consume calls a handler until it is stopped.
func ExampleConsumer_consume() {
	consumer, _, end := orders(context.Background())
	defer end()
	done := make(chan struct{})
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		fmt.Printf("%s\n", m.Data())
		_ = m.Ack()
		if string(m.Data()) == "order 3" {
			close(done)
		}
	}, jetstream.OnMissing(jetstream.MissingRecreate))
	if err != nil {
		panic(err)
	}
	<-done
	consuming.Drain()
	<-consuming.Closed()
	// Output:
	// order 1
	// order 2
	// order 3
}

// Messages are for the caller's own loop.
func ExampleConsumer_messages() {
	consumer, _, end := orders(context.Background())
	defer end()
	messages, err := consumer.Messages(jetstream.StopAfter(2))
	if err != nil {
		panic(err)
	}
	for m, err := range messages.All(context.Background()) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s\n", m.Data())
		_ = m.Ack()
	}
	// Output:
	// order 1
	// order 2
}

// FetchWithContext asks once, and returns the messages that are available.
func ExampleConsumer_fetch() {
	consumer, _, end := orders(context.Background())
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	msgs, err := consumer.FetchWithContext(ctx, 3)
	if err != nil {
		panic(err)
	}
	for _, m := range msgs {
		fmt.Printf("%s\n", m.Data())
		_ = m.Ack()
	}
	// Output:
	// order 1
	// order 2
	// order 3
}

// A work queue whose failing messages end up in a separate stream.
func ExampleConsumer_deadLetters() {
	ctx := context.Background()
	consumer, js, end := orders(ctx)
	defer end()
	dead, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"dead.>"}})
	if err != nil {
		panic(err)
	}
	consuming, err := consumer.ConsumeFunc(func(_ context.Context, m jetstream.Msg) error {
		if string(m.Data()) == "order 2" {
			return context.DeadlineExceeded
		}
		return nil // acknowledges
	}, jetstream.Attempts(2), jetstream.RetryBackoff(api.Backoff{Initial: time.Millisecond}), jetstream.DeadLetterTo("dead.orders"))
	if err != nil {
		panic(err)
	}
	defer consuming.Stop()
	reader, err := dead.CreateConsumer(ctx, jetstream.ConsumerConfig{})
	if err != nil {
		panic(err)
	}
	m, err := reader.Next()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s\n", m.Data(), m.Headers().Get(jetstream.DeadLetterCauseHeader))
	// Output:
	// order 2: context deadline exceeded
}
