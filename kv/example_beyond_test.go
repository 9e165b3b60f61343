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

// bucketFor creates a bucket on a new server.
func bucketFor(cfg kv.Config) (s kv.Store, end func()) {
	server, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		log.Fatal(err)
	}
	nc, err := api.Connect(server.URL(), api.Timeout(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	cfg.Storage = jetstream.MemoryStorage
	if s, err = kv.Create(context.Background(), js, cfg); err != nil {
		log.Fatal(err)
	}
	return s, func() {
		nc.Close()
		server.Shutdown()
	}
}

func ExampleTxn() {
	s, end := bucketFor(kv.Config{Bucket: "bank", Transactions: true})
	defer end()
	ctx := context.Background()
	ann, _ := s.PutString(ctx, "account.ann", "100")
	rates, _ := s.PutString(ctx, "rates", "1.07")

	// Either all of it is stored, or nothing.
	revisions, err := s.Txn().
		Update("account.ann", []byte("90"), ann).
		Create("account.bob", []byte("10")).
		Put("journal.1", []byte("ann pays bob 10")).
		Expect("rates", rates). // is read, and not written
		Commit(ctx)
	fmt.Println(revisions["account.ann"], revisions["account.bob"], err)

	_, err = s.Txn().Put("journal.2", nil).Update("account.ann", []byte("80"), ann).Commit(ctx)
	if wrong, ok := errors.AsType[*kv.KeyWrongLastSequenceError](err); ok {
		fmt.Println(wrong.Key, "has revision", wrong.Actual)
	}
	// Output:
	// 3 4 <nil>
	// account.ann has revision 3
}

func ExampleTxn_Resolve() {
	s, end := bucketFor(kv.Config{Bucket: "bank", Transactions: true})
	defer end()
	ctx := context.Background()

	txn := s.Txn().Put("a", []byte("1")).Put("b", []byte("2"))
	revisions, err := txn.Commit(ctx)
	for errors.Is(err, jetstream.ErrPublishUnknown) && ctx.Err() == nil {
		revisions, err = txn.Resolve(ctx) // the link is back: was it stored?
	}
	fmt.Println(len(revisions), err)
	// Output: 2 <nil>
}

func ExampleReader_getMany() {
	s, end := bucketFor(kv.Config{Bucket: "settings"})
	defer end()
	ctx := context.Background()
	for _, key := range []string{"app.theme", "app.font", "db.host"} {
		_, _ = s.PutString(ctx, key, "value of "+key)
	}

	for e, err := range s.GetMany(ctx, "db.host", "app.*", "not.there") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(e.Value()))
	}
	// Output:
	// value of app.theme
	// value of app.font
	// value of db.host
}

func ExampleReader_snapshot() {
	s, end := bucketFor(kv.Config{Bucket: "settings", History: 5})
	defer end()
	ctx := context.Background()
	_, _ = s.PutString(ctx, "theme", "dark")
	before, _ := s.PutString(ctx, "font", "small")
	_, _ = s.PutString(ctx, "theme", "light")

	for e, err := range s.Snapshot(ctx, nil, kv.SnapshotAt(before)) {
		if err != nil {
			log.Fatal(err) // ErrSnapshotGone: the history does not reach back so far
		}
		fmt.Println(e.Key(), string(e.Value()))
	}
	// Unordered output:
	// theme dark
	// font small
}

func ExampleStore_sub() {
	s, end := bucketFor(kv.Config{Bucket: "settings"})
	defer end()
	ctx := context.Background()

	app, err := s.Sub("app")
	if err != nil {
		log.Fatal(err)
	}
	_, _ = app.PutString(ctx, "theme", "dark")
	_, _ = s.PutString(ctx, "db.host", "localhost")

	e, _ := s.Get(ctx, "app.theme")
	fmt.Println(string(e.Value()))
	_, err = app.Get(ctx, "db.host")
	fmt.Println(errors.Is(err, kv.ErrKeyNotFound))
	_, writes := any(app.ReadOnly()).(kv.Store)
	fmt.Println(writes)
	// Output:
	// dark
	// true
	// false
}

func ExampleStore_withCodecs() {
	s, end := bucketFor(kv.Config{Bucket: "files"})
	defer end()
	ctx := context.Background()

	files := s.WithCodecs(kv.Path{}, kv.Base64{})
	_, _ = files.PutString(ctx, "/etc/hosts.d/my file", "127.0.0.1")
	for e, err := range files.GetMany(ctx, "/etc/>") {
		fmt.Println(e.Key(), string(e.Value()), err)
	}
	for e := range s.GetMany(ctx, ">") { // as it stands in the bucket
		fmt.Println(e.Key(), string(e.Value()))
	}
	// Output:
	// /etc/hosts.d/my file 127.0.0.1 <nil>
	// _root_.etc.hosts=2Ed.my=20file MTI3LjAuMC4x
}

func ExampleStore_counters() {
	s, end := bucketFor(kv.Config{Bucket: "visits", Counters: true})
	defer end()
	ctx := context.Background()

	visits, err := s.Counters()
	if err != nil {
		log.Fatal(err)
	}
	_, _ = visits.Incr(ctx, "page.home", 2)
	total, err := visits.Decr(ctx, "page.home", 1)
	fmt.Println(total, err)
	_, err = s.PutString(ctx, "page.home", "100")
	fmt.Println(errors.Is(err, kv.ErrCounterBucket))
	// Output:
	// 1 <nil>
	// true
}

func ExampleOf() {
	s, end := bucketFor(kv.Config{Bucket: "people"})
	defer end()
	ctx := context.Background()

	type person struct {
		Name string
		Age  int
	}
	people := kv.Of[person](s, kv.JSON[person]{})
	revision, _ := people.Create(ctx, "ann", person{"Ann", 30})
	_, _ = people.Update(ctx, "ann", person{"Ann", 31}, revision)
	ann, err := people.Get(ctx, "ann")
	fmt.Println(ann.Data.Age, ann.Revision(), err)
	// Output: 31 2 <nil>
}
