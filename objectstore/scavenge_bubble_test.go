package objectstore_test

import (
	"fmt"
	"testing"
	"time"

	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

func TestScavenge(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		chunk := func(id string) { must.Get(w.js.Publish(ctx, "$O.b.C."+id, []byte("x")))(w.T) }
		w.put("kept", "hello")
		w.put("renamed", "hello")
		must.Do(w.T, w.other.UpdateMeta(ctx, "renamed", peer.ObjectMeta{Name: "other"}))
		must.Get(w.store.AddBucketLink(ctx, "link", w.store))(w.T)
		left := w.put("deleted", "x")
		must.Do(w.T, w.store.Delete(ctx, "deleted"))
		chunk(left.NUID)
		for range 3 {
			chunk("cut")
		}
		chunk("goes-on")
		time.Sleep(2 * time.Hour)
		chunk("goes-on")
		chunk("young")
		var found []string
		for orphan, err := range objectstore.Orphans(ctx, w.store, 0) {
			must.Do(w.T, err)
			found = append(found, orphan.NUID)
		}
		same(w.T, "orphans", found, []string{left.NUID, "cut"})
		if n := w.messages("$O.b.C.>"); n != 9 {
			w.T.Errorf("%d chunks before", n)
		}
		if done := must.Get(objectstore.Scavenge(ctx, w.store, 0))(w.T); done != (objectstore.Scavenged{Orphans: 2, Chunks: 4}) {
			w.T.Errorf("removed %+v", done)
		}
		w.reads("kept", "hello")
		w.reads("other", "hello")
		if done := must.Get(objectstore.Scavenge(ctx, w.store, 0))(w.T); done.Orphans != 0 {
			w.T.Errorf("removed %+v", done)
		}
		time.Sleep(2 * time.Hour)
		if done := must.Get(objectstore.Scavenge(ctx, w.store, 3*time.Hour))(w.T); done.Orphans != 0 {
			w.T.Errorf("removed %+v", done)
		}
		if done := must.Get(objectstore.Scavenge(ctx, w.store, time.Hour))(w.T); done != (objectstore.Scavenged{Orphans: 2, Chunks: 3}) {
			w.T.Errorf("removed %+v", done)
		}
	})
}

// More ids than are held in memory are looked at in batches.
func TestScavengeInBatches(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for i := range 20 {
			w.put(fmt.Sprint("kept", i), "hello")
			must.Get(w.js.Publish(ctx, fmt.Sprintf("$O.b.C.cut%d", i), []byte("x")))(w.T)
		}
		time.Sleep(2 * time.Hour)
		found := 0
		for orphan, err := range objectstore.OrphansInBatches(ctx, w.store, time.Hour, 7) {
			must.Do(w.T, err)
			if want := fmt.Sprint("cut", found); orphan.NUID != want {
				w.T.Errorf("orphan %q, want %q", orphan.NUID, want)
			}
			found++
		}
		if found != 20 {
			w.T.Errorf("%d orphans", found)
		}
	})
}

func TestScavengeRefuses(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		_, err := objectstore.Scavenge(ctx, struct{ objectstore.Store }{w.store}, 0)
		is(w.T, err, jetstream.ErrInvalidOption)
		_, err = objectstore.Scavenge(ctx, nil, 0)
		is(w.T, err, jetstream.ErrInvalidOption)
		_, err = objectstore.Scavenge(ctx, w.store, -1)
		is(w.T, err, jetstream.ErrInvalidOption)
		must.Get(w.js.Publish(ctx, "$O.b.C.x", []byte("x")))(w.T)
		must.Get(w.js.Publish(ctx, metaSubject("junk"), []byte("{")))(w.T)
		time.Sleep(2 * time.Hour)
		_, err = objectstore.Scavenge(ctx, w.store, 0)
		is(w.T, err, objectstore.ErrBadObjectMeta) // it may be the one that refers to it
		must.Do(w.T, objectstore.Delete(ctx, w.js, "b"))
		_, err = objectstore.Scavenge(ctx, w.store, 0)
		is(w.T, err, objectstore.ErrBucketNotFound)
	})
}
