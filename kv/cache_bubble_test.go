package kv_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// cached returns a cache of a client's, which has loaded.
func (s *scene) cached(js jetstream.JetStream, bucket string, filters ...string) *kv.Cache {
	s.Helper()
	c := must.Get(kv.NewCache(s.ctx(), must.Get(kv.Open(s.ctx(), js, bucket))(s), filters...))(s)
	s.Cleanup(c.Close)
	must.Do(s, c.WaitReady(s.within(time.Minute)))
	return c
}

// shows returns the keys and values of a cache, "a=1 b=2".
func shows(t testing.TB, c *kv.Cache) string {
	t.Helper()
	var all []string
	for _, key := range must.Get(c.Keys())(t) {
		all = append(all, key+"="+string(must.Get(c.Get(key))(t).Value()))
	}
	return strings.Join(all, " ")
}

// expectShown checks what a cache shows when nothing moves any more.
func (s *scene) expectShown(c *kv.Cache, want string) {
	s.Helper()
	synctest.Wait()
	if got := shows(s, c); got != want {
		s.Errorf("it shows %q, want %q", got, want)
	}
}

func TestACacheFollowsTheBucket(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B", LimitMarkerTTL: time.Minute}, func(s *scene) {
		store, js := s.open("writer", "B"), s.client("reader")
		must.Get(store.Put(s.ctx(), "a", []byte("1")))(s)
		must.Get(store.Put(s.ctx(), "b", []byte("2")))(s)
		must.Do(s, store.Delete(s.ctx(), "b"))
		c := s.cached(js, "B")
		s.expectShown(c, "a=1")
		must.Get(store.Put(s.ctx(), "b", []byte("3")))(s)
		must.Get(store.Put(s.ctx(), "a", []byte("4")))(s)
		must.Get(store.Create(s.ctx(), "short", []byte("5"), kv.KeyTTL(10*time.Second)))(s)
		time.Sleep(time.Second)
		s.expectShown(c, "a=4 b=3 short=5")
		v := must.Get(c.View())(s)
		must.Do(s, store.Purge(s.ctx(), "a"))
		time.Sleep(15 * time.Second)
		s.expectShown(c, "b=3")
		if e := must.Get(v.Get("a"))(s); string(e.Value()) != "4" || v.Len() != 3 || v.Bytes() != len("a4b3short5") || v.Revision() != 6 {
			t.Errorf("the view has changed: %v, %d keys, %d bytes, revision %d", e, v.Len(), v.Bytes(), v.Revision())
		}
		count := 0
		for key, e := range v.Range() {
			if count++; e.Key() != key {
				t.Errorf("%s is %s", key, e.Key())
			}
		}
		if count != 3 {
			t.Errorf("%d keys are in the range", count)
		}
		n := node(js, "cache-B-")
		keys, _ := n.Counter("keys")
		bytes, _ := n.Counter("bytes")
		if keys != 1 || bytes != 2 || n.State != "live" {
			t.Errorf("the tree has %+v", n)
		}
		_, err := c.Get("a")
		is(t, err, kv.ErrKeyNotFound)
		_, err = c.Get("a b")
		is(t, err, kv.ErrInvalidKey)
	})
}

func TestACacheHasNothingBeforeItIsReadyAndBehindItsEnd(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B"}, func(s *scene) {
		js := s.client("reader")
		store := must.Get(kv.Open(s.ctx(), js, "B"))(s)
		must.Get(store.Put(s.ctx(), "a", nil))(s)
		s.b.Inject(`for 10s when op(MSG) subject("$KV.B.a") link(reader,s1) drop`)
		c := must.Get(kv.NewCache(s.ctx(), store))(s)
		_, err := c.Get("a")
		is(t, err, kv.ErrCacheLoading)
		is(t, c.WaitReady(s.within(time.Second)), context.DeadlineExceeded)
		if _, stale := c.Stale(); !stale {
			t.Error("it is not stale before it is ready")
		}
		must.Do(s, c.WaitReady(s.ctx()))
		waiting := make(chan error)
		go func() { waiting <- c.WaitFor(s.ctx(), 99) }()
		synctest.Wait()
		c.Close()
		c.Close()
		is(t, <-waiting, kv.ErrCacheClosed)
		_, err = c.Get("a")
		is(t, err, kv.ErrCacheClosed)
		_, err = c.Keys()
		is(t, err, kv.ErrCacheClosed)
		is(t, c.WaitFor(s.ctx(), 1), kv.ErrCacheClosed)
		_, err = c.Put(s.ctx(), "a", nil)
		is(t, err, kv.ErrCacheBehind)

		c = s.cached(js, "B")
		js.Conn().Close()
		synctest.Wait()
		_, err = c.Get("a")
		is(t, err, kv.ErrCacheClosed)
	})
}

