package proof_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	stranger "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// watchedBucket is a bucket at work: two clients write; a third one has watchers of each kind,
// and a cache through which it writes as well. An administrator may do what no watcher can see.
// What they yielded is judged at the end, with what another client library reads.
type watchedBucket struct {
	t             *testing.T
	cfg           kv.Config
	intact        bool // nothing that is stored goes away
	pace          time.Duration
	admin, reader jetstream.JetStream
	store         kv.Store // of the reader
	cache         *kv.Cache
	takers        []*taker
	underneath    atomic.Int64 // rises before and behind what removes something
	owned         atomic.Int64 // writes through the cache that were seen in it
	acked         sync.Map     // uint64 → text, of the values of the writers, if it is intact

	ctx               context.Context // of the watchers
	end               context.CancelFunc
	stopped           chan struct{}
	writing, watchers sync.WaitGroup
}

// What is written to: the keys of both writers, and those of the cache alone.
const (
	watchedKeys = 100
	ownKeys     = 25
	watchedName = "WATCHED"
)

// watch makes the bucket, with some keys in it, and lets all of them work.
func (w *watchedBucket) watch(connect func(name string) jetstream.JetStream) {
	w.t.Helper()
	w.cfg.Bucket = watchedName
	w.stopped = make(chan struct{})
	w.ctx, w.end = context.WithCancel(context.Background())
	w.t.Cleanup(w.end)
	w.t.Cleanup(w.rest)
	w.admin, w.reader = connect("admin"), connect("reader")
	must.Get(kv.Create(must.Within(w.t, patience), w.admin, w.cfg))(w.t)
	writers := []kv.Store{w.open(connect("writer1")), w.open(connect("writer2"))}
	for i := range 2 * watchedKeys {
		must.Get(writers[0].Put(must.Within(w.t, patience), keyOf(i), fmt.Append(nil, "first-", i)))(w.t)
	}
	w.store = w.open(w.reader)
	w.cache = must.Get(kv.NewCache(w.ctx, w.store))(w.t)
	w.t.Cleanup(w.cache.Close)
	w.follow(&taker{name: "latest"})
	w.follow(&taker{name: "history", history: true}, kv.IncludeHistory())
	w.follow(&taker{name: "conflated", conflated: true, dawdles: 500 * time.Millisecond}, kv.WhenSlow(kv.SlowConflate, 0))
	if w.intact {
		w.hear(&taker{name: "channel", channel: true, history: true}, kv.IncludeHistory())
	}
	for i, store := range writers {
		w.writing.Go(func() { w.write(store, i) })
	}
	w.writing.Go(w.writeOwn)
}

func (w *watchedBucket) open(js jetstream.JetStream) kv.Store {
	w.t.Helper()
	return must.Get(kv.Open(must.Within(w.t, patience), js, watchedName))(w.t)
}

func keyOf(n int) string { return fmt.Sprint("k.", n%watchedKeys) }

// late has another watcher begin, whatever there is at the moment: it tries until it can.
func (w *watchedBucket) late() {
	w.follow(&taker{name: fmt.Sprint("late ", len(w.takers)), history: true, dawdles: 50 * time.Millisecond}, kv.IncludeHistory(), kv.WhenSlow(kv.SlowWait, 4))
}

// follow takes the events of a watcher until the end.
func (w *watchedBucket) follow(k *taker, opts ...kv.WatchOpt) {
	w.takers = append(w.takers, k)
	opts = append(opts, kv.OnMissing(jetstream.MissingWait))
	w.watchers.Go(func() {
		for w.ctx.Err() == nil && !k.begun() {
			for e, err := range w.store.Events(w.ctx, nil, opts...) {
				if err != nil {
					k.ended(err)
					break
				}
				k.note(e)
			}
			w.wait(100 * time.Millisecond)
		}
	})
}

// hear is follow for a watcher with a channel.
func (w *watchedBucket) hear(k *taker, opts ...kv.WatchOpt) {
	w.t.Helper()
	w.takers = append(w.takers, k)
	watcher := must.Get(w.store.WatchAll(w.ctx, append(opts, kv.OnMissing(jetstream.MissingWait))...))(w.t)
	w.watchers.Go(func() {
		for e := range watcher.Updates() {
			if e == nil {
				k.note(kv.Event{Kind: kv.EventReady})
				continue
			}
			k.note(kv.Event{Kind: kv.EventValue, Entry: e})
		}
		k.ended(watcher.Err())
	})
}

// wait waits for a while, or for the end of the watchers.
func (w *watchedBucket) wait(d time.Duration) {
	select {
	case <-w.ctx.Done():
	case <-time.After(d):
	}
}

