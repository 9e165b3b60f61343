package watch_test

import (
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// BenchmarkFirstSync is what it takes to get all keys of a bucket; the server is in the same process, and counted.
func BenchmarkFirstSync(b *testing.B) {
	const keys = 100_000
	s := natsserver.Run(b, natsserver.Options{JetStream: true})
	nc := must.Get(api.Connect(s.URL()))(b)
	b.Cleanup(nc.Close)
	js := must.Get(jetstream.New(nc))(b)
	stored := bucket()
	stored.Storage = jetstream.MemoryStorage
	cfg := watch.Config[string]{JetStream: js, Stream: must.Get(js.CreateStream(b.Context(), stored))(b),
		Deliver: jetstream.DeliverLastPerSubjectPolicy, Decode: func(m jetstream.Msg, _ *jetstream.MsgMetadata) (string, bool, error) { return m.Subject(), true, nil }}
	for i := range keys {
		must.Get(js.PublishAsyncContext(b.Context(), fmt.Sprintf("$KV.B.k%d", i), make([]byte, 100)))(b)
	}
	<-js.PublishAsyncComplete()
	run := 0
	for name, sync := range map[string]func(watch.Config[string]) int{
		"events": func(cfg watch.Config[string]) (n int) {
			for e := range must.Get(watch.Start(b.Context(), cfg))(b).Events() {
				if e.Kind == watch.Ready {
					break
				}
				n++
			}
			return n
		},
		"channel": func(cfg watch.Config[string]) (n int) {
			w, subjects, err := watch.Channel(b.Context(), cfg, 256, func(e watch.Event[string]) (string, bool) { return e.Value, true })
			must.Do(b, err)
			defer w.Stop()
			for <-subjects != "" { // a Ready
				n++
			}
			return n
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run++
				cfg.Name = fmt.Sprint("watcher-", run)
				if n := sync(cfg); n != keys {
					b.Fatalf("%d keys", n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
		})
	}
}
