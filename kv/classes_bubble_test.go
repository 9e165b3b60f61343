package kv_test

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// errorOf returns the error of a call that returns a value as well.
func errorOf[T any](_ T, err error) error { return err }

// data ends the test unless a T is in err.
func data[T error](w *world, err error) T {
	w.t.Helper()
	var found T
	if !errors.As(err, &found) {
		w.t.Fatalf("no %T is in %v", found, err)
	}
	return found
}

// TestErrorKeyValue: whatever is wrong with a key belongs to one kind.
func TestErrorKeyValue(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, s := w.t.Context(), w.made(kv.Config{Bucket: "b", MaxValueSize: 100})
		must.Get(s.Put(ctx, "k", nil))(w.t)
		for _, err := range []error{
			errorOf(s.Get(ctx, "none")), errorOf(s.Get(ctx, "a b")), errorOf(s.Update(ctx, "k", nil, 99)), errorOf(s.Create(ctx, "k", nil)),
			errorOf(s.Put(ctx, "k", make([]byte, 1000))), errorOf(s.History(ctx, "none")),
		} {
			is(w.t, err, kv.ErrKeyValue)
			is(w.t, err, jetstream.ErrJetStream)
		}
	})
}

func TestErrorKeyDeleted(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, s := w.t.Context(), w.made(kv.Config{Bucket: "b", LimitMarkerTTL: time.Minute})
		must.Get(s.Put(ctx, "deleted", nil))(w.t)
		must.Do(w.t, s.Delete(ctx, "deleted"))
		must.Get(s.Put(ctx, "purged", nil))(w.t)
		must.Do(w.t, s.Purge(ctx, "purged"))
		must.Get(s.Create(ctx, "expired", nil, kv.KeyTTL(time.Second)))(w.t)
		w.age(2 * time.Second)
		for _, key := range []string{"deleted", "purged", "expired"} {
			err := errorOf(s.Get(ctx, key))
			errortest.Says(err, api.CategoryNotFound, "", kv.ErrKeyDeleted, kv.ErrKeyNotFound, kv.ErrKeyValue, jetstream.ErrNotFound).Check(w.t)
			if e := data[*kv.KeyError](w, err); e.Key != key || e.Revision == 0 {
				w.t.Errorf("%+v", e)
			}
		}
	})
}

func TestErrorKeyNotFound(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, s := w.t.Context(), w.made(kv.Config{Bucket: "b"})
		revision := must.Get(s.Put(ctx, "other", nil))(w.t)
		for _, err := range []error{errorOf(s.Get(ctx, "k")), errorOf(s.GetRevision(ctx, "k", revision))} {
			errortest.Says(err, api.CategoryNotFound, "", kv.ErrKeyNotFound, kv.ErrKeyValue, jetstream.ErrNotFound).Check(w.t)
			if e := data[*kv.KeyError](w, err); e.Key != "k" || e.Bucket != "b" {
				w.t.Errorf("%+v", e)
			}
		}
	})
}

func TestErrorNoKeys(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, s := w.t.Context(), w.made(kv.Config{Bucket: "b"})
		errortest.Says(errorOf(s.Keys(ctx)), api.CategoryNotFound, "", kv.ErrNoKeys, kv.ErrNoKeysFound, kv.ErrKeyValue).Check(w.t)
		for key, err := range s.AllKeys(ctx) {
			w.t.Errorf("there is %q, %v", key, err)
		}
	})
}
