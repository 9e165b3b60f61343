// Package kv is the key-value store: a bucket holds the values of keys, with a history, in a
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
// # Errors
//
// Every error is an ErrKeyValue, or one about a bucket, or one of the packages jetstream and api.
// Kinds lists the kinds, docs/ERRORS.md tells when each comes and what it is fatal for.
package kv
