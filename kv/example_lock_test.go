package kv_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// roles is the config of a bucket that can have locks.
func roles() kv.Config { return kv.Config{Bucket: "roles", LimitMarkerTTL: time.Minute} }

func ExampleCache() {
	withBucket(roles(), func(ctx context.Context, _ jetstream.JetStream, s kv.Store) error {
		cache, err := kv.NewCache(ctx, s, "app.>")
		if err != nil {
			return err
		}
		defer cache.Close()
		if err := cache.WaitReady(ctx); err != nil {
			return err
		}
		if _, err := cache.Put(ctx, "app.theme", []byte("dark")); err != nil { // through the bucket
			return err
		}
		e, err := cache.Get("app.theme") // from memory
		if err != nil {
			return err
		}
		fmt.Printf("%s is %s\n", e.Key(), e.Value())
		return nil
	})
	// Output: app.theme is dark
}

func ExampleCache_WaitFor() {
	withBucket(roles(), func(ctx context.Context, _ jetstream.JetStream, s kv.Store) error {
		cache, err := kv.NewCache(ctx, s)
		if err != nil {
			return err
		}
		defer cache.Close()
		revision, err := s.Put(ctx, "app.theme", []byte("dark")) // by any client
		if err != nil {
			return err
		}
		if err := cache.WaitFor(ctx, revision); err != nil {
			return err
		}
		view, err := cache.View() // as of one moment
		if err != nil {
			return err
		}
		fmt.Println(view.Keys(), "at revision", view.Revision())
		return nil
	})
	// Output: [app.theme] at revision 1
}

func ExampleMutex() {
	withBucket(roles(), func(ctx context.Context, _ jetstream.JetStream, s kv.Store) error {
		migration, err := kv.NewMutex(s, "migration", kv.LockTTL(10*time.Second))
		if err != nil {
			return err
		}
		lease, err := migration.Lock(ctx)
		if err != nil {
			return err
		}
		if _, err := migration.TryLock(ctx); errors.Is(err, kv.ErrLockHeld) {
			fmt.Println("another one has to wait")
		}
		// Work with lease.Context(), which ends when the lock is lost, and hand on lease.Token().
		fmt.Println("held:", lease.Held(), "token:", lease.Token())
		return lease.Unlock(ctx)
	})
	// Output:
	// another one has to wait
	// held: true token: 1
}

func ExampleElection() {
	withBucket(roles(), func(ctx context.Context, _ jetstream.JetStream, s kv.Store) error {
		writers, err := kv.NewElection(s, "writer")
		if err != nil {
			return err
		}
		lease, err := writers.Campaign(ctx, "ann") // waits until she is elected
		if err != nil {
			return err
		}
		for leader, err := range writers.Observe(ctx) {
			if err != nil {
				return err
			}
			if leader.Candidate == "" {
				fmt.Println("nobody leads")
				break
			}
			fmt.Println(leader.Candidate, "leads")
			if err := lease.Unlock(ctx); err != nil { // she resigns
				return err
			}
		}
		return nil
	})
	// Output:
	// ann leads
	// nobody leads
}
