package jetstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// pulled asks for one message of a consumer, "STREAM.CONSUMER", with a raw request.
func pulled(b *faults.Env, js jetstream.JetStream, consumer, body string) *api.Msg {
	b.T.Helper()
	nc := js.Conn()
	sub := must.Get(nc.SubscribeSync(nc.NewInbox()))(b.T)
	must.Do(b.T, nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+consumer, sub.Subject, []byte(body)))
	m := must.Get(sub.NextMsg(5 * time.Second))(b.T)
	must.Do(b.T, sub.Unsubscribe())
	return m
}

// stored publishes a message and waits until it is stored.
func stored(b *faults.Env, js jetstream.JetStream, subject string, fields ...string) {
	b.T.Helper()
	m := api.NewMsg(subject)
	m.Data = []byte("payload")
	for i := 0; i+1 < len(fields); i += 2 {
		m.Header.Set(fields[i], fields[i+1])
	}
	must.Get(js.Conn().RequestMsg(m, 5*time.Second))(b.T)
}

// told is the advisory that a server publishes for an action.
type told struct {
	kind jetstream.AdvisoryKind
	act  func(b *faults.Env, js jetstream.JetStream)
	want jetstream.Advisory
}

// prepare creates the stream "S" with one message and the consumer "C".
func prepare(b *faults.Env, js jetstream.JetStream) jetstream.Stream {
	b.T.Helper()
	ctx := b.T.Context()
	s := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, AllowAtomicPublish: true}))(b.T)
	must.Get(s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: "C", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Second, MaxDeliver: 1, SampleFrequency: "100",
	}))(b.T)
	stored(b, js, "s.1")
	return s
}

