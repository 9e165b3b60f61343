package kv

import (
	"context"
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
//	                      └─► who waits for a revision, or for the first version
//
// The watcher is the actor: its state, and the counters of the cache, are in the tree.

// Cache is a copy of a bucket, or of a part of it, in memory, which a watcher keeps up to date:
// reads ask nobody. What it shows may be a moment old, as the bucket may have changed since; it
// never goes back to an earlier revision of a key, unless the bucket itself is made anew, or
// has lost its end. Its methods are safe for concurrent use.
//
// It costs its keys and values in memory, beside about two hundred bytes for each key.
type Cache struct {
	s       *store
	filters []string // subjects
	watcher *watch.Watcher[*entry]
	life    cacheLife

	version atomic.Pointer[cacheVersion] // what is shown; with an error before and behind
	ready   chan struct{}                // closed when there is a first version
	ended   chan struct{}                // closed when there are no more

	mu      sync.Mutex
	copy    *cacheCopy
	expiry  expiry
	timer   *time.Timer    // of what expires next; nil for none
	waiting []*cacheWaiter // in the order of their revisions
	live    bool           // the watcher is
	behind  time.Time      // since when it may be; zero if it is not
}

// NewCache begins to copy the keys that match one of the filters; all without any. A filter is
// a pattern as those of Store.Watch. The cache goes on until ctx ends, or Close, or the
// connection; it waits for a bucket that is gone.
//
// It returns at once: see WaitReady. Errors: ErrInvalidKey for filters; ErrInvalidOption
// for a Store that is not of this package; ErrBucketNotFound; those of the connection.
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

// foreign is the error for a Store of a program's own.
func foreign(option string) error {
	return &jetstream.OptionError{Option: option, Reason: "is for what Create, Open and Update of this package return"}
}

// uncached makes what a cache cannot begin with, or has ended with, an error about the bucket.
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

// progress is what the tree shows beside what it shows of any watcher.
func (c *Cache) progress() []api.Counter {
	v := c.version.Load()
	return []api.Counter{{Name: "keys", Value: uint64(v.keys)}, {Name: "bytes", Value: uint64(v.bytes)}}
}

// WaitReady waits until there is something to read: all that was in the bucket when the cache
// began, at least. It waits as long as ctx allows; nil is for ever. Errors: the cause of the
// end of ctx; ErrCacheClosed.
func (c *Cache) WaitReady(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
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

// Get returns the value of a key. The entry is shared: it is not to be changed. Errors: as
// Store.Get, but a deleted key is as any other that has no value; ErrNotCached for a key that
// the filters leave out; ErrCacheLoading before WaitReady; ErrCacheClosed.
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

// without says why a version has nothing for a key.
func (c *Cache) without(v *cacheVersion, key string) error {
	if v.err != nil {
		return v.err
	}
	if err := c.covers("get", key); err != nil {
		return err
	}
	return &KeyError{Op: "get", Bucket: c.s.bucket, Key: key, Kind: ErrKeyNotFound}
}

// covers returns an error for a key that the cache never has.
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

// Keys returns the keys that have a value, in their order; none is no error. Errors:
// ErrCacheLoading; ErrCacheClosed.
func (c *Cache) Keys() ([]string, error) {
	v, err := c.View()
	if err != nil {
		return nil, err
	}
	return v.Keys(), nil
}

// Range yields the keys and their values, in no order, as they are at one moment. Before
// WaitReady, and behind the end, there are none. See View for an error.
func (c *Cache) Range() iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		(&CacheView{c: c, v: c.version.Load()}).Range()(yield)
	}
}

// View returns the cache at one moment. Errors: ErrCacheLoading; ErrCacheClosed.
func (c *Cache) View() (*CacheView, error) {
	v := c.version.Load()
	if v.err != nil {
		return nil, v.err
	}
	return &CacheView{c: c, v: v}, nil
}

// CacheView is a cache at one moment, which costs nothing but the memory of what has
// been replaced since. It is immutable, and safe for concurrent use.
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

// Bytes returns the size of the keys and the values.
func (v *CacheView) Bytes() int { return v.v.bytes }

// Revision returns the revision of the bucket up to which everything is in it; 0 while it shows what is left of
// a bucket that was made anew, or has lost its end.
func (v *CacheView) Revision() uint64 { return v.v.revision }

// Keys returns the keys that have a value, in their order.
func (v *CacheView) Keys() []string {
	keys := make([]string, 0, v.v.keys)
	v.v.root.all(func(e *cached) bool {
		keys = append(keys, e.key)
		return true
	})
	slices.Sort(keys)
	return keys
}

// Range yields the keys and their values, in no order. A value that the codec makes nothing
// of is left out; Get has the error.
func (v *CacheView) Range() iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		v.v.root.all(func(e *cached) bool { return e.err != nil || yield(e.key, &e.entry) })
	}
}

// Stale returns since when the cache may be behind: there is no server, no bucket, or it loads.
// It is the moment at which that was noticed, which is up to two heartbeats late. stale is false
// while what is stored is shown as soon as it comes.
func (c *Cache) Stale() (since time.Time, stale bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.behind, !c.behind.IsZero()
}

// Close ends the cache. It does not wait, and may be called again.
func (c *Cache) Close() { c.watcher.Stop() }

// compact returns the entry in memory of its own: it stays for long.
func (e *entry) compact() entry {
	own := *e
	own.key, own.value = strings.Clone(e.key), slices.Clone(e.value)
	return own
}
