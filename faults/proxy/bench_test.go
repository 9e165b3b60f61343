package proxy_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
)

// BenchmarkClient compares a client behind a proxy without rules with one that connects
// directly.
func BenchmarkClient(b *testing.B) {
	s := natsserver.Run(b, natsserver.Options{})
	for _, way := range []struct{ name, url string }{
		{"direct", s.URL()}, {"proxy", proxy.Run(b, s.URL(), proxy.Options{}).URL()},
	} {
		b.Run(way.name+"/publish", func(b *testing.B) {
			nc, err := nats.Connect(way.url)
			if err != nil {
				b.Fatal(err)
			}
			defer nc.Close()
			data := make([]byte, 128)
			b.SetBytes(int64(len(data)))
			for range b.N {
				nc.Publish("orders", data)
			}
			nc.FlushTimeout(patience)
		})
		b.Run(way.name+"/request", func(b *testing.B) {
			nc, err := nats.Connect(way.url)
			if err != nil {
				b.Fatal(err)
			}
			defer nc.Close()
			nc.Subscribe("echo", func(m *nats.Msg) { m.Respond(m.Data) })
			for range b.N {
				if _, err := nc.Request("echo", nil, patience); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
