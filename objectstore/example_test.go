package objectstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// exampleStore starts a server with a bucket for an example.
func exampleStore(bucket string) (store objectstore.Store, js jetstream.JetStream, stop func()) {
	s, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		log.Fatal(err)
	}
	nc, err := api.Connect(s.URL(), api.Timeout(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	if js, err = jetstream.New(nc); err != nil {
		log.Fatal(err)
	}
	store, err = objectstore.Create(context.Background(), js, objectstore.Config{Bucket: bucket})
	if err != nil {
		log.Fatal(err)
	}
	return store, js, func() {
		nc.Close()
		s.Shutdown()
	}
}

// An object is put, listed, and read.
func Example() {
	store, _, stop := exampleStore("films")
	defer stop()
	ctx := context.Background()
	if _, err := store.Put(ctx, objectstore.Meta{Name: "metropolis", Description: "1927"}, strings.NewReader("a long film")); err != nil {
		log.Fatal(err)
	}
	for info, err := range store.Objects(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(info.Name, info.Description, info.Size)
	}
	text, err := store.GetString(ctx, "metropolis")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(text)
	// Output:
	// metropolis 1927 11
	// a long film
}

// Put replaces an existing object; with CreateOnly it does not.
func ExampleCreateOnly() {
	store, _, stop := exampleStore("file-storage")
	defer stop()
	ctx := context.Background()
	document := objectstore.Meta{Name: "document.pdf"}
	for range 2 {
		info, err := store.PutWith(ctx, document, strings.NewReader("data"), objectstore.CreateOnly())
		switch {
		case err == nil:
			fmt.Println("Stored object:", info.Name)
		case errors.Is(err, objectstore.ErrObjectAlreadyExists):
			fmt.Println("Object already exists")
			if _, err := store.Put(ctx, document, strings.NewReader("other data")); err != nil {
				log.Fatal(err)
			}
		default:
			log.Fatal(err)
		}
	}
	// Output:
	// Stored object: document.pdf
	// Object already exists
}

// A deleted object is a special case of one that does not exist.
func ExampleErrObjectDeleted() {
	store, _, stop := exampleStore("file-storage")
	defer stop()
	ctx := context.Background()
	if _, err := store.PutString(ctx, "document.pdf", "data"); err != nil {
		log.Fatal(err)
	}
	if err := store.Delete(ctx, "document.pdf"); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"document.pdf", "never.pdf"} {
		_, err := store.GetBytes(ctx, name)
		var gone *objectstore.ObjectError
		switch {
		case errors.Is(err, objectstore.ErrObjectDeleted) && errors.As(err, &gone):
			fmt.Println("Object was deleted:", time.Since(gone.DeletedAt) < time.Hour)
		case errors.Is(err, objectstore.ErrObjectNotFound):
			fmt.Println("Object not found")
		case errors.Is(err, objectstore.ErrDigestMismatch):
			fmt.Println("Data corruption detected:", err)
		}
	}
	// Output:
	// Object was deleted: true
	// Object not found
}

// The info of an object is changed, unless another client was faster.
func ExampleExpectRevision() {
	store, _, stop := exampleStore("file-storage")
	defer stop()
	ctx := context.Background()
	info, err := store.PutString(ctx, "document.pdf", "data")
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		meta := objectstore.Meta{Name: "document.pdf", Description: "Updated document"}
		_, err := store.UpdateMetaWith(ctx, "document.pdf", meta, objectstore.ExpectRevision(info.Revision))
		fmt.Println(err == nil, errors.Is(err, objectstore.ErrObjectChanged))
	}
	// Output:
	// true false
	// false true
}

// A loop gets the existing objects, and then every change.
func ExampleReader_events() {
	store, _, stop := exampleStore("films")
	defer stop()
	ctx := context.Background()
	if _, err := store.PutString(ctx, "metropolis", "a long film"); err != nil {
		log.Fatal(err)
	}
	for e, err := range store.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(e.Kind)
		if e.Info != nil {
			fmt.Print(" ", e.Info.Name)
		}
		fmt.Println()
		if e.Kind == objectstore.EventReady {
			if err := store.Delete(ctx, "metropolis"); err != nil {
				log.Fatal(err)
			}
		}
		if e.Kind == objectstore.EventDeleted {
			break
		}
	}
	// Output:
	// stored metropolis
	// ready
	// deleted metropolis
}

// Chunks that an interrupted put left behind are found, and removed when they are old enough.
func ExampleScavenge() {
	store, js, stop := exampleStore("films")
	defer stop()
	ctx := context.Background()
	if _, err := js.Publish(ctx, "$O.films.C.cut", []byte("the first chunk")); err != nil {
		log.Fatal(err)
	}
	done, err := objectstore.Scavenge(ctx, store, time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("younger than an hour:", done.Chunks)
	done, err = objectstore.Scavenge(ctx, store, time.Nanosecond)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("in all:", done.Chunks)
	// Output:
	// younger than an hour: 0
	// in all: 1
}
