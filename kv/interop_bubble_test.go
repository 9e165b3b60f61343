package kv_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// toldPeer returns an entry of nats.go's in the words of told.
func toldPeer(e peer.KeyValueEntry) string {
	if e == nil {
		return "-"
	}
	return fmt.Sprintf("%s=%s@%d %v", e.Key(), e.Value(), e.Revision(), e.Operation())
}

// seenBy reads a bucket with both clients: what they see must be the same.
func seenBy(w *world, own kv.Store, theirs peer.KeyValue, keys ...string) {
	w.t.Helper()
	ctx := w.t.Context()
	for _, key := range keys {
		e, err := own.Get(ctx, key)
		p, errPeer := theirs.Get(ctx, key)
		if (err == nil) != (errPeer == nil) || err == nil && (told(e) != toldPeer(p) || !e.Created().Equal(p.Created())) {
			w.t.Errorf("get %s: %v %v, nats.go has %v %v", key, e, err, p, errPeer)
		}
		if err != nil && (!errors.Is(err, kv.ErrKeyNotFound) || !errors.Is(errPeer, peer.ErrKeyNotFound)) {
			w.t.Errorf("get %s: %v, nats.go has %v", key, err, errPeer)
		}
		var mine, other []string
		for e, err := range own.Revisions(ctx, key) {
			must.Do(w.t, err)
			mine = append(mine, told(e))
		}
		history, _ := theirs.History(ctx, key)
		for _, e := range history {
			other = append(other, toldPeer(e))
		}
		if !slices.Equal(mine, other) {
			w.t.Errorf("history of %s: %v, nats.go has %v", key, mine, other)
		}
	}
	mine, err := own.Keys(ctx)
	other, errPeer := theirs.Keys(ctx)
	if !slices.Equal(mine, other) || (err == nil) != (errPeer == nil) {
		w.t.Errorf("keys: %v %v, nats.go has %v %v", mine, err, other, errPeer)
	}
	watched := must.Get(own.WatchAll(ctx, kv.IncludeHistory()))(w.t)
	watchedPeer := must.Get(theirs.WatchAll(ctx, peer.IncludeHistory()))(w.t)
	for {
		e, p := next(w.t, watched), <-watchedPeer.Updates()
		if told(e) != toldPeer(p) {
			w.t.Errorf("watched %s, nats.go has %s", told(e), toldPeer(p))
		}
		if e == nil || p == nil {
			break
		}
		if e.Delta() != p.Delta() {
			w.t.Errorf("delta %d, nats.go has %d", e.Delta(), p.Delta())
		}
	}
	must.Do(w.t, watched.Stop())
	must.Do(w.t, watchedPeer.Stop())
}

// TestNatsGoReadsWhatWeWrite, and we what nats.go writes: values, histories, markers.
func TestNatsGoReadsWhatWeWrite(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		own, theirs := w.both(kv.Config{Bucket: "b", History: 8, LimitMarkerTTL: time.Minute})
		one := must.Get(own.PutString(ctx, "put", "1"))(w.t)
		must.Get(own.Update(ctx, "put", []byte("2"), one))(w.t)
		must.Get(own.PutString(ctx, "deleted", "1"))(w.t)
		must.Do(w.t, own.Delete(ctx, "deleted"))
		must.Get(own.PutString(ctx, "purged", "1"))(w.t)
		must.Do(w.t, own.Purge(ctx, "purged"))
		must.Get(own.Create(ctx, "short", []byte("1"), kv.KeyTTL(time.Hour)))(w.t)
		seenBy(w, own, theirs, "put", "deleted", "purged", "short", "never")
		w.expires(own, "short")
		seenBy(w, own, theirs, "put", "deleted", "purged", "short", "never")

		one = must.Get(theirs.PutString(ctx, "put", "3"))(w.t)
		must.Get(theirs.Update(ctx, "put", []byte("4"), one))(w.t)
		must.Get(theirs.Create(ctx, "deleted", []byte("2")))(w.t)
		must.Do(w.t, theirs.Delete(ctx, "deleted"))
		must.Get(theirs.Create(ctx, "purged", []byte("2")))(w.t)
		must.Do(w.t, theirs.Purge(ctx, "purged"))
		must.Get(theirs.Create(ctx, "short", []byte("2"), peer.KeyTTL(time.Hour)))(w.t)
		seenBy(w, own, theirs, "put", "deleted", "purged", "short", "never")
		w.expires(own, "short")
		seenBy(w, own, theirs, "put", "deleted", "purged", "short", "never")

		for _, key := range []string{"deleted", "purged", "short"} { // over each other's markers
			must.Get(own.Create(ctx, key, []byte("3")))(w.t)
			must.Do(w.t, own.Delete(ctx, key))
			must.Get(theirs.Create(ctx, key, []byte("4")))(w.t)
		}
		seenBy(w, own, theirs, "put", "deleted", "purged", "short")
	})
}

