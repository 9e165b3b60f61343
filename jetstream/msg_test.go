package jetstream

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// stocked returns the JetStream of a server with the stream S, which has messages
// numbered from 1, and a consumer C with a pull each time that next is called.
func stocked(t *testing.T, msgs int, consumer string) (js *jetStream, next func() *jsMsg) {
	t.Helper()
	js = opened(t, natsserver.Options{JetStream: true})
	request := func(subject, body string) {
		t.Helper()
		must.Get(call[struct{}](t.Context(), js, request{op: "test", subject: subject, body: []byte(body)}))(t)
	}
	request("STREAM.CREATE.S", `{"name":"S","subjects":["s"],"storage":"memory"}`)
	request("CONSUMER.CREATE.S.C", `{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"`+consumer+`}}`)
	for i := range msgs {
		must.Get(js.nc.Request("s", fmt.Append(nil, i+1), 5*time.Second))(t)
	}
	sub := must.Get(js.nc.SubscribeSync(js.nc.NewInbox()))(t)
	return js, func() *jsMsg {
		t.Helper()
		must.Do(t, js.nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.S.C", sub.Subject, nil))
		return newMsg(js, must.Get(sub.NextMsg(time.Minute))(t))
	}
}

// consumerState is the state of a consumer at the server.
type consumerState struct {
	AckFloor      SequencePair `json:"ack_floor"`
	NumAckPending int          `json:"num_ack_pending"`
	NumPending    int          `json:"num_pending"`
}

func stateOfC(t *testing.T, js *jetStream) consumerState {
	t.Helper()
	return must.Get(call[consumerState](t.Context(), js, request{op: "test", subject: "CONSUMER.INFO.S.C"}))(t)
}

func TestMsgIsWhatWasStored(t *testing.T) {
	_, next := stocked(t, 1, "")
	var m Msg = next()
	meta := must.Get(m.Metadata())(t)
	if string(m.Data()) != "1" || m.Subject() != "s" || m.Headers() != nil || m.Reply() == "" {
		t.Errorf("%q on %q with %v, reply %q", m.Data(), m.Subject(), m.Headers(), m.Reply())
	}
	if meta.Stream != "S" || meta.Consumer != "C" || meta.NumDelivered != 1 || meta.NumPending != 0 ||
		meta.Sequence != (SequencePair{Stream: 1, Consumer: 1}) || time.Since(meta.Timestamp) > time.Minute {
		t.Errorf("%+v", meta)
	}
}

// TestConfirmedAcks: each kind is confirmed by the server, and does what its name says.
func TestConfirmedAcks(t *testing.T) {
	js, next := stocked(t, 3, `,"ack_wait":3600000000000`)
	must.Do(t, next().DoubleAck(t.Context()))
	if s := stateOfC(t, js); s.AckFloor.Stream != 1 || s.NumAckPending != 0 {
		t.Errorf("after an ack %+v", s)
	}
	m := next()
	must.Do(t, m.DoubleInProgress(t.Context()))
	var none context.Context // the default timeout
	must.Do(t, m.DoubleNak(none, 0))
	m = next()
	if meta := must.Get(m.Metadata())(t); meta.NumDelivered != 2 || meta.Sequence.Stream != 2 {
		t.Errorf("after a nak %+v", meta)
	}
	must.Do(t, m.DoubleTerm(t.Context(), "of no use"))
	if s := stateOfC(t, js); s.AckFloor.Stream != 2 || s.NumAckPending != 0 {
		t.Errorf("after a term %+v", s)
	}
}

func TestAcksWithoutAWordOfTheServer(t *testing.T) {
	for name, ack := range map[string]func(Msg) error{
		"ack": Msg.Ack, "term": Msg.Term, "term with a reason": func(m Msg) error { return m.TermWithReason("broken") },
	} {
		js, next := stocked(t, 1, "")
		must.Do(t, ack(next()))
		deadline := must.Within(t, time.Minute)
		for stateOfC(t, js).AckFloor.Stream != 1 {
			if deadline.Err() != nil {
				t.Fatalf("%s: %+v", name, stateOfC(t, js))
			}
		}
	}
	_, next := stocked(t, 1, "")
	m := next()
	must.Do(t, m.InProgress())
	must.Do(t, m.InProgress())
	must.Do(t, m.Nak())
	if meta := must.Get(next().Metadata())(t); meta.NumDelivered != 2 {
		t.Errorf("after a nak %+v", meta)
	}
}

func TestAMessageIsAcknowledgedOnce(t *testing.T) {
	_, next := stocked(t, 1, "")
	m := next()
	must.Do(t, m.Ack())
	for name, again := range map[string]func() error{
		"ack": m.Ack, "nak": m.Nak, "term": m.Term, "in progress": m.InProgress,
		"nak with delay": func() error { return m.NakWithDelay(time.Second) },
		"with a reason":  func() error { return m.TermWithReason("x") },
		"double ack":     func() error { return m.DoubleAck(t.Context()) },
		"double nak":     func() error { return m.DoubleNak(t.Context(), 0) },
		"double term":    func() error { return m.DoubleTerm(t.Context(), "") },
		"double wpi":     func() error { return m.DoubleInProgress(t.Context()) },
		"ack next":       func() error { _, err := m.AckNext(t.Context()); return err },
	} {
		if err := again(); !errors.Is(err, ErrMsgAlreadyAckd) {
			t.Errorf("%s gave %v", name, err)
		}
	}
}

// TestAFailedAckMayBeRepeated: without the server's confirmation a message is not acknowledged.
func TestAFailedAckMayBeRepeated(t *testing.T) {
	js, next := stocked(t, 1, "")
	m := next()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.DoubleAck(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	must.Do(t, m.DoubleAck(t.Context()))
	js.nc.Close()
	if err := m.Ack(); !errors.Is(err, ErrMsgAlreadyAckd) {
		t.Errorf("a message that was acknowledged: %v", err)
	}
}

func TestAckOfAConsumerThatIsGone(t *testing.T) {
	js, next := stocked(t, 1, "")
	m := next()
	must.Get(call[struct{}](t.Context(), js, request{op: "test", subject: "CONSUMER.DELETE.S.C"}))(t)
	if err := m.DoubleAck(t.Context()); !errors.Is(err, api.ErrNoResponders) {
		t.Errorf("got %v", err)
	}
}

func TestMsgThatIsNone(t *testing.T) {
	js := opened(t, natsserver.Options{})
	sub := must.Get(js.nc.SubscribeSync("x"))(t)
	for _, c := range []struct {
		what string
		m    *jsMsg
		want error
	}{
		{"nil", nil, ErrMsgNotBound},
		{"of nobody", newMsg(js, &api.Msg{Reply: "x"}), ErrMsgNotBound},
		{"without a reply", newMsg(js, &api.Msg{Sub: sub}), ErrMsgNoReply},
	} {
		if err := c.m.Ack(); !errors.Is(err, c.want) {
			t.Errorf("%s: ack gave %v", c.what, err)
		}
		if _, err := c.m.Metadata(); !errors.Is(err, c.want) {
			t.Errorf("%s: metadata gave %v", c.what, err)
		}
	}
	if _, err := newMsg(js, &api.Msg{Sub: sub, Reply: "x"}).Metadata(); !errors.Is(err, ErrNotJSMessage) {
		t.Errorf("a plain message: %v", err)
	}
}

// TestAckNext: a loop of one worker acknowledges each message with the request for the next.
func TestAckNext(t *testing.T) {
	js, next := stocked(t, 3, "")
	var m Msg = next()
	for want := 2; want <= 3; want++ {
		m = must.Get(m.AckNext(t.Context()))(t)
		if string(m.Data()) != fmt.Sprint(want) {
			t.Errorf("got %s, want %d", m.Data(), want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := m.AckNext(ctx); !errors.Is(err, api.ErrTimeout) {
		t.Errorf("without a message: %v", err)
	}
	deadline := must.Within(t, time.Minute)
	for s := stateOfC(t, js); s.AckFloor.Stream != 3 || s.NumAckPending != 0; s = stateOfC(t, js) { // the wait for a message may have ended first
		if deadline.Err() != nil {
			t.Fatalf("%+v", s)
		}
	}
}

// TestMessagesShareMemoryWithinBounds: a message that is kept keeps others of about 2 KiB.
func TestMessagesShareMemoryWithinBounds(t *testing.T) {
	for _, size := range []int{10, 100, 500, 1500, 1 << 20} {
		var s msgSlab
		slabs, n := 0, 80
		for range n {
			before := len(s.free)
			s.next(size)
			if before == 0 || s.bytes == size {
				slabs++
			}
		}
		if kept := n * size / slabs; kept > max(slabBytesMax, size) {
			t.Errorf("messages of %d bytes: one keeps %d", size, kept)
		}
	}
	var s msgSlab
	if n := testing.AllocsPerRun(800, func() { s.next(100) }); n > 0.2 {
		t.Errorf("%v allocations for a message", n)
	}
}
