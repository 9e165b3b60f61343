package jetstream_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	theirs "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// consumedMessages is how many messages one pass of the benchmarks of consuming receives.
const consumedMessages = 50_000

// stockedServer is a server whose stream S has that many messages of 128 bytes, in memory.
func stockedServer(b *testing.B) *natsserver.Server {
	b.Helper()
	s := natsserver.Run(b, natsserver.Options{JetStream: true})
	nc := connect(b, s)
	js := must.Get(jetstream.New(nc))(b)
	must.Get(js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Storage: jetstream.MemoryStorage}))(b)
	data := make([]byte, 128)
	for range consumedMessages {
		must.Do(b, nc.Publish("s", data))
	}
	must.Do(b, nc.Flush())
	return s
}

// counter counts to n and then closes done.
func counter(n int) (count func(), done chan struct{}) {
	done = make(chan struct{})
	left := n
	return func() {
		if left--; left == 0 {
			close(done)
		}
	}, done
}

// BenchmarkOrderedConsume measures one message of an ordered consumer that replays a stream.
func BenchmarkOrderedConsume(b *testing.B) {
	s := stockedServer(b)
	ctx := context.Background()
	b.Run("troupe", func(b *testing.B) {
		js := must.Get(jetstream.New(connect(b, s)))(b)
		for b.Loop() {
			count, done := counter(consumedMessages)
			c := must.Get(js.OrderedConsumer(ctx, "S", jetstream.OrderedConsumerConfig{}))(b)
			cc := must.Get(c.Consume(func(jetstream.Msg) { count() }))(b)
			<-done
			cc.Stop()
		}
		perMessage(b)
	})
	b.Run("nats.go", func(b *testing.B) {
		nc := must.Get(nats.Connect(s.URL()))(b)
		defer nc.Close()
		js := must.Get(theirs.New(nc))(b)
		for b.Loop() {
			count, done := counter(consumedMessages)
			c := must.Get(js.OrderedConsumer(ctx, "S", theirs.OrderedConsumerConfig{}))(b)
			cc := must.Get(c.Consume(func(theirs.Msg) { count() }))(b)
			<-done
			cc.Stop()
		}
		perMessage(b)
	})
}

// perMessage reports the time of one message.
func perMessage(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/consumedMessages, "ns/msg")
}

// BenchmarkPushConsume measures one message of a push consumer without acknowledgements.
func BenchmarkPushConsume(b *testing.B) {
	s := stockedServer(b)
	ctx := context.Background()
	b.Run("troupe", func(b *testing.B) {
		js := must.Get(jetstream.New(connect(b, s)))(b)
		for b.Loop() {
			count, done := counter(consumedMessages)
			cfg := jetstream.ConsumerConfig{DeliverSubject: "d", AckPolicy: jetstream.AckNonePolicy, FlowControl: true, IdleHeartbeat: 5e9}
			c := must.Get(js.CreatePushConsumer(ctx, "S", cfg))(b)
			cc := must.Get(c.Consume(func(jetstream.Msg) { count() }))(b)
			<-done
			cc.Stop()
			must.Do(b, js.DeleteConsumer(ctx, "S", c.CachedInfo().Name))
		}
		perMessage(b)
	})
	b.Run("nats.go", func(b *testing.B) {
		nc := must.Get(nats.Connect(s.URL()))(b)
		defer nc.Close()
		js := must.Get(theirs.New(nc))(b)
		for b.Loop() {
			count, done := counter(consumedMessages)
			cfg := theirs.ConsumerConfig{DeliverSubject: "d", AckPolicy: theirs.AckNonePolicy, FlowControl: true, IdleHeartbeat: 5e9}
			c := must.Get(js.CreatePushConsumer(ctx, "S", cfg))(b)
			cc := must.Get(c.Consume(func(theirs.Msg) { count() }))(b)
			<-done
			cc.Stop()
			must.Do(b, js.DeleteConsumer(ctx, "S", c.CachedInfo().Name))
		}
		perMessage(b)
	})
}
