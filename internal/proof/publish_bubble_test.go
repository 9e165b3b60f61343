package proof_test

// What becomes of messages that are published to streams: each has one outcome, by its
// deadline, and nothing is sent twice that may have arrived, unless it has an id.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// ackTimeout is how long a message waits for its acknowledgement in these tests.
const ackTimeout = 20 * time.Second

// publishing is a client that publishes to a stream, and what observes it.
type publishing struct {
	*faults.Env
	nc      *api.Conn
	js      jetstream.JetStream
	stream  jetstream.Stream // read by a client of its own
	history *check.History
	values  *check.Publisher
	witness *check.Witness
}

// publish runs f with a stream of "orders.>" in a bubble.
func publish(t *testing.T, f func(t *testing.T, r *publishing), options ...jetstream.JetStreamOpt) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		r := &publishing{Env: b, history: check.New(time.Now, check.Options{})}
		reader := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("reader"))))(b.T)
		b.T.Cleanup(reader.Close)
		r.stream = must.Get(must.Get(jetstream.New(reader))(b.T).CreateStream(must.Within(b.T, patience), jetstream.StreamConfig{
			Name: "ORDERS", Subjects: []string{"orders.>"}, Storage: jetstream.MemoryStorage}))(b.T)
		r.nc = must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.NeverGiveUp()))(b.T)
		b.T.Cleanup(r.nc.Close)
		r.js = must.Get(jetstream.New(r.nc, append([]jetstream.JetStreamOpt{jetstream.WithPublishAsyncTimeout(ackTimeout)}, options...)...))(b.T)
		r.values, r.witness = r.history.Publisher("shop", "orders.new"), r.history.Witness("stream", "orders.new")
		f(b.T, r)
	})
}

// underway is one message whose outcome is awaited.
type underway struct {
	value  check.Publish
	future jetstream.PubAckFuture
}

// send publishes the next value. With an id it may be sent again.
func (r *publishing) send(t *testing.T, id bool) underway {
	t.Helper()
	v := r.values.Publish(ackTimeout)
	var options []jetstream.PublishOpt
	if id {
		options = append(options, jetstream.WithMsgID(v.Value()))
	}
	return underway{v, must.Get(r.js.PublishAsync("orders.new", v.Payload(64), options...))(t)}
}

// ends waits for the outcome of a message and records it.
func (r *publishing) ends(t *testing.T, u underway) error {
	t.Helper()
	return u.ends(t)
}

func (u underway) ends(t *testing.T) error {
	t.Helper()
	ack, err := u.future.Wait(must.Within(t, time.Minute))
	switch {
	case err == nil && ack.Duplicate:
		u.value.AckedDuplicate(ack.Sequence)
	case err == nil:
		u.value.Acked(ack.Sequence)
	case errors.Is(err, jetstream.ErrPublishUnknown):
		u.value.Unknown(err)
	default:
		u.value.Rejected(err)
	}
	return err
}

// judge reads the stream, and holds the promises about messages against it.
func (r *publishing) judge(t *testing.T) {
	t.Helper()
	info := must.Get(r.stream.Info(must.Within(t, patience)))(t)
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		m := must.Get(r.stream.GetMsg(must.Within(t, patience), seq))(t)
		r.witness.Saw(m.Data, seq)
	}
	must.Do(t, r.history.Validate(check.G1, check.G2, check.G3))
}

// counters returns the progress of the publisher in the tree.
func (r *publishing) counters(t *testing.T) map[string]uint64 {
	t.Helper()
	found := map[string]uint64{}
	r.nc.Tree().Walk(func(n api.Node, _ int) bool {
		if strings.Contains(n.Path, "/consumers/publisher-") {
			for _, c := range n.Counters {
				found[c.Name] = c.Value
			}
		}
		return true
	})
	return found
}

// acksOnly is the condition of a rule about acknowledgements.
const acksOnly = `when op(MSG) subject("_INBOX.*.*")`

// TestJ01LostAcks loses every subset of the acknowledgements of ten messages. With ids
// all of them are acknowledged in the end and in the stream once; without, those whose
// acknowledgement was lost are unknown at their deadline, and were sent once.
func TestJ01LostAcks(t *testing.T) {
	for _, id := range []bool{true, false} {
		publish(t, func(t *testing.T, r *publishing) {
			must.Do(t, r.ends(t, r.send(t, id)))
			for subset := range 1 << 10 {
				r.loses(t, subset, id)
			}
			if n := r.js.PublishAsyncPending(); n != 0 {
				t.Error("pending", n)
			}
			r.judge(t)
			resent := r.counters(t)["resent"]
			if want := uint64(10 << 9); id && resent != want || !id && resent != 0 {
				t.Errorf("%d were sent again", resent)
			}
		})
	}
}

