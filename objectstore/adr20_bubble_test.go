package objectstore_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// The rules of ADR-20, which all clients of object stores keep, each by its words.

func TestADR20StreamConfiguration(t *testing.T) {
	inBubble(t, func(w *world) {
		must.Get(objectstore.Create(w.T.Context(), w.js, objectstore.Config{Bucket: "MY-STORE", Compression: true}))(w.T)
		c := must.Get(w.js.Stream(w.T.Context(), "OBJ_MY-STORE"))(w.T).CachedInfo().Config
		same(w.T, "subjects", c.Subjects, []string{"$O.MY-STORE.C.>", "$O.MY-STORE.M.>"})
		if !c.AllowRollup || !c.AllowDirect || c.Discard != jetstream.DiscardNew || c.MaxBytes != -1 || c.Compression != jetstream.S2Compression || c.Storage != jetstream.FileStorage {
			w.T.Errorf("%+v", c)
		}
	})
}

// "Modified time is never stored." It is the message's when an info is read, and the present
// when one was stored.
func TestADR20ModifiedTimeIsNeverStored(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		made := must.Get(w.store.AddBucketLink(ctx, "l", w.store))(w.T)
		if time.Since(made.ModTime).Abs() > time.Minute || made.ModTime.Location() != time.UTC {
			w.T.Errorf("it was made at %v", made.ModTime)
		}
		m := must.Get(must.Get(w.js.Stream(ctx, "OBJ_b"))(w.T).GetLastMsgForSubject(ctx, metaSubject("l")))(w.T)
		var stored struct {
			ModTime time.Time `json:"mtime"`
		}
		must.Do(w.T, json.Unmarshal(m.Data, &stored))
		if !stored.ModTime.IsZero() || m.Header.Get(jetstream.MsgRollup) != jetstream.MsgRollupSubject {
			w.T.Errorf("stored: %s %v", m.Data, m.Header)
		}
		if read := must.Get(w.store.GetInfo(ctx, "l"))(w.T); !read.ModTime.Equal(m.Time) {
			w.T.Errorf("it was read as of %v, and stored at %v", read.ModTime, m.Time)
		}
	})
}

// "It is an error to Put when ObjectMeta contains a Link."
func TestADR20PutOfALink(t *testing.T) {
	inBubble(t, func(w *world) {
		_, err := w.store.Put(w.T.Context(), objectstore.Meta{Name: "l", Opts: &objectstore.MetaOptions{Link: &objectstore.Link{Bucket: "b"}}}, nil)
		is(w.T, err, objectstore.ErrLinkNotAllowed)
	})
}

// "Deleted objects should be treated the same as objects that don't exist."
func TestADR20DeletedIsAsIfItDidNotExist(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("o", "x")
		must.Do(w.T, w.store.Delete(ctx, "o"))
		_, err := w.store.Get(ctx, "o")
		is(w.T, err, objectstore.ErrObjectNotFound)
		_, err = w.store.GetInfo(ctx, "o")
		is(w.T, err, objectstore.ErrObjectNotFound)
		_, err = w.store.List(ctx)
		is(w.T, err, objectstore.ErrNoObjectsFound)
		must.Get(w.store.GetInfo(ctx, "o", objectstore.GetObjectInfoShowDeleted()))(w.T)
		must.Get(w.store.List(ctx, objectstore.ListObjectsShowDeleted()))(w.T)
	})
}

// "Objects, Links and Bucket Links are all allowed to be updated." "It is an error to update
// metadata for a deleted object", and "to rename an object to the name of an existing object".
func TestADR20UpdateMeta(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		o := w.put("object", "hello")
		must.Get(w.store.AddLink(ctx, "link", o))(w.T)
		must.Get(w.store.AddBucketLink(ctx, "bucket", w.store))(w.T)
		for _, name := range []string{"object", "link", "bucket"} {
			to := "new-" + name
			must.Do(w.T, w.store.UpdateMeta(ctx, name, objectstore.Meta{Name: to, Description: "d"}))
			if info := must.Get(w.store.GetInfo(ctx, to))(w.T); info.Description != "d" || (name == "object") != (info.Opts.Link == nil) {
				w.T.Errorf("%s is %+v", name, info)
			}
			is(w.T, w.store.UpdateMeta(ctx, name, objectstore.Meta{Name: name}), objectstore.ErrUpdateMetaDeleted)
		}
		is(w.T, w.store.UpdateMeta(ctx, "new-link", objectstore.Meta{Name: "new-object"}), objectstore.ErrObjectAlreadyExists)
		is(w.T, w.store.UpdateMeta(ctx, "new-object", objectstore.Meta{Name: "new-link"}), objectstore.ErrObjectAlreadyExists)
	})
}

// "It's acceptable to no-op for an object that is already deleted." "It's an error to delete an
// object that does not exist."
func TestADR20Delete(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("o", "x")
		must.Do(w.T, w.store.Delete(ctx, "o"))
		first := must.Get(w.store.GetInfo(ctx, "o", objectstore.GetObjectInfoShowDeleted()))(w.T)
		must.Do(w.T, w.store.Delete(ctx, "o"))
		if again := must.Get(w.store.GetInfo(ctx, "o", objectstore.GetObjectInfoShowDeleted()))(w.T); again.Revision != first.Revision {
			w.T.Error("it was deleted twice")
		}
		is(w.T, w.store.Delete(ctx, "never"), objectstore.ErrObjectNotFound)
	})
}

// What a link may be named, and what it may point to.
func TestADR20Links(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		o := w.put("object", "x")
		for what, named := range map[string]func() error{
			"an object": func() error { _, err := w.store.AddLink(ctx, "l", o); return err },
			"a bucket":  func() error { _, err := w.store.AddBucketLink(ctx, "l", w.store); return err },
		} {
			for _, c := range []struct {
				is     string
				before func()
				want   error
			}{
				{"okay if the name does not exist", func() {}, nil},
				{"okay to name it like a link", func() { must.Get(w.store.AddLink(ctx, "l", o))(w.T) }, nil},
				{"okay to name it like a bucket link", func() { must.Get(w.store.AddBucketLink(ctx, "l", w.store))(w.T) }, nil},
				{"okay to name it like a deleted object", func() {
					must.Do(w.T, w.store.Delete(ctx, "l"))
					w.put("l", "y")
					must.Do(w.T, w.store.Delete(ctx, "l"))
				}, nil},
				{"an error to name it like an object", func() { must.Do(w.T, w.store.Delete(ctx, "l")); w.put("l", "y") }, objectstore.ErrObjectAlreadyExists},
			} {
				c.before()
				if err := named(); !errors.Is(err, c.want) {
					w.T.Errorf("a link to %s: %s: %v", what, c.is, err)
				}
			}
			must.Do(w.T, w.store.Delete(ctx, "l"))
		}
		link := must.Get(w.store.AddLink(ctx, "link", o))(w.T)
		_, err := w.store.AddLink(ctx, "m", link)
		is(w.T, err, objectstore.ErrNoLinkToLink)
		must.Do(w.T, w.store.Delete(ctx, "object"))
		_, err = w.store.AddLink(ctx, "m", o)
		is(w.T, err, objectstore.ErrNoLinkToDeleted)
	})
}
