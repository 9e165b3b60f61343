package jetstream_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

// withOrders creates a stream with three messages, for the examples.
func withOrders(f func(js jetstream.JetStream) error) {
	s, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Shutdown()
	nc, err := api.Connect(s.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err == nil {
		_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	}
	for _, what := range []string{"apples", "pears", "plums"} {
		if err == nil {
			_, err = nc.Request("orders.new", []byte(what), 10*time.Second)
		}
	}
	if err == nil {
		err = f(js)
	}
	if err != nil {
		fmt.Println(err)
	}
}

// A whole stream from its beginning, in order, whatever happens to servers and links.
func ExampleJetStream_orderedConsumer() {
	withOrders(func(js jetstream.JetStream) error {
		consumer, err := js.OrderedConsumer(context.Background(), "ORDERS", jetstream.OrderedConsumerConfig{})
		if err != nil {
			return err
		}
		replay, err := consumer.Consume(func(m jetstream.Msg) {
			fmt.Printf("%s: %s\n", m.Subject(), m.Data())
		}, jetstream.StopAfter(3))
		if err != nil {
			return err
		}
		<-replay.Closed()
		return nil
	})
	// Output:
	// orders.new: apples
	// orders.new: pears
	// orders.new: plums
}

// The server pushes messages, no faster than they are handled.
func ExamplePushConsumer() {
	withOrders(func(js jetstream.JetStream) error {
		consumer, err := js.CreatePushConsumer(context.Background(), "ORDERS", jetstream.ConsumerConfig{
			DeliverSubject: "to.the.shop", FlowControl: true, IdleHeartbeat: 5 * time.Second,
		})
		if err != nil {
			return err
		}
		done := make(chan struct{})
		shop, err := consumer.Consume(func(m jetstream.Msg) {
			fmt.Printf("%s\n", m.Data())
			_ = m.Ack()
			if string(m.Data()) == "plums" {
				close(done)
			}
		}, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { fmt.Println(err) }))
		if err != nil {
			return err
		}
		<-done
		shop.Drain()
		<-shop.Closed()
		return nil
	})
	// Output:
	// apples
	// pears
	// plums
}