// loses publishes ten messages and loses a subset of their acknowledgements.
func (r *publishing) loses(t *testing.T, subset int, id bool) {
	t.Helper()
	link := r.Link("client", "s1")
	defer link.Clear()
	for k := range 10 {
		if subset>>k&1 == 1 {
			must.Get(link.Inject(fmt.Sprintf("%s index(%d) drop", acksOnly, k+1)))(t)
		}
	}
	for k, u := range r.sendAll(t, 10, id) {
		err := r.ends(t, u)
		if lost := subset>>k&1 == 1 && !id; lost != errors.Is(err, jetstream.ErrPublishUnknown) || !lost && err != nil {
			t.Fatalf("subset %b, message %d: %v", subset, k, err)
		}
	}
}

func (r *publishing) sendAll(t *testing.T, n int, id bool) (all []underway) {
	t.Helper()
	for range n {
		all = append(all, r.send(t, id))
	}
	return all
}

// TestJ02LateAck: the acknowledgement comes after the deadline. The outcome stays as reported,
// the late one is counted, and is not taken for that of the next message.
func TestJ02LateAck(t *testing.T) {
	publish(t, func(t *testing.T, r *publishing) {
		must.Do(t, r.ends(t, r.send(t, false)))
		seen := must.Get(r.nc.SubscribeSync("orders.new"))(t)
		must.Do(t, r.nc.Flush())
		must.Get(r.Link("client", "s1").Inject(acksOnly + " index(1) drop"))(t)
		began := time.Now()
		late := r.send(t, false)
		kinds(t, r.ends(t, late), jetstream.ErrPublishUnknown, jetstream.ErrAsyncPublishTimeout, api.ErrTimeout, context.DeadlineExceeded)
		if took := time.Since(began); took < ackTimeout || took > ackTimeout+time.Millisecond {
			t.Error("it ended after", took)
		}
		quiet := must.Get(r.nc.SubscribeSync("quiet.new"))(t)
		next := must.Get(r.js.PublishAsync("quiet.new", nil))(t) // in the same slot
		must.Do(t, r.nc.Publish(must.Get(seen.NextMsg(time.Second))(t).Reply, []byte(`{"stream":"ORDERS","seq":2}`)))
		must.Do(t, must.Get(quiet.NextMsg(time.Second))(t).Respond([]byte(`{"stream":"QUIET","seq":3}`)))
		if ack := must.Get(next.Wait(t.Context()))(t); ack.Stream != "QUIET" {
			t.Errorf("%+v", ack)
		}
		must.Do(t, r.ends(t, r.send(t, false)))
		if n := r.counters(t)["late"]; n != 1 {
			t.Errorf("%d came late", n)
		}
		if _, err := late.future.Wait(t.Context()); !errors.Is(err, jetstream.ErrPublishUnknown) {
			t.Error("the outcome is now", err)
		}
		r.judge(t)
	})
}

// TestJ03StrangeAcks: acknowledgements come twice, and for messages that there are not.
func TestJ03StrangeAcks(t *testing.T) {
	publish(t, func(t *testing.T, r *publishing) {
		must.Get(r.Link("client", "s1").Inject(acksOnly + " duplicate"))(t)
		seen := must.Get(r.nc.SubscribeSync("orders.new"))(t)
		for range 10 {
			must.Do(t, r.ends(t, r.send(t, false)))
		}
		reply := must.Get(seen.NextMsg(time.Second))(t).Reply
		prefix := reply[:strings.LastIndexByte(reply, '.')+1]
		for _, token := range []string{"0", "zzzzzzzzzz", "----------", reply[len(prefix):], strings.Repeat("0", 100), "00000000!0"} {
			must.Do(t, r.nc.Publish(prefix+token, []byte(`{"stream":"ORDERS","seq":99}`)))
		}
		must.Do(t, r.nc.Flush())
		synctest.Wait()
		c := r.counters(t)
		if c["acked"] != 10 || c["pending"] != 0 || c["late"] < 10+6 {
			t.Errorf("%v", c)
		}
		must.Do(t, r.ends(t, r.send(t, false)))
		r.judge(t)
	})
}

