package kv

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// cachefeed.go - what a cache does with the events of its watcher, and the callers that wait for
// them.

// run takes the events until there are no more.
func (c *Cache) run() {
	var ended error
	for e, err := range c.watcher.Events() {
		if err != nil {
			ended = err
			break
		}
		c.take(&e)
	}
	c.end(ended)
}

// take takes one event.
func (c *Cache) take(e *watch.Event[*entry]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	loads := c.copy.loads
	shows, void := c.copy.take(e, c.undecoded)
	switch {
	case void:
		if c.version.Load().err == nil {
			c.show() // first: a caller that is woken must not find a revision that is void
		}
		c.wake(never, c.s.uncached(&watch.GapError{Stream: stores.Stream(c.s.bucket), Gap: e.Gap}))
	case e.Kind == watch.Ready && !shows:
		c.watcher.Reach(c.copy.floor)
	case shows && loads:
		c.limitAll()
	case shows && e.Kind == watch.Entry:
		c.limit(e.Value.key)
	}
	if shows {
		c.show()
	}
	c.judge()
}

// undecoded makes an entry of a value that the codec cannot decode; nil if it is the key that it
// cannot decode.
func (c *Cache) undecoded(e *watch.Event[*entry]) *cached {
	failed, ok := errors.AsType[*KeyError](e.Err)
	if !ok || failed.Kind != ErrValueDecodeFailed {
		return nil
	}
	get := *failed
	get.Op = "get"
	return &cached{entry: entry{bucket: c.s.bucket, key: get.Key, revision: e.Revision}, err: &get}
}

// show shows the copy as it is. The lock is held.
func (c *Cache) show() {
	first := c.version.Load().err != nil
	v := c.copy.shown
	c.version.Store(&v)
	if first {
		close(c.ready)
	}
	c.wake(v.revision, nil)
}

// judge decides whether the cache may be behind. The lock is held.
func (c *Cache) judge() {
	switch fresh := c.live && !c.copy.loads; {
	case fresh:
		c.behind = time.Time{}
	case c.behind.IsZero():
		c.behind = time.Now()
	}
}

// onLive notes whether the watcher is live.
func (c *Cache) onLive(live bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = live
	c.judge()
}

// end ends the cache because of err; nil after Close.
func (c *Cache) end(err error) {
	closed := stores.Error("read the cache of", c.s.bucket, ErrCacheClosed, "")
	closed.Err = err
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.expiry = expiry{}
	c.live = false
	c.judge()
	c.version.Store(&cacheVersion{trie: newTrie(), err: closed})
	close(c.ended)
	c.wake(never, closed)
}

// never is a revision that does not come: a wait for it ends when revisions become void, or the
// cache ends.
const never = ^uint64(0)

// cacheWaiter waits for a revision.
type cacheWaiter struct {
	revision uint64
	done     chan error // one is sent
}

// WaitFor waits until the cache shows a revision of the bucket, of any key, and all that was
// stored before it: a read after it sees everything written up to that revision, by any client.
// 0 is WaitReady. It waits until ctx ends; with a nil ctx, for ever.
//
// For a revision of a key that the filters leave out, it asks the server. After the bucket was
// created again, a revision of the new one counts once the cache has noticed; it is Stale until
// then. Errors: the cause of the end of ctx; ErrCacheClosed; jetstream.ErrStreamRegressed if the
// bucket was created again, or has lost its newest revisions, meanwhile: the revision may not
// exist.
func (c *Cache) WaitFor(ctx context.Context, revision uint64) error {
	if v := c.version.Load(); v.err == nil && v.revision >= revision {
		return nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	w := &cacheWaiter{revision: revision, done: make(chan error, 1)}
	if err := c.join(w); err != nil {
		return err
	}
	c.watcher.Reach(revision)
	return c.await(ctx, w)
}

// waitAnew waits until the shown revisions become void, unless they already did since the
// version with this value of anew. It does not report the end of the cache.
func (c *Cache) waitAnew(ctx context.Context, anew uint64) error {
	w := &cacheWaiter{revision: never, done: make(chan error, 1)}
	if err := c.join(w); err != nil {
		return err
	}
	if c.version.Load().anew != anew {
		c.leave(w)
		return nil
	}
	if err := c.await(ctx, w); ctx.Err() != nil {
		return err
	}
	return nil
}

// await waits for the answer to a waiter that has joined.
func (c *Cache) await(ctx context.Context, w *cacheWaiter) error {
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		c.leave(w)
		return c.s.uncached(context.Cause(ctx))
	}
}

