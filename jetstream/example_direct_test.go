package jetstream_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

// exampleStream starts a server with the stream, and connects to it. The returned function ends
// both.
func exampleStream(config jetstream.StreamConfig) (jetstream.JetStream, func()) {
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
	config.Storage = jetstream.MemoryStorage
	if _, err := js.CreateStream(context.Background(), config); err != nil {
		log.Fatal(err)
	}
	return js, func() {
		nc.Close()
		s.Shutdown()
	}
}

func ExampleGetBatch() {
	js, end := exampleStream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}, AllowDirect: true})
	defer end()
	for _, subject := range []string{"orders.1", "orders.2", "orders.1"} {
		if _, err := js.Conn().Request(subject, []byte("new"), 10*time.Second); err != nil {
			log.Fatal(err)
		}
	}

	// Everything from the second message on. Nothing is sent before the loop begins.
	orders, err := jetstream.GetBatch(context.Background(), js, "ORDERS", 0, jetstream.GetBatchSeq(2))
	if err != nil {
		log.Fatal(err)
	}
	for m, err := range orders {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Sequence, m.Subject, string(m.Data))
	}
	// Output:
	// 2 orders.2 new
	// 3 orders.1 new
}

func ExampleGetLastMsgsFor() {
	js, end := exampleStream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}, AllowDirect: true})
	defer end()
	for i, subject := range []string{"orders.1", "orders.2", "orders.1"} {
		if _, err := js.Conn().Request(subject, fmt.Append(nil, "state ", i), 10*time.Second); err != nil {
			log.Fatal(err)
		}
	}

	// The state of every order, all as of one moment.
	orders, err := jetstream.GetLastMsgsFor(context.Background(), js, "ORDERS", []string{"orders.*"})
	if err != nil {
		log.Fatal(err)
	}
	for m, err := range orders {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Subject, string(m.Data))
	}
	// Output:
	// orders.2 state 1
	// orders.1 state 2
}
