package kv

import "context"

// cachewrite.go - changes that the cache shows when they return.

// Put is Store.Put, and returns when the cache shows the revision, or a later one. Errors,
// beside those of Store.Put: ErrNotCached, and nothing was sent; ErrCacheBehind with
// the revision, which is stored, but not yet shown as the context ends. So do the other changes of a
// Cache. To change a key without waiting there is the Store.
func (c *Cache) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return c.change(ctx, "put", key, func(ctx context.Context) (uint64, error) { return c.s.Put(ctx, key, value) })
}

// Create is Store.Create as Put is Store.Put.
func (c *Cache) Create(ctx context.Context, key string, value []byte, opts ...CreateOpt) (uint64, error) {
	return c.change(ctx, "create", key, func(ctx context.Context) (uint64, error) { return c.s.Create(ctx, key, value, opts...) })
}

// Update is Store.Update as Put is Store.Put.
func (c *Cache) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return c.change(ctx, "update", key, func(ctx context.Context) (uint64, error) { return c.s.Update(ctx, key, value, revision) })
}

// Delete is Store.Delete as Put is Store.Put.
func (c *Cache) Delete(ctx context.Context, key string, opts ...DeleteOpt) error {
	_, err := c.change(ctx, "delete", key, func(ctx context.Context) (uint64, error) { return c.s.delete(ctx, key, opts) })
	return err
}

// Purge is Store.Purge as Put is Store.Put.
func (c *Cache) Purge(ctx context.Context, key string, opts ...DeleteOpt) error {
	_, err := c.change(ctx, "purge", key, func(ctx context.Context) (uint64, error) { return c.s.purge(ctx, key, opts) })
	return err
}

// change makes a change, and waits for its revision.
func (c *Cache) change(ctx context.Context, op, key string, do func(context.Context) (uint64, error)) (uint64, error) {
	if err := c.covers(op, key); err != nil {
		return 0, err
	}
	ctx, cancel := c.s.bound(ctx)
	defer cancel()
	before := c.version.Load()
	revision, err := do(ctx)
	if err != nil {
		return 0, err
	}
	if err := c.follow(ctx, before, revision); err != nil {
		return revision, &KeyError{Op: op, Bucket: c.s.bucket, Key: key, Revision: revision, Kind: ErrCacheBehind, Err: err}
	}
	return revision, nil
}

// follow waits for a revision that was stored after a version was shown. One that is not higher is of another
// stream.
func (c *Cache) follow(ctx context.Context, before *cacheVersion, revision uint64) error {
	if revision <= before.revision {
		if err := c.waitAnew(ctx, before.anew); err != nil {
			return err
		}
	}
	return c.WaitFor(ctx, revision)
}
