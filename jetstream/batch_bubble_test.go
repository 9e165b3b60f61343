package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// countStored returns how many messages a stream has.
func countStored(t testing.TB, js jetstream.JetStream) int {
	t.Helper()
	msgs, err := batch(t, js, 0)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Fatal(err)
	}
	return len(msgs)
}

// kindsOf checks that an error is of all these kinds.
func kindsOf(t testing.TB, what string, err error, kinds ...error) {
	t.Helper()
	for _, k := range kinds {
		if !errors.Is(err, k) {
			t.Errorf("%s: %v is no %v", what, err, k)
		}
	}
}

func TestBatchIsStoredAsAWhole(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true,"allow_atomic":true`)
		ctx := b.T.Context()
		for name, commit := range map[string]func(jetstream.BatchPublisher) (*jetstream.PubAck, error){
			"with a message": func(p jetstream.BatchPublisher) (*jetstream.PubAck, error) { return p.Commit(ctx, "a", []byte("last")) },
			"of what was added": func(p jetstream.BatchPublisher) (*jetstream.PubAck, error) {
				must.Do(b.T, p.Add(ctx, "a", []byte("last")))
				return p.CommitAdded(ctx)
			},
		} {
			before := countStored(b.T, js)
			p := must.Get(jetstream.NewBatchPublisher(js, jetstream.BatchAckEvery(3)))(b.T)
			for i := range 20 {
				must.Do(b.T, p.Add(ctx, "a", fmt.Append(nil, i)))
			}
			if n := countStored(b.T, js); n != before || p.Size() != 20 || p.IsClosed() {
				b.T.Errorf("before the commit %s there are %d messages, size %d", name, n, p.Size())
			}
			ack, err := commit(p)
			if err != nil || ack.Count != 21 || ack.Sequence != uint64(before+21) || ack.BatchID != p.ID() || !p.IsClosed() {
				b.T.Errorf("commit %s: %+v, %v", name, ack, err)
			}
			kindsOf(b.T, "add after the commit", p.Add(ctx, "a", nil), jetstream.ErrBatchClosed)
			kindsOf(b.T, "discard after the commit", p.Discard(), jetstream.ErrBatchClosed)
			_, err = p.Resolve(ctx)
			kindsOf(b.T, "resolve after the commit", err, jetstream.ErrNoBatchFailed)
		}
		if m := must.Get(batch(b.T, js, 1, jetstream.GetBatchSeq(21)))(b.T)[0]; string(m.Data) != "last" {
			b.T.Errorf("the last message is %q", m.Data)
		}
	})
}

// TestBatchLeavesNothing: a batch that the stream refuses before the commit keeps no
// subscription, even if it is not used again.
func TestBatchLeavesNothing(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "PLAIN p", "")
		before := nc.NumSubscriptions()
		p := must.Get(jetstream.NewBatchPublisher(js, jetstream.BatchNoFirstAck(), jetstream.BatchAckEvery(2), jetstream.BatchAbandonedHandler(func(jetstream.BatchAbandoned) {})))(b.T)
		for range 2 {
			must.Do(b.T, p.Add(b.T.Context(), "p", nil))
		}
		time.Sleep(time.Second)
		if n := nc.NumSubscriptions() - before; n != 0 || !p.IsClosed() {
			b.T.Errorf("%d subscriptions are left, closed: %t", n, p.IsClosed())
		}
		kindsOf(b.T, "add", p.Add(b.T.Context(), "p", nil), jetstream.ErrAtomicPublishDisabled)
	})
}

func TestBatchIsGivenUp(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true,"allow_atomic":true`)
		makeStream(b.T, nc, "PLAIN p", "")
		ctx := b.T.Context()
		// More than a server keeps open at once, unless it drops discarded batches at once.
		for range 60 {
			p := must.Get(jetstream.NewBatchPublisher(js))(b.T)
			must.Do(b.T, p.Add(ctx, "a", nil))
			must.Do(b.T, p.Discard())
			must.Do(b.T, nc.Flush())
		}
		notices := make(chan jetstream.BatchAbandoned, 1)
		p := must.Get(jetstream.NewBatchPublisher(js, jetstream.BatchAbandonedHandler(func(n jetstream.BatchAbandoned) { notices <- n })))(b.T)
		must.Do(b.T, p.Add(ctx, "a", nil))
		if n := <-notices; n.BatchID != p.ID() || n.Stream != "S" || n.Reason != "timeout" {
			b.T.Errorf("the notice is %+v", n)
		}
		kindsOf(b.T, "add to an abandoned batch", p.Add(ctx, "a", nil), jetstream.ErrBatchAbandoned, jetstream.ErrJetStream)

		idle := must.Get(jetstream.NewBatchPublisher(js))(b.T)
		must.Do(b.T, idle.Add(ctx, "a", nil))
		time.Sleep(11 * time.Second)
		_, err := idle.Commit(ctx, "a", nil)
		kindsOf(b.T, "commit of an idle batch", err, jetstream.ErrAtomicPublishIncompleteBatch)
		if failed, ok := errors.AsType[*jetstream.BatchError](err); !ok || failed.Outcome != jetstream.BatchRejected || api.MaybeSent(err) {
			b.T.Errorf("the outcome is in %v", err)
		}
		_, err = idle.Resolve(ctx)
		kindsOf(b.T, "resolve after a refusal", err, jetstream.ErrAtomicPublishIncompleteBatch)

		first := func(subject string) error {
			return must.Get(jetstream.NewBatchPublisher(js))(b.T).Add(ctx, subject, nil)
		}
		kindsOf(b.T, "a stream without batches", first("p"), jetstream.ErrAtomicPublishDisabled)
		kindsOf(b.T, "no stream", first("nowhere"), jetstream.ErrNoStreamResponse)
		kindsOf(b.T, "no message", must.Get(jetstream.NewBatchPublisher(js))(b.T).AddMsg(ctx, nil), api.ErrInvalidMsg)
		_, err = must.Get(jetstream.NewBatchPublisher(js))(b.T).CommitAdded(ctx)
		kindsOf(b.T, "an empty batch", err, jetstream.ErrEmptyBatch)
		if n := countStored(b.T, js); n != 0 {
			b.T.Errorf("%d messages were stored", n)
		}
	})
}

