package proof_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	stranger "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// What the streams of the scenarios are called, how long a publish may take, and when a
// message comes again that was not acked.
const (
	streamName   = "WORK"
	consumerName = "till"
	publishTime  = 5 * time.Second
	ackWait      = 5 * time.Second
)

// streaming is a small system at work on a stream: one client publishes, without waiting
// and waiting, with ids and without, another consumes with explicit acks. What happens goes into a
// history, which is judged at the end with what a client of another make reads.
type streaming struct {
	t              *testing.T
	history        *check.History
	writer, reader *api.Conn
	events         map[*api.Conn]*tape
	witness        func() *nats.Conn // on a way of its own, without faults
	consuming      jetstream.ConsumeContext

	loose, strict *check.Publisher // does not wait for acks, and does
	plain         *check.Publisher // does not wait, and its messages have no ids; nil for none
	till          *check.Subscription
	feed          *follower // an ordered consumer; nil for none
	acked, seen   *counter
	failed        *counter // publishes that were not acked

	mu          sync.Mutex
	last, stall error // of publishes: the last one, and the last because too many waited

	stopped chan struct{}
	running sync.WaitGroup
}

// stage is where a system works: how its clients connect, and how the witness does.
type stage struct {
	replicas int
	storage  jetstream.StorageType
	writer   []api.Option // with which server; its address is url
	reader   []api.Option
	url      string
	witness  func() *nats.Conn
	pace     time.Duration
	burst    int                      // publishes without waiting at each tick; 0 is one
	plain    bool                     // some without ids as well
	ordered  bool                     // an ordered consumer as well
	options  []jetstream.JetStreamOpt // of the writer
}

// overCluster is the stage of a cluster: both clients begin at one member. All have the time to
// connect that a busy machine needs.
func overCluster(t *testing.T, c *natsserver.Cluster, at *natsserver.Server) stage {
	t.Helper()
	urls := ""
	for _, m := range c.Members() {
		urls += "," + m.URL()
	}
	witness := must.Get(nats.Connect(urls[1:], nats.Timeout(late), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond)))(t)
	t.Cleanup(witness.Close)
	patient := []api.Option{api.Timeout(late)}
	return stage{replicas: len(c.Members()), storage: jetstream.FileStorage, url: at.URL(), writer: patient, reader: patient,
		witness: func() *nats.Conn { return witness }, pace: 2 * time.Millisecond}
}

// stream makes the stream and its consumer, connects both clients and lets them work.
func (s stage) begin(t *testing.T) *streaming {
	t.Helper()
	st := &streaming{t: t, witness: s.witness, events: map[*api.Conn]*tape{}, stopped: make(chan struct{}),
		acked: newCounter(), seen: newCounter(), failed: newCounter(),
		history: check.New(time.Now, check.Options{
			Minimum: 100, Late: late, Recovery: streamRecovery,
			Typed: func(err error) bool { return api.CategoryOf(err) != api.CategoryNone },
		})}
	h := st.history
	st.loose, st.strict = h.Publisher("loose", "work.loose").Unordered(), h.Publisher("strict", "work.strict")
	st.till = h.Subscription("till", "work.>", check.AtLeastOnce)
	st.writer, st.reader = st.connect("writer", s.url, s.writer), st.connect("reader", s.url, s.reader)
	js := must.Get(jetstream.New(st.writer, append([]jetstream.JetStreamOpt{
		jetstream.WithPublishAsyncTimeout(publishTime), jetstream.WithPublishAsyncMaxPending(pendingMax)}, s.options...)...))(t)
	must.Get(js.CreateStream(must.Within(t, patience), jetstream.StreamConfig{
		Name: streamName, Subjects: []string{"work.>"}, Replicas: s.replicas, Storage: s.storage}))(t)
	reading := must.Get(jetstream.New(st.reader))(t)
	st.consume(reading)
	if s.ordered {
		st.follow(reading)
	}
	h.Healed()
	st.running.Go(func() { st.publishLoosely(s, loosely{js: js, to: "work.loose", as: st.loose, ids: true}) })
	if s.plain {
		st.plain = h.Publisher("plain", "work.plain").Unordered()
		st.running.Go(func() { st.publishLoosely(s, loosely{js: js, to: "work.plain", as: st.plain}) })
	}
	st.running.Go(func() { st.publishStrictly(js, s.pace) })
	t.Cleanup(st.stop)
	return st
}

// pendingMax is how many publishes may wait for their ack.
const pendingMax = 64

// streamRecovery is how long a system may stand still once all leaders are there again.
const streamRecovery = patience

func (st *streaming) connect(name, url string, options []api.Option) *api.Conn {
	st.t.Helper()
	events := newTape()
	nc := must.Get(api.Connect(url, append([]api.Option{api.Name(name), api.NeverGiveUp(), api.ReconnectWait(100 * time.Millisecond), system(),
		events.option()}, options...)...))(st.t)
	st.t.Cleanup(nc.Close)
	st.events[nc] = events
	return nc
}

