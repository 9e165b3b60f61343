package kv_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// expires waits until a watcher tells of the end of a key, and returns when that was.
func (w *world) expires(s kv.Store, key string) time.Duration {
	w.t.Helper()
	began := time.Now()
	for e, err := range s.Events(w.t.Context(), []string{key}) {
		must.Do(w.t, err)
		if e.Kind == kv.EventExpired {
			if !e.Entry.Expired() || e.Entry.Operation() != kv.OpPurge || len(e.Entry.Value()) != 0 {
				w.t.Errorf("the marker is %+v", e.Entry)
			}
			return time.Since(began)
		}
	}
	return 0
}

// TestKeysExpire: by their own time, with a marker that watchers see; a marker's time ends as
// well, and then nothing is left.
func TestKeysExpire(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		s := w.made(kv.Config{Bucket: "b", History: 5, LimitMarkerTTL: time.Minute})
		must.Get(s.Create(ctx, "k", []byte("1"), kv.KeyTTL(time.Hour)))(w.t)
		if took := w.expires(s, "k"); took < time.Hour || took > time.Hour+5*time.Second {
			w.t.Errorf("it expired after %v", took)
		}
		is(w.t, second(s.Get(ctx, "k")), kv.ErrKeyDeleted)
		is(w.t, second(s.Keys(ctx)), kv.ErrNoKeys)
		w.age(2 * time.Minute)
		is(w.t, second(s.Get(ctx, "k")), kv.ErrKeyNotFound)
		if v := must.Get(s.Status(ctx))(w.t).Values(); v != 0 {
			w.t.Errorf("%d values are left", v)
		}
		must.Get(s.Create(ctx, "k", []byte("2")))(w.t)
	})
}

// TestUpdateEndsTheTimeOfAKey: the time is that of one value.
func TestUpdateEndsTheTimeOfAKey(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		s := w.made(kv.Config{Bucket: "b", LimitMarkerTTL: time.Minute})
		one := must.Get(s.Create(ctx, "k", []byte("1"), kv.KeyTTL(time.Minute)))(w.t)
		must.Get(s.Update(ctx, "k", []byte("2"), one))(w.t)
		w.age(time.Hour)
		if e := must.Get(s.Get(ctx, "k"))(w.t); string(e.Value()) != "2" {
			w.t.Error(told(e))
		}
	})
}

// TestBucketsExpire: by the time of the bucket, with markers and without.
func TestBucketsExpire(t *testing.T) {
	for _, marked := range []bool{true, false} {
		inBubble(t, func(w *world) {
			cfg := kv.Config{Bucket: "b", TTL: time.Hour}
			if marked {
				cfg.LimitMarkerTTL = time.Minute
			}
			s := w.made(cfg)
			must.Get(s.PutString(w.t.Context(), "k", "1"))(w.t)
			if marked {
				w.expires(s, "k")
				is(w.t, second(s.Get(w.t.Context(), "k")), kv.ErrKeyDeleted)
				return
			}
			w.age(time.Hour + time.Minute)
			is(w.t, second(s.Get(w.t.Context(), "k")), kv.ErrKeyNotFound)
		})
	}
}

// TestPurgeMarkersExpire: after PurgeTTL nothing is left of a key.
func TestPurgeMarkersExpire(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		s := w.made(kv.Config{Bucket: "b", LimitMarkerTTL: time.Second})
		must.Get(s.PutString(ctx, "k", "1"))(w.t)
		must.Do(w.t, s.Purge(ctx, "k", kv.PurgeTTL(time.Hour)))
		is(w.t, second(s.Get(ctx, "k")), kv.ErrKeyDeleted)
		w.age(2 * time.Hour)
		if v := must.Get(s.Status(ctx))(w.t).Values(); v != 0 {
			w.t.Errorf("%d values are left", v)
		}
	})
}

// TestPurgeDeletesByAge: old markers are removed, young ones stay, and the values before both
// are removed.
func TestPurgeDeletesByAge(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		s := w.made(kv.Config{Bucket: "b", History: 5})
		for _, key := range []string{"old", "young"} {
			must.Get(s.PutString(ctx, key, "1"))(w.t)
			must.Do(w.t, s.Delete(ctx, key))
			w.age(20 * time.Minute)
		}
		must.Do(w.t, s.PurgeDeletes(ctx))
		is(w.t, second(s.History(ctx, "old")), kv.ErrNoKeys)
		if h := must.Get(s.History(ctx, "young"))(w.t); len(h) != 1 || h[0].Operation() != kv.OpDelete {
			w.t.Errorf("history %v", h)
		}
		must.Do(w.t, s.PurgeDeletes(ctx, kv.DeleteMarkersOlderThan(10*time.Minute)))
		is(w.t, second(s.History(ctx, "young")), kv.ErrNoKeys)
	})
}

// TestPurgeDeletesKeepsWhatIsStoredMeanwhile puts a value after a marker when the markers have
// been read, and before they are removed.
func TestPurgeDeletesKeepsWhatIsStoredMeanwhile(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		put := func() {}
		js := must.Get(jetstream.New(w.js.Conn(), jetstream.WithClientTrace(&jetstream.ClientTrace{RequestSent: func(subject string, _ []byte) {
			if subject == "$JS.API.STREAM.PURGE.KV_b" {
				put()
			}
		}})))(w.t)
		s := made(w.t, js, kv.Config{Bucket: "b"})
		must.Do(w.t, s.Delete(ctx, "k"))
		put = func() { must.Get(s.PutString(ctx, "k", "new"))(w.t) }
		must.Do(w.t, s.PurgeDeletes(ctx, kv.DeleteMarkersOlderThan(-1)))
		if e := must.Get(s.Get(ctx, "k"))(w.t); string(e.Value()) != "new" {
			w.t.Error(told(e))
		}
	})
}
