package kv

import "context"

// cachewrite.go - changes that return when the cache shows them.

// Put is Store.Put, and returns when the cache shows the revision, or a later one. Errors,
// besides those of Store.Put: ErrNotCached, if nothing was sent; ErrCacheBehind with the
// revision, if it was stored but not shown before the context ended. The other changes of a
// Cache do the same. To change a key without waiting for the cache, use the Store.
func (c *Cache) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return c.change(ctx, "put", key, func(ctx context.Context) (uint64, error) { return c.s.Put(ctx, key, value) })
}

// Create is Store.Create, and waits for the cache as Put does.
func (c *Cache) Create(ctx context.Context, key string, value []byte, opts ...CreateOpt) (uint64, error) {
	return c.change(ctx, "create", key, func(ctx context.Context) (uint64, error) { return c.s.Create(ctx, key, value, opts...) })
}

// Update is Store.Update, and waits for the cache as Put does.
func (c *Cache) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return c.change(ctx, "update", key, func(ctx context.Context) (uint64, error) { return c.s.Update(ctx, key, value, revision) })
}

// Delete is Store.Delete, and waits for the cache as Put does.
func (c *Cache) Delete(ctx context.Context, key string, opts ...DeleteOpt) error {
	_, err := c.change(ctx, "delete", key, func(ctx context.Context) (uint64, error) { return c.s.delete(ctx, key, opts) })
	return err
}

// Purge is Store.Purge, and waits for the cache as Put does.
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

// follow waits for a revision that was stored after a version was shown. A revision that is not
// higher belongs to another stream.
func (c *Cache) follow(ctx context.Context, before *cacheVersion, revision uint64) error {
	if revision <= before.revision {
		if err := c.waitAnew(ctx, before.anew); err != nil {
			return err
		}
	}
	return c.WaitFor(ctx, revision)
}
