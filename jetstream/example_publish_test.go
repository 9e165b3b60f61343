package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

func ExamplePublisher() {
	js, end := exampleStream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}})
	defer end()
	ctx := context.Background()

	ack, err := js.Publish(ctx, "orders.new", []byte("1 apple"), jetstream.WithMsgID("order-1"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ack.Stream, ack.Sequence)

	// Another client has published meanwhile.
	_, err = js.Publish(ctx, "orders.new", []byte("2 apples"), jetstream.WithExpectLastSequence(0))
	if wrong, ok := errors.AsType[*jetstream.WrongLastSequenceError](err); ok {
		fmt.Println("expected", wrong.Expected, "there is", wrong.Actual)
	}

	_, err = js.Publish(ctx, "elsewhere", nil, jetstream.WithRetryAttempts(0))
	fmt.Println(errors.Is(err, jetstream.ErrNoStreamResponse), api.MaybeSent(err))
	// Output:
	// ORDERS 1
	// expected 0 there is 1
	// true false
}

func ExamplePubAckFuture() {
	js, end := exampleStream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}})
	defer end()

	var futures []jetstream.PubAckFuture
	for i := range 100 {
		f, err := js.PublishAsync("orders.new", fmt.Append(nil, i))
		if err != nil {
			log.Fatal(err) // nothing was sent
		}
		futures = append(futures, f)
	}
	for _, f := range futures {
		_, err := f.Wait(context.Background()) // ends in time, whatever happens
		if errors.Is(err, jetstream.ErrPublishUnknown) {
			log.Fatal("the stream may have it: ", err)
		}
		if err != nil {
			log.Fatal("the stream does not have it: ", err)
		}
	}
	<-js.PublishAsyncComplete()
	fmt.Println(len(futures), "stored,", js.PublishAsyncPending(), "left")
	// Output: 100 stored, 0 left
}

// Every message gets an id, so that it can be sent again until it is acknowledged or its time is
// up: lost acknowledgements, lost links and elections cost time, but cause neither loss nor
// duplicates.
func ExampleWithIdempotentRetry() {
	plain, end := exampleStream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}})
	defer end()
	nc := plain.Conn()
	js, err := jetstream.New(nc, jetstream.WithIdempotentRetry(),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *api.Msg, err error) { log.Print(m.Subject, ": ", err) }))
	if err != nil {
		log.Fatal(err)
	}
	for range 1000 {
		if _, err := js.PublishAsync("orders.new", nil); err != nil {
			log.Fatal(err)
		}
	}
	if err := nc.ForceReconnect(); err != nil { // in between
		log.Fatal(err)
	}
	<-js.PublishAsyncComplete()
	stream, err := js.Stream(context.Background(), "ORDERS")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stream.CachedInfo().State.Msgs)
	// Output: 1000
}
