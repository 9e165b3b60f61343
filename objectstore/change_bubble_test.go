package objectstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// put makes another client store an object of one chunk, message by message, and returns its
// info in our store.
func (w *world) put(name, data string) *objectstore.Info {
	w.T.Helper()
	ctx, id, sum := w.T.Context(), nuid.Next(), sha256.New()
	sum.Write([]byte(data))
	must.Get(w.peer.Publish(ctx, "$O.b.C."+id, []byte(data)))(w.T)
	meta := must.Get(json.Marshal(peer.ObjectInfo{
		ObjectMeta: peer.ObjectMeta{Name: name, Opts: &peer.ObjectMetaOptions{ChunkSize: objectstore.DefaultChunkSize}},
		Bucket:     "b", NUID: id, Size: uint64(len(data)), Chunks: 1, Digest: peer.GetObjectDigestValue(sum),
	}))(w.T)
	must.Get(w.peer.PublishMsg(ctx, &nats.Msg{Subject: metaSubject(name), Header: nats.Header{peer.MsgRollup: {peer.MsgRollupSubject}}, Data: meta}))(w.T)
	return must.Get(w.store.GetInfo(ctx, name))(w.T)
}

// reads fails the test unless nats.go reads that of an object.
func (w *world) reads(name, want string) {
	w.T.Helper()
	if got, err := w.other.GetString(w.T.Context(), name); err != nil || got != want {
		w.T.Errorf("%q is %q, %v, want %q", name, got, err, want)
	}
}

// messages returns how many messages the bucket has on a subject.
func (w *world) messages(subject string) (n uint64) {
	w.T.Helper()
	s := must.Get(w.js.Stream(w.T.Context(), "OBJ_b"))(w.T)
	for _, count := range must.Get(s.Info(w.T.Context(), jetstream.WithSubjectFilter(subject)))(w.T).State.Subjects {
		n += count
	}
	return n
}

func TestInfoOfAnObject(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		before := w.put("a b/ü", "hello")
		headers := nats.Header{"K": {"1", "2"}}
		must.Do(w.T, w.other.UpdateMeta(ctx, "a b/ü", peer.ObjectMeta{Name: "a b/ü", Description: "d", Headers: headers, Metadata: map[string]string{"m": "1"}}))
		info := must.Get(w.store.GetInfo(ctx, "a b/ü"))(w.T)
		want := &objectstore.Info{
			Meta: objectstore.Meta{Name: "a b/ü", Description: "d", Headers: api.Header{"K": {"1", "2"}}, Metadata: map[string]string{"m": "1"},
				Opts: &objectstore.MetaOptions{ChunkSize: objectstore.DefaultChunkSize}},
			Bucket: "b", NUID: before.NUID, Size: 5, Chunks: 1, Digest: before.Digest, ModTime: info.ModTime, Revision: 3,
		}
		if diff := cmp.Diff(want, info); diff != "" || info.ModTime.IsZero() {
			w.T.Error(diff)
		}
	})
}

func TestUpdateMeta(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		before := w.put("o", "hello")
		meta := objectstore.Meta{Name: "o", Description: "new", Headers: api.Header{"a": {"b"}}, Metadata: map[string]string{"c": "d"},
			Opts: &objectstore.MetaOptions{ChunkSize: 1, Link: &objectstore.Link{Bucket: "x"}}}
		must.Do(w.T, w.store.UpdateMeta(ctx, "o", meta))
		theirs := must.Get(w.other.GetInfo(ctx, "o"))(w.T)
		if theirs.Description != "new" || theirs.Headers.Get("a") != "b" || theirs.Metadata["c"] != "d" || theirs.NUID != before.NUID || theirs.Digest != before.Digest {
			w.T.Errorf("they see %+v", theirs)
		}
		if theirs.Opts.Link != nil || theirs.Opts.ChunkSize != objectstore.DefaultChunkSize {
			w.T.Errorf("the options are %+v", theirs.Opts)
		}
		w.reads("o", "hello")
		must.Do(w.T, w.other.UpdateMeta(ctx, "o", peer.ObjectMeta{Name: "o", Description: "theirs"}))
		if info := must.Get(w.store.GetInfo(ctx, "o"))(w.T); info.Description != "theirs" || info.Headers != nil {
			w.T.Errorf("we see %+v", info)
		}
	})
}