// consume makes the consumer and handles what comes: one in ten is acked with the word of
// the server, after which it may not come again.
func (st *streaming) consume(js jetstream.JetStream) {
	st.t.Helper()
	c := must.Get(js.CreateConsumer(must.Within(st.t, patience), streamName, jetstream.ConsumerConfig{
		Durable: consumerName, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait}))(st.t)
	st.till.Pending()
	n := 0
	st.consuming = must.Get(c.Consume(func(m jetstream.Msg) {
		st.till.Delivered(m.Data())
		if n++; n%10 == 0 {
			st.confirm(m)
		} else {
			_ = m.Ack()
		}
		st.seen.add(1)
	}, jetstream.PullExpiry(2*time.Second), jetstream.PullHeartbeat(time.Second)))(st.t)
	st.t.Cleanup(st.consuming.Stop)
}

// follower is an ordered consumer.
type follower struct {
	as        *check.Subscription
	last      atomic.Uint64 // sequence that came
	consuming jetstream.ConsumeContext
}

// follow has an ordered consumer read the stream as well.
func (st *streaming) follow(js jetstream.JetStream) {
	st.t.Helper()
	f := &follower{as: st.history.Subscription("feed", "work.>", check.InOrder)}
	c := must.Get(js.OrderedConsumer(must.Within(st.t, patience), streamName, jetstream.OrderedConsumerConfig{}))(st.t)
	f.as.Pending()
	f.consuming = must.Get(c.Consume(func(m jetstream.Msg) {
		seq := must.Get(m.Metadata())(st.t).Sequence.Stream
		f.as.DeliveredSeq(m.Data(), seq)
		f.last.Store(seq)
	}, jetstream.PullExpiry(2*time.Second), jetstream.PullHeartbeat(time.Second)))(st.t)
	st.t.Cleanup(f.consuming.Stop)
	st.feed = f
}

// confirm acks with the word of the server. A message that the server may have sent again
// before, as its time was up, may lie in wait here already: that one is left out.
func (st *streaming) confirm(m jetstream.Msg) {
	call := st.history.Begin(check.Ack, "reader", askTimeout)
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	err := m.DoubleAck(ctx)
	call.End(err)
	if meta := must.Get(m.Metadata())(st.t); err == nil && meta.NumDelivered == 1 && time.Since(meta.Timestamp) < ackWait {
		st.till.Acked(m.Data())
	}
}

// loosely is a publisher that does not wait.
type loosely struct {
	js  jetstream.JetStream
	to  string
	as  *check.Publisher
	ids bool
}

func (l loosely) options(value string) []jetstream.PublishOpt {
	if !l.ids {
		return nil
	}
	return []jetstream.PublishOpt{jetstream.WithMsgID(value)}
}

// publishLoosely publishes without waiting, until stop; another goroutine records its
// outcome.
func (st *streaming) publishLoosely(s stage, l loosely) {
	type sent struct {
		o      check.Publish
		future jetstream.PubAckFuture
	}
	under := make(chan sent, 2*pendingMax)
	var taken sync.WaitGroup
	taken.Go(func() {
		for s := range under {
			ack, err := s.future.Wait(context.Background())
			st.end(s.o, ack, err)
		}
	})
	for st.goesOn(s.pace) {
		for range max(s.burst, 1) {
			o := l.as.Publish(publishTime)
			future, err := l.js.PublishAsync(l.to, o.Payload(128), l.options(o.Value())...)
			st.history.Sample("publishes without an outcome", int64(l.js.PublishAsyncPending()), pendingMax)
			if err != nil {
				st.end(o, nil, err)
				continue
			}
			under <- sent{o, future}
		}
	}
	close(under)
	taken.Wait()
}

// publishStrictly publishes one message after the other, until stop.
func (st *streaming) publishStrictly(js jetstream.JetStream, pace time.Duration) {
	for st.goesOn(pace) {
		o := st.strict.Publish(publishTime)
		ctx, cancel := context.WithTimeout(context.Background(), publishTime)
		ack, err := js.Publish(ctx, "work.strict", o.Payload(128), jetstream.WithMsgID(o.Value()))
		cancel()
		st.end(o, ack, err)
		if err != nil && api.MaybeSent(err) {
			st.strict.NewConnection() // it may still arrive, behind those that follow
		}
	}
}

// goesOn waits for pace, and reports false once the work is to stop.
func (st *streaming) goesOn(pace time.Duration) bool {
	select {
	case <-st.stopped:
		return false
	case <-time.After(pace):
		return true
	}
}

// end takes down the one outcome of a publish.
func (st *streaming) end(o check.Publish, ack *jetstream.PubAck, err error) {
	switch {
	case err == nil && ack.Duplicate:
		o.AckedDuplicate(ack.Sequence)
	case err == nil:
		o.Acked(ack.Sequence)
	case api.MaybeSent(err):
		o.Unknown(err)
	default:
		o.Rejected(err)
	}
	if err == nil {
		st.acked.add(1)
		return
	}
	st.mu.Lock()
	st.last = err
	if errors.Is(err, jetstream.ErrTooManyStalledMsgs) {
		st.stall = err
	}
	st.mu.Unlock()
	st.failed.add(1)
}

