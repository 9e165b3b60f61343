package objectstore_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/objectstore"
)

// onlyReader hides everything but Read.
type onlyReader struct{ io.Reader }

// benchPeers is peers with the server in a process of its own: what is measured is the client's.
func benchPeers(b *testing.B) (objectstore.Store, natsjs.ObjectStore) {
	b.Helper()
	return clients(b, natsserver.RunProcess(b, natsserver.Options{JetStream: true}).URL(), true)
}

// cpu reports the CPU time that this process has used for each byte of the benchmark.
func cpu(b *testing.B, size int) func() {
	var before, after syscall.Rusage
	must.Do(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	return func() {
		must.Do(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
		used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
		b.ReportMetric(float64(used)/float64(b.N)/float64(size>>20), "cpu-ns/MiB")
	}
}

var sizes = []int{1 << 20, 64 << 20, 256 << 20}

// BenchmarkPut and BenchmarkGet compare with nats.go: ours and theirs in turn.
func BenchmarkPut(b *testing.B) {
	for _, size := range sizes {
		data := pattern(size)
		ours, theirs := benchPeers(b)
		b.Run(fmt.Sprintf("%dMiB/troupe", size>>20), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			defer cpu(b, size)()
			for b.Loop() {
				must.Get(ours.Put(context.Background(), objectstore.Meta{Name: "x"}, onlyReader{bytes.NewReader(data)}))(b)
			}
		})
		b.Run(fmt.Sprintf("%dMiB/nats.go", size>>20), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			defer cpu(b, size)()
			for b.Loop() {
				must.Get(theirs.Put(context.Background(), natsjs.ObjectMeta{Name: "x"}, onlyReader{bytes.NewReader(data)}))(b)
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for _, size := range sizes {
		ours, theirs := benchPeers(b)
		must.Get(ours.PutBytes(context.Background(), "x", pattern(size)))(b)
		b.Run(fmt.Sprintf("%dMiB/troupe", size>>20), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			defer cpu(b, size)()
			for b.Loop() {
				r := must.Get(ours.Get(context.Background(), "x"))(b)
				if n := must.Get(io.Copy(io.Discard, r))(b); n != int64(size) {
					b.Fatal(n)
				}
				must.Do(b, r.Close())
			}
		})
		b.Run(fmt.Sprintf("%dMiB/nats.go", size>>20), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			defer cpu(b, size)()
			for b.Loop() {
				r := must.Get(theirs.Get(context.Background(), "x"))(b)
				if n := must.Get(io.Copy(io.Discard, r))(b); n != int64(size) {
					b.Fatal(n)
				}
				must.Do(b, r.Close())
			}
		})
	}
}