func TestUpdateMetaUnderConditions(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		first := w.put("o", "hello")
		meta := objectstore.Meta{Name: "o", Description: "1"}
		second := must.Get(w.store.UpdateMetaWith(ctx, "o", meta, objectstore.ExpectRevision(first.Revision)))(w.T)
		_, err := w.store.UpdateMetaWith(ctx, "o", meta, objectstore.ExpectRevision(first.Revision))
		is(w.T, err, objectstore.ErrObjectChanged, objectstore.ErrObjectStore, jetstream.ErrWrongLastSequence)
		if info := must.Get(w.store.GetInfo(ctx, "o"))(w.T); info.Revision != second.Revision || second.Revision <= first.Revision {
			w.T.Errorf("revisions %d, %d, %d", first.Revision, second.Revision, info.Revision)
		}
		_, err = w.store.UpdateMetaWith(ctx, "o", meta, objectstore.ExpectRevision(0))
		is(w.T, err, jetstream.ErrInvalidOption)
		_, err = w.store.UpdateMetaWith(ctx, "o", meta, objectstore.CreateOnly())
		is(w.T, err, jetstream.ErrInvalidOption)
		_, err = w.store.UpdateMetaWith(ctx, "o", meta, objectstore.CreateOnly(), objectstore.ExpectRevision(1))
		is(w.T, err, jetstream.ErrInvalidOption)
	})
}

func TestRename(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("old", "hello")
		w.put("live", "x")
		is(w.T, w.store.UpdateMeta(ctx, "old", objectstore.Meta{Name: "live"}), objectstore.ErrObjectAlreadyExists)
		must.Do(w.T, w.store.UpdateMeta(ctx, "old", objectstore.Meta{Name: "new", Description: "d"}))
		w.reads("new", "hello")
		_, err := w.other.GetInfo(ctx, "old")
		is(w.T, err, peer.ErrObjectNotFound)
		_, err = w.store.GetInfo(ctx, "old")
		is(w.T, err, objectstore.ErrObjectDeleted)
		must.Do(w.T, w.other.Delete(ctx, "live"))
		must.Do(w.T, w.store.UpdateMeta(ctx, "new", objectstore.Meta{Name: "live"}))
		w.reads("live", "hello")
		must.Do(w.T, w.other.UpdateMeta(ctx, "live", peer.ObjectMeta{Name: "theirs"}))
		_, err = w.store.GetInfo(ctx, "live")
		is(w.T, err, objectstore.ErrObjectNotFound)
		if info := must.Get(w.store.GetInfo(ctx, "theirs"))(w.T); info.Size != 5 {
			w.T.Errorf("renamed by them: %+v", info)
		}
	})
}

// The old name is deleted once more, by us and by them: what has another name stays.
func TestDeleteOfAnOldName(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for name, remove := range map[string]func() error{
			"ours":   func() error { return w.store.Delete(ctx, "ours") },
			"theirs": func() error { return w.other.Delete(ctx, "theirs") },
			"put":    func() error { _, err := w.store.PutString(ctx, "put", "another"); return err },
		} {
			w.put(name, "hello")
			must.Do(w.T, w.store.UpdateMeta(ctx, name, objectstore.Meta{Name: "new " + name}))
			must.Do(w.T, remove())
			w.reads("new "+name, "hello")
		}
	})
}

func TestDelete(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		before := w.put("o", "hello")
		must.Do(w.T, w.store.Delete(ctx, "o"))
		_, err := w.other.GetInfo(ctx, "o")
		is(w.T, err, peer.ErrObjectNotFound)
		if theirs := must.Get(w.other.GetInfo(ctx, "o", peer.GetObjectInfoShowDeleted()))(w.T); !theirs.Deleted || theirs.Size != 0 || theirs.Chunks != 0 || theirs.Digest != "" || theirs.NUID != before.NUID {
			w.T.Errorf("they see %+v", theirs)
		}
		if n := w.messages("$O.b.C.>"); n != 0 {
			w.T.Errorf("%d chunks are left", n)
		}
		must.Do(w.T, w.store.Delete(ctx, "o")) // again
		_, err = w.store.GetInfo(ctx, "o")
		is(w.T, err, objectstore.ErrObjectDeleted, objectstore.ErrObjectNotFound, jetstream.ErrNotFound)
		if info := must.Get(w.store.GetInfo(ctx, "o", objectstore.GetObjectInfoShowDeleted()))(w.T); !info.Deleted {
			w.T.Errorf("deleted: %+v", info)
		}
		w.put("p", "x")
		must.Do(w.T, w.other.Delete(ctx, "p"))
		_, err = w.store.GetInfo(ctx, "p")
		is(w.T, err, objectstore.ErrObjectDeleted)
	})
}

// A Delete that was cut between its two steps leaves chunks; another one removes them.
func TestDeleteAgainRemovesWhatIsLeft(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		info := w.put("o", "hello")
		must.Do(w.T, w.store.Delete(ctx, "o"))
		must.Get(w.js.Publish(ctx, "$O.b.C."+info.NUID, []byte("left")))(w.T)
		must.Do(w.T, w.store.Delete(ctx, "o"))
		if n := w.messages("$O.b.C.>"); n != 0 {
			w.T.Errorf("%d chunks are left", n)
		}
	})
}

