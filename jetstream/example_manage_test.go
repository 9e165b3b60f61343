package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

// exampleServer returns a JetStream on its own server, and a function that ends both.
func exampleServer() (jetstream.JetStream, func()) {
	s, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		log.Fatal(err)
	}
	nc, err := api.Connect(s.URL())
	if err != nil {
		log.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	return js, func() {
		nc.Close()
		s.Shutdown()
	}
}

// A stream is created, found by its subject, and updated.
func ExampleStreamManager() {
	js, end := exampleServer()
	defer end()
	ctx := context.Background()
	cfg := jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxAge: 24 * time.Hour}
	if _, err := js.CreateStream(ctx, cfg); err != nil {
		log.Fatal(err)
	}
	name, err := js.StreamNameBySubject(ctx, "orders.new")
	if err != nil {
		log.Fatal(err)
	}
	cfg.MaxMsgs = 1000
	stream, err := js.UpdateStream(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(name, "holds", stream.CachedInfo().Config.MaxMsgs)

	cfg.MaxAge = time.Millisecond
	_, err = js.UpdateStream(ctx, cfg) // is not even sent
	var bad *jetstream.ConfigError
	fmt.Println(errors.As(err, &bad), bad.Field, bad.Reason)
	// Output:
	// ORDERS holds 1000
	// true MaxAge is less than 100ms
}

// Lists are ranged over; leaving the loop leaves nothing behind.
func ExampleStreamManager_allStreams() {
	js, end := exampleServer()
	defer end()
	ctx := context.Background()
	for _, name := range []string{"A", "B", "C"} {
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name}); err != nil {
			log.Fatal(err)
		}
	}
	for info, err := range js.AllStreams(ctx) {
		if err != nil {
			log.Fatal(err) // an *IncompleteError says which are missing
		}
		fmt.Println(info.Config.Name)
		if info.Config.Name == "B" {
			break
		}
	}
	// Output:
	// A
	// B
}

// A snapshot restores a stream, including its consumers.
func ExampleStream_snapshot() {
	js, end := exampleServer()
	defer end()
	ctx := context.Background()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := js.Publish(ctx, "orders.new", []byte("tea")); err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	snapshot, err := stream.Snapshot(ctx, &file)
	if err != nil {
		log.Fatal(err) // an *InterruptedError: the file is useless
	}
	if err := js.DeleteStream(ctx, "ORDERS"); err != nil {
		log.Fatal(err)
	}
	stream, err = js.RestoreStream(ctx, snapshot, &file)
	if err != nil {
		log.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, "orders.new")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Sequence, string(m.Data))
	// Output: 1 tea
}

// A consumer is created for a stream, paused, and deleted.
func ExampleConsumerManager() {
	js, end := exampleServer()
	defer end()
	ctx := context.Background()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "billing", FilterSubject: "orders.paid"}); err != nil {
		log.Fatal(err)
	}
	paused, err := stream.PauseConsumer(ctx, "billing", time.Now().Add(time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("paused:", paused.Paused)
	_, err = stream.PushConsumer(ctx, "billing")
	fmt.Println("pushes:", !errors.Is(err, jetstream.ErrNotPushConsumer))
	if err := stream.DeleteConsumer(ctx, "billing"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// paused: true
	// pushes: false
}

// A SystemManager needs a connection in the system account.
func ExampleNewSystemManager() {
	js, end := exampleServer()
	defer end()
	system, err := jetstream.NewSystemManager(js.Conn())
	if err != nil {
		log.Fatal(err)
	}
	err = system.StepDownMeta(context.Background(), nil)
	fmt.Println(errors.Is(err, jetstream.ErrNotSystemAccount))
	// Output: true
}
