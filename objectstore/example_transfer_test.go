package objectstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// withFilms creates a bucket for the examples.
func withFilms(f func(nc *api.Conn, films objectstore.Store) error) {
	s, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Shutdown()
	nc, err := api.Connect(s.URL(), api.Timeout(time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	var films objectstore.Store
	if err == nil {
		films, err = objectstore.Create(context.Background(), js, objectstore.Config{Bucket: "films"})
	}
	if err == nil {
		err = f(nc, films)
	}
	if err != nil {
		fmt.Println(err)
	}
}

// A large object is put and read, with its progress reported.
func ExampleStore_progress() {
	withFilms(func(_ *api.Conn, films objectstore.Store) error {
		ctx := context.Background()
		film := make([]byte, 10<<20)
		var stored, read objectstore.Progress
		info, err := films.PutWith(ctx, objectstore.Meta{Name: "metropolis.mkv"}, bytes.NewReader(film),
			objectstore.CreateOnly(),
			objectstore.PutWindow(1<<20),
			objectstore.PutProgress(func(p objectstore.Progress) { stored = p }))
		if err != nil {
			return err
		}
		object, err := films.Get(ctx, info.Name, objectstore.GetObjectProgress(func(p objectstore.Progress) { read = p }))
		if err != nil {
			return err
		}
		defer object.Close()
		_, err = io.Copy(io.Discard, object) // its end says that the digest is right
		fmt.Printf("stored %d bytes in %d chunks, read %d of %d\n", stored.Bytes, stored.Chunks, read.Bytes, read.Size)
		return err
	})
	// Output: stored 10485760 bytes in 80 chunks, read 10485760 of 10485760
}

// The link is lost in the middle of a put, and of a get: both continue after the last chunk.
func ExampleStore_resume() {
	withFilms(func(nc *api.Conn, films objectstore.Store) error {
		ctx := context.Background()
		film := bytes.Repeat([]byte("metropolis "), 500_000)
		cut := false
		_, err := films.PutWith(ctx, objectstore.Meta{Name: "metropolis.mkv"}, bytes.NewReader(film),
			objectstore.PutProgress(func(p objectstore.Progress) {
				if !cut && p.Chunks > 5 {
					cut = true
					_ = nc.ForceReconnect()
				}
			}))
		if err != nil {
			return err
		}
		object, err := films.Get(ctx, "metropolis.mkv")
		if err != nil {
			return err
		}
		defer object.Close()
		got := make([]byte, 1<<20)
		_, err = io.ReadFull(object, got)
		_ = nc.ForceReconnect()
		rest, restErr := io.ReadAll(object)
		fmt.Println("the same:", bytes.Equal(append(got, rest...), film))
		return errors.Join(err, restErr)
	})
	// Output: the same: true
}

// A part of an object is read without the rest.
func ExampleResult_part() {
	withFilms(func(_ *api.Conn, films objectstore.Store) error {
		ctx := context.Background()
		if _, err := films.PutString(ctx, "poem", "Tyger Tyger, burning bright, In the forests of the night"); err != nil {
			return err
		}
		object, err := films.Get(ctx, "poem")
		if err != nil {
			return err
		}
		defer object.Close()
		part, err := io.ReadAll(io.NewSectionReader(object, 13, 14))
		fmt.Printf("%s\n", part)
		return err
	})
	// Output: burning bright
}