var toldByOneServer = []told{
	{jetstream.AdvisoryStreamCreated, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "N"}))(b.T)
	}, &jetstream.StreamActionAdvisory{Stream: "N", Action: "create"}},
	{jetstream.AdvisoryStreamUpdated, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.UpdateStream(b.T.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, AllowAtomicPublish: true, MaxMsgs: 9}))(b.T)
	}, &jetstream.StreamActionAdvisory{Stream: "S", Action: "modify"}},
	{jetstream.AdvisoryStreamDeleted, func(b *faults.Env, js jetstream.JetStream) {
		for range 5 { // a deleted stream may not publish its advisory any more (nats-server)
			must.Do(b.T, js.DeleteStream(b.T.Context(), "S"))
			must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S"}))(b.T)
		}
	}, &jetstream.StreamActionAdvisory{Stream: "S", Action: "delete"}},
	{jetstream.AdvisoryConsumerCreated, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.CreateConsumer(b.T.Context(), "S", jetstream.ConsumerConfig{Durable: "D"}))(b.T)
	}, &jetstream.ConsumerActionAdvisory{Stream: "S", Consumer: "D", Action: "create"}},
	{jetstream.AdvisoryConsumerDeleted, func(b *faults.Env, js jetstream.JetStream) {
		must.Do(b.T, js.DeleteConsumer(b.T.Context(), "S", "C"))
	}, &jetstream.ConsumerActionAdvisory{Stream: "S", Consumer: "C", Action: "delete"}},
	{jetstream.AdvisoryConsumerPaused, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.PauseConsumer(b.T.Context(), "S", "C", time.Now().Add(time.Hour)))(b.T)
	}, &jetstream.ConsumerPauseAdvisory{Stream: "S", Consumer: "C", Paused: true}},
	{jetstream.AdvisoryMaxDeliveries, func(b *faults.Env, js jetstream.JetStream) {
		pulled(b, js, "S.C", "1")
		time.Sleep(2 * time.Second)
		pulled(b, js, "S.C", `{"batch":1,"expires":1000000000}`)
	}, &jetstream.MaxDeliveriesAdvisory{Stream: "S", Consumer: "C", StreamSeq: 1, Deliveries: 1}},
	{jetstream.AdvisoryTerminated, func(b *faults.Env, js jetstream.JetStream) {
		must.Do(b.T, pulled(b, js, "S.C", "1").Respond([]byte("+TERM no good")))
	}, &jetstream.TerminatedAdvisory{Stream: "S", Consumer: "C", ConsumerSeq: 1, StreamSeq: 1, Deliveries: 1, Reason: "no good"}},
	{jetstream.AdvisoryNaked, func(b *faults.Env, js jetstream.JetStream) {
		must.Do(b.T, pulled(b, js, "S.C", "1").Respond([]byte("-NAK")))
	}, &jetstream.NakedAdvisory{Stream: "S", Consumer: "C", ConsumerSeq: 1, StreamSeq: 1, Deliveries: 1}},
	{jetstream.AdvisoryAckMetric, func(b *faults.Env, js jetstream.JetStream) {
		m := pulled(b, js, "S.C", "1")
		time.Sleep(500 * time.Millisecond)
		must.Do(b.T, m.Respond([]byte("+ACK")))
	}, &jetstream.AckMetric{Stream: "S", Consumer: "C", ConsumerSeq: 1, StreamSeq: 1, Deliveries: 1, Delay: 500 * time.Millisecond}},
	{jetstream.AdvisoryPinned, pin, &jetstream.PinnedAdvisory{Account: "$G", Stream: "S", Consumer: "P", Group: "g"}},
	{jetstream.AdvisoryUnpinned, func(b *faults.Env, js jetstream.JetStream) {
		pin(b, js)
		must.Get(js.Conn().Request("$JS.API.CONSUMER.UNPIN.S.P", []byte(`{"group":"g"}`), time.Second))(b.T)
	}, &jetstream.UnpinnedAdvisory{Account: "$G", Stream: "S", Consumer: "P", Group: "g", Reason: "admin"}},
	{jetstream.AdvisoryBatchAbandoned, func(b *faults.Env, js jetstream.JetStream) {
		stored(b, js, "s.2", "Nats-Batch-Id", "B", "Nats-Batch-Sequence", "1")
		time.Sleep(time.Minute)
	}, &jetstream.BatchAbandonedAdvisory{Stream: "S", BatchID: "B", Reason: "timeout"}},
	{jetstream.AdvisorySnapshotCreated, snapshot, &jetstream.SnapshotCreatedAdvisory{Stream: "S", State: jetstream.StreamState{Msgs: 1, FirstSeq: 1, LastSeq: 1}}},
	{jetstream.AdvisorySnapshotCompleted, snapshot, &jetstream.SnapshotCompletedAdvisory{Stream: "S"}},
	{jetstream.AdvisoryAPIAudit, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "N"}))(b.T)
	}, &jetstream.APIAuditAdvisory{Server: "s1", Subject: "$JS.API.STREAM.CREATE.N"}},
}

// pin creates the consumer "P" with a priority group, and makes this client the pinned one.
func pin(b *faults.Env, js jetstream.JetStream) {
	b.T.Helper()
	must.Get(js.CreateConsumer(b.T.Context(), "S", jetstream.ConsumerConfig{
		Durable: "P", AckPolicy: jetstream.AckExplicitPolicy,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"g"}, PinnedTTL: time.Minute,
	}))(b.T)
	pulled(b, js, "S.P", `{"group":"g","batch":1,"expires":1000000000}`)
}

// snapshot takes a snapshot of the stream "S" and discards it.
func snapshot(b *faults.Env, js jetstream.JetStream) {
	b.T.Helper()
	nc := js.Conn()
	inbox := nc.NewInbox()
	sub := must.Get(nc.SubscribeSync(inbox))(b.T)
	must.Get(nc.Request("$JS.API.STREAM.SNAPSHOT.S", fmt.Appendf(nil, `{"deliver_subject":%q}`, inbox), time.Second))(b.T)
	for {
		m := must.Get(sub.NextMsg(5 * time.Second))(b.T)
		if m.Reply != "" {
			must.Do(b.T, m.Respond(nil))
		}
		if len(m.Data) == 0 {
			break
		}
	}
	must.Do(b.T, sub.Unsubscribe())
}