// join adds a waiter, in the order of revisions.
func (c *Cache) join(w *cacheWaiter) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.version.Load()
	switch {
	case v.err == nil && v.revision >= w.revision:
		w.done <- nil
		return nil
	case errors.Is(v.err, ErrCacheClosed):
		return v.err
	}
	at, _ := slices.BinarySearchFunc(c.waiting, w.revision+1, func(w *cacheWaiter, revision uint64) int {
		if w.revision < revision {
			return -1
		}
		return 1
	})
	c.waiting = slices.Insert(c.waiting, at, w)
	return nil
}

// leave removes a waiter.
func (c *Cache) leave(w *cacheWaiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.waiting, w); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
}

// wake answers the waiters for revisions up to this one. The lock is held.
func (c *Cache) wake(revision uint64, err error) {
	n := 0
	for n < len(c.waiting) && c.waiting[n].revision <= revision {
		c.waiting[n].done <- err
		n++
	}
	c.waiting = slices.Delete(c.waiting, 0, n)
}

// cacheLife is how long entries live whose expiry the server may not report.
type cacheLife struct {
	clock cacheClock
	age   time.Duration // 0 for ever
	told  bool          // the server leaves markers where keys expire
}

// lifeOf reads it from the config of a bucket's stream.
func lifeOf(cfg *jetstream.StreamConfig, clock cacheClock) cacheLife {
	return cacheLife{clock: clock, age: cfg.MaxAge, told: cfg.SubjectDeleteMarkerTTL > 0}
}

// end returns when an entry expires without a marker, by the program's clock; zero if it does
// not.
func (l *cacheLife) end(e *entry) time.Time {
	if l.told {
		return time.Time{}
	}
	ttl := l.age
	if e.header != nil {
		switch own, has := timeToLive(e.header.Get(jetstream.MsgTTLHeader)); {
		case has && own <= 0:
			ttl = 0
		case has && (ttl == 0 || own < ttl):
			ttl = own
		}
	}
	if ttl == 0 {
		return time.Time{}
	}
	return l.clock.until(e.created, ttl)
}

// timeToLive reads the time to live of a message; less than 0 is for ever.
func timeToLive(text string) (ttl time.Duration, has bool) {
	if text == "" {
		return 0, false
	}
	if text == "never" {
		return -1, true
	}
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second, seconds != 0
	}
	ttl, err := time.ParseDuration(text)
	return ttl.Truncate(time.Second), err == nil && ttl >= time.Second
}

// limitAll sets when each shown key expires. The lock is held.
func (c *Cache) limitAll() {
	c.expiry = expiry{}
	if !c.life.told {
		c.copy.shown.root.all(func(e *cached) bool {
			c.expiry.set(e.key, e.revision, c.life.end(&e.entry))
			return true
		})
	}
	c.arm()
}

// limit sets when a key expires. The lock is held.
func (c *Cache) limit(key string) {
	if c.life.told {
		return
	}
	if e := c.copy.shown.get(key); e != nil {
		c.expiry.set(key, e.revision, c.life.end(&e.entry))
	} else {
		c.expiry.set(key, 0, time.Time{})
	}
	c.arm()
}

// arm sets the timer for what expires next. The lock is held.
func (c *Cache) arm() {
	next := c.expiry.next()
	switch {
	case next == nil && c.timer == nil:
	case next == nil:
		c.timer.Stop()
	case c.timer == nil:
		c.timer = time.AfterFunc(time.Until(next.at), c.onExpiryDue)
	default:
		c.timer.Reset(time.Until(next.at))
	}
}

// onExpiryDue removes what has expired.
func (c *Cache) onExpiryDue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	shows, now := false, time.Now()
	for next := c.expiry.next(); next != nil && !next.at.After(now); next = c.expiry.next() {
		c.expiry.set(next.key, 0, time.Time{})
		shows = c.copy.expire(next.key, next.revision) || shows
	}
	if shows {
		c.show()
	}
	c.arm()
}
