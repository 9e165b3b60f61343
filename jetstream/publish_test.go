package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

const patience = time.Minute

// addStream creates a stream with a raw request.
func addStream(t testing.TB, nc *api.Conn, name, config string) {
	t.Helper()
	answer := must.Get(nc.Request("$JS.API.STREAM.CREATE."+name, []byte(fmt.Sprintf(`{"name":%q,%s}`, name, config)), patience))(t)
	if bytes.Contains(answer.Data, []byte(`"error"`)) {
		t.Fatalf("stream %s: %s", name, answer.Data)
	}
}

const ordersConfig = `"subjects":["orders.>"],"storage":"memory","allow_msg_ttl":true,"allow_msg_schedules":true,"allow_rollup_hdrs":true`

func opened(t testing.TB, options ...jetstream.JetStreamOpt) (*api.Conn, jetstream.JetStream) {
	t.Helper()
	nc := connect(t, natsserver.Run(t, natsserver.Options{JetStream: true, StoreDir: t.TempDir()}))
	addStream(t, nc, "ORDERS", ordersConfig)
	return nc, must.Get(jetstream.New(nc, options...))(t)
}

func TestPublishWaitsForTheAck(t *testing.T) {
	_, js := opened(t)
	ack := must.Get(js.Publish(must.Within(t, patience), "orders.new", []byte("1")))(t)
	if ack.Stream != "ORDERS" || ack.Sequence != 1 || ack.Duplicate {
		t.Errorf("%+v", ack)
	}
	var none context.Context // as with nats.go
	for n, duplicate := range []bool{false, true} {
		ack := must.Get(js.Publish(none, "orders.new", []byte("2"), jetstream.WithMsgID("a")))(t)
		if ack.Sequence != 2 || ack.Duplicate != duplicate {
			t.Errorf("%d: %+v", n, ack)
		}
	}
}

func TestPublishAsyncIsAcked(t *testing.T) {
	_, js := opened(t)
	var futures []jetstream.PubAckFuture
	for i := range 1000 {
		futures = append(futures, must.Get(js.PublishAsync("orders.new", []byte(fmt.Sprint(i))))(t))
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(patience):
		t.Fatal("not complete:", js.PublishAsyncPending())
	}
	if n := js.PublishAsyncPending(); n != 0 {
		t.Error("pending", n)
	}
	for i, f := range futures {
		ack := <-f.Ok()
		if ack.Sequence != uint64(i+1) || ack.Stream != "ORDERS" {
			t.Fatalf("%d: %+v", i, ack)
		}
		again := must.Get(f.Wait(context.Background()))(t)
		if again.Sequence != ack.Sequence || string(f.Msg().Data) != fmt.Sprint(i) || f.Msg().Subject != "orders.new" {
			t.Fatalf("%d: %+v, %+v", i, again, f.Msg())
		}
	}
}

func TestPublishRefusedByTheStream(t *testing.T) {
	_, js := opened(t)
	ctx := must.Within(t, patience)
	must.Get(js.Publish(ctx, "orders.new", nil))(t)
	_, err := js.Publish(ctx, "orders.new", nil, jetstream.WithExpectLastSequence(7))
	f := must.Get(js.PublishAsync("orders.new", nil, jetstream.WithExpectLastSequence(7)))(t)
	for _, err := range []error{err, <-f.Err()} {
		var wrong *jetstream.WrongLastSequenceError
		var publish *jetstream.PublishError
		if !errors.As(err, &wrong) || wrong.Expected != 7 || wrong.Actual != 1 {
			t.Errorf("%v", err)
		}
		if !errors.As(err, &publish) || publish.MaybeSent() || publish.Attempts != 1 || errors.Is(err, jetstream.ErrPublishUnknown) {
			t.Errorf("%#v", publish)
		}
	}
}

func TestPublishToNobody(t *testing.T) {
	_, js := opened(t)
	quick := []jetstream.PublishOpt{jetstream.WithRetryWait(time.Millisecond), jetstream.WithRetryAttempts(3)}
	_, err := js.Publish(must.Within(t, patience), "nobody", nil, quick...)
	f := must.Get(js.PublishAsync("nobody", nil, quick...))(t)
	for _, err := range []error{err, <-f.Err()} {
		var publish *jetstream.PublishError
		if !errors.Is(err, jetstream.ErrNoStreamResponse) || !errors.Is(err, api.ErrNoResponders) || !errors.As(err, &publish) {
			t.Fatal(err)
		}
		if publish.Attempts != 4 || publish.MaybeSent() {
			t.Errorf("%#v", publish)
		}
	}
}

// TestPublishLeavesTheMessageAlone: options determine what is sent, and the message is not
// modified; a buffer may be reused at once.
func TestPublishLeavesTheMessageAlone(t *testing.T) {
	nc, js := opened(t)
	sub := must.Get(nc.SubscribeSync("orders.>"))(t)
	m := &api.Msg{Subject: "orders.new", Header: api.Header{"A": {"b"}, jetstream.MsgIDHeader: {"old"}}, Data: []byte("data")}
	f := must.Get(js.PublishMsgAsync(m, jetstream.WithMsgID("new")))(t)
	must.Get(f.Wait(must.Within(t, patience)))(t)
	must.Get(js.PublishMsg(must.Within(t, patience), m, jetstream.WithMsgID("newer")))(t)
	if len(m.Header) != 2 || m.Header.Get(jetstream.MsgIDHeader) != "old" || f.Msg() != m {
		t.Errorf("%+v", m)
	}
	for _, id := range []string{"new", "newer"} {
		got := must.Get(sub.NextMsg(patience))(t)
		if got.Header.Get(jetstream.MsgIDHeader) != id || got.Header.Get("A") != "b" || string(got.Data) != "data" {
			t.Errorf("%+v", got)
		}
	}
}