func TestBatchTakesBadInputForNothing(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a b", `"allow_direct":true,"allow_atomic":true`)
		ctx := b.T.Context()
		p := must.Get(jetstream.NewBatchPublisher(js))(b.T)
		must.Do(b.T, p.Add(ctx, "a", nil))
		for what, m := range map[string]*api.Msg{
			"no subject":        {Data: []byte("x")},
			"a reply":           {Subject: "a", Reply: "r"},
			"too large":         {Subject: "a", Data: make([]byte, 1<<20)},
			"a late sequence":   {Subject: "a", Header: api.Header{jetstream.ExpectedLastSeqHeader: {"0"}}},
			"a written subject": {Subject: "a", Header: api.Header{jetstream.ExpectedLastSubjSeqHeader: {"0"}}},
			"a batch's field":   {Subject: "a", Header: api.Header{"Nats-Batch-Id": {"x"}}},
		} {
			err := p.AddMsg(ctx, m)
			if bad, ok := errors.AsType[*jetstream.BatchMsgError](err); !ok || bad.Seq != 2 {
				b.T.Errorf("%s: %v", what, err)
			}
		}
		for i := range 998 {
			must.Do(b.T, p.Add(ctx, "b", fmt.Append(nil, i)))
		}
		must.Do(b.T, p.Add(ctx, "b", nil))
		_, err := p.Commit(ctx, "b", nil)
		kindsOf(b.T, "message 1001", err, jetstream.ErrAtomicPublishTooLargeBatch)
		if ack := must.Get(p.CommitAdded(ctx))(b.T); ack.Count != 1000 {
			b.T.Errorf("%+v", ack)
		}
		for what, opt := range map[string]jetstream.BatchOpt{"no acks": jetstream.BatchAckEvery(0), "no messages": jetstream.BatchMessagesMax(-1)} {
			_, err := jetstream.NewBatchPublisher(js, opt)
			kindsOf(b.T, what, err, jetstream.ErrInvalidOption)
		}
		_, err = jetstream.PublishMsgBatch(ctx, js, nil)
		kindsOf(b.T, "nothing", err, jetstream.ErrEmptyBatch)
		_, err = jetstream.PublishMsgBatch(ctx, js, []*api.Msg{{Subject: "a"}, nil})
		kindsOf(b.T, "no message", err, api.ErrInvalidMsg)
	})
}

