package kv

import (
	"time"

	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// cachecopy.go - what becomes of a copy of a bucket with each event of its watcher. It is pure.
//
//	             Ready, and all is there that was shown before
//	  loading ───────────────────────────────────────────────► following ◄─┐
//	     ▲ │ entries: to the next version, which nobody sees       │   │     │ entries: shown at once
//	     └─┘                                                       │   └─────┘
//	     ▲                        Resync                           │
//	     └─────────────────────────────────────────────────────────┘
//
// What is shown never goes back to an earlier revision: a replica that lags behind may be the
// one that a new sync comes from. Only another stream, or one that has lost its end, does.

// cached is an entry of a cache, or why there is none.
type cached struct {
	entry
	err error // the codec makes nothing of the value; nil otherwise
}

// size is what it counts for, in bytes.
func (c *cached) size() int { return len(c.key) + len(c.value) }

// cacheVersion is a copy at one revision. It is immutable once it is shown.
type cacheVersion struct {
	trie
	revision uint64 // of the stream that there is; 0 for what is left of another one
	anew     uint64 // how often revisions became void
	err      error  // why there is nothing in it; nil if it is of use
}

// cacheCopy is a copy as it changes. shown is what readers have.
//
// Invariant: shown.revision does not fall while the stream lives. When it does not, what was shown stays, with
// a revision of 0: it is none of what is there.
type cacheCopy struct {
	shown  cacheVersion
	next   cacheVersion // while loading
	loads  bool
	synced bool   // Ready has come for next
	floor  uint64 // next is not shown before it is there
}

// newCacheCopy returns a copy that loads for the first time.
func newCacheCopy() *cacheCopy {
	return &cacheCopy{next: cacheVersion{trie: newTrie()}, loads: true}
}

// put takes an entry, a marker too.
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

// passed notes that whatever comes has a higher revision.
func (c *cacheCopy) passed(revision uint64) (shows bool) {
	if c.loads {
		c.next.revision = revision
		return c.settle()
	}
	c.shown.revision = revision
	return true
}

// ready ends a sync. If it does not show what there is, the copy waits for revision floor.
func (c *cacheCopy) ready() (shows bool) {
	c.synced = true
	return c.settle()
}

// resync begins a sync anew. It reports whether revisions that were shown are void.
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

// expire removes a key whose time is over, unless it has another revision by now.
func (c *cacheCopy) expire(key string, revision uint64) (shows bool) {
	if e := c.shown.get(key); e == nil || e.revision != revision {
		return false
	}
	c.shown.trie = c.shown.without(key)
	return true
}

// take takes any event of a watcher. bad makes an entry of what was undecoded, nil for none.
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

// cacheClock tells when the server's time will have come, by the program's own clock.
type cacheClock struct{ server, own time.Time }

// until returns when something expires by the program's clock that was stored at a time of the
// server's, and lives for ttl.
func (c cacheClock) until(created time.Time, ttl time.Duration) time.Time {
	return c.own.Add(created.Add(ttl).Sub(c.server))
}
