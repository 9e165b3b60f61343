package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

func ExampleNewBatchPublisher() {
	js, end := exampleStream(jetstream.StreamConfig{Name: "BANK", Subjects: []string{"account.*"}, AllowAtomicPublish: true})
	defer end()
	ctx := context.Background()

	batch, err := jetstream.NewBatchPublisher(js)
	if err != nil {
		log.Fatal(err)
	}
	if err := batch.Add(ctx, "account.ann", []byte("-10"), jetstream.WithExpectLastSequencePerSubject(0)); err != nil {
		log.Fatal(err)
	}
	// A message that no server would accept is refused before it is sent, and the batch
	// continues.
	err = batch.Add(ctx, "account.ann", []byte("-10"), jetstream.WithExpectLastSequencePerSubject(0))
	fmt.Println(errors.Is(err, jetstream.ErrWrongLastSequence), batch.Size())

	ack, err := batch.Commit(ctx, "account.bob", []byte("+10"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ack.Stream, ack.Sequence, ack.Count)
	// Output:
	// true 1
	// BANK 2 2
}

func ExamplePublishMsgBatch() {
	js, end := exampleStream(jetstream.StreamConfig{Name: "BANK", Subjects: []string{"account.*"}, AllowAtomicPublish: true})
	defer end()

	// All of it is stored, or nothing. With ids it is safe to send it again.
	ack, err := jetstream.PublishMsgBatch(context.Background(), js, []*api.Msg{
		{Subject: "account.ann", Data: []byte("-10"), Header: api.Header{jetstream.MsgIDHeader: {"transfer-1-from"}}},
		{Subject: "account.bob", Data: []byte("+10"), Header: api.Header{jetstream.MsgIDHeader: {"transfer-1-to"}}},
	})
	if failed, ok := errors.AsType[*jetstream.BatchError](err); ok && failed.Outcome == jetstream.BatchUnknown {
		log.Fatal("the answer was lost: ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ack.Stream, ack.Sequence, ack.Count)
	// Output: BANK 2 2
}

func ExampleNewFastPublisher() {
	js, end := exampleStream(jetstream.StreamConfig{Name: "SENSORS", Subjects: []string{"sensor.*"}, AllowBatchPublish: true})
	defer end()
	ctx := context.Background()

	readings, err := jetstream.NewFastPublisher(js)
	if err != nil {
		log.Fatal(err)
	}
	for i := range 10_000 {
		if _, err := readings.Add(ctx, "sensor.1", fmt.Append(nil, i)); err != nil {
			log.Fatal(err)
		}
	}
	// Add does not wait for an acknowledgement. Close waits until everything is stored.
	ack, err := readings.Close(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ack.Stream, ack.Sequence, ack.Count)
	// Output: SENSORS 10000 10000
}
