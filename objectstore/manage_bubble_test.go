package objectstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

func TestABucketsLife(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		cfg := objectstore.Config{Bucket: "films", Description: "d", TTL: time.Hour, MaxBytes: 1 << 20, Storage: jetstream.MemoryStorage, Metadata: map[string]string{"k": "v"}}
		_, err := objectstore.Update(ctx, w.js, cfg)
		is(w.T, err, objectstore.ErrBucketNotFound, jetstream.ErrStreamNotFound)
		must.Get(objectstore.Create(ctx, w.js, cfg))(w.T)
		must.Get(objectstore.Create(ctx, w.js, cfg))(w.T) // the same
		other := cfg
		other.TTL = 2 * time.Hour
		_, err = objectstore.Create(ctx, w.js, other)
		is(w.T, err, objectstore.ErrBucketExists, jetstream.ErrStreamNameAlreadyInUse)
		if plan := must.Get(objectstore.Plan(ctx, w.js, other))(w.T); len(plan.Changes) != 1 || plan.Changes[0].Field != "MaxAge" {
			w.T.Errorf("the plan is %v", plan)
		}
		must.Get(objectstore.Update(ctx, w.js, other))(w.T)
		must.Get(objectstore.CreateOrUpdate(ctx, w.js, cfg))(w.T)
		store := must.Get(objectstore.Open(ctx, w.js, "films"))(w.T)
		if store.Bucket() != "films" {
			w.T.Errorf("the bucket is %q", store.Bucket())
		}
		status := must.Get(store.Status(ctx))(w.T)
		cfg.Replicas = 1
		if diff := cmp.Diff(cfg, status.Config()); diff != "" {
			w.T.Error(diff)
		}
		if plan := must.Get(objectstore.Plan(ctx, w.js, status.Config()))(w.T); !plan.Nothing() {
			w.T.Errorf("made from its own config it would change: %v", plan)
		}
		theirs := must.Get(must.Get(w.peer.ObjectStore(ctx, "films"))(w.T).Status(ctx))(w.T)
		if status.Bucket() != theirs.Bucket() || status.Description() != theirs.Description() || status.TTL() != theirs.TTL() ||
			int(status.Storage()) != int(theirs.Storage()) || status.Replicas() != theirs.Replicas() || status.Sealed() != theirs.Sealed() ||
			status.Size() != theirs.Size() || status.BackingStore() != theirs.BackingStore() || status.IsCompressed() != theirs.IsCompressed() ||
			status.Metadata()["k"] != theirs.Metadata()["k"] {
			w.T.Errorf("they see %+v", theirs)
		}
		must.Do(w.T, objectstore.Delete(ctx, w.js, "films"))
		is(w.T, objectstore.Delete(ctx, w.js, "films"), objectstore.ErrBucketNotFound)
		_, err = objectstore.Open(ctx, w.js, "films")
		is(w.T, err, objectstore.ErrBucketNotFound)
		_, err = store.Status(ctx)
		is(w.T, err, objectstore.ErrBucketNotFound)
		is(w.T, store.Seal(ctx), objectstore.ErrBucketNotFound)
	})
}

// What one client makes is the same to the other one.
func TestBucketsOfBothClients(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for _, c := range []objectstore.Config{
			{Bucket: "plain"},
			{Bucket: "all", Description: "d", TTL: time.Hour, MaxBytes: 1 << 20, Storage: jetstream.MemoryStorage, Replicas: 1, Compression: true, Metadata: map[string]string{"k": "v"}},
		} {
			theirs := peer.ObjectStoreConfig{
				Bucket: c.Bucket, Description: c.Description, TTL: c.TTL, MaxBytes: c.MaxBytes, Storage: peer.StorageType(c.Storage), Replicas: c.Replicas,
				Compression: c.Compression, Metadata: c.Metadata,
			}
			must.Get(objectstore.Create(ctx, w.js, c))(w.T)
			must.Get(w.peer.CreateObjectStore(ctx, theirs))(w.T)
			must.Do(w.T, objectstore.Delete(ctx, w.js, c.Bucket))
			must.Get(w.peer.CreateObjectStore(ctx, theirs))(w.T)
			must.Get(objectstore.Create(ctx, w.js, c))(w.T)
		}
	})
}