func TestLinks(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		o := w.put("o", "hello")
		link := must.Get(w.store.AddLink(ctx, "l", o))(w.T)
		if link.Opts.Link == nil || *link.Opts.Link != (objectstore.Link{Bucket: "b", Name: "o"}) {
			w.T.Errorf("the link is %+v", link)
		}
		w.reads("l", "hello")
		info := must.Get(w.store.GetInfo(ctx, "l", objectstore.GetObjectInfoResolve()))(w.T)
		if info.Name != "o" || info.Size != 5 {
			w.T.Errorf("it leads to %+v", info)
		}
		must.Get(w.store.AddLink(ctx, "l", w.put("p", "other")))(w.T) // a link is replaced
		w.reads("l", "other")
		_, err := w.store.AddLink(ctx, "p", o)
		is(w.T, err, objectstore.ErrObjectAlreadyExists)
		_, err = w.store.AddLink(ctx, "m", must.Get(w.store.GetInfo(ctx, "l"))(w.T))
		is(w.T, err, objectstore.ErrNoLinkToLink)
		must.Do(w.T, w.store.Delete(ctx, "p"))
		_, err = w.store.AddLink(ctx, "m", must.Get(w.store.GetInfo(ctx, "p", objectstore.GetObjectInfoShowDeleted()))(w.T))
		is(w.T, err, objectstore.ErrNoLinkToDeleted)
		must.Get(w.store.AddLink(ctx, "p", o))(w.T) // over what was deleted
		w.reads("p", "hello")
		must.Get(w.other.AddLink(ctx, "theirs", must.Get(w.other.GetInfo(ctx, "o"))(w.T)))(w.T)
		if info := must.Get(w.store.GetInfo(ctx, "theirs", objectstore.GetObjectInfoResolve()))(w.T); info.Name != "o" {
			w.T.Errorf("their link leads to %+v", info)
		}
	})
}

// What is linked to may have changed since its info was read.
func TestLinkToWhatHasChanged(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		gone, turned := w.put("gone", "x"), w.put("turned", "x")
		must.Do(w.T, w.store.Delete(ctx, "gone"))
		_, err := w.store.AddLink(ctx, "l", gone)
		is(w.T, err, objectstore.ErrNoLinkToDeleted)
		must.Do(w.T, w.store.Delete(ctx, "turned"))
		must.Get(w.store.AddLink(ctx, "turned", w.put("o", "x")))(w.T)
		_, err = w.store.AddLink(ctx, "l", turned)
		is(w.T, err, objectstore.ErrNoLinkToLink)
		_, err = w.store.AddLink(ctx, "l", &objectstore.Info{Meta: objectstore.Meta{Name: "never"}, Bucket: "b"})
		is(w.T, err, objectstore.ErrObjectNotFound)
		isNot(w.T, err, objectstore.ErrObjectDeleted)
		_, err = w.store.AddLink(ctx, "l", &objectstore.Info{Meta: objectstore.Meta{Name: "o"}, Bucket: "nowhere"})
		is(w.T, err, objectstore.ErrBucketNotFound)
	})
}

func TestLinksBetweenBuckets(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		o := w.put("o", "hello")
		far := must.Get(objectstore.Create(ctx, w.js, objectstore.Config{Bucket: "far"}))(w.T)
		must.Get(far.AddLink(ctx, "l", o))(w.T)
		if info := must.Get(far.GetInfo(ctx, "l", objectstore.GetObjectInfoResolve()))(w.T); info.Bucket != "b" || info.Name != "o" {
			w.T.Errorf("it leads to %+v", info)
		}
		must.Get(w.store.AddBucketLink(ctx, "all", far))(w.T)
		_, err := w.store.GetInfo(ctx, "all", objectstore.GetObjectInfoResolve())
		is(w.T, err, objectstore.ErrLinkIsABucket)
		_, err = w.other.GetString(ctx, "all")
		is(w.T, err, peer.ErrCantGetBucket)
		_, err = w.store.AddBucketLink(ctx, "o", far)
		is(w.T, err, objectstore.ErrObjectAlreadyExists)
		theirs := must.Get(w.peer.ObjectStore(ctx, "far"))(w.T)
		must.Get(w.other.AddBucketLink(ctx, "theirs", theirs))(w.T)
		if to := must.Get(w.store.GetInfo(ctx, "theirs"))(w.T).Opts.Link; to == nil || *to != (objectstore.Link{Bucket: "far"}) {
			w.T.Errorf("their link leads to %+v", to)
		}
	})
}