// TestConflictsBetweenClients: each is refused by what the other has stored.
func TestConflictsBetweenClients(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		own, theirs := w.both(kv.Config{Bucket: "b"})
		one := must.Get(theirs.Create(ctx, "k", []byte("1")))(w.t)
		is(w.t, second(own.Create(ctx, "k", nil)), kv.ErrKeyExists)
		must.Get(theirs.Put(ctx, "k", []byte("2")))(w.t)
		is(w.t, second(own.Update(ctx, "k", nil, one)), kv.ErrKeyWrongLastSequence)
		is(w.t, own.Delete(ctx, "k", kv.LastRevision(one)), kv.ErrKeyWrongLastSequence)
		two := must.Get(own.Put(ctx, "k", []byte("3")))(w.t)
		must.Get(own.Put(ctx, "k", []byte("4")))(w.t)
		is(w.t, second(theirs.Update(ctx, "k", nil, two)), peer.ErrKeyRevisionMismatch)
		is(w.t, second(theirs.Create(ctx, "k", nil)), peer.ErrKeyExists)
	})
}

// TestEachOpensTheOthersBuckets: a bucket that one client has made is the same for the other,
// with everything that a config has.
func TestEachOpensTheOthersBuckets(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		must.Get(w.js.CreateStream(ctx, jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}}))(w.t)
		must.Get(kv.Create(ctx, w.js, kv.Config{Bucket: "origin"}))(w.t)
		for _, test := range []struct {
			own    kv.Config
			theirs peer.KeyValueConfig
		}{
			{kv.Config{}, peer.KeyValueConfig{}},
			{kv.Config{Description: "d", History: 3, TTL: time.Hour, MaxBytes: 1000, MaxValueSize: 10, Replicas: 1, Compression: true},
				peer.KeyValueConfig{Description: "d", History: 3, TTL: time.Hour, MaxBytes: 1000, MaxValueSize: 10, Replicas: 1, Compression: true}},
			{kv.Config{TTL: time.Minute, LimitMarkerTTL: time.Minute, Metadata: map[string]string{"a": "b"}},
				peer.KeyValueConfig{TTL: time.Minute, LimitMarkerTTL: time.Minute, Metadata: map[string]string{"a": "b"}}},
			{kv.Config{RePublish: &jetstream.RePublish{Source: ">", Destination: "seen.>"}},
				peer.KeyValueConfig{RePublish: &peer.RePublish{Source: ">", Destination: "seen.>"}}},
			{kv.Config{Mirror: &jetstream.StreamSource{Name: "origin"}}, peer.KeyValueConfig{Mirror: &peer.StreamSource{Name: "origin"}}},
			{kv.Config{Sources: []*jetstream.StreamSource{{Name: "origin"}}}, peer.KeyValueConfig{Sources: []*peer.StreamSource{{Name: "origin"}}}},
			{kv.Config{Sources: []*jetstream.StreamSource{{Name: "EVENTS", SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: "events.>", Destination: "$KV.b.>"}}}}},
				peer.KeyValueConfig{Sources: []*peer.StreamSource{{Name: "EVENTS", SubjectTransforms: []peer.SubjectTransformConfig{{Source: "events.>", Destination: "$KV.b.>"}}}}}},
		} {
			test.own.Bucket, test.theirs.Bucket = "b", "b"
			must.Get(kv.Create(ctx, w.js, test.own))(w.t)
			if _, err := w.peer.CreateKeyValue(ctx, test.theirs); err != nil {
				w.t.Errorf("%+v: nats.go finds another bucket: %v", test.own, err)
			}
			must.Do(w.t, kv.Delete(ctx, w.js, "b"))
			must.Get(w.peer.CreateKeyValue(ctx, test.theirs))(w.t)
			if _, err := kv.Create(ctx, w.js, test.own); err != nil {
				w.t.Errorf("%+v: a bucket of nats.go is another one: %v", test.own, err)
			}
			must.Do(w.t, w.peer.DeleteKeyValue(ctx, "b"))
		}
	})
}