func TestNamesAndStatusesOfBuckets(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		must.Get(w.js.CreateStream(ctx, jetstream.StreamConfig{Name: "OBJ_other", Subjects: []string{"x"}}))(w.T)
		must.Get(w.js.CreateStream(ctx, jetstream.StreamConfig{Name: "KV_x", Subjects: []string{"y"}}))(w.T)
		must.Get(objectstore.Create(ctx, w.js, objectstore.Config{Bucket: "a"}))(w.T)
		var names, listed []string
		for name, err := range objectstore.Names(ctx, w.js) {
			must.Do(w.T, err)
			names = append(names, name)
		}
		for status, err := range objectstore.List(ctx, w.js) {
			must.Do(w.T, err)
			listed = append(listed, status.Bucket())
		}
		slices.Sort(names)
		slices.Sort(listed)
		same(w.T, "names", names, []string{"a", "b", "other"})
		same(w.T, "statuses", listed, []string{"a", "b"})
		for range objectstore.List(ctx, w.js) {
			break
		}
		for _, err := range objectstore.List(ctx, nil) {
			is(w.T, err, api.ErrInvalidArg)
		}
	})
}

func TestStreamsThatAreNoBucket(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for name, subjects := range map[string][]string{"none": {"x.none"}, "chunks": {"$O.chunks.C.>"}, "infos": {"$O.infos.M.>"}, "others": {"$O.another.C.>", "$O.another.M.>"}} {
			must.Get(w.js.CreateStream(ctx, jetstream.StreamConfig{Name: "OBJ_" + name, Subjects: subjects}))(w.T)
			_, err := objectstore.Open(ctx, w.js, name)
			is(w.T, err, objectstore.ErrBadBucket, jetstream.ErrJetStream)
		}
		if text := objectstore.ErrBadBucket.Error(); !strings.Contains(text, "object store") || strings.Contains(text, "key") {
			w.T.Error(text)
		}
		must.Get(w.js.CreateStream(ctx, jetstream.StreamConfig{Name: "OBJ_wide", Subjects: []string{"$O.wide.>"}}))(w.T)
		must.Get(objectstore.Open(ctx, w.js, "wide"))(w.T)
		must.Get(w.js.CreateStream(ctx, jetstream.StreamConfig{Name: "OBJ_mirror", Mirror: &jetstream.StreamSource{Name: "OBJ_wide"}}))(w.T)
		must.Get(objectstore.Open(ctx, w.js, "mirror"))(w.T)
	})
}

func TestObjectsWithATimeToLive(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		store := must.Get(objectstore.Create(ctx, w.js, objectstore.Config{Bucket: "ttl", PerObjectTTL: true}))(w.T)
		if !must.Get(store.Status(ctx))(w.T).Config().PerObjectTTL {
			w.T.Error("objects have no time to live of their own")
		}
		for _, ttl := range []time.Duration{-time.Second, 0, time.Millisecond, 1500 * time.Millisecond} { // servers would round them
			_, err := store.PutWith(ctx, objectstore.Meta{Name: "o"}, nil, objectstore.ObjectTTL(ttl))
			is(w.T, err, jetstream.ErrInvalidOption, jetstream.ErrMsgTTLInvalid)
		}
		info := `{"name":"o","nuid":"x"}`
		must.Get(w.js.Publish(ctx, "$O.ttl.M.bw==", []byte(info), jetstream.WithMsgTTL(time.Hour)))(w.T)
		first := must.Get(store.GetInfo(ctx, "o"))(w.T)
		if left := time.Until(first.Expires); left < 59*time.Minute || left > time.Hour {
			w.T.Errorf("it expires in %v", left)
		}
		time.Sleep(30 * time.Minute)
		must.Do(w.T, store.UpdateMeta(ctx, "o", objectstore.Meta{Name: "o", Description: "new"}))
		if again := must.Get(store.GetInfo(ctx, "o"))(w.T); again.Expires.Sub(first.Expires).Abs() > time.Second {
			w.T.Errorf("it expires at %v, and then at %v", first.Expires, again.Expires)
		}
		time.Sleep(31 * time.Minute)
		_, err := store.GetInfo(ctx, "o")
		is(w.T, err, objectstore.ErrObjectNotFound)
	})
}
