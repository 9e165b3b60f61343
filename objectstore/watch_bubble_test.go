package objectstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// said writes an info of a channel in one word.
func said(info *objectstore.Info) string {
	switch {
	case info == nil:
		return "nil"
	case info.Deleted:
		return "-" + info.Name
	}
	return info.Name
}

// waiting returns what is in a channel when all has come to rest.
func waiting(updates <-chan *objectstore.Info) (all []string) {
	synctest.Wait()
	for {
		select {
		case info, ok := <-updates:
			if !ok {
				return append(all, "closed")
			}
			all = append(all, said(info))
		default:
			return all
		}
	}
}

// same fails the test unless both are the same.
func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestWatch(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		watch := func(opts ...objectstore.WatchOpt) objectstore.Watcher {
			return must.Get(w.store.Watch(ctx, opts...))(w.T)
		}
		empty := watch()
		same(w.T, "nothing there", waiting(empty.Updates()), []string{"nil"})
		w.put("a", "1")
		w.put("b", "1")
		time.Sleep(time.Second)
		must.Do(w.T, w.other.Delete(ctx, "a"))
		must.Get(w.js.Publish(ctx, metaSubject("junk"), []byte("junk")))(w.T)
		same(w.T, "from the beginning", waiting(empty.Updates()), []string{"a", "b", "-a"})
		all, alive, updates := watch(), watch(objectstore.IgnoreDeletes()), watch(objectstore.UpdatesOnly())
		same(w.T, "what is there", waiting(all.Updates()), []string{"b", "-a", "nil"})
		same(w.T, "what lives", waiting(alive.Updates()), []string{"b", "nil"})
		same(w.T, "updates", waiting(updates.Updates()), nil)
		w.put("a", "2")
		must.Do(w.T, w.store.UpdateMeta(ctx, "b", objectstore.Meta{Name: "c"}))
		same(w.T, "then", waiting(all.Updates()), []string{"a", "c", "-b"})
		same(w.T, "lives then", waiting(alive.Updates()), []string{"a", "c"})
		same(w.T, "updates then", waiting(updates.Updates()), []string{"a", "c", "-b"})
		for _, x := range []objectstore.Watcher{empty, all, alive, updates} {
			must.Do(w.T, x.Stop())
			must.Do(w.T, x.Err())
		}
		same(w.T, "stopped", waiting(all.Updates()), []string{"closed"})
	})
}

func TestWatchSeesWhatTheyDo(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		ours := must.Get(w.store.Watch(ctx))(w.T)
		theirs := must.Get(w.other.Watch(ctx))(w.T)
		o := w.put("o", "1")
		time.Sleep(time.Second) // what is replaced before it is handed on is not seen
		must.Get(w.store.AddLink(ctx, "l", o))(w.T)
		time.Sleep(time.Second)
		must.Do(w.T, w.other.UpdateMeta(ctx, "o", peer.ObjectMeta{Name: "p"}))
		time.Sleep(time.Second)
		must.Do(w.T, w.store.Delete(ctx, "p"))
		want := []string{"nil", "o", "l", "p", "-p"}
		same(w.T, "ours", waiting(ours.Updates()), want)
		var got []string
		for len(theirs.Updates()) > 0 {
			switch info := <-theirs.Updates(); {
			case info == nil:
				got = append(got, "nil")
			case info.Deleted:
				got = append(got, "-"+info.Name)
			default:
				got = append(got, info.Name)
			}
		}
		same(w.T, "theirs", got, want)
		must.Do(w.T, ours.Stop())
		must.Do(w.T, theirs.Stop())
		synctest.Wait()
	})
}

func TestWatchRefusesWhatContradicts(t *testing.T) {
	inBubble(t, func(w *world) {
		for name, opts := range map[string][]objectstore.WatchOpt{
			"both":    {objectstore.UpdatesOnly(), nil, objectstore.IncludeHistory()},
			"answer":  {objectstore.WhenSlow(9, 0)},
			"waiting": {objectstore.WhenSlow(objectstore.SlowWait, -1)},
			"missing": {objectstore.OnMissing(jetstream.MissingRecreate)},
		} {
			_, err := w.store.Watch(w.T.Context(), opts...)
			if !errors.Is(err, jetstream.ErrInvalidOption) {
				w.T.Errorf("%s: %v", name, err)
			}
			for _, err := range w.store.Events(w.T.Context(), opts...) {
				is(w.T, err, jetstream.ErrInvalidOption)
			}
		}
	})
}

func TestEvents(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.T.Context())
		defer cancel()
		w.put("a", "1")
		must.Get(w.js.Publish(ctx, metaSubject("junk"), []byte("junk")))(w.T)
		var got []string
		for e, err := range w.store.Events(ctx) {
			if err != nil {
				is(w.T, err, context.Canceled)
				break
			}
			switch e.Kind {
			case objectstore.EventReady:
				must.Do(w.T, w.store.Delete(ctx, "a"))
			case objectstore.EventDeleted:
				cancel()
			case objectstore.EventUndecoded:
				bad, ok := errors.AsType[*objectstore.ObjectError](e.Err)
				if !ok || bad.Name != "junk" || bad.Revision == 0 {
					w.T.Errorf("undecoded: %v", e.Err)
				}
				is(w.T, e.Err, objectstore.ErrBadObjectMeta)
			}
			got = append(got, e.Kind.String())
		}
		same(w.T, "events", got, []string{"stored", "undecoded", "ready", "deleted"})
		for kind, name := range []string{"no event", "stored", "deleted", "ready", "resync", "undecoded", "event 6"} {
			if got := objectstore.EventKind(kind).String(); got != name {
				w.T.Errorf("kind %d is %q", kind, got)
			}
		}
	})
}

