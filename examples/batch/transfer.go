package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// bookings is how many bookings the successful transfers make.
const bookings = 4

// transfers books money from one account to another: two messages, both or none.
func transfers(ctx context.Context, out io.Writer, js jetstream.JetStream) error {
	bank, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "BANK", Subjects: []string{"account.*"}, AllowAtomicPublish: true})
	if err != nil {
		return err
	}
	ack, err := transfer(ctx, js, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "transfer 1: %d bookings are stored, the last with sequence %d\n", ack.Count, ack.Sequence)

	// The second one relies on a state that has changed: that ann's account had no
	// booking.
	_, err = transfer(ctx, js, 0)
	failed, ok := errors.AsType[*jetstream.BatchError](err)
	if !ok || failed.Outcome != jetstream.BatchRejected || !errors.Is(err, jetstream.ErrWrongLastSequence) {
		return fmt.Errorf("a transfer from an account that has changed: %w", err)
	}
	fmt.Fprintf(out, "transfer 2: nothing is stored: %v\n", err)

	// If all messages are there, one call is enough.
	ack, err = jetstream.PublishMsgBatch(ctx, js, []*api.Msg{
		{Subject: "account.ann", Data: []byte("-5"), Header: api.Header{jetstream.MsgIDHeader: {"transfer-3-from"}}},
		{Subject: "account.bob", Data: []byte("+5"), Header: api.Header{jetstream.MsgIDHeader: {"transfer-3-to"}}},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "transfer 3: %d bookings are stored, the last with sequence %d\n", ack.Count, ack.Sequence)
	info, err := bank.Info(ctx)
	if err == nil && info.State.Msgs != bookings {
		err = fmt.Errorf("the bank has %d bookings, want %d", info.State.Msgs, bookings)
	}
	return err
}

// transfer books 10 from ann to bob, if the last booking of ann's account has the
// sequence basis; 0 for no booking.
func transfer(ctx context.Context, js jetstream.JetStream, basis uint64) (*jetstream.PubAck, error) {
	batch, err := jetstream.NewBatchPublisher(js)
	if err != nil {
		return nil, err
	}
	err = batch.Add(ctx, "account.ann", []byte("-10"), jetstream.WithExpectLastSequencePerSubject(basis))
	if err != nil {
		return nil, err
	}
	return batch.Commit(ctx, "account.bob", []byte("+10"))
}
