package kv_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// withBucket runs f with a bucket on a new server.
func withBucket(cfg kv.Config, f func(ctx context.Context, js jetstream.JetStream, s kv.Store) error) {
	server, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Shutdown()
	nc, err := api.Connect(server.URL(), api.Timeout(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg.Storage = jetstream.MemoryStorage
	s, err := kv.Create(ctx, js, cfg)
	if err == nil {
		err = f(ctx, js, s)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func Example() {
	withBucket(kv.Config{Bucket: "settings", History: 5}, func(ctx context.Context, _ jetstream.JetStream, s kv.Store) error {
		if _, err := s.PutString(ctx, "app.theme", "dark"); err != nil {
			return err
		}
		e, err := s.Get(ctx, "app.theme")
		if err != nil {
			return err
		}
		fmt.Printf("%s is %s, revision %d\n", e.Key(), e.Value(), e.Revision())
		if _, err := s.Update(ctx, "app.theme", []byte("light"), e.Revision()); err != nil {
			return err
		}
		for e, err := range s.Revisions(ctx, "app.theme") {
			if err != nil {
				return err
			}
			fmt.Printf("it was %s\n", e.Value())
		}
		return nil
	})
	// Output:
	// app.theme is dark, revision 1
	// it was dark
	// it was light
}

// A session may exist or may have been deleted, and another client may change it at the same
// time.
func ExampleKeyWrongLastSequenceError() {
	withBucket(kv.Config{Bucket: "others"}, func(ctx context.Context, js jetstream.JetStream, _ kv.Store) error {
		sessions, err := kv.Open(ctx, js, "user-sessions")
		if errors.Is(err, kv.ErrBucketNotFound) {
			fmt.Println("making the bucket")
			sessions, err = kv.Create(ctx, js, kv.Config{Bucket: "user-sessions", Storage: jetstream.MemoryStorage})
		}
		if err != nil {
			return err
		}
		e, err := sessions.Get(ctx, "session.user123")
		switch {
		case errors.Is(err, kv.ErrKeyDeleted): // it is an ErrKeyNotFound, too: ask for it first
			fmt.Println("the session was deleted")
		case errors.Is(err, kv.ErrKeyNotFound):
			fmt.Println("a new session")
			_, err = sessions.PutString(ctx, "session.user123", "new")
		}
		if err != nil {
			return err
		}
		if e, err = sessions.Get(ctx, "session.user123"); err != nil {
			return err
		}
		if _, err := sessions.PutString(ctx, "session.user123", "of another program"); err != nil {
			return err
		}

		_, err = sessions.Update(ctx, "session.user123", []byte("updated"), e.Revision())
		var conflict *kv.KeyWrongLastSequenceError
		if errors.As(err, &conflict) { // read it again, then decide
			fmt.Printf("somebody else changed it: revision %d, not %d\n", conflict.Actual, conflict.Expected)
			if e, err = sessions.Get(ctx, "session.user123"); err != nil {
				return err
			}
			_, err = sessions.Update(ctx, "session.user123", []byte("updated"), e.Revision())
		}
		if err != nil {
			return err
		}

		_, err = sessions.PutString(ctx, "invalid key name!", "data")
		var invalid *kv.KeyError
		if errors.Is(err, kv.ErrInvalidKey) && errors.As(err, &invalid) {
			fmt.Println("no key:", invalid.Reason)
		}
		return nil
	})
	// Output:
	// making the bucket
	// a new session
	// somebody else changed it: revision 2, not 1
	// no key: it has a character other than letters, digits, '-', '/', '_', '=' and '.'
}

func ExampleReader_events() {
	withBucket(kv.Config{Bucket: "settings"}, func(ctx context.Context, _ jetstream.JetStream, s kv.Store) error {
		if _, err := s.PutString(ctx, "app.theme", "dark"); err != nil {
			return err
		}
		settings := map[string]string{}
		for e, err := range s.Events(ctx, []string{"app.>"}) {
			if err != nil {
				return err
			}
			switch e.Kind {
			case kv.EventValue:
				settings[e.Entry.Key()] = string(e.Entry.Value())
			case kv.EventDeleted, kv.EventPurged, kv.EventExpired:
				delete(settings, e.Entry.Key())
			case kv.EventResync: // removals may have gone unseen: all of it comes again
				clear(settings)
			case kv.EventReady:
				fmt.Println("all that is there:", settings)
				return nil
			}
		}
		return nil
	})
	// Output: all that is there: map[app.theme:dark]
}

func ExampleReader_watch() {
	withBucket(kv.Config{Bucket: "settings"}, func(ctx context.Context, _ jetstream.JetStream, s kv.Store) error {
		w, err := s.Watch(ctx, "app.*")
		if err != nil {
			return err
		}
		defer w.Stop()
		for e := range w.Updates() {
			if e == nil {
				fmt.Println("all that was there has come")
				if _, err := s.PutString(ctx, "app.theme", "dark"); err != nil {
					return err
				}
				continue
			}
			fmt.Printf("%s: %s\n", e.Key(), e.Value())
			return nil
		}
		return w.Err()
	})
	// Output:
	// all that was there has come
	// app.theme: dark
}

func ExampleStore_create() {
	withBucket(kv.Config{Bucket: "locks", LimitMarkerTTL: time.Minute}, func(ctx context.Context, _ jetstream.JetStream, s kv.Store) error {
		mine, err := s.Create(ctx, "leader", []byte("node-1"), kv.KeyTTL(time.Minute))
		if err != nil {
			return err
		}
		if _, err := s.Create(ctx, "leader", []byte("node-2"), kv.KeyTTL(time.Minute)); errors.Is(err, kv.ErrKeyExists) {
			fmt.Println("there is a leader")
		}
		return s.Delete(ctx, "leader", kv.LastRevision(mine))
	})
	// Output: there is a leader
}

func ExamplePlan() {
	withBucket(kv.Config{Bucket: "sessions", TTL: time.Hour}, func(ctx context.Context, js jetstream.JetStream, _ kv.Store) error {
		plan, err := kv.Plan(ctx, js, kv.Config{Bucket: "sessions", TTL: 2 * time.Hour, Storage: jetstream.MemoryStorage})
		if err != nil {
			return err
		}
		for _, change := range plan.Changes {
			fmt.Println(change)
		}
		return nil
	})
	// Output:
	// MaxAge: 1h0m0s -> 2h0m0s
}
