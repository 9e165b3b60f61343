package kv_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// benched returns the same bucket of the two clients.
func benched(b *testing.B) (kv.Store, peer.KeyValue) {
	b.Helper()
	s := natsserver.Run(b, natsserver.Options{JetStream: true})
	own := made(b, must.Get(jetstream.New(connect(b, s)))(b), kv.Config{Bucket: "bench"})
	nc := must.Get(nats.Connect(s.URL()))(b)
	b.Cleanup(nc.Close)
	theirs := must.Get(must.Get(peer.New(nc))(b).KeyValue(context.Background(), "bench"))(b)
	must.Get(own.Put(context.Background(), "key.of.some.length", make([]byte, 128)))(b)
	return own, theirs
}

func BenchmarkGet(b *testing.B) {
	own, theirs := benched(b)
	ctx := context.Background()
	b.Run("troupe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must.Get(own.Get(ctx, "key.of.some.length"))(b)
		}
	})
	b.Run("nats.go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must.Get(theirs.Get(ctx, "key.of.some.length"))(b)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	own, theirs := benched(b)
	ctx := context.Background()
	value := make([]byte, 128)
	b.Run("troupe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must.Get(own.Put(ctx, "key.of.some.length", value))(b)
		}
	})
	b.Run("nats.go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must.Get(theirs.Put(ctx, "key.of.some.length", value))(b)
		}
	})
}
