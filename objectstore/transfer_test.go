package objectstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"time"

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
	nc := must.Get(api.Connect(url, api.Timeout(time.Minute)))(t)
	t.Cleanup(nc.Close)
	other := must.Get(nats.Connect(url, nats.Timeout(time.Minute)))(t)
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

// TestTransfersOutliveTheirActors: the actor panics at each of its letters in turn, which is
// lost. The object is put and read all the same.
func TestTransfersOutliveTheirActors(t *testing.T) {
	inBubble(t, func(w *world) {
		data := pattern(20 * smallChunk)
		hits := 0
		for n := 1; n <= 30; n++ {
			fault := w.Inject(fmt.Sprintf("when index(%d) actor(actor) panic", n))
			must.Get(w.store.PutWith(w.T.Context(), small("x"), io.MultiReader(bytes.NewReader(data)), objectstore.PutWindow(5*smallChunk)))(w.T)
			fault.Stop()
			hits += fault.Hits()[0]
			w.has("x", data)
		}
		for n := 1; n <= 3; n++ {
			fault := w.Inject(fmt.Sprintf("when index(%d) actor(actor) panic", n))
			w.has("x", data)
			fault.Stop()
			hits += fault.Hits()[0]
		}
		if hits < 5 {
			w.T.Errorf("only %d panics", hits)
		}
	})
}

// TestTransfersOutliveTheirLeader: while an object is put and read its bucket gets other leaders.
// Each chunk is stored once, in its place.
func TestTransfersOutliveTheirLeader(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	nc := must.Get(api.Connect(c.Members()[0].URL(), api.Timeout(time.Minute)))(t)
	t.Cleanup(nc.Close)
	ctx := must.Within(t, 3*time.Minute)
	store := must.Get(objectstore.Create(ctx, must.Get(jetstream.New(nc))(t),
		objectstore.Config{Bucket: "films", Storage: jetstream.MemoryStorage, Replicas: 3}))(t)
	data := pattern(400 << 10)
	deposed := 0
	depose := func() {
		_, _ = nc.Request("$JS.API.STREAM.LEADER.STEPDOWN.OBJ_films", nil, time.Second) // there may be none at the moment
		deposed++
	}
	step := func(p objectstore.Progress) {
		if int(p.Chunks) > 100*(deposed+1) && deposed < 3 {
			depose()
		}
	}
	meta := objectstore.Meta{Name: "x", Opts: &objectstore.MetaOptions{ChunkSize: 1 << 10}}
	info := must.Get(store.PutWith(ctx, meta, bytes.NewReader(data), objectstore.PutWindow(50<<10), objectstore.PutProgress(step)))(t)
	if info.Chunks != 400 || deposed != 3 {
		t.Errorf("%+v, %d step-downs", info, deposed)
	}
	for _, parallel := range []int{1, 4} {
		deposed = 0
		got := must.Get(store.GetBytes(ctx, "x", objectstore.GetObjectParallel(parallel), objectstore.GetObjectProgress(step)))(t)
		if !bytes.Equal(got, data) {
			t.Errorf("%d bytes", len(got))
		}
	}
}

// TestPutThatIsNotPermitted ends at once, and takes nothing along.
func TestPutThatIsNotPermitted(t *testing.T) {
	user := natsserver.User{Name: "u", Password: "p", Publish: natsserver.Permission{Deny: []string{"$O.films.C.>"}}}
	s := natsserver.Run(t, natsserver.Options{JetStream: true, Accounts: []natsserver.Account{{Name: "A", JetStream: true, Users: []natsserver.User{user}}}})
	nc := must.Get(api.Connect(s.URL(), api.UserInfo("u", "p"), api.Timeout(time.Minute)))(t)
	t.Cleanup(nc.Close)
	ctx := must.Within(t, time.Minute)
	store := must.Get(objectstore.Create(ctx, must.Get(jetstream.New(nc))(t), objectstore.Config{Bucket: "films"}))(t)
	_, err := store.PutBytes(ctx, "x", pattern(1<<20))
	is(t, err, api.ErrPermissionViolation, objectstore.ErrObjectStore)
	_, err = store.GetInfo(ctx, "x")
	is(t, err, objectstore.ErrObjectNotFound)
}