// many returns n messages, each with an id if identified.
func many(n int, identified bool) []*api.Msg {
	var msgs []*api.Msg
	for i := range n {
		m := &api.Msg{Subject: "a", Data: fmt.Append(nil, i)}
		if identified {
			m.Header = api.Header{jetstream.MsgIDHeader: {fmt.Sprint("id-", i)}}
		}
		msgs = append(msgs, m)
	}
	return msgs
}

// TestBatchOutlivesItsLink: wherever the link is lost, the batch is stored completely and once,
// or the error says that it was not stored, or that the outcome is unknown.
func TestBatchOutlivesItsLink(t *testing.T) {
	for _, identified := range []bool{true, false} {
		t.Run(fmt.Sprint(identified), func(t *testing.T) {
			inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
				makeStream(b.T, nc, "S a", `"allow_direct":true,"allow_atomic":true`)
				for cut := 500; cut < 16_000; cut += 1500 {
					cutAt(b, js, fmt.Sprintf("when bytes(%d) conn(1) reset(out)", cut), identified)
					cutAt(b, js, fmt.Sprintf("when bytes(%d) conn(1) reset(in)", 700+cut/30), identified)
				}
			})
		})
	}
}

// cutAt publishes a batch on a connection that is cut, and checks what is stored.
func cutAt(b *faults.Env, js jetstream.JetStream, rule string, identified bool) {
	b.T.Helper()
	ask(b.T, js.Conn(), "STREAM.PURGE.S", "")
	time.Sleep(time.Hour) // ids are forgotten
	must.Get(b.Link(rule, "s1").Inject(rule))(b.T)
	ack, err := cutBatch(b, rule, identified)
	time.Sleep(time.Minute)
	n := countStored(b.T, js)
	failed, _ := errors.AsType[*jetstream.BatchError](err)
	switch {
	case n != 0 && n != 100:
		b.T.Fatalf("%d messages were stored", n)
	case err == nil && (n != 100 || ack.Count != 100):
		b.T.Errorf("%d messages were stored, and the ack is %+v", n, ack)
	case err != nil && (failed == nil || identified):
		b.T.Errorf("%s: %v", rule, err)
	case err != nil && failed.Outcome == jetstream.BatchRejected && n != 0:
		b.T.Errorf("%d messages were stored, and the error is %v", n, err)
	}
}

// TestBatchIsResolved: wherever the answer to a commit is lost, the stream can tell whether it has
// the batch, until another message follows.
func TestBatchIsResolved(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true,"allow_atomic":true`)
		resolved := 0
		for cut := 500; cut < 1500; cut += 20 {
			ask(b.T, nc, "STREAM.PURGE.S", "")
			rule := fmt.Sprintf("when bytes(%d) conn(1) reset(in)", cut)
			must.Get(b.Link(rule, "s1").Inject(rule))(b.T)
			other := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer(rule))))(b.T)
			p := must.Get(jetstream.NewBatchPublisher(must.Get(jetstream.New(other))(b.T)))(b.T)
			err := p.Add(b.T.Context(), "a", nil)
			if err == nil {
				_, err = p.Commit(b.T.Context(), "a", nil)
			}
			if failed, ok := errors.AsType[*jetstream.BatchError](err); ok && failed.Outcome == jetstream.BatchUnknown {
				ack, err := p.Resolve(b.T.Context())
				if n := countStored(b.T, js); (err == nil) != (n == 2) || err == nil && (ack.Count != 2 || ack.BatchID != p.ID()) || err != nil && err != failed {
					b.T.Errorf("%s: %d messages are stored, resolved to %+v, %v", rule, n, ack, err)
				}
				resolved++
				must.Get(js.Publish(b.T.Context(), "a", nil))(b.T)
				if _, err := p.Resolve(b.T.Context()); err != failed {
					b.T.Errorf("behind another message it is resolved to %v", err)
				}
			}
			other.Close()
		}
		if resolved == 0 {
			b.T.Error("no outcome was unknown")
		}
	})
}

// TestBatchWithTheIdOfAnOlderMessage: the stream already has a message of the batch, so the batch
// is refused, and the link is cut around the answer: this is never taken for success.
func TestBatchWithTheIdOfAnOlderMessage(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true,"allow_atomic":true`)
		for cut := 500; cut < 1500; cut += 20 {
			ask(b.T, nc, "STREAM.PURGE.S", "")
			time.Sleep(time.Hour)
			known := many(100, true)[50]
			must.Get(js.PublishMsg(b.T.Context(), known))(b.T)
			rule := fmt.Sprintf("when bytes(%d) conn(1) reset(in)", cut)
			must.Get(b.Link(rule, "s1").Inject(rule))(b.T)
			ack, err := cutBatch(b, rule, true)
			if n := countStored(b.T, js); n != 1 || !errors.Is(err, jetstream.ErrBatchDuplicate) {
				b.T.Errorf("%s: %d messages are stored, the ack is %+v, the error %v", rule, n, ack, err)
			}
		}
	})
}