// loosely ignores what a test cannot know.
var loosely = cmp.Options{
	cmpopts.IgnoreFields(jetstream.AdvisoryHead{}, "Type", "ID", "Time"),
	cmpopts.IgnoreTypes(time.Time{}, jetstream.ClientInfo{}),
	cmpopts.IgnoreFields(jetstream.PinnedAdvisory{}, "PinID"),
	cmpopts.IgnoreFields(jetstream.APIAuditAdvisory{}, "Request", "Response"),
	cmpopts.IgnoreFields(jetstream.StreamState{}, "Bytes", "NumSubjects", "Consumers"),
}

func TestAdvisoriesOfOneServer(t *testing.T) {
	for _, c := range toldByOneServer {
		t.Run(string(c.kind), func(t *testing.T) {
			managed(t, func(b *faults.Env, js jetstream.JetStream) {
				prepare(b, js)
				synctest.Wait() // the server tells of that, too
				next, stop := iter.Pull2(must.Get(js.Advisories(b.T.Context(), jetstream.AdvisoryKinds(c.kind)))(b.T))
				defer stop()
				c.act(b, js)
				got, err, ok := next()
				if !ok || err != nil {
					b.T.Fatalf("%v, %v", err, ok)
				}
				if diff := cmp.Diff(c.want, got, loosely); diff != "" {
					b.T.Errorf("told something else:\n%s", diff)
				}
				if h := got.Head(); h.ID == "" || h.Time.IsZero() || !strings.HasPrefix(h.Type, "io.nats.jetstream.") {
					b.T.Errorf("head %+v", h)
				}
			})
		})
	}
}

// TestAllAdvisoriesOfAConsumer: without kinds all advisories about a consumer are delivered, and
// none about others.
func TestAllAdvisoriesOfAConsumer(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		s := prepare(b, js)
		next, stop := iter.Pull2(must.Get(js.Advisories(b.T.Context(), jetstream.AdvisoriesOfConsumer("S", "C")))(b.T))
		defer stop()
		must.Get(s.CreateConsumer(b.T.Context(), jetstream.ConsumerConfig{Durable: "D"}))(b.T)
		must.Do(b.T, pulled(b, js, "S.C", "1").Respond([]byte("+ACK")))
		stored(b, js, "s.2")
		must.Do(b.T, pulled(b, js, "S.C", "1").Respond([]byte("+TERM")))
		synctest.Wait() // a deleted consumer drops what it has not read yet
		must.Do(b.T, js.DeleteConsumer(b.T.Context(), "S", "C"))
		seen := map[string]int{}
		for range 3 {
			a, err, _ := next()
			must.Do(b.T, err)
			seen[fmt.Sprintf("%T", a)]++
		}
		want := map[string]int{"*jetstream.AckMetric": 1, "*jetstream.TerminatedAdvisory": 1, "*jetstream.ConsumerActionAdvisory": 1}
		if diff := cmp.Diff(want, seen); diff != "" {
			b.T.Errorf("told something else:\n%s", diff)
		}
	})
}

func TestAdvisoriesEndWithTheirContextOrConnection(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.AccountInfo(b.T.Context()))(b.T)
		before := js.Conn().NumSubscriptions()
		all := must.Get(js.Advisories(b.T.Context()))(b.T)
		if n := js.Conn().NumSubscriptions() - before; n != 6 {
			b.T.Errorf("%d subscriptions", n)
		}
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "N"}))(b.T)
		for _, err := range all {
			must.Do(b.T, err)
			break
		}
		time.Sleep(time.Second)
		if n := js.Conn().NumSubscriptions() - before; n != 0 {
			b.T.Errorf("%d subscriptions are left behind a loop that was left", n)
		}
		for a, err := range all {
			b.T.Errorf("ranged over twice: %v, %v", a, err)
		}
		all = must.Get(js.Advisories(b.T.Context()))(b.T)
		time.AfterFunc(time.Second, js.Conn().Close)
		n := 0
		for _, err := range all {
			is(b.T, err, api.ErrConnectionClosed)
			n++
		}
		if n != 1 {
			b.T.Errorf("%d errors", n)
		}
		_, err := js.Advisories(b.T.Context())
		is(b.T, err, api.ErrConnectionClosed)
	})
}

