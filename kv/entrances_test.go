package kv_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// only returns the error of a sequence that has nothing else.
func only[T any](seq iter.Seq2[T, error]) (err error) {
	for _, err = range seq {
	}
	return err
}

// ofKeys are the calls that take a key.
var ofKeys = map[string]func(ctx context.Context, s kv.Store, key string) error{
	"Get":         func(ctx context.Context, s kv.Store, key string) error { return second(s.Get(ctx, key)) },
	"GetRevision": func(ctx context.Context, s kv.Store, key string) error { return second(s.GetRevision(ctx, key, 1)) },
	"Put":         func(ctx context.Context, s kv.Store, key string) error { return second(s.Put(ctx, key, nil)) },
	"PutString":   func(ctx context.Context, s kv.Store, key string) error { return second(s.PutString(ctx, key, "")) },
	"Create":      func(ctx context.Context, s kv.Store, key string) error { return second(s.Create(ctx, key, nil)) },
	"Update":      func(ctx context.Context, s kv.Store, key string) error { return second(s.Update(ctx, key, nil, 0)) },
	"Delete":      func(ctx context.Context, s kv.Store, key string) error { return s.Delete(ctx, key) },
	"Purge":       func(ctx context.Context, s kv.Store, key string) error { return s.Purge(ctx, key) },
}

// ofPatterns are the calls that take a pattern.
var ofPatterns = map[string]func(ctx context.Context, s kv.Store, key string) error{
	"Watch": func(ctx context.Context, s kv.Store, key string) error { return watching(s.Watch(ctx, key)) },
	"WatchFiltered": func(ctx context.Context, s kv.Store, key string) error {
		return watching(s.WatchFiltered(ctx, []string{"fine", key}))
	},
	"Events": func(ctx context.Context, s kv.Store, key string) error {
		for _, err := range s.Events(ctx, []string{key}) {
			return err
		}
		return nil
	},
	"ListKeysFiltered": func(ctx context.Context, s kv.Store, key string) error {
		l, err := s.ListKeysFiltered(ctx, key)
		if err == nil {
			err = l.Stop()
		}
		return err
	},
	"AllKeys":   func(ctx context.Context, s kv.Store, key string) error { return only(s.AllKeys(ctx, key)) },
	"History":   func(ctx context.Context, s kv.Store, key string) error { return second(s.History(ctx, key)) },
	"Revisions": func(ctx context.Context, s kv.Store, key string) error { return only(s.Revisions(ctx, key)) },
}

// ofAll are the calls that take neither.
var ofAll = map[string]func(ctx context.Context, s kv.Store) error{
	"WatchAll": func(ctx context.Context, s kv.Store) error { return watching(s.WatchAll(ctx)) },
	"Keys":     func(ctx context.Context, s kv.Store) error { return second(s.Keys(ctx)) },
	"ListKeys": func(ctx context.Context, s kv.Store) error {
		l, err := s.ListKeys(ctx)
		if err == nil {
			err = l.Stop()
		}
		return err
	},
	"PurgeDeletes": func(ctx context.Context, s kv.Store) error { return s.PurgeDeletes(ctx) },
	"Status":       func(ctx context.Context, s kv.Store) error { return second(s.Status(ctx)) },
}

func watching(w kv.Watcher, err error) error {
	if err == nil {
		err = w.Stop()
	}
	return err
}

// TestErrorInvalidKey is returned by every call, before anything is sent: there is no server.
func TestErrorInvalidKey(t *testing.T) {
	server := natsserver.Run(t, natsserver.Options{JetStream: true})
	js := must.Get(jetstream.New(connect(t, server)))(t)
	s := made(t, js, kv.Config{Bucket: "b"})
	server.Shutdown()
	for _, key := range []string{"", "a b", "a:b", ".a", "a.", "a..b", "a\r\n", "é", "a>", "a*"} {
		for name, call := range ofKeys {
			checkInvalid(t, name, key, call(t.Context(), s, key))
		}
		for name, call := range ofPatterns {
			checkInvalid(t, name, key, call(t.Context(), s, key))
		}
	}
	for _, pattern := range []string{"*", ">", "a.*", "a.>"} {
		for name, call := range ofKeys {
			checkInvalid(t, name, pattern, call(t.Context(), s, pattern))
		}
	}
}