func TestACacheReadsWhatItHasWritten(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B"}, func(s *scene) {
		c := s.cached(s.client("reader"), "B", "a.*", "b")
		s.b.Inject(`for 1h when op(MSG) link(reader,s1) latency(300ms)`)
		revision := must.Get(c.Put(s.ctx(), "a.x", []byte("1")))(s)
		if e := must.Get(c.Get("a.x"))(s); e.Revision() != revision {
			t.Errorf("it has revision %d, want %d", e.Revision(), revision)
		}
		revision = must.Get(c.Update(s.ctx(), "a.x", []byte("2"), revision))(s)
		must.Get(c.Create(s.ctx(), "b", []byte("3")))(s)
		if got := shows(s, c); got != "a.x=2 b=3" {
			t.Errorf("it shows %q", got)
		}
		must.Do(s, c.Delete(s.ctx(), "a.x", kv.LastRevision(revision)))
		must.Do(s, c.Purge(s.ctx(), "b"))
		if got := shows(s, c); got != "" {
			t.Errorf("it shows %q", got)
		}
		_, err := c.Put(s.ctx(), "c", nil)
		is(t, err, kv.ErrNotCached)
		_, err = c.Get("c")
		is(t, err, kv.ErrNotCached)
		store := s.open("other", "B")
		must.Get(store.Put(s.ctx(), "a.y", []byte("4")))(s)
		foreign := must.Get(store.Put(s.ctx(), "c", nil))(s)
		must.Do(s, c.WaitFor(s.ctx(), foreign))
		if got := shows(s, c); got != "a.y=4" {
			t.Errorf("it shows %q", got)
		}
		s.b.Inject(`for 1h when op(MSG) subject("$KV.B.>") link(reader,s1) drop`)
		revision, err = c.Put(s.within(2*time.Second), "b", nil)
		is(t, err, kv.ErrCacheBehind)
		if revision != foreign+1 {
			t.Errorf("the revision is %d", revision)
		}
	})
}

// TestACacheReadsWhatItHasWrittenToABucketThatIsMadeAnew: revisions begin at 1 again, so that a
// higher one that is shown says nothing. The bucket is in memory: a stream in files that is
// deleted while the server still removes the files of an earlier one of that name has its
// messages again when it is created again.
func TestACacheReadsWhatItHasWrittenToABucketThatIsMadeAnew(t *testing.T) {
	cfg := kv.Config{Bucket: "B", Storage: jetstream.MemoryStorage}
	inScene(t, cfg, func(s *scene) {
		admin := s.client("admin")
		c := s.cached(s.client("reader"), "B")
		for round := range 5 {
			for i := range 20 {
				must.Get(c.Put(s.ctx(), fmt.Sprint("k", i%3), fmt.Append(nil, round, i)))(s)
			}
			must.Do(s, kv.Delete(s.ctx(), admin, "B"))
			must.Get(kv.Create(s.ctx(), admin, cfg))(s)
			for i := range 3 {
				value := fmt.Sprint("new ", round, i)
				revision := must.Get(c.Put(s.within(time.Minute), "k1", []byte(value)))(s)
				if e := must.Get(c.Get("k1"))(s); string(e.Value()) != value || e.Revision() != revision {
					s.Errorf("round %d: %q of revision %d is shown, want %q of %d", round, e.Value(), e.Revision(), value, revision)
				}
				if v := must.Get(c.View())(s); v.Len() != 1 {
					s.Errorf("round %d: %d keys are shown", round, v.Len())
				}
			}
		}
	})
}