func TestAdvisoriesOfADomainAndAnImport(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("c"))))(b.T)
		defer nc.Close()
		js := must.Get(jetstream.NewWithDomain(nc, "hub"))(b.T)
		next, stop := iter.Pull2(must.Get(js.Advisories(b.T.Context(), jetstream.AdvisoryPrefix("from.hub")))(b.T))
		defer stop()
		say := func(domain string) {
			must.Do(b.T, nc.Publish("from.hub.ADVISORY.STREAM.CREATED.S", fmt.Appendf(nil, `{"type":"io.nats.jetstream.advisory.v1.stream_action","domain":%q}`, domain)))
		}
		say("spoke")
		say("hub")
		if a, err, _ := next(); err != nil || a.Head().Domain != "hub" {
			b.T.Errorf("%+v, %v", a, err)
		}
		must.Do(b.T, nc.Publish("from.hub.ADVISORY.STREAM.CREATED.S", []byte("{")))
		_, err, _ := next()
		is(b.T, err, jetstream.ErrInvalidJetStreamResponse)
		say("hub")
		if _, err, _ := next(); err != nil {
			b.T.Errorf("after one that cannot be read: %v", err)
		}
		mine := must.Get(js.Advisories(b.T.Context(), jetstream.AdvisoryKinds(jetstream.AdvisoryStreamCreated)))(b.T)
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S"}))(b.T)
		for a, err := range mine {
			must.Do(b.T, err)
			if a.Head().Domain != "hub" {
				b.T.Errorf("domain %q", a.Head().Domain)
			}
			break
		}
	}, faults.ServerOptions(natsserver.Options{JetStream: true, Config: `jetstream { domain: hub }`}))
}

func TestAdvisoriesThatMayNotBeHad(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("c"))))(b.T)
		defer nc.Close()
		js := must.Get(jetstream.New(nc))(b.T)
		n := 0
		for _, err := range must.Get(js.Advisories(b.T.Context()))(b.T) {
			is(b.T, err, api.ErrPermissionViolation)
			n++
		}
		if n != 1 {
			b.T.Errorf("%d errors", n)
		}
	}, faults.ServerOptions(natsserver.Options{JetStream: true, Config: `
		authorization { users: [{user: "u", password: "p", permissions: {subscribe: {deny: ["$JS.EVENT.>"]}}}] }
		no_auth_user: "u"`}))
}

func TestAdvisoriesRefuseBadInput(t *testing.T) {
	js := must.Get(jetstream.New(connect(t, natsserver.Run(t, natsserver.Options{}))))(t)
	for name, c := range map[string]struct {
		opts []jetstream.AdvisoryOpt
		want error
	}{
		"no kinds":     {[]jetstream.AdvisoryOpt{jetstream.AdvisoryKinds()}, jetstream.ErrInvalidOption},
		"unknown kind": {[]jetstream.AdvisoryOpt{jetstream.AdvisoryKinds("STREAM.>")}, jetstream.ErrInvalidOption},
		"a stream":     {[]jetstream.AdvisoryOpt{jetstream.AdvisoriesOfStream("a.b")}, jetstream.ErrInvalidStreamName},
		"a consumer":   {[]jetstream.AdvisoryOpt{jetstream.AdvisoriesOfConsumer("a", "*")}, jetstream.ErrInvalidConsumerName},
		"a prefix":     {[]jetstream.AdvisoryOpt{jetstream.AdvisoryPrefix("a..b")}, jetstream.ErrInvalidOption},
		"nothing left": {[]jetstream.AdvisoryOpt{nil, jetstream.AdvisoryKinds(jetstream.AdvisoryServerRemoved), jetstream.AdvisoriesOfStream("S")}, jetstream.ErrInvalidOption},
	} {
		_, err := js.Advisories(t.Context(), c.opts...)
		if !errors.Is(err, c.want) {
			t.Errorf("%s gave %v", name, err)
		}
	}
	_, err := js.DeadLetters(t.Context(), jetstream.AdvisoryKinds(jetstream.AdvisoryNaked))
	is(t, err, jetstream.ErrInvalidOption)
	_, err = js.DeadLetter(t.Context(), &jetstream.NakedAdvisory{})
	is(t, err, jetstream.ErrInvalidOption)
	_, err = js.DeadLetter(t.Context(), &jetstream.MaxDeliveriesAdvisory{})
	is(t, err, jetstream.ErrStreamNameRequired)
}

