package kv_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/kv"
)

// told returns an entry in short form.
func told(e kv.Entry) string {
	if e == nil {
		return "-"
	}
	return fmt.Sprintf("%s=%s@%d %v", e.Key(), e.Value(), e.Revision(), e.Operation())
}

// next waits for what a watcher hands on next.
func next(t testing.TB, w kv.Watcher) kv.Entry {
	t.Helper()
	select {
	case e, open := <-w.Updates():
		if !open {
			t.Fatalf("the watcher has ended: %v", w.Err())
		}
		return e
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
		return nil
	}
}

// see checks what a watcher hands on.
func see(t testing.TB, w kv.Watcher, want ...string) {
	t.Helper()
	for _, text := range want {
		if got := told(next(t, w)); got != text {
			t.Fatalf("%s came, want %s", got, text)
		}
	}
}

// history puts, deletes and purges keys: revisions 1 to 6.
func history(t testing.TB, s kv.Store) {
	t.Helper()
	ctx := t.Context()
	must.Get(s.PutString(ctx, "a.x", "1"))(t)
	must.Get(s.PutString(ctx, "b.x", "2"))(t)
	must.Get(s.PutString(ctx, "a.x", "3"))(t)
	must.Get(s.PutString(ctx, "c", "4"))(t)
	must.Do(t, s.Delete(ctx, "b.x"))
	must.Do(t, s.Purge(ctx, "c"))
}

func TestWatchBeginsWhereItIsTold(t *testing.T) {
	s := made(t, streaming(t), kv.Config{Bucket: "b", History: 5})
	history(t, s)
	const put, del, purge = "KeyValuePutOp", "KeyValueDeleteOp", "KeyValuePurgeOp"
	for _, test := range []struct {
		name string
		keys []string
		opts []kv.WatchOpt
		want []string
	}{
		{"all", nil, nil, []string{"a.x=3@3 " + put, "b.x=@5 " + del, "c=@6 " + purge, "-"}},
		{"a pattern", []string{"*.x"}, nil, []string{"a.x=3@3 " + put, "b.x=@5 " + del, "-"}},
		{"several", []string{"c", "a.>"}, nil, []string{"a.x=3@3 " + put, "c=@6 " + purge, "-"}},
		{"twice the same", []string{"c", "c", ">", "*"}, nil, []string{"a.x=3@3 " + put, "b.x=@5 " + del, "c=@6 " + purge, "-"}},
		{"nothing there", []string{"d"}, nil, []string{"-"}},
		{"history", []string{"*.x"}, []kv.WatchOpt{kv.IncludeHistory()}, []string{"a.x=1@1 " + put, "b.x=2@2 " + put, "a.x=3@3 " + put, "b.x=@5 " + del, "-"}},
		{"no deletes", nil, []kv.WatchOpt{kv.IgnoreDeletes()}, []string{"a.x=3@3 " + put, "-"}},
		{"meta only", nil, []kv.WatchOpt{kv.MetaOnly(), nil}, []string{"a.x=@3 " + put, "b.x=@5 " + del, "c=@6 " + purge, "-"}},
		{"from a revision", nil, []kv.WatchOpt{kv.ResumeFromRevision(3)}, []string{"a.x=3@3 " + put, "b.x=@5 " + del, "c=@6 " + purge, "-"}},
		{"updates only", nil, []kv.WatchOpt{kv.UpdatesOnly()}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := must.Get(s.WatchFiltered(t.Context(), test.keys, test.opts...))(t)
			see(t, w, test.want...)
			must.Do(t, w.Stop())
			if e, open := <-w.Updates(); open {
				t.Errorf("%s came after it was stopped", told(e))
			}
			must.Do(t, w.Err())
		})
	}
}

func TestEventsSayWhatBecomesOfKeys(t *testing.T) {
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	history(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	for e, err := range s.Events(ctx, nil) {
		must.Do(t, err)
		got = append(got, e.Kind.String())
		switch {
		case e.Kind == kv.EventReady:
			must.Get(s.PutString(ctx, "d", "5"))(t)
		case e.Kind == kv.EventValue && e.Entry.Key() == "d":
			must.Do(t, s.Delete(ctx, "d"))
		case e.Kind == kv.EventDeleted && e.Entry.Key() == "d":
			if want := []string{"value", "deleted", "purged", "ready", "value", "deleted"}; !slices.Equal(got, want) {
				t.Errorf("events %v, want %v", got, want)
			}
			return
		}
	}
}

func TestKeysAreListed(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b", History: 5})
	_, err := s.Keys(ctx)
	is(t, err, kv.ErrNoKeys)
	for key, err := range s.AllKeys(ctx) {
		t.Errorf("an empty bucket has %q, %v", key, err)
	}
	history(t, s)
	must.Get(s.PutString(ctx, "a", "7"))(t)
	if keys := must.Get(s.Keys(ctx))(t); !slices.Equal(keys, []string{"a", "a.x"}) {
		t.Errorf("keys are %v", keys)
	}
	var all []string
	for key, err := range s.AllKeys(ctx, "*.x", "b") {
		must.Do(t, err)
		all = append(all, key)
	}
	if !slices.Equal(all, []string{"a.x"}) {
		t.Errorf("filtered they are %v", all)
	}
	l := must.Get(s.ListKeys(ctx))(t)
	all = nil
	for key := range l.Keys() {
		all = append(all, key)
	}
	must.Do(t, l.Err())
	must.Do(t, l.Stop())
	if !slices.Equal(all, []string{"a.x", "a"}) {
		t.Errorf("listed they are %v", all)
	}
	l = must.Get(s.ListKeysFiltered(ctx, "a"))(t)
	must.Do(t, l.Stop())
	for range l.Keys() {
	}
}

func TestHistoryOfAKey(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b", History: 5})
	_, err := s.History(ctx, "a")
	is(t, err, kv.ErrKeyNotFound)
	is(t, err, kv.ErrNoKeys)
	for e, err := range s.Revisions(ctx, "a") {
		t.Errorf("nothing has %v, %v", e, err)
	}
	history(t, s)
	var got []string
	for _, e := range must.Get(s.History(ctx, "b.x"))(t) {
		got = append(got, told(e))
	}
	if want := []string{"b.x=2@2 KeyValuePutOp", "b.x=@5 KeyValueDeleteOp"}; !slices.Equal(got, want) {
		t.Errorf("the history is %v, want %v", got, want)
	}
	for e, err := range s.Revisions(ctx, "b.x") {
		must.Do(t, err)
		if e.Revision() != 2 {
			t.Errorf("it begins with %s", told(e))
		}
		break
	}
}

func TestPurgeDeletesLeavesWhatIsThere(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b", History: 5})
	history(t, s)
	must.Do(t, s.PurgeDeletes(ctx)) // markers are young
	if v := must.Get(s.Status(ctx))(t).Values(); v != 4 {
		t.Errorf("there are %d values, want two of a.x and two markers", v)
	}
	must.Do(t, s.PurgeDeletes(ctx, kv.DeleteMarkersOlderThan(-1)))
	if v := must.Get(s.Status(ctx))(t).Values(); v != 2 {
		t.Errorf("there are %d values, want two of a.x", v)
	}
}

// TestSubjectsAreLeftAlone: what a program hands over is not changed.
func TestSubjectsAreLeftAlone(t *testing.T) {
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	patterns := []string{"a.*", "b"}
	for range 2 {
		must.Do(t, must.Get(s.WatchFiltered(t.Context(), patterns))(t).Stop())
	}
	if !slices.Equal(patterns, []string{"a.*", "b"}) {
		t.Errorf("they are %v now", patterns)
	}
}
