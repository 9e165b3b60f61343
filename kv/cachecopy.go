package kv

import (
	"time"

	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// cachecopy.go - how each event of the watcher changes the copy of a bucket. It is pure.
//
//	             Ready, and no revision that was shown is missing
//	  loading ───────────────────────────────────────────────► following ◄─┐
//	     ▲ │ entries: into the next version, not shown yet         │   │     │ entries: shown at once
//	     └─┘                                                       │   └─────┘
//	     ▲                        Resync                           │
//	     └─────────────────────────────────────────────────────────┘
//
// The copy never shows an earlier revision than before, even if a new sync comes from a replica
// that lags. It goes back only for another stream, or for one that has lost its newest messages.

// cached is an entry of a cache, or the reason why there is none.
type cached struct {
	entry
	err error // the codec cannot decode the value; nil otherwise
}

// size returns the bytes that it counts for.
func (c *cached) size() int { return len(c.key) + len(c.value) }

// cacheVersion is a copy at one revision. It is immutable once it is shown.
type cacheVersion struct {
	trie
	revision uint64 // in the current stream; 0 for what is left of another one
	anew     uint64 // how often all revisions became void
	err      error  // why it cannot be read; nil if it can
}

// cacheCopy is a copy that changes. Readers have shown.
//
// Invariant: shown.revision does not fall while the stream lives. When the stream is replaced,
// what was shown stays, with revision 0, which no revision of the new stream has.
type cacheCopy struct {
	shown  cacheVersion
	next   cacheVersion // while loading
	loads  bool
	synced bool   // Ready has come for next
	floor  uint64 // next is shown when it has reached this revision
}

// newCacheCopy returns a copy that loads for the first time.
func newCacheCopy() *cacheCopy {
	return &cacheCopy{next: cacheVersion{trie: newTrie()}, loads: true}
}

// put takes an entry, which may be a marker.
func (c *cacheCopy) put(e *cached) (shows bool) {
	v := &c.shown
	if c.loads {
		v = &c.next
	}
	if e.op == OpPut {
		v.trie = v.with(e)
	} else {
		v.trie = v.without(e.key)
	}
	return c.passed(e.revision)
}

// passed notes that all later entries have higher revisions.
func (c *cacheCopy) passed(revision uint64) (shows bool) {
	if c.loads {
		c.next.revision = revision
		return c.settle()
	}
	c.shown.revision = revision
	return true
}

// ready ends a sync. If it reports false, the copy waits for revision floor.
func (c *cacheCopy) ready() (shows bool) {
	c.synced = true
	return c.settle()
}

// resync starts another sync. It reports whether revisions that were shown are void.
func (c *cacheCopy) resync(gap jetstream.Gap) (void bool) {
	if void = gap == jetstream.GapReplaced || gap == jetstream.GapRegressed; void {
		c.floor = 0
		c.shown.revision = 0
		c.shown.anew++
	} else {
		c.floor = max(c.floor, c.shown.revision)
	}
	c.next = cacheVersion{trie: newTrie()}
	c.loads, c.synced = true, false
	return void
}

// settle shows the next version if it is complete.
func (c *cacheCopy) settle() bool {
	if !c.synced || c.next.revision < c.floor {
		return false
	}
	c.shown = cacheVersion{trie: c.next.shared(), revision: c.next.revision, anew: c.shown.anew}
	c.next, c.loads, c.floor = cacheVersion{}, false, 0
	return true
}

// expire removes a key that has expired, unless it has another revision by now.
func (c *cacheCopy) expire(key string, revision uint64) (shows bool) {
	if e := c.shown.get(key); e == nil || e.revision != revision {
		return false
	}
	c.shown.trie = c.shown.without(key)
	return true
}

// take takes any event of a watcher. bad makes an entry of an undecoded message; nil for none.
func (c *cacheCopy) take(e *watch.Event[*entry], bad func(*watch.Event[*entry]) *cached) (shows, void bool) {
	switch e.Kind {
	case watch.Entry:
		return c.put(&cached{entry: e.Value.compact()}), false
	case watch.Undecoded:
		if e := bad(e); e != nil {
			return c.put(e), false
		}
		return c.passed(e.Revision), false
	case watch.Passed:
		return c.passed(e.Revision), false
	case watch.Ready:
		return c.ready(), false
	case watch.Resync:
		return false, c.resync(e.Gap)
	default:
		return false, false
	}
}

// cacheClock converts times of the server to those of the program's own clock.
type cacheClock struct{ server, own time.Time }

// until returns when, by the program's clock, an entry expires that was stored at a time of the
// server's and lives for ttl.
func (c cacheClock) until(created time.Time, ttl time.Duration) time.Time {
	return c.own.Add(created.Add(ttl).Sub(c.server))
}