// TestJ04NoResponders: no server answers for the stream for a while, as in an election.
func TestJ04NoResponders(t *testing.T) {
	for _, patient := range []bool{false, true} {
		var options []jetstream.JetStreamOpt
		if patient {
			options = append(options, jetstream.WithIdempotentRetry(), jetstream.WithPublishAsyncMaxPending(1))
		}
		publish(t, func(t *testing.T, r *publishing) {
			other := must.Get(jetstream.New(r.nc))(t)
			began := time.Now()
			f := must.Get(r.js.PublishAsync("late.new", nil))(t)
			if patient {
				time.Sleep(3 * time.Second)
				if n := r.js.PublishAsyncPending(); n != 1 {
					t.Error("pending", n)
				}
				must.Get(other.CreateStream(t.Context(), jetstream.StreamConfig{Name: "LATE", Subjects: []string{"late.>"}, Storage: jetstream.MemoryStorage}))(t)
				ack := must.Get(f.Wait(must.Within(t, patience)))(t)
				if took := time.Since(began); ack.Sequence != 1 || took > 6*time.Second {
					t.Errorf("%+v after %v", ack, took)
				}
				return
			}
			_, err := f.Wait(must.Within(t, patience))
			kinds(t, err, jetstream.ErrNoStreamResponse, api.ErrNoResponders)
			if e := as[*jetstream.PublishError](t, err); e.MaybeSent() || e.Attempts != 3 || time.Since(began) != 500*time.Millisecond {
				t.Errorf("%#v after %v", e, time.Since(began))
			}
			_, err = r.js.Publish(t.Context(), "late.new", nil)
			kinds(t, err, jetstream.ErrNoStreamResponse)
		}, options...)
	}
}

// TestJ04NobodyAtAll: retries end, and the final error says that no server answered.
func TestJ04NobodyAtAll(t *testing.T) {
	publish(t, func(t *testing.T, r *publishing) {
		began := time.Now()
		f := must.Get(r.js.PublishAsync("nobody", nil))(t)
		_, sync := r.js.Publish(t.Context(), "nobody", nil)
		if took := time.Since(began); took != 5*time.Second {
			t.Error("Publish took", took)
		}
		_, async := f.Wait(must.Within(t, time.Minute))
		if took := time.Since(began); took != ackTimeout {
			t.Error("PublishAsync took", took)
		}
		for _, err := range []error{sync, async} {
			kinds(t, err, jetstream.ErrNoStreamResponse)
			if e := as[*jetstream.PublishError](t, err); e.MaybeSent() || e.Attempts < 5 {
				t.Errorf("%#v", e)
			}
		}
		kinds(t, sync, context.DeadlineExceeded)
	}, jetstream.WithIdempotentRetry())
}

// oddStream is a stream that says something else for a while: it answers each message with the next of
// what there is to say.
func oddStream(t *testing.T, nc *api.Conn, answers ...string) {
	t.Helper()
	next := 0
	must.Get(nc.Subscribe("odd.new", func(m *api.Msg) {
		_ = m.Respond([]byte(answers[min(next, len(answers)-1)]))
		next++
	}))(t)
}

