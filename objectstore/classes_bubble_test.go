package objectstore_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// The tests below provoke each class of errors of objects, as its name says. There are more
// of every kind in the other files.

// errorOf returns the error of a call that returns a value as well.
func errorOf[T any](_ T, err error) error { return err }

// about checks the object that an error is about, and returns its data.
func about(w *world, err error, name string) *objectstore.ObjectError {
	w.T.Helper()
	e, ok := errors.AsType[*objectstore.ObjectError](err)
	if !ok || e.Bucket != "b" || e.Name != name {
		w.T.Fatalf("the error is %#v", err)
	}
	return e
}

func TestErrorInvalidObjectName(t *testing.T) {
	inBubble(t, func(w *world) {
		for _, name := range []string{"", strings.Repeat("a", 4000), "\xff"} {
			err := errorOf(w.store.PutString(w.T.Context(), name, "x"))
			errortest.Says(err, api.CategoryInput, "", objectstore.ErrInvalidObjectName, objectstore.ErrObjectStore).Check(w.T)
			about(w, err, name)
		}
	})
}

func TestErrorBadObjectMeta(t *testing.T) {
	inBubble(t, func(w *world) {
		must.Get(w.js.Publish(w.T.Context(), metaSubject("junk"), []byte("}")))(w.T)
		for _, err := range []error{errorOf(w.store.Get(w.T.Context(), "junk")), errorOf(w.store.GetInfo(w.T.Context(), "junk"))} {
			errortest.Says(err, api.CategoryProtocol, "", objectstore.ErrBadObjectMeta, objectstore.ErrObjectStore).Check(w.T)
			about(w, err, "junk")
		}
	})
}

func TestErrorLinkIsABucket(t *testing.T) {
	inBubble(t, func(w *world) {
		must.Get(w.store.AddBucketLink(w.T.Context(), "l", w.store))(w.T)
		err := errorOf(w.store.Get(w.T.Context(), "l"))
		errortest.Says(err, api.CategoryInput, "", objectstore.ErrLinkIsABucket, objectstore.ErrCantGetBucket, objectstore.ErrObjectStore).Check(w.T)
		about(w, err, "l")
	})
}

// TestErrorDigestMismatch is what Read returns at the end.
func TestErrorDigestMismatch(t *testing.T) {
	inBubble(t, func(w *world) {
		info := *w.putSmall("o", pattern(500))
		info.Digest = "SHA-256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		w.say(&info)
		object := must.Get(w.store.Get(w.T.Context(), "o"))(w.T)
		err := errorOf(io.ReadAll(object))
		errortest.Says(err, api.CategoryProtocol, "retry", objectstore.ErrDigestMismatch, objectstore.ErrObjectStore).Check(w.T)
		if e, ok := errors.AsType[*objectstore.DigestMismatchError](err); !ok || e.Name != "o" || e.Expected == e.Actual || e.Size != 500 {
			w.T.Errorf("%+v", e)
		}
		_ = object.Close()
	})
}

func TestErrorObjectNotFound(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for _, err := range []error{errorOf(w.store.Get(ctx, "o")), errorOf(w.store.GetInfo(ctx, "o")), w.store.Delete(ctx, "o")} {
			errortest.Says(err, api.CategoryNotFound, "", objectstore.ErrObjectNotFound, objectstore.ErrObjectStore, jetstream.ErrNotFound).Check(w.T)
			isNot(w.T, err, objectstore.ErrObjectDeleted)
			about(w, err, "o")
		}
	})
}

func TestErrorObjectDeleted(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("o", "hello")
		must.Do(w.T, w.store.Delete(ctx, "o"))
		for _, err := range []error{
			errorOf(w.store.Get(ctx, "o")), errorOf(w.store.GetInfo(ctx, "o")), w.store.UpdateMeta(ctx, "o", objectstore.Meta{Name: "o"}),
		} {
			errortest.Says(err, api.CategoryNotFound, "", objectstore.ErrObjectDeleted, objectstore.ErrObjectNotFound, jetstream.ErrNotFound).Check(w.T)
			if e := about(w, err, "o"); e.DeletedAt.IsZero() {
				w.T.Errorf("%+v", e)
			}
		}
	})
}

func TestErrorObjectAlreadyExists(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("o", "hello")
		w.put("p", "hello")
		err := errorOf(w.store.PutWith(ctx, objectstore.Meta{Name: "o"}, nil, objectstore.CreateOnly()))
		errortest.Says(err, api.CategoryConflict, "", objectstore.ErrObjectAlreadyExists, objectstore.ErrObjectStore).Check(w.T)
		about(w, err, "o")
		err = w.store.UpdateMeta(ctx, "o", objectstore.Meta{Name: "p"})
		errortest.Says(err, api.CategoryConflict, "", objectstore.ErrObjectAlreadyExists).Check(w.T)
		w.reads("p", "hello")
	})
}
