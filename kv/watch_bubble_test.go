package kv_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// TestWatcherOutlivesItsServer: it continues after the last revision, with one nil and no gap.
func TestWatcherOutlivesItsServer(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		s := must.Get(kv.Create(ctx, w.js, kv.Config{Bucket: "b"}))(w.t)
		watcher := must.Get(s.WatchAll(ctx))(w.t)
		see(w.t, watcher, "-")
		for i := 1; i <= 3; i++ {
			must.Get(s.PutString(ctx, "k", fmt.Sprint(i)))(w.t)
			see(w.t, watcher, fmt.Sprintf("k=%d@%d KeyValuePutOp", i, i))
			w.Server.Kill()
			must.Do(w.t, w.Server.Restart())
			w.age(time.Minute)
		}
		must.Do(w.t, watcher.Err())
		must.Do(w.t, watcher.Stop())
	})
}

// TestEventsBeginAnew: a bucket that was removed and created again is a Resync, if MissingWait
// says to wait for it.
func TestEventsBeginAnew(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
		defer cancel()
		s := w.made(kv.Config{Bucket: "b"})
		must.Get(s.PutString(ctx, "old", "1"))(w.t)
		var got []string
		for e, err := range s.Events(ctx, nil, kv.OnMissing(jetstream.MissingWait)) {
			if err != nil {
				w.t.Fatalf("%v, then %v", got, err)
			}
			text := e.Kind.String()
			if e.Entry != nil {
				text += " " + e.Entry.Key()
			}
			got = append(got, text)
			if len(got) == 2 {
				w.age(time.Second) // another bucket is told by the time of its making
				must.Do(w.t, kv.Delete(ctx, w.js, "b"))
				must.Get(w.made(kv.Config{Bucket: "b"}).PutString(ctx, "new", "1"))(w.t)
			}
			if e.Kind == kv.EventResync && e.Gap != jetstream.GapReplaced {
				w.t.Errorf("the gap is %v", e.Gap)
			}
			if len(got) == 5 {
				break
			}
		}
		slices.Sort(got[3:]) // the one was stored before the consumer was made, or behind it
		if fmt.Sprint(got) != "[value old ready resync ready value new]" {
			w.t.Error(got)
		}
	})
}

// TestWatchersEnd: for each reason, with its error, and the channel is closed.
func TestWatchersEnd(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(w *world, cancel func())
		kind error
	}{
		"the context":    {func(_ *world, cancel func()) { cancel() }, context.Canceled},
		"the bucket":     {func(w *world, _ func()) { must.Do(w.t, kv.Delete(w.t.Context(), w.js, "b")) }, kv.ErrBucketNotFound},
		"the connection": {func(w *world, _ func()) { w.js.Conn().Close() }, api.ErrConnectionClosed},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				ctx, cancel := context.WithCancel(w.t.Context())
				defer cancel()
				watcher := must.Get(w.made(kv.Config{Bucket: "b"}).WatchAll(ctx))(w.t)
				see(w.t, watcher, "-")
				test.end(w, cancel)
				for e := range watcher.Updates() {
					w.t.Error(told(e))
				}
				is(w.t, watcher.Err(), test.kind)
				as[*kv.BucketError](w.t, watcher.Err())
				must.Do(w.t, watcher.Stop())
			})
		})
	}
}

// TestSlowTakers: what a watcher does when its events are not taken.
func TestSlowTakers(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		s := w.made(kv.Config{Bucket: "b"})
		wait := must.Get(s.Watch(ctx, "all.*", kv.UpdatesOnly()))(w.t)
		conflate := must.Get(s.Watch(ctx, "k", kv.UpdatesOnly(), kv.WhenSlow(kv.SlowConflate, 0)))(w.t)
		stop := must.Get(s.WatchAll(ctx, kv.UpdatesOnly(), kv.WhenSlow(kv.SlowStop, 10)))(w.t)
		for i := range 500 {
			must.Get(s.PutString(ctx, fmt.Sprintf("all.%d", i), "v"))(w.t)
			must.Get(s.PutString(ctx, "k", fmt.Sprint(i)))(w.t)
		}
		w.age(time.Second)
		is(w.t, stop.Err(), kv.ErrSlowWatcher)
		for i := range 500 {
			see(w.t, wait, fmt.Sprintf("all.%d=v@%d KeyValuePutOp", i, 2*i+1))
		}
		n := 0
		for told(next(w.t, conflate)) != "k=499@1000 KeyValuePutOp" {
			n++
		}
		if n > 300 {
			w.t.Errorf("%d came of what was to be conflated", n)
		}
		must.Do(w.t, wait.Stop())
		must.Do(w.t, conflate.Stop())
	})
}