func streamSays(code int, errorCode jetstream.ErrorCode, text string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"err_code":%d,"description":%q},"stream":"ODD","seq":0}`, code, errorCode, text)
}

// TestJ05TooManyRequests: with patience a message is sent again, with pauses that grow;
// without, its refusal is told.
func TestJ05TooManyRequests(t *testing.T) {
	busy := streamSays(429, jetstream.JSErrCodeStreamTooManyRequests, "too many requests")
	publish(t, func(t *testing.T, r *publishing) {
		oddStream(t, r.nc, busy, busy, busy, `{"stream":"ODD","seq":7}`)
		began := time.Now()
		if ack := must.Get(must.Get(r.js.PublishAsync("odd.new", nil))(t).Wait(t.Context()))(t); ack.Sequence != 7 {
			t.Errorf("%+v", ack)
		}
		if took := time.Since(began); took != 1750*time.Millisecond {
			t.Error("it took", took)
		}
	}, jetstream.WithIdempotentRetry())
	publish(t, func(t *testing.T, r *publishing) {
		oddStream(t, r.nc, busy)
		_, sync := r.js.Publish(t.Context(), "odd.new", nil)
		kinds(t, sync, jetstream.ErrTooManyRequests)
		_, err := must.Get(r.js.PublishAsync("odd.new", nil, jetstream.WithMsgID("a")))(t).Wait(t.Context())
		kinds(t, err, jetstream.ErrTooManyRequests)
	})
	publish(t, func(t *testing.T, r *publishing) {
		oddStream(t, r.nc, busy)
		_, err := must.Get(r.js.PublishAsync("odd.new", nil))(t).Wait(must.Within(t, time.Minute))
		kinds(t, err, jetstream.ErrTooManyRequests)
		if e := as[*jetstream.PublishError](t, err); e.MaybeSent() {
			t.Errorf("%#v", e)
		}
	}, jetstream.WithIdempotentRetry())
}

// TestJ06WrongLastSequence: a message that comes too late is refused at once; a stream
// that cannot tell yet is asked again.
func TestJ06WrongLastSequence(t *testing.T) {
	publish(t, func(t *testing.T, r *publishing) {
		oddStream(t, r.nc,
			streamSays(503, jetstream.JSErrCodeStreamExpectedLastSeqPerSubjectNotReady, "expected last sequence per subject temporarily unavailable"),
			streamSays(400, jetstream.JSErrCodeStreamWrongLastSequence, "wrong last sequence: 9"),
			streamSays(400, jetstream.JSErrCodeStreamWrongLastSequenceConstant, "wrong last sequence"))
		expect := jetstream.WithExpectLastSequencePerSubject(4)
		began := time.Now()
		_, err := must.Get(r.js.PublishAsync("odd.new", nil, expect))(t).Wait(t.Context())
		if wrong := as[*jetstream.WrongLastSequenceError](t, err); wrong.Expected != 4 || wrong.Actual != 9 || time.Since(began) != 250*time.Millisecond {
			t.Errorf("%#v after %v", wrong, time.Since(began))
		}
		_, err = r.js.Publish(t.Context(), "odd.new", nil, expect)
		if wrong := as[*jetstream.WrongLastSequenceError](t, err); wrong.HasActual || wrong.Expected != 4 || time.Since(began) > 260*time.Millisecond {
			t.Errorf("%#v", wrong)
		}
	}, jetstream.WithIdempotentRetry())
}

// TestJ07FullWindowDisconnect: a full window when the link is lost, again and again: it
// comes to its outcomes, and opens. B08: in other clients it stayed full.
func TestJ07FullWindowDisconnect(t *testing.T) {
	for _, id := range []bool{false, true} {
		publish(t, func(t *testing.T, r *publishing) {
			for range 20 {
				r.fillsAndLoses(t, id)
			}
			must.Do(t, r.ends(t, r.send(t, id)))
			r.judge(t)
		}, jetstream.WithPublishAsyncMaxPending(8))
	}
}

// fillsAndLoses fills a window of eight, finds it full, and loses the link.
func (r *publishing) fillsAndLoses(t *testing.T, id bool) {
	t.Helper()
	for !r.nc.IsConnected() {
		time.Sleep(time.Millisecond)
	}
	fault := must.Get(r.Link("client", "s1").Inject(acksOnly + " drop"))(t)
	all := r.sendAll(t, 8, id)
	_, err := r.js.PublishAsync("orders.other", nil)
	if stalled := as[*jetstream.StalledError](t, err); stalled.Pending != 8 || stalled.Max != 8 {
		t.Fatalf("%#v", stalled)
	}
	fault.Lift()
	began := time.Now()
	must.Do(t, r.nc.ForceReconnect())
	for _, u := range all {
		err := r.ends(t, u)
		if id != (err == nil) {
			t.Fatal(err)
		}
		if !id {
			kinds(t, err, api.ErrDisconnected, jetstream.ErrPublishUnknown)
		}
	}
	if took := time.Since(began); took > 5*time.Second || !id && took > 10*time.Millisecond {
		t.Error("it took", took) // with ids it takes a new link
	}
	if n := r.js.PublishAsyncPending(); n != 0 {
		t.Fatal("pending", n)
	}
	<-r.js.PublishAsyncComplete()
}

// TestB08WindowOpensAgain: disconnected with messages outstanding, a window of nats.go
// stayed at its limit: later publishes stall.
func TestB08WindowOpensAgain(t *testing.T) {
	publish(t, func(t *testing.T, r *publishing) {
		r.Inject("at 1s for 10s server(s1) pause")
		time.Sleep(1500 * time.Millisecond)
		var all []underway
		for range 4 {
			all = append(all, r.send(t, false))
		}
		synctest.Wait() // they are on their way
		must.Do(t, r.nc.ForceReconnect())
		for _, u := range all {
			kinds(t, r.ends(t, u), jetstream.ErrPublishUnknown)
		}
		time.Sleep(15 * time.Second)
		for range 100 {
			must.Do(t, r.ends(t, r.send(t, false)))
		}
		r.judge(t)
	}, jetstream.WithPublishAsyncMaxPending(4))
}