// errorsSeen returns the last error of a publish, and the last one of those that were
// refused because too many waited.
func (st *streaming) errorsSeen() (last, stall error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.last, st.stall
}

// flow waits until n more messages were acked, and n more have come.
func (st *streaming) flow(n int) {
	st.t.Helper()
	acked, seen := st.acked.now()+n, st.seen.now()+n
	defer func() {
		if st.t.Failed() {
			st.t.Logf("%d acked, want %d; %d seen, want %d\n%v\n%v", st.acked.now(), acked, st.seen.now(), seen, st.writer.Tree(), st.reader.Tree())
		}
	}()
	st.acked.await(st.t, acked)
	st.seen.await(st.t, seen)
}

// stop ends the publishing, and waits for what is under way.
func (st *streaming) stop() {
	select {
	case <-st.stopped:
	default:
		close(st.stopped)
	}
	st.running.Wait()
}

// judge ends the work and fails the test for what broke a guarantee.
func (st *streaming) judge() {
	st.t.Helper()
	t := st.t
	st.stop()
	must.Do(t, st.writer.FlushWithContext(must.Within(t, patience)))
	js := must.Get(stranger.New(st.witness()))(t)
	st.drained(js)
	end(st.till, st.consuming)
	if st.feed != nil {
		end(st.feed.as, st.feed.consuming)
		must.Do(t, st.reader.FlushWithContext(must.Within(t, patience)))
	}
	stream := must.Get(js.Stream(must.Within(t, patience), streamName))(t)
	st.history.Objects("reader", 1, left(t, stream))
	for nc := range st.events {
		call := st.history.Begin(check.Close, nc.Opts.Name, 2*time.Second)
		report, err := nc.CloseContext(must.Within(t, patience))
		call.Unfinished(len(report.Unfinished))
		call.End(err)
	}
	st.testify(stream)
	err := st.history.Check()
	for _, g := range []check.Guarantee{check.G1, check.G2, check.G3, check.G7, check.G8, check.G16} {
		if e := st.history.Validate(g); err == nil && e != nil {
			err = e
		}
	}
	if err != nil {
		t.Errorf("%v\n%v", err, st.history.Report())
	}
}

// left returns the consumers of a stream, once there is one only, or after a while: what
// a client deletes as it goes is gone when the server has come to it, or to the next request
// when the line takes the first; long before the threshold of an unused consumer.
func left(t *testing.T, stream stranger.Stream) (names []string) {
	t.Helper()
	for range 50 {
		names = nil
		for name := range stream.ConsumerNames(must.Within(t, patience)).Name() {
			names = append(names, name)
		}
		if len(names) <= 1 {
			break
		}
		<-time.After(time.Second)
	}
	return names
}

// end ends a subscription that has got all.
func end(s *check.Subscription, consuming jetstream.ConsumeContext) {
	s.Done()
	s.Ending()
	consuming.Stop()
	<-consuming.Closed()
	s.Ended()
}

// drained waits until the consumer has acked all that is in the stream.
func (st *streaming) drained(js stranger.JetStream) {
	st.t.Helper()
	left := "nothing is known"
	ctx := must.Within(st.t, 2*patience)
	for ctx.Err() == nil {
		last, acked, err := floor(ctx, js)
		followed := last
		if st.feed != nil {
			followed = st.feed.last.Load()
		}
		if err == nil && acked == last && followed == last {
			return
		}
		left = fmt.Sprintf("%d of %d are acked, %d were followed, %v", acked, last, followed, err)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	st.t.Errorf("the consumer has not done all: %s\n%v", left, st.reader.Tree())
}

// floor returns the last message of the stream, and up to which all are acked.
func floor(ctx context.Context, js stranger.JetStream) (last, acked uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return 0, 0, err
	}
	c, err := stream.Consumer(ctx, consumerName)
	if err != nil {
		return 0, 0, err
	}
	return stream.CachedInfo().State.LastSeq, c.CachedInfo().AckFloor.Stream, nil
}

// testify has the witness read the whole stream.
func (st *streaming) testify(stream stranger.Stream) {
	st.t.Helper()
	w := st.history.Witness("stream", "work.>")
	last := must.Get(stream.Info(must.Within(st.t, patience)))(st.t).State.LastSeq
	c := must.Get(stream.OrderedConsumer(must.Within(st.t, patience), stranger.OrderedConsumerConfig{}))(st.t)
	all := must.Get(c.Messages())(st.t)
	defer all.Stop()
	for seq := uint64(0); seq < last; {
		m := must.Get(all.Next(stranger.NextContext(must.Within(st.t, patience))))(st.t)
		seq = must.Get(m.Metadata())(st.t).Sequence.Stream
		w.Saw(m.Data(), seq)
	}
}