// due waits for the next turn of a writer, and reports whether there is one.
func (w *watchedBucket) due() bool {
	select {
	case <-w.stopped:
		return false
	case <-time.After(w.pace):
		return true
	}
}

// write changes one key after the other.
func (w *watchedBucket) write(store kv.Store, writer int) {
	r := rand.New(rand.NewPCG(uint64(writer), 3))
	for n := writer; w.due(); n++ {
		ctx, cancel := context.WithTimeout(context.Background(), publishTime)
		switch {
		case n%9 == 8:
			_ = store.Delete(ctx, keyOf(n))
		case !w.intact && r.IntN(8) == 0:
			_ = store.Purge(ctx, keyOf(n))
		default:
			value := fmt.Sprintf("writer%d-%d", writer, n)
			revision, err := store.Put(ctx, keyOf(n), []byte(value))
			if err == nil && w.intact {
				w.acked.Store(revision, value)
			}
		}
		cancel()
	}
}

// writeOwn writes through the cache, and looks whether it shows what was written. Nobody else writes to these keys.
func (w *watchedBucket) writeOwn() {
	for n := 0; w.due(); n++ {
		key, value := fmt.Sprint("own.", n%ownKeys), fmt.Sprint("own-", n)
		before := w.underneath.Load()
		ctx, cancel := context.WithTimeout(context.Background(), publishTime)
		revision, err := w.cache.Put(ctx, key, []byte(value))
		cancel()
		if err != nil {
			if api.CategoryOf(err) == api.CategoryNone {
				w.t.Errorf("the error of a put is not typed: %v", err)
			}
			continue
		}
		switch e, err := w.cache.Get(key); {
		case w.underneath.Load() != before: // it may be gone
		case err != nil:
			w.t.Errorf("%s was put at revision %d: %v", key, revision, err)
		case e.Revision() < revision || string(e.Value()) != value:
			w.t.Errorf("%s shows %q of %d behind a put of %q at %d", key, e.Value(), e.Revision(), value, revision)
		default:
			w.owned.Add(1)
		}
	}
}

// rest ends the writing, and waits for what is under way.
func (w *watchedBucket) rest() {
	select {
	case <-w.stopped:
	default:
		close(w.stopped)
	}
	w.writing.Wait()
}

// insist makes a call of the administrator's until it succeeds, or fails as it should.
func (w *watchedBucket) insist(f func(ctx context.Context) error, or ...error) {
	w.t.Helper()
	policy := api.RetryPolicy{Attempts: 1000, Elapsed: 4 * patience, AttemptTimeout: askTimeout, Idempotent: true,
		Backoff:   api.Backoff{Initial: 250 * time.Millisecond, Max: 250 * time.Millisecond},
		Retryable: func(error) (again, known bool) { return true, true }}
	must.Do(w.t, w.admin.Conn().Retry(w.t.Context(), policy, func(ctx context.Context) error {
		err := f(ctx)
		if slices.ContainsFunc(or, func(kind error) bool { return errors.Is(err, kind) }) {
			return nil
		}
		return err
	}))
}

// stream does something to the bucket's stream.
func (w *watchedBucket) stream(f func(ctx context.Context, s jetstream.Stream) error) {
	w.t.Helper()
	w.insist(func(ctx context.Context) error {
		s, err := w.admin.Stream(ctx, "KV_"+watchedName)
		if err != nil {
			return err
		}
		return f(ctx, s)
	})
}

// deleteConsumers takes all watchers their consumers.
func (w *watchedBucket) deleteConsumers() {
	w.t.Helper()
	w.stream(func(ctx context.Context, s jetstream.Stream) error {
		names := s.ConsumerNames(ctx)
		for name := range names.Name() {
			_ = s.DeleteConsumer(ctx, name) // gone meanwhile
		}
		return names.Err()
	})
}

// remove does what leaves nothing that tells of it.
func (w *watchedBucket) remove(f func()) {
	w.underneath.Add(1)
	defer w.underneath.Add(1)
	f()
}

// purge removes keys, or all.
func (w *watchedBucket) purge(opts ...jetstream.StreamPurgeOpt) {
	w.t.Helper()
	w.remove(func() {
		w.stream(func(ctx context.Context, s jetstream.Stream) error { return s.Purge(ctx, opts...) })
	})
}

// purgeMarkers removes keys that were deleted, with what tells of it.
func (w *watchedBucket) purgeMarkers() {
	w.t.Helper()
	w.remove(func() {
		w.insist(func(ctx context.Context) error {
			s, err := kv.Open(ctx, w.admin, watchedName)
			if err != nil {
				return err
			}
			return s.PurgeDeletes(ctx, kv.DeleteMarkersOlderThan(-1))
		})
	})
}

