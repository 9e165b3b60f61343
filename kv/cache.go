package kv

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nuid"
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/protocol"
)

// cache.go - a copy of a bucket, or of a part of it, in memory.
//
//	bucket ─► watcher ─► copy ─► version ◄── Get, View: no lock, no round trip
//	                      │
//	                      └─► callers that wait for a revision, or for the first version
//
// The watcher is the actor: the tree shows its state and the counters of the cache.

// Cache is a copy of a bucket, or of a part of it, in memory. A watcher keeps it up to date, so
// reads need no round trip. It may lag behind the bucket for a moment, but never goes back to an
// earlier revision of a key, unless the bucket itself was created again or has lost its newest
// revisions. Its methods are safe for concurrent use.
//
// It takes the memory of its keys and values, and about two hundred bytes more for each key.
type Cache struct {
	s       *store
	filters []string // subjects
	watcher *watch.Watcher[*entry]
	life    cacheLife

	version atomic.Pointer[cacheVersion] // what readers see; before it is ready and after the end, an error
	ready   chan struct{}                // closed when there is a first version
	ended   chan struct{}                // closed when there are no more

	mu      sync.Mutex
	copy    *cacheCopy
	expiry  expiry
	timer   *time.Timer    // for what expires next; nil for none
	waiting []*cacheWaiter // in the order of their revisions
	live    bool           // whether the watcher is live
	behind  time.Time      // since when the cache may be behind; zero if it is not
}

// NewCache begins to copy the keys that match one of the filters; without filters, all keys. A
// filter is a pattern as in Store.Watch. The cache lives until ctx ends, Close is called, or the
// connection ends; while the bucket is gone, it waits for another one.
//
// It does not wait for the first values: see WaitReady. Errors: ErrInvalidKey for a filter;
// ErrInvalidOption for a Store that is not of this package; ErrBucketNotFound; those of the
// connection.
func NewCache(ctx context.Context, s Store, filters ...string) (*Cache, error) {
	own, ok := s.(*store)
	if !ok {
		return nil, foreign("NewCache")
	}
	subjects, err := own.filters("cache", filters)
	if err != nil {
		return nil, err
	}
	c := &Cache{s: own, filters: subjects, copy: newCacheCopy(), behind: time.Now(), ready: make(chan struct{}), ended: make(chan struct{})}
	c.version.Store(&cacheVersion{trie: newTrie(), err: stores.Error("read the cache of", own.bucket, ErrCacheLoading, "")})
	if err := c.start(ctx); err != nil {
		return nil, own.uncached(err)
	}
	go c.run()
	return c, nil
}

// foreign is the error for a Store that the program implements itself.
func foreign(option string) error {
	return &jetstream.OptionError{Option: option, Reason: "is for what Create, Open and Update of this package return"}
}

// uncached wraps the error that a cache did not start with, or ended with, in an error about the
// bucket.
func (s *store) uncached(err error) error { return stores.Failed("cache", s.bucket, err) }

// start begins to watch.
func (c *Cache) start(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	asked := time.Now()
	bounded, cancel := c.s.bound(ctx)
	stream, err := c.s.js.Stream(bounded, c.s.stream.CachedInfo().Config.Name)
	cancel()
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	c.life = lifeOf(&info.Config, cacheClock{server: info.TimeStamp, own: asked})
	c.watcher, err = watch.Start(ctx, watch.Config[*entry]{
		Name: "cache-" + c.s.bucket + "-" + nuid.Next(), JetStream: c.s.js, Stream: stream, Filters: c.filters,
		Deliver: jetstream.DeliverLastPerSubjectPolicy, Decode: c.s.decoder("cache", &watchOptions{}),
		Missing: jetstream.MissingWait, Live: c.onLive, Progress: c.progress,
	})
	return err
}

// progress returns the counters that the tree shows besides those of any watcher.
func (c *Cache) progress() []api.Counter {
	v := c.version.Load()
	return []api.Counter{{Name: "keys", Value: uint64(v.keys)}, {Name: "bytes", Value: uint64(v.bytes)}}
}

// WaitReady waits until the cache can be read: it then has at least all that was in the bucket
// when the cache began. It waits until ctx ends; with a nil ctx, for ever. Errors: the cause of
// the end of ctx; ErrCacheClosed.
func (c *Cache) WaitReady(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	switch v := c.version.Load(); {
	case v.err == nil:
		return nil
	case errors.Is(v.err, ErrCacheClosed):
		return v.err
	}
	select {
	case <-c.ready:
		return nil
	case <-c.ended:
		return c.version.Load().err
	case <-ctx.Done():
		return c.s.uncached(context.Cause(ctx))
	}
}