// cutBatch publishes a batch of 100 messages with a connection of its own.
func cutBatch(b *faults.Env, name string, identified bool) (*jetstream.PubAck, error) {
	nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer(name))))(b.T)
	defer nc.Close()
	ctx, cancel := context.WithTimeout(b.T.Context(), time.Minute)
	defer cancel()
	return jetstream.PublishMsgBatch(ctx, must.Get(jetstream.New(nc))(b.T), many(100, identified))
}

// TestBatchWaitsForRoom: a server with its maximum of open batches refuses the next, which is
// sent again.
func TestBatchWaitsForRoom(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true,"allow_atomic":true`)
		ctx := b.T.Context()
		var open []jetstream.BatchPublisher
		for range 50 {
			p := must.Get(jetstream.NewBatchPublisher(js))(b.T)
			must.Do(b.T, p.Add(ctx, "a", nil))
			open = append(open, p)
		}
		kindsOf(b.T, "batch 51", must.Get(jetstream.NewBatchPublisher(js))(b.T).Add(ctx, "a", nil), jetstream.ErrTooManyInflightBatches)
		go func() {
			time.Sleep(300 * time.Millisecond)
			_ = open[0].Discard()
		}()
		if ack := must.Get(jetstream.PublishMsgBatch(ctx, js, many(10, false)))(b.T); ack.Count != 10 || ack.Sequence != 10 {
			b.T.Errorf("%+v", ack)
		}
	})
}

func TestBatchNeedsAServerThatKnowsIt(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{JetStream: true})
	nc := connect(t, s)
	js := must.Get(jetstream.New(nc))(t)
	ask(t, nc, "STREAM.CREATE.S", `{"name":"S","subjects":["a"],"storage":"memory","allow_atomic":true}`)
	config := jetstream.StreamConfig{Name: "S"}
	_, err := jetstream.PublishMsgBatch(t.Context(), js, many(1, false), jetstream.BatchForStream(config))
	kindsOf(t, "a stream without batches", err, jetstream.ErrAtomicPublishDisabled)
	if ack := must.Get(jetstream.PublishMsgBatch(t.Context(), js, many(1, false)))(t); ack.Count != 1 {
		t.Errorf("%+v", ack)
	}
}

// TestBatchLeavesOutWhatComesTooLate: with a context that has ended nothing is added or
// committed, and the batch is unchanged.
func TestBatchLeavesOutWhatComesTooLate(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true,"allow_atomic":true`)
		p := must.Get(jetstream.NewBatchPublisher(js))(b.T)
		must.Do(b.T, p.Add(b.T.Context(), "a", nil))
		over, cancel := context.WithCancel(b.T.Context())
		cancel()
		late := func(what string, err error, want ...error) {
			b.T.Helper()
			kindsOf(b.T, what, err, want...)
			if failed, ok := errors.AsType[*jetstream.BatchError](err); ok && failed.Outcome != jetstream.BatchOpen {
				b.T.Errorf("%s: %v", what, err)
			}
		}
		for range 200 {
			late("add", p.Add(over, "a", nil), context.Canceled)
		}
		_, err := p.Commit(over, "a", nil)
		late("commit", err, context.Canceled)
		_, err = p.CommitAdded(over)
		late("commit of what was added", err, context.Canceled)
		if p.Size() != 1 || p.IsClosed() {
			b.T.Errorf("size %d, closed: %t", p.Size(), p.IsClosed())
		}
		must.Get(p.Commit(b.T.Context(), "a", nil))(b.T)
		for range 200 {
			late("add after the commit", p.Add(over, "a", nil), jetstream.ErrBatchClosed)
		}
	})
}
