package kv

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// list.go - lists what is there now: a watcher that ends when it is ready.

// KeyLister delivers keys through a channel; Reader.AllKeys does it without one. Its methods are
// safe for concurrent use.
type KeyLister interface {
	// Keys returns the channel. Each key comes once. The channel is closed after the last key,
	// after Stop, and at the first error.
	Keys() <-chan string
	// Stop ends the lister early. It returns nil.
	Stop() error
	// Err returns why the channel was closed early: nil if it was not, and after Stop.
	Err() error
}

// keysAhead bounds how many keys memory is reserved for before they come.
const keysAhead = 1 << 16

// Keys implements Reader.
func (s *store) Keys(ctx context.Context, opts ...WatchOpt) ([]string, error) {
	var there map[string]struct{}
	for e, err := range s.load(ctx, "keys", nil, append(slices.Clone(opts), MetaOnly(), withDeletes)) {
		if err != nil {
			return nil, err
		}
		if there == nil {
			there = make(map[string]struct{}, min(e.delta, keysAhead))
		}
		if e.op == OpPut {
			there[strings.Clone(e.key)] = struct{}{} // does not keep the message alive
		} else {
			delete(there, e.key) // deleted while we read
		}
	}
	if len(there) == 0 {
		return nil, stores.Error("keys", s.bucket, ErrNoKeys, "")
	}
	return slices.Sorted(maps.Keys(there)), nil
}

// AllKeys implements Reader.
func (s *store) AllKeys(ctx context.Context, patterns ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		seen := map[string]struct{}{}
		for e, err := range s.load(ctx, "keys", patterns, []WatchOpt{MetaOnly(), IgnoreDeletes()}) {
			if err != nil {
				yield("", err)
				return
			}
			if _, again := seen[e.key]; again {
				continue
			}
			key := strings.Clone(e.key) // does not keep the message alive
			seen[key] = struct{}{}
			if !yield(key, nil) {
				return
			}
		}
	}
}

// History implements Reader.
func (s *store) History(ctx context.Context, key string, opts ...WatchOpt) ([]Entry, error) {
	var all []Entry
	for e, err := range s.load(ctx, "history", []string{key}, append(slices.Clone(opts), IncludeHistory())) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, &KeyError{Op: "history", Bucket: s.bucket, Key: key, Kind: ErrKeyNotFound, Err: ErrNoKeys}
	}
	return all, nil
}

// Revisions implements Reader.
func (s *store) Revisions(ctx context.Context, key string, opts ...WatchOpt) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range s.load(ctx, "history", []string{key}, append(slices.Clone(opts), IncludeHistory())) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// load yields what is there. The first error ends it.
func (s *store) load(ctx context.Context, op string, keys []string, opts []WatchOpt) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		config, err := s.watching(op, keys, opts)
		if err != nil {
			yield(nil, err)
			return
		}
		p := bucket.NewPatience(ctx, op, s.js.Options().DefaultTimeout)
		defer p.End()
		for e, err := range watch.Load(p.Context, config) {
			p.Came()
			if err != nil {
				yield(nil, s.unread(op, err))
				return
			}
			if !yield(e, nil) {
				return
			}
			p.Wait()
		}
	}
}

// unread wraps the error that ended a read in an error about the bucket, or about the key.
func (s *store) unread(op string, err error) error {
	if undecoded, ok := errors.AsType[*KeyError](err); ok {
		return undecoded
	}
	e := stores.Failed(op, s.bucket, err)
	if errors.Is(err, context.DeadlineExceeded) {
		e.Kind = ErrKeyWatcherTimeout
	}
	return e
}

// keyLister implements KeyLister.
type keyLister struct {
	w      *watch.Watcher[*entry]
	s      *store
	keys   chan string
	failed atomic.Pointer[error] // why it ended early, if the watcher did not
}

// ListKeys implements Reader.
func (s *store) ListKeys(ctx context.Context, opts ...WatchOpt) (KeyLister, error) {
	return s.listing(ctx, nil, opts)
}

// ListKeysFiltered implements Reader.
func (s *store) ListKeysFiltered(ctx context.Context, filters ...string) (KeyLister, error) {
	return s.listing(ctx, filters, nil)
}

func (s *store) listing(ctx context.Context, filters []string, opts []WatchOpt) (KeyLister, error) {
	config, err := s.watching("keys", filters, append(slices.Clone(opts), MetaOnly(), IgnoreDeletes()))
	if err != nil {
		return nil, err
	}
	p := bucket.NewPatience(ctx, "keys", s.js.Options().DefaultTimeout)
	w, err := watch.Start(p.Context, config)
	if err != nil {
		p.End()
		return nil, s.unread("keys", err)
	}
	l := &keyLister{w: w, s: s, keys: make(chan string, updatesRoom)}
	go l.feed(p)
	return l, nil
}

func (l *keyLister) Keys() <-chan string { return l.keys }

func (l *keyLister) Stop() error {
	l.w.Stop()
	return nil
}

func (l *keyLister) Err() error {
	if err := l.failed.Load(); err != nil {
		return l.s.unread("keys", *err)
	}
	if err := l.w.Err(); err != nil {
		return l.s.unread("keys", err)
	}
	return nil
}

// feed puts the keys into the channel until all have come, or no key comes for too long.
func (l *keyLister) feed(p *bucket.Patience) {
	defer close(l.keys)
	defer p.End()
	defer l.w.Stop()
	seen := map[string]struct{}{}
	for e, err := range l.w.Events() {
		p.Came()
		if err != nil || e.Kind == watch.Ready || !l.take(e, seen) {
			return
		}
		p.Wait()
	}
}

// take puts the key of an event into the channel, and reports whether there is more to come.
func (l *keyLister) take(e watch.Event[*entry], seen map[string]struct{}) bool {
	switch {
	case e.Kind == watch.Undecoded:
		l.failed.Store(&e.Err)
		return false
	case e.Kind == watch.Resync && (e.Gap == jetstream.GapReplaced || e.Gap == jetstream.GapRegressed): // what was listed is void
		var err error = &watch.GapError{Stream: l.s.name(), Gap: e.Gap}
		l.failed.Store(&err)
		return false
	case e.Kind != watch.Entry:
		return true
	}
	if _, again := seen[e.Value.key]; again {
		return true
	}
	key := strings.Clone(e.Value.key) // does not keep the message alive
	seen[key] = struct{}{}
	select {
	case l.keys <- key:
		return true
	case <-l.w.Ended():
		return false
	}
}
