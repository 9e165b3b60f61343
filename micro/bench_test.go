package micro_test

import (
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/micro"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// callers is how many ask at once.
const callers = 64

// called has that many callers ask, in all b.N times.
func called(b *testing.B, ask func() error) {
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c; i < b.N; i += callers {
				if err := ask(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkService is a service and a client of ours, on connections of their own.
func BenchmarkService(b *testing.B) {
	s := natsserver.Run(b, natsserver.Options{})
	nc, other := must.Get(api.Connect(s.URL()))(b), must.Get(api.Connect(s.URL()))(b)
	defer nc.Close()
	defer other.Close()
	svc := must.Get(micro.AddService(nc, micro.Config{Name: "Bench", Version: "1.0.0"}))(b)
	must.Do(b, svc.AddEndpoint("e", micro.HandlerFunc(func(r micro.Request) { _ = r.Respond(r.Data()) })))
	must.Do(b, nc.Flush())
	data := make([]byte, 128)
	called(b, func() error {
		_, err := other.Request("e", data, patience)
		return err
	})
}

// BenchmarkPeerService is the same of nats.go's.
func BenchmarkPeerService(b *testing.B) {
	s := natsserver.Run(b, natsserver.Options{})
	nc, other := must.Get(nats.Connect(s.URL()))(b), must.Get(nats.Connect(s.URL()))(b)
	defer nc.Close()
	defer other.Close()
	svc := must.Get(peer.AddService(nc, peer.Config{Name: "Bench", Version: "1.0.0"}))(b)
	must.Do(b, svc.AddEndpoint("e", peer.HandlerFunc(func(r peer.Request) { _ = r.Respond(r.Data()) })))
	must.Do(b, nc.Flush())
	data := make([]byte, 128)
	called(b, func() error {
		_, err := other.Request("e", data, patience)
		return err
	})
}

// BenchmarkSubscription is the same without a service: what the endpoint costs is the difference.
func BenchmarkSubscription(b *testing.B) {
	s := natsserver.Run(b, natsserver.Options{})
	nc, other := must.Get(api.Connect(s.URL()))(b), must.Get(api.Connect(s.URL()))(b)
	defer nc.Close()
	defer other.Close()
	must.Get(nc.QueueSubscribe("e", "q", func(m *api.Msg) { _ = m.Respond(m.Data) }))(b)
	must.Do(b, nc.Flush())
	data := make([]byte, 128)
	called(b, func() error {
		_, err := other.Request("e", data, patience)
		return err
	})
}