// A watcher that was away starts over, because a rename leaves no trace.
func TestEventsAfterAnAbsence(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.T.Context())
		defer cancel()
		w.put("a", "1")
		w.put("b", "1")
		events := make(chan string, 100)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for e, err := range w.store.Events(ctx) {
				if err != nil {
					return
				}
				text := e.Kind.String()
				if e.Info != nil {
					text += " " + e.Info.Name
				}
				events <- text
			}
		}()
		synctest.Wait()
		must.Get(w.Link("c", "s1").Inject("for 10m refuse"))(w.T)
		must.Get(w.Link("c", "s1").Inject("reset"))(w.T)
		must.Do(w.T, w.other.UpdateMeta(ctx, "a", peer.ObjectMeta{Name: "c"}))
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		cancel()
		<-done
		close(events)
		var got []string
		for text := range events {
			got = append(got, text)
		}
		same(w.T, "events", got, []string{"stored a", "stored b", "ready", "resync", "stored b", "stored c", "ready"})
	})
}

func TestWatcherEnds(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		watcher := must.Get(w.store.Watch(ctx))(w.T)
		slow := must.Get(w.store.Watch(ctx, objectstore.WhenSlow(objectstore.SlowStop, 10), objectstore.UpdatesOnly()))(w.T)
		for i := range 300 {
			must.Get(w.store.AddBucketLink(ctx, fmt.Sprint(i), w.store))(w.T)
		}
		time.Sleep(time.Second)
		is(w.T, slow.Err(), objectstore.ErrSlowWatcher)
		for info := range watcher.Updates() {
			if info == nil {
				must.Do(w.T, objectstore.Delete(ctx, w.js, "b"))
			}
		}
		is(w.T, watcher.Err(), objectstore.ErrBucketNotFound)
		_, err := w.store.Watch(ctx)
		is(w.T, err, objectstore.ErrBucketNotFound)
		_, err = w.store.List(ctx)
		is(w.T, err, objectstore.ErrBucketNotFound)
	})
}

func TestList(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		_, err := w.store.List(ctx)
		is(w.T, err, objectstore.ErrNoObjectsFound)
		for range w.store.Objects(ctx) {
			w.T.Error("an empty bucket has an object")
		}
		for _, name := range []string{"dir/a", "dir/b", "c"} {
			w.put(name, name)
		}
		must.Do(w.T, w.store.Delete(ctx, "dir/a"))
		must.Get(w.store.AddBucketLink(ctx, "dir/l", w.store))(w.T)
		long := func(info *objectstore.Info) bool { return info.Size > 1 }
		for name, c := range map[string]struct {
			opts []objectstore.ListObjectsOpt
			want []string
		}{
			"all":     {nil, []string{"dir/b", "c", "dir/l"}},
			"deleted": {[]objectstore.ListObjectsOpt{objectstore.ListObjectsShowDeleted()}, []string{"dir/b", "c", "-dir/a", "dir/l"}},
			"prefix":  {[]objectstore.ListObjectsOpt{objectstore.ListObjectsPrefix("dir/")}, []string{"dir/b", "dir/l"}},
			"match":   {[]objectstore.ListObjectsOpt{objectstore.ListObjectsMatch(long)}, []string{"dir/b"}},
		} {
			var got []string
			for _, info := range must.Get(w.store.List(ctx, c.opts...))(w.T) {
				got = append(got, said(info))
			}
			same(w.T, name, got, c.want)
			got = nil
			for info, err := range w.store.Objects(ctx, c.opts...) {
				must.Do(w.T, err)
				got = append(got, said(info))
			}
			same(w.T, name+", one by one", got, c.want)
		}
		_, err = w.store.List(ctx, objectstore.ListObjectsPrefix("none"))
		is(w.T, err, objectstore.ErrNoObjectsFound)
		_, err = w.store.List(ctx, objectstore.ListObjectsPage(0, 0))
		is(w.T, err, jetstream.ErrInvalidOption)
		_, err = w.store.List(ctx, objectstore.ListObjectsMatch(nil))
		is(w.T, err, jetstream.ErrInvalidOption)
	})
}

func TestListPageByPage(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		var want, got []string
		for i := range 10 {
			want = append(want, fmt.Sprint(i))
			must.Get(w.store.AddBucketLink(ctx, fmt.Sprint(i), w.store))(w.T)
		}
		for after, pages := uint64(0), 0; ; pages++ {
			page, err := w.store.List(ctx, objectstore.ListObjectsPage(after, 3))
			if errors.Is(err, objectstore.ErrNoObjectsFound) {
				if pages != 4 {
					w.T.Errorf("%d pages", pages)
				}
				break
			}
			must.Do(w.T, err)
			for _, info := range page {
				got = append(got, info.Name)
				after = info.Revision
			}
		}
		same(w.T, "pages", got, want)
	})
}

func TestListWithInfosThatCannotBeRead(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("a", "1")
		for i := range 20 {
			must.Get(w.js.Publish(ctx, metaSubject(fmt.Sprint("junk", i)), []byte("{")))(w.T)
		}
		w.put("b", "1")
		all, err := w.store.List(ctx)
		is(w.T, err, objectstore.ErrBadObjectMeta)
		if len(all) != 2 || api.CategoryOf(err) != api.CategoryProtocol {
			w.T.Errorf("%d objects, %v", len(all), api.CategoryOf(err))
		}
		bad := 0
		for _, err := range w.store.Objects(ctx) {
			if errors.Is(err, objectstore.ErrBadObjectMeta) {
				bad++
			}
		}
		if bad != 20 {
			w.T.Errorf("%d bad infos", bad)
		}
	})
}