// TestACacheOfNothingReadsWhatItHasWrittenToABucketThatIsMadeAnew: it knows revisions of other keys only.
func TestACacheOfNothingReadsWhatItHasWrittenToABucketThatIsMadeAnew(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B"}, func(s *scene) {
		admin := s.client("admin")
		store := must.Get(kv.Open(s.ctx(), admin, "B"))(s)
		c := s.cached(s.client("reader"), "B", "a.*")
		for range 10 {
			must.Get(store.Put(s.ctx(), "b", nil))(s)
		}
		must.Do(s, c.WaitFor(s.ctx(), 10))
		must.Do(s, kv.Delete(s.ctx(), admin, "B"))
		must.Get(kv.Create(s.ctx(), admin, kv.Config{Bucket: "B"}))(s)
		must.Get(c.Put(s.within(time.Minute), "a.x", []byte("1")))(s)
		if e := must.Get(c.Get("a.x"))(s); string(e.Value()) != "1" {
			s.Errorf("%q is shown", e.Value())
		}
		must.Do(s, c.WaitFor(s.ctx(), must.Get(store.Put(s.ctx(), "b", nil))(s)))
	})
}

// TestACacheThatBeganAnewShowsThatWhatItHadIsGone, and is up to date, though nothing is stored any more: the
// last revision that it has shown is one of those that are gone.
func TestACacheThatBeganAnewShowsThatWhatItHadIsGone(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B", LimitMarkerTTL: 2 * time.Second}, func(s *scene) {
		store, js := s.open("writer", "B"), s.client("reader")
		must.Get(store.Put(s.ctx(), "x", []byte("1")))(s)
		must.Get(store.Put(s.ctx(), "y", []byte("2")))(s)
		c := s.cached(js, "B")
		s.b.Inject("for 10s link(reader,s1) refuse\nlink(reader,s1) reset") // longer than a marker is kept
		time.Sleep(time.Second)
		must.Do(s, must.Get(s.client("admin").Stream(s.ctx(), "KV_B"))(s).Purge(s.ctx(), jetstream.WithPurgeSubject("$KV.B.y")))
		time.Sleep(2 * time.Minute)
		if n, _ := node(js, "cache-B-").Counter("resyncs"); n != 1 {
			s.Errorf("it began anew %d times", n)
		}
		s.expectShown(c, "x=1")
		if since, stale := c.Stale(); stale {
			s.Errorf("it is stale since %v", since)
		}
	})
}

func TestACacheOfAPartWithCodecs(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B"}, func(s *scene) {
		plain := s.open("writer", "B")
		coded := must.Get(plain.Sub("part"))(s).WithCodecs(kv.Base64{}, kv.Base64{})
		c := must.Get(kv.NewCache(s.ctx(), coded))(s)
		defer c.Close()
		must.Get(c.Put(s.ctx(), "a b", []byte("1")))(s)
		must.Get(coded.Put(s.ctx(), "good", []byte("2")))(s)
		must.Get(plain.Put(s.ctx(), "other", []byte("3")))(s)
		bad := must.Get(plain.Put(s.ctx(), "part."+base64.RawURLEncoding.EncodeToString([]byte("bad")), []byte("?")))(s)
		must.Get(plain.Put(s.ctx(), "part.====", []byte("4")))(s) // no key at all
		must.Do(s, c.WaitFor(s.ctx(), bad))
		if e := must.Get(c.Get("a b"))(s); string(e.Value()) != "1" || e.Key() != "a b" {
			t.Errorf("it has %q: %q", e.Key(), e.Value())
		}
		if keys := must.Get(c.Keys())(s); strings.Join(keys, ",") != "a b,bad,good" {
			t.Errorf("it has %q", keys)
		}
		_, err := c.Get("bad")
		is(s, err, kv.ErrValueDecodeFailed)
		for key := range c.Range() {
			if key == "bad" {
				t.Error("a value that is none is in the range")
			}
		}
		must.Get(c.Put(s.ctx(), "bad", []byte("5")))(s)
		if e := must.Get(c.Get("bad"))(s); string(e.Value()) != "5" {
			t.Errorf("it has %q", e.Value())
		}
	})
}

