// Package kv is a key-value store: a bucket holds the values of keys, with their history, in a
// stream of JetStream.
//
//	store, err := kv.Create(ctx, js, kv.Config{Bucket: "settings", History: 5})
//	revision, err := store.Put(ctx, "app.theme", []byte("dark"))
//	entry, err := store.Get(ctx, "app.theme")
//
// Each value of a key is a message of the stream, and the message's sequence its revision:
//
//	Store ── Put "app.theme" ──► $KV.settings.app.theme ──► stream KV_settings
//	  │                                                        │
//	  ├───── Get ◄──────────────────── last message of the key ┤
//	  └───── Watch ◄── watcher, an actor ◄── every message ────┘
//
// # What is where
//
// Create, Open and their like return a Store, which has nats.go's methods. Reader.Events watches
// keys in a loop, GetMany and Snapshot read many keys, Store.Txn changes several keys at once,
// and Store.Counters counts. Sub, WithCodecs, ReadOnly and LeaderReads return other handles to
// the same bucket; Of returns one for values of a Go type. NewCache copies a bucket into memory;
// NewMutex and NewElection are locks and elections.
//
// docs/STORES.md describes the outcomes of a change, what survives failures, and the choices
// that there are.
//
// # Errors
//
// Every error is an ErrKeyValue, or one about a bucket, or one of the packages jetstream and
// api. Kinds lists the kinds; docs/ERRORS.md says when each occurs and what it is fatal for.
package kv
