package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

// exampleJetStream starts a server for an example.
func exampleJetStream() (js jetstream.JetStream, stop func()) {
	s, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		log.Fatal(err)
	}
	nc, err := api.Connect(s.URL())
	if err != nil {
		log.Fatal(err)
	}
	if js, err = jetstream.New(nc); err != nil {
		log.Fatal(err)
	}
	return js, func() {
		nc.Close()
		s.Shutdown()
	}
}

// A message that its consumer gave up is loaded from the stream.
func ExampleDeadLetterReader() {
	js, stop := exampleJetStream()
	defer stop()

	ctx := context.Background()
	letters, err := js.DeadLetters(ctx, jetstream.AdvisoriesOfStream("ORDERS"))
	if err != nil {
		log.Fatal(err)
	}
	giveUpAnOrder(ctx, js)
	for letter, err := range letters {
		if err != nil {
			log.Println(err) // a letter that is not nil lacks only its message
			continue
		}
		fmt.Printf("%s gave up %s after %d delivery: %s\n", letter.Consumer, letter.Msg.Subject, letter.Deliveries, letter.Reason)
		break
	}
	// Output: billing gave up orders.7 after 1 delivery: no such customer
}

// giveUpAnOrder makes a consumer terminate a message.
func giveUpAnOrder(ctx context.Context, js jetstream.JetStream) {
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "billing"}); err != nil {
		log.Fatal(err)
	}
	nc := js.Conn()
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		log.Fatal(err)
	}
	_ = nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.ORDERS.billing", sub.Subject, nil)
	_ = nc.Publish("orders.7", []byte("{}"))
	m, err := sub.NextMsgWithContext(ctx)
	if err != nil {
		log.Fatal(err)
	}
	_ = m.Respond([]byte("+TERM no such customer"))
}

// A program declares what it needs each time it starts.
func ExampleEnsurer() {
	js, stop := exampleJetStream()
	defer stop()

	ctx := context.Background()
	cfg := jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}}
	for range 2 {
		_, plan, err := js.EnsureStream(ctx, cfg)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(plan)
	}
	cfg.MaxAge = time.Hour
	cfg.Storage = jetstream.MemoryStorage
	_, plan, err := js.EnsureStream(ctx, cfg)
	fmt.Println(plan)
	fmt.Println(errors.Is(err, jetstream.ErrImmutable))
	// Output:
	// create stream "ORDERS"
	// keep stream "ORDERS"
	// recreate stream "ORDERS"
	//   MaxAge: 0s -> 1h0m0s
	//   Storage: "file" -> "memory" (impossible: it is decided when the stream is created)
	// true
}