func TestACacheTellsSinceWhenItIsStale(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B"}, func(s *scene) {
		c := s.cached(s.client("reader"), "B")
		synctest.Wait()
		if since, stale := c.Stale(); stale {
			t.Errorf("it is stale since %v", since)
		}
		time.Sleep(time.Minute)
		at := time.Now()
		s.b.Server.Kill()
		time.Sleep(time.Minute)
		if since, stale := c.Stale(); !stale || since.Sub(at) > time.Second {
			t.Errorf("it is stale since %v, %v behind the kill: %v", since, since.Sub(at), stale)
		}
		if got := shows(s, c); got != "" {
			t.Errorf("it shows %q", got)
		}
		must.Do(s, s.b.Server.Restart())
		time.Sleep(time.Minute)
		if since, stale := c.Stale(); stale {
			t.Errorf("it is stale since %v", since)
		}
	})
}

func TestKeysThatExpireUnseenLeaveACache(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B", TTL: time.Minute}, func(s *scene) {
		store := s.open("writer", "B")
		must.Get(store.Put(s.ctx(), "a", []byte("1")))(s)
		time.Sleep(20 * time.Second)
		c := s.cached(s.client("reader"), "B")
		must.Get(store.Put(s.ctx(), "b", []byte("2")))(s)
		must.Get(store.Put(s.ctx(), "c", []byte("3")))(s)
		time.Sleep(39 * time.Second)
		s.expectShown(c, "a=1 b=2 c=3")
		must.Get(store.Put(s.ctx(), "b", []byte("4")))(s)
		must.Do(s, store.Delete(s.ctx(), "c"))
		time.Sleep(2 * time.Second)
		s.expectShown(c, "b=4")
		time.Sleep(50 * time.Second)
		s.expectShown(c, "b=4")
		time.Sleep(10 * time.Second)
		s.expectShown(c, "")
	})
}

func TestACacheOfABucketThatIsMadeAnew(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B"}, func(s *scene) {
		js := s.client("writer")
		store := must.Get(kv.Open(s.ctx(), js, "B"))(s)
		for i := range 9 {
			must.Get(store.Put(s.ctx(), fmt.Sprint("k", i), []byte("1")))(s)
		}
		c := s.cached(s.client("reader"), "B")
		waiting := make(chan error)
		go func() { waiting <- c.WaitFor(s.ctx(), 10) }()
		synctest.Wait()
		must.Do(s, kv.Delete(s.ctx(), js, "B"))
		time.Sleep(time.Minute)
		if _, stale := c.Stale(); !stale {
			t.Error("it is not stale")
		}
		must.Get(kv.Create(s.ctx(), js, kv.Config{Bucket: "B"}))(s)
		must.Get(store.Put(s.ctx(), "new", []byte("2")))(s)
		is(t, <-waiting, jetstream.ErrStreamRegressed)
		must.Do(s, c.WaitFor(s.ctx(), 1))
		time.Sleep(time.Minute)
		s.expectShown(c, "new=2")
	})
}