// anew deletes the bucket, and creates it again.
func (w *watchedBucket) anew() {
	w.t.Helper()
	w.remove(func() {
		w.insist(func(ctx context.Context) error { return kv.Delete(ctx, w.admin, watchedName) }, kv.ErrBucketNotFound)
		w.insist(func(ctx context.Context) error {
			_, err := kv.Create(ctx, w.admin, w.cfg)
			return err
		}, kv.ErrBucketExists)
	})
}

// stored is what is in the bucket, by revision.
type stored map[uint64]stranger.KeyValueEntry

// newest returns the last revision of each key.
func (s stored) newest() map[string]stranger.KeyValueEntry {
	all := map[string]stranger.KeyValueEntry{}
	for _, e := range s {
		if last, ok := all[e.Key()]; !ok || last.Revision() < e.Revision() {
			all[e.Key()] = e
		}
	}
	return all
}

// settle ends the writing, gives each key a last value, and waits until everybody has all of them.
func (w *watchedBucket) settle() {
	w.t.Helper()
	w.rest()
	var last uint64
	store, key := w.open(w.admin), ""
	for i := range watchedKeys + ownKeys {
		key = keyOf(i)
		if i >= watchedKeys {
			key = fmt.Sprint("own.", i%ownKeys)
		}
		w.insist(func(ctx context.Context) (err error) {
			last, err = store.Put(ctx, key, []byte("last-"+key))
			return err
		})
	}
	w.insist(func(context.Context) error {
		if e, err := w.cache.Get(key); err != nil || e.Revision() != last {
			return fmt.Errorf("the cache has not come to revision %d: %v, %w", last, e, err)
		}
		if since, stale := w.cache.Stale(); stale {
			return fmt.Errorf("the cache is stale since %v", since)
		}
		return nil
	})
	for _, k := range w.takers {
		if !k.comesTo(last, 4*patience) {
			w.t.Errorf("%s does not come to revision %d:\n%v", k.name, last, w.reader.Conn().Tree())
		}
	}
}

// judge has all settle, reads the bucket with a client of another make, and fails the test for
// whatever was not as it should be.
func (w *watchedBucket) judge(witness *nats.Conn) {
	w.t.Helper()
	w.settle()
	truth := stored{}
	bucket := must.Get(must.Get(stranger.New(witness))(w.t).KeyValue(must.Within(w.t, patience), watchedName))(w.t)
	all := must.Get(bucket.WatchAll(must.Within(w.t, 4*patience), stranger.IncludeHistory()))(w.t)
	for e := range all.Updates() {
		if e == nil {
			break
		}
		truth[e.Revision()] = e
	}
	must.Do(w.t, all.Stop())
	w.judgeCache(truth)
	w.leave()
	for _, k := range w.takers {
		for _, what := range k.judge(truth, w.intact) {
			w.t.Errorf("%s: %s", k.name, what)
		}
	}
	if !w.intact {
		return
	}
	w.acked.Range(func(revision, value any) bool {
		if e := truth[revision.(uint64)]; e == nil || string(e.Value()) != value {
			w.t.Errorf("%v was acked as revision %v, where the bucket has %v", value, revision, e)
		}
		return true
	})
}

// leave ends all that watch, and waits until the server has no consumer of theirs any more.
func (w *watchedBucket) leave() {
	w.t.Helper()
	w.end()
	w.watchers.Wait()
	w.cache.Close()
	w.stream(func(_ context.Context, s jetstream.Stream) error {
		if n := s.CachedInfo().State.Consumers; n > 0 {
			return fmt.Errorf("%d consumers are left", n)
		}
		return nil
	})
}

// judgeCache compares the cache with the bucket.
func (w *watchedBucket) judgeCache(truth stored) {
	w.t.Helper()
	view := must.Get(w.cache.View())(w.t)
	left := view.Len()
	for key, want := range truth.newest() {
		if want.Operation() != stranger.KeyValuePut {
			continue
		}
		left--
		if got, err := view.Get(key); err != nil || got.Revision() != want.Revision() || string(got.Value()) != string(want.Value()) {
			w.t.Errorf("the cache shows %v for %s, %v; want %q of revision %d", got, key, err, want.Value(), want.Revision())
		}
	}
	if left != 0 {
		w.t.Errorf("the cache shows %d keys too many", left)
	}
	if w.owned.Load() == 0 {
		w.t.Error("nothing was written through the cache")
	}
}
