package objectstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// pattern returns n bytes that differ from chunk to chunk.
func pattern(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i>>13 ^ i*7)
	}
	return data
}

// peers returns the same bucket twice: ours, and nats.go's.
func peers(t testing.TB, memory bool) (objectstore.Store, natsjs.ObjectStore) {
	t.Helper()
	return clients(t, natsserver.Run(t, natsserver.Options{JetStream: true}).URL(), memory)
}

func clients(t testing.TB, url string, memory bool) (objectstore.Store, natsjs.ObjectStore) {
	t.Helper()
	nc := must.Get(api.Connect(url))(t)
	t.Cleanup(nc.Close)
	other := must.Get(nats.Connect(url))(t)
	t.Cleanup(other.Close)
	config := objectstore.Config{Bucket: "films"}
	if memory {
		config.Storage = jetstream.MemoryStorage
	}
	store := must.Get(objectstore.Create(context.Background(), must.Get(jetstream.New(nc))(t), config))(t)
	return store, must.Get(must.Get(natsjs.New(other))(t).ObjectStore(context.Background(), "films"))(t)
}

// TestObjectsOfOneAreObjectsOfTheOther: what we put nats.go gets, and the other way round,
// whatever its size, and however little the reader has at a time.
func TestObjectsOfOneAreObjectsOfTheOther(t *testing.T) {
	ours, theirs := peers(t, true)
	ctx := t.Context()
	const chunk = 1000
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 10 * chunk, 10*chunk + 7, 200 * chunk} {
		data := pattern(size)
		name := fmt.Sprintf("size %d", size)
		meta := objectstore.Meta{Name: name, Opts: &objectstore.MetaOptions{ChunkSize: chunk}}
		for how, r := range map[string]io.Reader{
			"whole": bytes.NewReader(data), "half": iotest.HalfReader(bytes.NewReader(data)), "with the end": iotest.DataErrReader(bytes.NewReader(data)),
			"memory": bytes.NewBuffer(bytes.Clone(data)), "plain": io.MultiReader(bytes.NewReader(data)),
		} {
			info := must.Get(ours.Put(ctx, meta, r))(t)
			sum := sha256.Sum256(data)
			if got := must.Get(objectstore.DecodeObjectDigest(info.Digest))(t); !bytes.Equal(got, sum[:]) {
				t.Errorf("%s, %s: digest %s", name, how, info.Digest)
			}
			if info.Size != uint64(size) || int(info.Chunks) != (size+chunk-1)/chunk {
				t.Errorf("%s, %s: %+v", name, how, info)
			}
			if got := must.Get(theirs.GetBytes(ctx, name))(t); !bytes.Equal(got, data) {
				t.Errorf("%s, %s: they get %d bytes", name, how, len(got))
			}
			if got := must.Get(ours.GetBytes(ctx, name))(t); !bytes.Equal(got, data) {
				t.Errorf("%s, %s: we get %d bytes", name, how, len(got))
			}
		}
		must.Get(theirs.Put(ctx, natsjs.ObjectMeta{Name: name, Opts: &natsjs.ObjectMetaOptions{ChunkSize: chunk}}, iotest.HalfReader(bytes.NewReader(data))))(t)
		for _, parallel := range []int{1, 3} {
			if got := must.Get(ours.GetBytes(ctx, name, objectstore.GetObjectParallel(parallel)))(t); !bytes.Equal(got, data) {
				t.Errorf("%s of theirs: we get %d bytes", name, len(got))
			}
		}
	}
}