// TestErrKeyWatcherTimeout: nothing comes of what is asked for.
func TestErrKeyWatcherTimeout(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.made(kv.Config{Bucket: "b"})
		must.Get(s.PutString(w.t.Context(), "k", "v"))(w.t)
		for _, op := range []string{"MSG", "HMSG"} {
			must.Get(w.Link("client", "s1").Inject("when op(" + op + ") every(1) drop"))(w.t)
		}
		for name, err := range map[string]error{"keys": second(s.Keys(w.t.Context())), "history": second(s.History(w.t.Context(), "k")), "all": only(s.AllKeys(w.t.Context()))} {
			is(w.t, err, kv.ErrKeyWatcherTimeout)
			is(w.t, err, api.ErrTimeout)
			is(w.t, err, context.DeadlineExceeded)
			if !api.Retryable(err) {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		is(w.t, second(s.Keys(ctx)), context.DeadlineExceeded)
		if took := time.Since(began); took > time.Hour+time.Second {
			w.t.Errorf("it took %v", took)
		}
	})
}

// TestListsTakeTheTimeThatTheyTake: a reader that is slow, of a bucket that is large, is not late.
func TestListsTakeTheTimeThatTheyTake(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.made(kv.Config{Bucket: "b"})
		for i := range 20 {
			must.Get(s.PutString(w.t.Context(), fmt.Sprint(i), "v"))(w.t)
		}
		n := 0
		for _, err := range s.AllKeys(w.t.Context()) {
			must.Do(w.t, err)
			w.age(time.Minute)
			n++
		}
		if n != 20 {
			w.t.Errorf("%d keys", n)
		}
	})
}

// TestNobodyTakesTheKeys: a lister that is left alone ends with its context and its connection.
func TestNobodyTakesTheKeys(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.made(kv.Config{Bucket: "b"})
		for i := range 1000 {
			must.Get(s.PutString(w.t.Context(), fmt.Sprint(i), "v"))(w.t)
		}
		ctx, cancel := context.WithCancel(w.t.Context())
		first := must.Get(s.ListKeys(ctx))(w.t)
		second := must.Get(s.ListKeys(w.t.Context()))(w.t)
		w.age(time.Minute)
		cancel()
		w.age(time.Second)
		is(w.t, first.Err(), context.Canceled)
		w.js.Conn().Close()
		w.age(time.Second)
		is(w.t, second.Err(), api.ErrConnectionClosed)
	})
}

// TestOneNilForAllSyncs: a channel does not tell of a Resync, nor of its end.
func TestOneNilForAllSyncs(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.t.Context()
		watcher := must.Get(w.made(kv.Config{Bucket: "b"}).WatchAll(ctx, kv.OnMissing(jetstream.MissingWait)))(w.t)
		see(w.t, watcher, "-")
		w.age(time.Second)
		must.Do(w.t, kv.Delete(ctx, w.js, "b"))
		s := w.made(kv.Config{Bucket: "b"})
		must.Get(s.PutString(ctx, "k", "1"))(w.t)
		see(w.t, watcher, "k=1@1 KeyValuePutOp")
		w.age(time.Minute)
		must.Get(s.PutString(ctx, "k", "2"))(w.t)
		see(w.t, watcher, "k=2@2 KeyValuePutOp")
		must.Do(w.t, watcher.Stop())
	})
}
