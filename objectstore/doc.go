// Package objectstore is the object store: a bucket holds objects of any size, in chunks, in a
// stream of JetStream.
//
//	store, err := objectstore.Create(ctx, js, objectstore.Config{Bucket: "films"})
//	info, err := store.Put(ctx, objectstore.Meta{Name: "metropolis.mkv"}, file)
//	object, err := store.Get(ctx, "metropolis.mkv")
//
// An object is the messages of its chunks, and one that says what it is, which comes last:
//
//	Put ── transfer, an actor ──┬─► $O.films.C.<id>    chunk, chunk, chunk ─┐
//	                            └─► $O.films.M.<name>  name, size, digest ──┼─► stream OBJ_films
//	Get ◄─ transfer, an actor ◄─────── in order, resumed, checked ──────────┘
//
// # Errors
//
// Every error is an ErrObjectStore, or one about a bucket, or one of the packages jetstream and api.
// Kinds lists the kinds, docs/ERRORS.md tells when each comes and what it is fatal for.
package objectstore
