package jetstream_test

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// The same work, done by nats.go and by the fastest call of this package. The server is a
// separate process. Compare the rows of one run, several times in turn:
//
//	go test ./jetstream -run '^$' -bench 'Many|Read' -count 5

// benchServer starts a server with a stream, and connects both clients.
func benchServer(b *testing.B, config jetstream.StreamConfig) (jetstream.JetStream, peer.JetStream) {
	b.Helper()
	s := must.Get(natsserver.StartProcess(natsserver.Options{JetStream: true}))(b)
	b.Cleanup(s.Shutdown)
	nc := must.Get(api.Connect(s.URL()))(b)
	b.Cleanup(nc.Close)
	config.Name, config.Subjects, config.Storage = "S", []string{"a"}, jetstream.MemoryStorage
	ask(b, nc, "STREAM.CREATE.S", string(must.Get(json.Marshal(config))(b)))
	other := must.Get(nats.Connect(s.URL()))(b)
	b.Cleanup(other.Close)
	return must.Get(jetstream.New(nc))(b), must.Get(peer.New(other))(b)
}

// BenchmarkPublishMany publishes messages of 128 bytes until all are acknowledged.
func BenchmarkPublishMany(b *testing.B) {
	data := make([]byte, 128)
	b.Run("nats.go async", func(b *testing.B) {
		_, js := benchServer(b, jetstream.StreamConfig{})
		b.ResetTimer()
		for range b.N {
			must.Get(js.PublishAsync("a", data))(b)
		}
		<-js.PublishAsyncComplete()
	})
	b.Run("async", func(b *testing.B) {
		js, _ := benchServer(b, jetstream.StreamConfig{})
		b.ResetTimer()
		for range b.N {
			must.Get(js.PublishAsync("a", data))(b)
		}
		<-js.PublishAsyncComplete()
	})
	b.Run("fast", func(b *testing.B) {
		js, _ := benchServer(b, jetstream.StreamConfig{AllowBatchPublish: true})
		b.ResetTimer()
		b.ReportAllocs()
		p := must.Get(jetstream.NewFastPublisher(js))(b)
		for range b.N {
			must.Get(p.Add(b.Context(), "a", data))(b)
		}
		must.Get(p.Close(b.Context()))(b)
	})
}

// BenchmarkBatchOfMany publishes batches of 100 messages of 128 bytes; nats.go, which has no
// batches, the same messages with a wait for the last acknowledgement.
func BenchmarkBatchOfMany(b *testing.B) {
	const size = 100
	data := make([]byte, 128)
	b.Run("nats.go async", func(b *testing.B) {
		_, js := benchServer(b, jetstream.StreamConfig{})
		b.ResetTimer()
		for range b.N {
			for range size {
				must.Get(js.PublishAsync("a", data))(b)
			}
			<-js.PublishAsyncComplete()
		}
	})
	b.Run("batch", func(b *testing.B) {
		js, _ := benchServer(b, jetstream.StreamConfig{AllowAtomicPublish: true})
		msgs := make([]*api.Msg, size)
		for i := range msgs {
			msgs[i] = &api.Msg{Subject: "a", Data: data}
		}
		b.ResetTimer()
		for range b.N {
			must.Get(jetstream.PublishMsgBatch(b.Context(), js, msgs))(b)
		}
	})
}

// BenchmarkRead reads 1,000 messages of 128 bytes; nats.go one by one, which is its only way
// without a consumer.
func BenchmarkRead(b *testing.B) {
	const size = 1000
	js, other := benchServer(b, jetstream.StreamConfig{AllowDirect: true, AllowBatchPublish: true})
	p := must.Get(jetstream.NewFastPublisher(js))(b)
	for range size {
		must.Get(p.Add(b.Context(), "a", make([]byte, 128)))(b)
	}
	must.Get(p.Close(b.Context()))(b)
	b.Run("nats.go get", func(b *testing.B) {
		s := must.Get(other.Stream(b.Context(), "S"))(b)
		for range b.N {
			for seq := range uint64(size) {
				must.Get(s.GetMsg(b.Context(), seq+1))(b)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		s := must.Get(js.Stream(b.Context(), "S"))(b)
		for range b.N {
			for seq := range uint64(size) {
				must.Get(s.GetMsg(b.Context(), seq+1))(b)
			}
		}
	})
	b.Run("batch", func(b *testing.B) {
		for range b.N {
			got := 0
			for _, err := range must.Get(jetstream.GetBatch(b.Context(), js, "S", size))(b) {
				must.Do(b, err)
				got++
			}
			if got != size {
				b.Fatalf("%d messages", got)
			}
		}
	})
}
