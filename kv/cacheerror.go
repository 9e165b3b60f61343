package kv

import "github.com/troupe-go/troupe/internal/kind"

// Kinds of errors of caches.
var (
	// ErrCacheLoading: the cache cannot be read yet.
	ErrCacheLoading error = kind.New("troupe: cache is loading", ErrKeyValue).In(kind.Unavailable, kind.Retry)
	// ErrCacheClosed: the cache has ended. It is fatal for the cache.
	ErrCacheClosed error = kind.New("troupe: cache is closed", ErrKeyValue).In(kind.Closed)
	// ErrCacheBehind: a change was stored, but the cache did not show it in time.
	ErrCacheBehind error = kind.New("troupe: stored, but not yet shown by the cache", ErrKeyValue).In(kind.Timeout, kind.MaybeSent)
	// ErrNotCached: the filters of the cache leave the key out.
	ErrNotCached error = kind.New("troupe: key is not among those that are cached", ErrKeyValue).In(kind.Input)
)