func TestACacheIsTheStore(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			cfg := kv.Config{Bucket: "B", History: uint8(1 + seed%3)}
			if seed%2 == 0 {
				cfg.LimitMarkerTTL = 2 * time.Second // what is away for longer has to begin anew
			}
			inScene(t, cfg, func(s *scene) { followed(s, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

// troubles are what happens to the reader while others write.
var troubles = []string{
	"link(reader,s1) reset",
	"for 4s link(reader,s1) blackhole",
	"for 3s server(s1) kill",
	"for 2s when op(MSG) every(3) link(reader,s1) drop",
	"for 5s link(reader,s1) refuse\nlink(reader,s1) reset",
	"for 2s when op(MSG) every(2) link(reader,s1) duplicate",
	"consumers",
	"none",
}

// followed lets two clients write in rounds, with faults, and compares the cache after each
// round.
func followed(s *scene, r *rand.Rand) {
	js := s.client("reader")
	c := s.cached(js, "B")
	writers := []kv.Store{s.open("w1", "B"), s.open("w2", "B")}
	stop := s.watchRevisions(c)
	defer stop()
	for range 8 {
		trouble := troubles[r.IntN(len(troubles))]
		var all sync.WaitGroup
		for _, w := range writers {
			own := rand.New(rand.NewPCG(r.Uint64(), 1))
			all.Go(func() { s.writes(w, own) })
		}
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		switch trouble {
		case "none":
		case "consumers":
			stream := must.Get(s.client("admin").Stream(s.ctx(), "KV_B"))(s)
			for name := range stream.ConsumerNames(s.ctx()).Name() {
				_ = stream.DeleteConsumer(s.ctx(), name)
			}
		default:
			must.Do(s, s.b.Inject(trouble).Wait(s.within(time.Minute)))
		}
		all.Wait()
		revision := must.Get(writers[0].Put(s.within(time.Minute), "barrier", []byte(trouble)))(s)
		if r.IntN(2) == 0 {
			must.Do(s, writers[0].Purge(s.within(time.Minute), "barrier"))
		}
		if err := c.WaitFor(s.within(5*time.Minute), revision); err != nil {
			s.Fatalf("behind %s: %v; %+v", trouble, err, node(js, "cache-B"))
		}
		s.compare(c, writers[1], trouble)
	}
}

// writes makes random changes. What fails may be stored, or not.
func (s *scene) writes(store kv.Store, r *rand.Rand) {
	for i := range 25 {
		ctx := s.within(10 * time.Second)
		key := fmt.Sprint("k", r.IntN(12))
		switch r.IntN(5) {
		case 0:
			_ = store.Delete(ctx, key)
		case 1:
			_ = store.Purge(ctx, key)
		default:
			_, _ = store.Put(ctx, key, fmt.Append(nil, i))
		}
		time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
	}
}

// compare compares the cache with the store, while no client writes. A key may be gone from the
// store by now.
func (s *scene) compare(c *kv.Cache, store kv.Store, trouble string) {
	s.Helper()
	time.Sleep(time.Second)
	for i := range 12 {
		key := fmt.Sprint("k", i)
		want, wantErr := store.Get(s.within(time.Minute), key)
		got, err := c.Get(key)
		switch {
		case errors.Is(wantErr, kv.ErrKeyNotFound):
			is(s, err, kv.ErrKeyNotFound)
		case wantErr != nil:
			s.Fatal(wantErr)
		case err != nil:
			s.Errorf("behind %s: %s: %v, want revision %d", trouble, key, err, want.Revision())
		case got.Revision() != want.Revision() || string(got.Value()) != string(want.Value()):
			s.Errorf("behind %s: %s has revision %d, want %d", trouble, key, got.Revision(), want.Revision())
		}
	}
}

// watchRevisions looks all the time whether a revision goes back.
func (s *scene) watchRevisions(c *kv.Cache) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		newest, last := map[string]uint64{}, uint64(0)
		for {
			select {
			case <-done:
				return
			case <-time.After(3 * time.Millisecond):
			}
			v := must.Get(c.View())(s)
			if v.Revision() < last {
				s.Errorf("revision %d comes behind %d", v.Revision(), last)
			}
			last = v.Revision()
			for key, e := range v.Range() {
				if e.Revision() < newest[key] {
					s.Errorf("%s goes back from %d to %d", key, newest[key], e.Revision())
				}
				newest[key] = e.Revision()
			}
		}
	}()
	return func() {
		close(done)
		<-gone
	}
}

// TestACacheSaysAtOnceWhereItIs: ready, whatever the context says; closed, although it was ready.
func TestACacheSaysAtOnceWhereItIs(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B"}, func(s *scene) {
		c := s.cached(s.client("reader"), "B")
		over, cancel := context.WithCancel(s.ctx())
		cancel()
		for range 200 {
			must.Do(s, c.WaitReady(over))
		}
		c.Close()
		synctest.Wait()
		for range 200 {
			is(s, c.WaitReady(s.ctx()), kv.ErrCacheClosed)
		}
	})
}