// Get returns the value of a key. The entry is shared and must not be changed. Errors: those of
// Store.Get, except that a deleted key is a plain ErrKeyNotFound; ErrNotCached for a key that
// the filters leave out; ErrCacheLoading before the cache is ready; ErrCacheClosed.
func (c *Cache) Get(key string) (Entry, error) {
	v := c.version.Load()
	e := v.get(key)
	switch {
	case e == nil:
		return nil, c.without(v, key)
	case e.err != nil:
		return nil, e.err
	default:
		return &e.entry, nil
	}
}

// without returns the error for a key that a version does not have.
func (c *Cache) without(v *cacheVersion, key string) error {
	if v.err != nil {
		return v.err
	}
	if err := c.covers("get", key); err != nil {
		return err
	}
	return &KeyError{Op: "get", Bucket: c.s.bucket, Key: key, Kind: ErrKeyNotFound}
}

// covers returns an error for a key that the filters leave out.
func (c *Cache) covers(op, key string) error {
	in, err := c.s.stored(op, key)
	if err != nil {
		return err
	}
	for _, filter := range c.filters {
		if protocol.Match(filter, c.s.read+in) {
			return nil
		}
	}
	return &KeyError{Op: op, Bucket: c.s.bucket, Key: key, Kind: ErrNotCached}
}

// Keys returns the keys that have a value, sorted; that there are none is not an error. Errors:
// ErrCacheLoading; ErrCacheClosed.
func (c *Cache) Keys() ([]string, error) {
	v, err := c.View()
	if err != nil {
		return nil, err
	}
	return v.Keys(), nil
}

// Range yields the keys and their values as of one moment, in no order. Before the cache is
// ready, and after its end, it yields nothing; use View to get an error instead.
func (c *Cache) Range() iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		(&CacheView{c: c, v: c.version.Load()}).Range()(yield)
	}
}

// View returns the cache as of one moment. Errors: ErrCacheLoading; ErrCacheClosed.
func (c *Cache) View() (*CacheView, error) {
	v := c.version.Load()
	if v.err != nil {
		return nil, v.err
	}
	return &CacheView{c: c, v: v}, nil
}

// CacheView is a cache as of one moment. It costs only the memory of what has been replaced
// since. It is immutable, and safe for concurrent use.
type CacheView struct {
	c *Cache
	v *cacheVersion
}

// Get is Cache.Get.
func (v *CacheView) Get(key string) (Entry, error) {
	e := v.v.get(key)
	switch {
	case e == nil:
		return nil, v.c.without(v.v, key)
	case e.err != nil:
		return nil, e.err
	default:
		return &e.entry, nil
	}
}

// Len returns how many keys have a value.
func (v *CacheView) Len() int { return v.v.keys }

// Bytes returns the size of the keys and the values, in bytes.
func (v *CacheView) Bytes() int { return v.v.bytes }

// Revision returns the revision of the bucket up to which the view is complete; 0 while it shows
// the remains of a bucket that was created again, or has lost its newest revisions.
func (v *CacheView) Revision() uint64 { return v.v.revision }

// Keys returns the keys that have a value, sorted.
func (v *CacheView) Keys() []string {
	keys := make([]string, 0, v.v.keys)
	v.v.root.all(func(e *cached) bool {
		keys = append(keys, e.key)
		return true
	})
	slices.Sort(keys)
	return keys
}

// Range yields the keys and their values, in no order. A value that the codec cannot decode is
// left out; Get returns its error.
func (v *CacheView) Range() iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		v.v.root.all(func(e *cached) bool { return e.err != nil || yield(e.key, &e.entry) })
	}
}

// Stale returns since when the cache may be behind the bucket, because there is no server or no
// bucket, or because it is loading. That time is when the watcher noticed, up to two heartbeats
// late. stale is false while the cache shows changes as they arrive.
func (c *Cache) Stale() (since time.Time, stale bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.behind, !c.behind.IsZero()
}

// Close ends the cache. It does not wait, and may be called more than once.
func (c *Cache) Close() { c.watcher.Stop() }

// compact returns the entry in memory of its own, so that a cached entry does not keep its
// message.
func (e *entry) compact() entry {
	own := *e
	own.key, own.value = strings.Clone(e.key), slices.Clone(e.value)
	return own
}