func TestDeadLetters(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		prepare(b, js)
		next, stop := iter.Pull2(must.Get(js.DeadLetters(b.T.Context(), jetstream.AdvisoriesOfStream("S")))(b.T))
		defer stop()
		must.Do(b.T, pulled(b, js, "S.C", "1").Respond([]byte("+TERM no good")))
		letter, err, ok := next()
		must.Do(b.T, err)
		if !ok {
			b.T.Fatal("no letters")
		}
		want := &jetstream.DeadLetter{Stream: "S", Consumer: "C", Sequence: 1, Deliveries: 1, Terminated: true, Reason: "no good",
			Msg: &jetstream.RawStreamMsg{Subject: "s.1", Sequence: 1, Data: []byte("payload")}}
		if diff := cmp.Diff(want, letter, cmpopts.IgnoreTypes(time.Time{})); diff != "" {
			b.T.Errorf("another letter:\n%s", diff)
		}
		stored(b, js, "s.2", "Key", "value")
		pulled(b, js, "S.C", "1")
		time.Sleep(2 * time.Second)
		pulled(b, js, "S.C", `{"batch":1,"expires":1000000000}`)
		letter, err, ok = next()
		must.Do(b.T, err)
		if !ok {
			b.T.Fatal("no more letters")
		}
		if letter.Terminated || letter.Sequence != 2 || letter.Msg.Header.Get("Key") != "value" || letter.Time.IsZero() {
			b.T.Errorf("another letter: %+v", letter)
		}
		stored(b, js, "s.3")
		m := pulled(b, js, "S.C", "1")
		must.Do(b.T, must.Get(js.Stream(b.T.Context(), "S"))(b.T).DeleteMsg(b.T.Context(), 3))
		must.Do(b.T, m.Respond([]byte("+TERM")))
		letter, err, ok = next()
		is(b.T, err, jetstream.ErrMsgNotFound)
		if !ok || letter == nil || letter.Sequence != 3 || letter.Msg != nil {
			b.T.Errorf("a letter without message: %+v", letter)
		}
	})
}

func FuzzDecodeAdvisory(f *testing.F) {
	f.Add([]byte(`{"type":"io.nats.jetstream.advisory.v1.max_deliver","id":"1","timestamp":"2026-01-02T03:04:05Z","stream":"S","stream_seq":3}`))
	f.Add([]byte(`{"type":"io.nats.jetstream.metric.v1.consumer_ack","ack_time":5}`))
	f.Add([]byte(`{"type":"of.tomorrow","x":[1]}`))
	f.Add([]byte(`{"type":5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := jetstream.DecodeAdvisory(data)
		if (a == nil) == (err == nil) || err != nil && !errors.Is(err, jetstream.ErrInvalidJetStreamResponse) {
			t.Fatalf("%v, %v", a, err)
		}
		if err == nil {
			must.Get(json.Marshal(a))(t)
		}
	})
}