// TestOldBucketsAreUpdated: old clients have made buckets with another discard policy, and
// without direct access. Create changes that, and nothing else.
func TestOldBucketsAreUpdated(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		s := w.made(kv.Config{Bucket: "b", History: 3, Metadata: map[string]string{"a": "b"}})
		cfg := must.Get(s.Status(ctx))(w.t).StreamInfo().Config
		old := cfg
		old.Discard, old.AllowDirect = jetstream.DiscardOld, false
		must.Get(w.js.UpdateStream(ctx, old))(w.t)

		opened := must.Get(kv.Open(ctx, w.js, "b"))(w.t) // works as it is
		must.Get(opened.PutString(ctx, "k", "1"))(w.t)
		if e := must.Get(opened.Get(ctx, "k"))(w.t); e.Header() != nil || string(e.Value()) != "1" {
			w.t.Errorf("%s %v", told(e), e.Header())
		}
		_, err := kv.Create(ctx, w.js, kv.Config{Bucket: "b", Storage: jetstream.MemoryStorage, History: 4, Metadata: map[string]string{"a": "b"}})
		is(w.t, err, kv.ErrBucketExists)
		s = w.made(kv.Config{Bucket: "b", History: 3, Metadata: map[string]string{"a": "b"}})
		now := must.Get(s.Status(ctx))(w.t).StreamInfo().Config
		if now.Discard != jetstream.DiscardNew || !now.AllowDirect || now.MaxMsgsPerSubject != 3 {
			w.t.Errorf("%+v", now)
		}
	})
}

// TestBucketsAreListed: those of both clients, mirrors among them, and nothing else.
func TestBucketsAreListed(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		if err := only(kv.Names(ctx, w.js)); err != nil {
			w.t.Errorf("no bucket: %v", err)
		}
		w.made(kv.Config{Bucket: "own"})
		w.made(kv.Config{Bucket: "mirror", Mirror: &jetstream.StreamSource{Name: "own"}})
		must.Get(w.peer.CreateKeyValue(ctx, peer.KeyValueConfig{Bucket: "theirs"}))(w.t)
		must.Get(w.js.CreateStream(ctx, jetstream.StreamConfig{Name: "KVX", Subjects: []string{"x"}}))(w.t)
		var names, listed []string
		for name, err := range kv.Names(ctx, w.js) {
			must.Do(w.t, err)
			names = append(names, name)
		}
		for s, err := range kv.List(ctx, w.js) {
			must.Do(w.t, err)
			listed = append(listed, s.Bucket())
		}
		slices.Sort(names)
		slices.Sort(listed)
		if want := []string{"mirror", "own", "theirs"}; !slices.Equal(names, want) || !slices.Equal(listed, want) {
			w.t.Errorf("names %v, listed %v", names, listed)
		}
		for range kv.List(ctx, w.js) {
			break
		}
	})
}

// TestHeadersOfEntries: those of the program are there, and those of the server are not.
func TestHeadersOfEntries(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := context.Background()
		s, _ := w.both(kv.Config{Bucket: "b"})
		must.Get(s.PutString(ctx, "bare", "1"))(w.t)
		must.Get(s.Create(ctx, "created", nil))(w.t)
		if e := must.Get(s.Get(ctx, "bare"))(w.t); e.Header() != nil {
			w.t.Error(e.Header())
		}
		e := must.Get(s.Get(ctx, "created"))(w.t)
		for key := range e.Header() {
			if !strings.HasPrefix(key, "Nats-Expected") && key != jetstream.MsgIDHeader {
				w.t.Errorf("header %s", key)
			}
		}
	})
}