// Links cannot be made to lead in a circle; those that do all the same are found out.
func TestLinksThatLeadBack(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for name, to := range map[string]string{"x": "y", "y": "x", "self": "self", "end": "nothing"} {
			info := `{"name":"` + name + `","nuid":"n","options":{"link":{"bucket":"b","name":"` + to + `"}}}`
			must.Get(w.js.Publish(ctx, metaSubject(name), []byte(info)))(w.T)
		}
		for name, want := range map[string]error{"x": objectstore.ErrLinkCycle, "self": objectstore.ErrLinkCycle, "end": objectstore.ErrObjectNotFound} {
			_, err := w.store.GetInfo(ctx, name, objectstore.GetObjectInfoResolve())
			is(w.T, err, want, objectstore.ErrObjectStore)
		}
	})
}

func TestSeal(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		o := w.put("o", "hello")
		must.Do(w.T, w.store.Seal(ctx))
		if !must.Get(w.store.Status(ctx))(w.T).Sealed() || !must.Get(w.other.Status(ctx))(w.T).Sealed() {
			w.T.Error("it is not sealed")
		}
		must.Do(w.T, w.store.Seal(ctx)) // again
		w.reads("o", "hello")
		is(w.T, w.store.Delete(ctx, "o"), jetstream.ErrStreamSealed, objectstore.ErrObjectStore)
		is(w.T, w.store.UpdateMeta(ctx, "o", objectstore.Meta{Name: "p"}), jetstream.ErrStreamSealed)
		_, err := w.store.AddLink(ctx, "l", o)
		is(w.T, err, jetstream.ErrStreamSealed)
	})
}

// A rename was interrupted between its two steps: the same call again continues.
func TestRenameGoesOn(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("old", "hello")
		to := objectstore.Meta{Name: "new"}
		cut := must.Get(w.Link("c", "s1").Inject(`when op(HPUB) subject("` + metaSubject("old") + `") drop`))(w.T)
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := w.store.UpdateMeta(short, "old", to); err == nil {
			w.T.Error("nothing was cut")
		}
		cut.Lift()
		w.reads("old", "hello")
		w.reads("new", "hello")
		must.Do(w.T, w.store.UpdateMeta(ctx, "old", to))
		w.reads("new", "hello")
		_, err := w.store.GetInfo(ctx, "old")
		is(w.T, err, objectstore.ErrObjectDeleted)
	})
}

// renameSlowly renames the object "old" to "new", and returns when the new name is there and the old one is for a second more.
func (w *world) renameSlowly() (result <-chan error) {
	w.put("old", "hello")
	must.Get(w.Link("c", "s1").Inject(`when op(HPUB) subject("` + metaSubject("old") + `") delay(1s)`))(w.T)
	done := make(chan error, 1)
	go func() { done <- w.store.UpdateMeta(w.T.Context(), "old", objectstore.Meta{Name: "new"}) }()
	synctest.Wait()
	return done
}

// Somebody replaces the object under its old name while it gets another one: the bytes that the
// new name stands for are gone then, and so is the new name.
func TestRenameWhileTheObjectIsReplaced(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		result := w.renameSlowly()
		w.reads("new", "hello")
		w.put("old", "another")
		is(w.T, <-result, objectstore.ErrObjectChanged)
		w.reads("old", "another")
		_, err := w.store.GetInfo(ctx, "new")
		is(w.T, err, objectstore.ErrObjectNotFound)
		must.Do(w.T, w.store.Delete(ctx, "new"))
		w.reads("old", "another")
	})
}

// Another client changes the description under the old name meanwhile: that one keeps its bytes,
// and the new name goes without them.
func TestRenameWhileTheObjectIsDescribed(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		result := w.renameSlowly()
		must.Do(w.T, w.other.UpdateMeta(ctx, "old", peer.ObjectMeta{Name: "old", Description: "d"}))
		is(w.T, <-result, objectstore.ErrObjectChanged)
		must.Do(w.T, w.store.Delete(ctx, "new"))
		w.reads("old", "hello")
	})
}

// A change that conflicts with another one starts over.
func TestChangesSideBySide(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("o", "hello")
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				must.Do(w.T, w.store.UpdateMeta(ctx, "o", objectstore.Meta{Name: "o", Description: fmt.Sprint(i)}))
			})
		}
		all.Wait()
		w.reads("o", "hello")
		var stored, refused atomic.Int32
		for range 8 {
			all.Go(func() {
				_, err := w.store.UpdateMetaWith(ctx, "o", objectstore.Meta{Name: "o"}, objectstore.ExpectRevision(must.Get(w.store.GetInfo(ctx, "o"))(w.T).Revision))
				if errors.Is(err, objectstore.ErrObjectChanged) {
					refused.Add(1)
				} else if must.Do(w.T, err); true {
					stored.Add(1)
				}
			})
		}
		all.Wait()
		if stored.Load() == 0 || stored.Load()+refused.Load() != 8 {
			w.T.Errorf("%d stored, %d refused", stored.Load(), refused.Load())
		}
	})
}