func checkInvalid(t *testing.T, name, key string, err error) {
	t.Helper()
	for _, kind := range []error{kv.ErrInvalidKey, kv.ErrKeyValue, api.ErrBadSubject} {
		if !errors.Is(err, kind) {
			t.Errorf("%s(%q): %v", name, key, err)
			return
		}
	}
	if e := as[*kv.KeyError](t, err); e.Key != key || e.Bucket != "b" || e.Reason == "" || e.Op == "" {
		t.Errorf("%s(%q): %+v", name, key, e)
	}
}

// TestErrorBucketNotFound is returned by every call that reads, and by those about buckets.
func TestErrorBucketNotFound(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	s := made(t, js, kv.Config{Bucket: "b"})
	must.Do(t, kv.Delete(ctx, js, "b"))
	check := func(name string, err error) {
		t.Helper()
		for _, kind := range []error{kv.ErrBucketNotFound, jetstream.ErrStreamNotFound, jetstream.ErrNotFound} {
			if !errors.Is(err, kind) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	check("Open", second(kv.Open(ctx, js, "b")))
	check("Update", second(kv.Update(ctx, js, kv.Config{Bucket: "b"})))
	check("Delete", kv.Delete(ctx, js, "b"))
	for name, call := range ofPatterns {
		check(name, call(ctx, s, "k"))
	}
	for name, call := range ofAll {
		check(name, call(ctx, s))
	}
	for name, call := range ofKeys {
		switch name {
		case "Get", "GetRevision":
			check(name, call(ctx, s, "k"))
		default:
			is(t, call(ctx, s, "k"), jetstream.ErrNoStreamResponse)
		}
	}
	made(t, js, kv.Config{Bucket: "b"}) // anew: the handle is good for it
	must.Get(s.PutString(ctx, "k", "v"))(t)
	must.Get(s.Get(ctx, "k"))(t)
}

// TestErrorInvalidBucketName is returned by every call about buckets.
func TestErrorInvalidBucketName(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	for _, name := range []string{"", "a.b", "a b", "é", "a*"} {
		cfg := kv.Config{Bucket: name}
		for call, err := range map[string]error{
			"Create": second(kv.Create(ctx, js, cfg)), "Update": second(kv.Update(ctx, js, cfg)), "Open": second(kv.Open(ctx, js, name)),
			"CreateOrUpdate": second(kv.CreateOrUpdate(ctx, js, cfg)), "Delete": kv.Delete(ctx, js, name),
		} {
			if e, ok := errors.AsType[*kv.BucketError](err); !ok || !errors.Is(err, kv.ErrInvalidBucketName) || e.Reason == "" {
				t.Errorf("%s(%q): %v", call, name, err)
			}
		}
	}
	for _, err := range []error{
		second(kv.Create(ctx, nil, kv.Config{Bucket: "b"})), second(kv.Open(ctx, nil, "b")), kv.Delete(ctx, nil, "b"),
		only(kv.Names(ctx, nil)), only(kv.List(ctx, nil)),
	} {
		is(t, err, api.ErrInvalidArg)
	}
}

// TestErrBucketExists is for another config; the same config is not an error.
func TestErrBucketExists(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	made(t, js, kv.Config{Bucket: "b"})
	made(t, js, kv.Config{Bucket: "b"})
	_, err := kv.Create(ctx, js, kv.Config{Bucket: "b", Storage: jetstream.MemoryStorage, History: 2})
	is(t, err, kv.ErrBucketExists)
	is(t, err, jetstream.ErrStreamNameAlreadyInUse)
	must.Get(kv.CreateOrUpdate(ctx, js, kv.Config{Bucket: "b", Storage: jetstream.MemoryStorage, History: 2}))(t)
}

// TestErrorBadBucket is for a stream that keeps no history of subjects.
func TestErrorBadBucket(t *testing.T) {
	js := streaming(t)
	must.Get(js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KV_bad", Subjects: []string{"x"}}))(t)
	_, err := kv.Open(t.Context(), js, "bad")
	is(t, err, kv.ErrBadBucket)
	if e := as[*kv.BucketError](t, err); e.Bucket != "bad" || e.Reason == "" {
		t.Errorf("%+v", e)
	}
}

// TestErrorKeyHistoryTooLarge is for more than 64 values of a key.
func TestErrorKeyHistoryTooLarge(t *testing.T) {
	js := streaming(t)
	made(t, js, kv.Config{Bucket: "most", History: kv.MaxHistory})
	_, err := kv.Create(t.Context(), js, kv.Config{Bucket: "b", History: kv.MaxHistory + 1})
	is(t, err, kv.ErrKeyHistoryTooLarge)
	is(t, err, kv.ErrKeyValue)
	if e := as[*kv.BucketError](t, err); e.Requested != kv.MaxHistory+1 || e.Max != kv.MaxHistory || e.Bucket != "b" {
		t.Errorf("%+v", e)
	}
}

// TestBucketsThatCannotBe: what a bucket cannot be is refused before it is sent, and nothing of it is dropped.
func TestBucketsThatCannotBe(t *testing.T) {
	js := streaming(t)
	made(t, js, kv.Config{Bucket: "none", MaxBytes: -1, MaxValueSize: -1}) // as nats.go says it
	for name, cfg := range map[string]kv.Config{
		"a mirror and sources":  {Mirror: &jetstream.StreamSource{Name: "none"}, Sources: []*jetstream.StreamSource{{Name: "none"}}},
		"a mirror of nothing":   {Mirror: &jetstream.StreamSource{}},
		"a source without name": {Sources: []*jetstream.StreamSource{{Name: "none"}, {}}},
		"no source":             {Sources: []*jetstream.StreamSource{nil}},
		"negative bytes":        {MaxBytes: -7},
		"a negative size":       {MaxValueSize: -7},
		"counters and limits":   {Counters: true, MaxBytes: 7},
	} {
		cfg.Bucket = "b"
		for call, err := range map[string]error{"Create": second(kv.Create(t.Context(), js, cfg)), "CreateOrUpdate": second(kv.CreateOrUpdate(t.Context(), js, cfg))} {
			if e, ok := errors.AsType[*kv.BucketError](err); !ok || e.Reason == "" || !errors.Is(err, jetstream.ErrInvalidConfig) {
				t.Errorf("%s with %s: %v", call, name, err)
			}
		}
	}
}

// TestErrorKeyWrongLastSequence is returned by whatever is compared, with both revisions.
func TestErrorKeyWrongLastSequence(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	must.Get(s.PutString(ctx, "other", "1"))(t)
	last := must.Get(s.PutString(ctx, "k", "2"))(t)
	for name, call := range map[string]func(key string) error{
		"update": func(key string) error { return second(s.Update(ctx, key, nil, 99)) },
		"delete": func(key string) error { return s.Delete(ctx, key, kv.LastRevision(99)) },
		"purge":  func(key string) error { return s.Purge(ctx, key, kv.LastRevision(99)) },
	} {
		for key, actual := range map[string]uint64{"k": last, "never": 0} {
			err := call(key)
			is(t, err, kv.ErrKeyWrongLastSequence)
			is(t, err, jetstream.ErrWrongLastSequence)
			want := kv.KeyWrongLastSequenceError{Op: name, Bucket: "b", Key: key, Expected: 99, Actual: actual, HasActual: true, Kind: kv.ErrKeyWrongLastSequence}
			e := as[*kv.KeyWrongLastSequenceError](t, err)
			want.Err = e.Err
			if *e != want || as[*jetstream.APIError](t, err).ErrorCode == 0 || errors.Is(err, kv.ErrKeyExists) || api.MaybeSent(err) {
				t.Errorf("%+v, want %+v", *e, want)
			}
		}
	}
}

// TestErrKeyExists is returned by Create alone.
func TestErrKeyExists(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	last := must.Get(s.Create(ctx, "k", []byte("1")))(t)
	_, err := s.Create(ctx, "k", []byte("2"))
	is(t, err, kv.ErrKeyExists)
	is(t, err, kv.ErrKeyWrongLastSequence)
	if e := as[*kv.KeyWrongLastSequenceError](t, err); e.Op != "create" || e.Actual != last || !e.HasActual || e.Expected != 0 {
		t.Errorf("%+v", e)
	}
}

// TestErrValueTooLarge is for what the bucket does not take, and for what the server does not.
func TestErrValueTooLarge(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b", MaxValueSize: 100})
	must.Get(s.Put(ctx, "k", make([]byte, 100)))(t)
	for _, size := range []int{101, 2 << 20} {
		for name, err := range map[string]error{
			"put": second(s.Put(ctx, "k", make([]byte, size))), "create": second(s.Create(ctx, "l", make([]byte, size))), "update": second(s.Update(ctx, "k", make([]byte, size), 1)),
		} {
			is(t, err, kv.ErrValueTooLarge)
			if want := jetstream.ErrStreamMessageExceedsMaximum; size == 101 && !errors.Is(err, want) || size > 101 && !errors.Is(err, api.ErrMaxPayload) || api.MaybeSent(err) {
				t.Errorf("%s of %d: %v", name, size, err)
			}
		}
	}
}

// TestErrsOfTTL: what cannot be had is refused, where possible before it is sent.
func TestErrsOfTTL(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	s := made(t, js, kv.Config{Bucket: "b"})
	is(t, s.Delete(ctx, "k", kv.PurgeTTL(time.Minute)), kv.ErrTTLOnDeleteNotSupported)
	is(t, second(s.Create(ctx, "k", nil, kv.KeyTTL(time.Minute))), kv.ErrKeyTTLNotSupported)
	is(t, s.Purge(ctx, "k", kv.PurgeTTL(time.Minute)), kv.ErrKeyTTLNotSupported)
	for _, ttl := range []time.Duration{-1, 1, time.Second - 1, 1500 * time.Millisecond} {
		for _, err := range []error{second(s.Create(ctx, "k", nil, kv.KeyTTL(ttl))), s.Purge(ctx, "k", kv.PurgeTTL(ttl)), s.Delete(ctx, "k", kv.PurgeTTL(ttl))} {
			is(t, err, jetstream.ErrInvalidOption)
			is(t, err, jetstream.ErrMsgTTLInvalid)
			is(t, err, kv.ErrKeyValue)
		}
	}
	for _, ttl := range []time.Duration{time.Millisecond, -time.Second} {
		is(t, second(kv.Create(ctx, js, kv.Config{Bucket: "c", LimitMarkerTTL: ttl})), jetstream.ErrInvalidConfig)
	}
}

// TestErrsOfWatchOptions: what does not go together is refused by every call that takes it.
func TestErrsOfWatchOptions(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	for name, opts := range map[string][]kv.WatchOpt{
		"history and updates": {kv.IncludeHistory(), kv.UpdatesOnly()},
		"history and resume":  {kv.IncludeHistory(), kv.ResumeFromRevision(1)},
		"updates and resume":  {kv.UpdatesOnly(), kv.ResumeFromRevision(1)},
		"no such answer":      {kv.WhenSlow(9, 0)},
		"less than none":      {kv.WhenSlow(kv.SlowStop, -1)},
		"recreate":            {kv.OnMissing(jetstream.MissingRecreate)},
	} {
		for call, err := range map[string]error{
			"Watch": second(s.Watch(ctx, "k", opts...)), "WatchAll": second(s.WatchAll(ctx, opts...)), "Keys": second(s.Keys(ctx, opts...)),
			"ListKeys": second(s.ListKeys(ctx, opts...)), "Events": only(s.Events(ctx, nil, opts...)), "History": second(s.History(ctx, "k", opts...)),
		} {
			if !errors.Is(err, jetstream.ErrInvalidOption) {
				t.Errorf("%s with %s: %v", call, name, err)
			}
		}
	}
}
