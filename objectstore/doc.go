// Package objectstore is an object store: a bucket holds objects of any size, in chunks, in a
// stream of JetStream.
//
//	store, err := objectstore.Create(ctx, js, objectstore.Config{Bucket: "films"})
//	info, err := store.Put(ctx, objectstore.Meta{Name: "metropolis.mkv"}, file)
//	object, err := store.Get(ctx, "metropolis.mkv")
//
// An object is the messages of its chunks, followed by a message with its info:
//
//	Put ── transfer, an actor ──┬─► $O.films.C.<id>    chunk, chunk, chunk ─┐
//	                            └─► $O.films.M.<name>  name, size, digest ──┼─► stream OBJ_films
//	Get ◄─ transfer, an actor ◄─────── in order, resumed, checked ──────────┘
//
// # What is where
//
// Create, Open and their like return a Store, which has nats.go's methods. Store.PutWith takes
// CreateOnly, ExpectRevision, PutWindow, PutProgress and ObjectTTL. Get returns a Result with
// Read, Seek and ReadAt. Reader.Events watches objects in a loop. Scavenge removes the chunks
// that programs left behind when they died.
//
// docs/STORES.md describes what happens to a put and a get when something fails, and the choices
// that there are.
//
// # Errors
//
// Every error is an ErrObjectStore, or one about a bucket, or one of the packages jetstream and
// api. Kinds lists the kinds; docs/ERRORS.md says when each occurs and what it is fatal for.
package objectstore
