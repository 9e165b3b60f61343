package kv_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/kv"
)

// untilReady returns what a watcher hands on as "key=value" until all has come that was there.
func untilReady(t testing.TB, w kv.Watcher) (got []string) {
	t.Helper()
	for e := range w.Updates() {
		if e == nil {
			return got
		}
		got = append(got, e.Key()+"="+string(e.Value()))
	}
	t.Fatalf("it has ended: %v", w.Err())
	return nil
}

// TestHandlesWatch: what watches and lists through a handle has the handle's keys and values,
// and no others.
func TestHandlesWatch(t *testing.T) {
	for _, c := range []struct {
		name         string
		make         func(kv.Store) (kv.Store, error)
		key, pattern string
	}{
		{"below a prefix", func(s kv.Store) (kv.Store, error) { return s.Sub("orders") }, "a.b", "a.*"},
		{"base64", func(s kv.Store) (kv.Store, error) { return s.WithCodecs(kv.Base64{}, kv.Base64{}), nil }, "a b.é", "a b.>"},
		{"paths below a prefix", func(s kv.Store) (kv.Store, error) {
			return must.Get(s.Sub("files"))(t).WithCodecs(kv.Path{}, sealed{}), nil
		}, "/etc/hosts.d", "/etc/*"},
		{"chain", func(s kv.Store) (kv.Store, error) {
			return s.WithCodecs(kv.Base64{}, nil).WithCodecs(kv.Path{}, sealed{}), nil
		}, "/a b/c", "/>"},
		{"words", func(s kv.Store) (kv.Store, error) { return s.WithCodecs(words{}, nil), nil }, "eins", "eins"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			whole := made(t, streaming(t), kv.Config{Bucket: "b", History: 4})
			s := must.Get(c.make(whole))(t)
			must.Get(s.PutString(ctx, c.key, "1"))(t)
			must.Get(s.PutString(ctx, c.key, "2"))(t)
			for name, start := range map[string]func() (kv.Watcher, error){
				"watch":    func() (kv.Watcher, error) { return s.Watch(ctx, c.pattern) },
				"all":      func() (kv.Watcher, error) { return s.WatchAll(ctx) },
				"filtered": func() (kv.Watcher, error) { return s.WatchFiltered(ctx, []string{c.key}) },
			} {
				w := must.Get(start())(t)
				if got := untilReady(t, w); !slices.Equal(got, []string{c.key + "=2"}) {
					t.Errorf("%s: %v", name, got)
				}
				must.Get(s.PutString(ctx, c.key, "2"))(t)
				if e := <-w.Updates(); e == nil || e.Key() != c.key || string(e.Value()) != "2" {
					t.Errorf("%s: then %v", name, e)
				}
				must.Do(t, w.Stop())
			}
			if keys := must.Get(s.Keys(ctx))(t); !slices.Equal(keys, []string{c.key}) {
				t.Errorf("the keys are %q", keys)
			}
			if all := must.Get(s.History(ctx, c.key))(t); len(all) != 4 || all[3].Key() != c.key || string(all[3].Value()) != "2" {
				t.Errorf("the history is %v", all)
			}
			l := must.Get(s.ListKeysFiltered(ctx, c.pattern))(t)
			if key := <-l.Keys(); key != c.key {
				t.Errorf("listed %q", key)
			}
			must.Do(t, l.Stop())
		})
	}
}

// TestSubClearsNothingElse: markers of others stay.
func TestSubClearsNothingElse(t *testing.T) {
	ctx := t.Context()
	whole := made(t, streaming(t), kv.Config{Bucket: "b", History: 4})
	s := must.Get(whole.Sub("orders"))(t)
	for _, key := range []string{"orders.a", "a"} {
		must.Get(whole.PutString(ctx, key, "1"))(t)
		must.Do(t, whole.Delete(ctx, key))
	}
	must.Get(s.PutString(ctx, "b", "1"))(t)
	must.Do(t, s.PurgeDeletes(ctx, kv.DeleteMarkersOlderThan(-1)))
	if _, err := whole.History(ctx, "orders.a"); !errors.Is(err, kv.ErrKeyNotFound) {
		t.Errorf("the marker below it is there: %v", err)
	}
	if all := must.Get(whole.History(ctx, "a"))(t); len(all) != 2 {
		t.Errorf("the history of another key is %v", all)
	}
	if keys := must.Get(s.Keys(ctx))(t); !slices.Equal(keys, []string{"b"}) {
		t.Errorf("the keys are %q", keys)
	}
}

// TestWatchersTellWhatCannotBeDecoded: the key, the revision and the cause, and nothing in
// between is left out.
func TestWatchersTellWhatCannotBeDecoded(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		key  string
		kind error
	}{{"three", kv.ErrKeyDecodeFailed}, {"two", kv.ErrValueDecodeFailed}} {
		whole := made(t, streaming(t), kv.Config{Bucket: "b", History: 2})
		s := whole.WithCodecs(words{}, sealed{})
		must.Get(whole.PutString(ctx, "one", "<1>"))(t)
		bad := must.Get(whole.PutString(ctx, c.key, "2"))(t)
		about := func(what string, err error) {
			t.Helper()
			failed, ok := errors.AsType[*kv.KeyError](err)
			if !ok || failed.Revision != bad || !errors.Is(err, c.kind) || !errors.Is(err, errWord) || !strings.HasSuffix(failed.Key, strings.ReplaceAll(c.key, "two", "zwei")) {
				t.Errorf("%s: %v", what, err)
			}
		}
		w := must.Get(s.WatchAll(ctx))(t)
		var got []string
		for e := range w.Updates() {
			if e != nil {
				got = append(got, e.Key())
			}
		}
		if !slices.Equal(got, []string{"eins"}) {
			t.Errorf("watched %v", got)
		}
		about("watcher", w.Err())
		undecoded := undecodedBetween(t, s)
		if len(undecoded) != 1 {
			t.Fatalf("undecoded: %v", undecoded)
		}
		about("event", undecoded[0])
		if c.kind == kv.ErrKeyDecodeFailed {
			_, err := s.Keys(ctx)
			about("keys", err)
			l := must.Get(s.ListKeys(ctx))(t)
			for range l.Keys() {
			}
			about("lister", l.Err())
		} else {
			_, err := s.History(ctx, "zwei")
			about("history", err)
		}
	}
}

// undecodedBetween returns what cannot be decoded among the events up to the second value: one
// that is put when they begin to come goes by behind it.
func undecodedBetween(t testing.TB, s kv.Store) (undecoded []error) {
	t.Helper()
	values := 0
	for e, err := range s.Events(t.Context(), nil) {
		must.Do(t, err)
		switch e.Kind {
		case kv.EventUndecoded:
			undecoded = append(undecoded, e.Err)
			must.Get(s.PutString(t.Context(), "eins", "3"))(t)
		case kv.EventValue:
			values++
		}
		if values == 2 {
			break
		}
	}
	return undecoded
}
