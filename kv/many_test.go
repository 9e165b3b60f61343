package kv_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// read returns what a read yields as "key=value", in order, and its error.
func read(seq iter.Seq2[kv.Entry, error]) (got []string, failed error) {
	for e, err := range seq {
		if err != nil {
			return got, err
		}
		got = append(got, e.Key()+"="+string(e.Value()))
	}
	slices.Sort(got)
	return got, nil
}

// reads ends the test unless a read yields that.
func reads(t testing.TB, what string, seq iter.Seq2[kv.Entry, error], want ...string) {
	t.Helper()
	got, err := read(seq)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s: %v, %v, want %v", what, got, err, want)
	}
}

func TestGetMany(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	s := made(t, js, kv.Config{Bucket: "b", History: 3})
	for i, key := range []string{"a", "b", "a", "x.1", "x.2", "gone", "purged"} {
		must.Get(s.PutString(ctx, key, fmt.Sprint(i)))(t)
	}
	must.Do(t, s.Delete(ctx, "gone"))
	must.Do(t, s.Purge(ctx, "purged"))
	for _, s := range []kv.Store{s, must.Get(s.LeaderReads())(t)} {
		reads(t, "keys", s.GetMany(ctx, "a", "b", "none", "gone", "purged", "a"), "a=2", "b=1")
		reads(t, "keys and patterns", s.GetMany(ctx, "x.1", "x.*", "a", "x.>"), "a=2", "x.1=3", "x.2=4")
		reads(t, "all", s.GetMany(ctx, ">"), "a=2", "b=1", "x.1=3", "x.2=4")
		reads(t, "nothing there", s.GetMany(ctx, "none", "y.*"))
		reads(t, "nothing", s.GetMany(ctx))
		_, err := read(s.GetMany(ctx, "a", "b..c"))
		is(t, err, kv.ErrInvalidKey)
		for range s.GetMany(ctx, ">") {
			break
		}
	}
	must.Do(t, kv.Delete(ctx, js, "b"))
	_, err := read(s.GetMany(ctx, "a"))
	is(t, err, kv.ErrBucketNotFound)
}

// TestGetManyOfMore: as many keys, and as long ones, as no server takes in a request.
func TestGetManyOfMore(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	const n = 2500
	s := made(t, js, kv.Config{Bucket: "b", Transactions: true})
	var keys, want []string
	for i := range n {
		keys = append(keys, fmt.Sprintf("%s.%04d", strings.Repeat("k", 300), i))
		want = append(want, keys[i]+"=v")
	}
	for part := range slices.Chunk(keys, kv.TransactionMax) {
		txn := s.Txn()
		for _, key := range part {
			txn.Put(key, []byte("v"))
		}
		must.Get(txn.Commit(ctx))(t)
	}
	for _, s := range []kv.Store{s, must.Get(s.LeaderReads())(t)} {
		reads(t, "keys", s.GetMany(ctx, keys...), want...)
		reads(t, "all", s.GetMany(ctx, ">"), want...)
		reads(t, "a pattern and its keys", s.GetMany(ctx, append(keys, "*.*")...), want...)
	}
	reads(t, "a snapshot of keys", s.Snapshot(ctx, keys), want...)
	reads(t, "a snapshot of all", s.Snapshot(ctx, nil), want...)
}

// TestGetManyMissesNoKey: what is given another value while it is read has one, and there is one
// history of each.
func TestGetManyMissesNoKey(t *testing.T) {
	server := natsserver.Run(t, natsserver.Options{JetStream: true})
	js := must.Get(jetstream.New(connect(t, server, api.SyncQueueLen(64))))(t) // for pages of 32
	s := made(t, js, kv.Config{Bucket: "b", Transactions: true})
	for _, n := range []int{500, 2500} {
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprintf("%d.k%d", n, i))
		}
		putAll(t, s, keys)
		for name, patterns := range map[string][]string{"keys": keys, "a pattern": {fmt.Sprintf("%d.*", n)}} {
			if got := readAndReplaced(t, s, keys, patterns); got != n {
				t.Errorf("%s: %d of %d", name, got, n)
			}
		}
	}
}

// putAll gives each key a new value.
func putAll(t testing.TB, s kv.Store, keys []string) {
	t.Helper()
	for part := range slices.Chunk(keys, 500) {
		txn := s.Txn()
		for _, key := range part {
			txn.Put(key, nil)
		}
		must.Get(txn.Commit(t.Context()))(t)
	}
}

// readAndReplaced returns how many of the keys are read while all are given new values.
func readAndReplaced(t testing.TB, s kv.Store, keys, patterns []string) int {
	t.Helper()
	got := map[string]bool{}
	for e, err := range s.GetMany(t.Context(), patterns...) {
		must.Do(t, err)
		if len(got) == 0 || len(got) == len(keys)-1 {
			putAll(t, s, keys)
		}
		got[e.Key()] = true
	}
	return len(got)
}

func TestSnapshot(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b", History: 2})
	for i, key := range []string{"a", "b", "a", "x.1", "gone"} { // 1 to 5
		must.Get(s.PutString(ctx, key, fmt.Sprint(i+1)))(t)
	}
	must.Do(t, s.Delete(ctx, "gone"))               // 6
	must.Get(s.PutString(ctx, "new", "7"))(t)       // 7
	must.Get(s.Create(ctx, "made", []byte("8")))(t) // 8
	must.Get(s.PutString(ctx, "made", "9"))(t)      // 9
	must.Get(s.PutString(ctx, "made", "10"))(t)     // 10: the first one is gone
	var revision uint64
	reads(t, "now", s.Snapshot(ctx, nil, kv.SnapshotRevision(&revision)), "a=3", "b=2", "made=10", "new=7", "x.1=4")
	if revision != 10 {
		t.Errorf("it is as of %d", revision)
	}
	for _, c := range []struct {
		at       uint64
		patterns []string
		want     []string
		err      error
	}{
		{9, nil, []string{"a=3", "b=2", "made=9", "new=7", "x.1=4"}, nil},
		{5, []string{"a", "gone", "x.*", "new"}, []string{"a=3", "gone=5", "x.1=4"}, nil},
		{6, []string{"a", "gone", "x.*", "new"}, []string{"a=3", "x.1=4"}, nil},
		{2, []string{"a", "b"}, []string{"a=1", "b=2"}, nil},
		{8, []string{"made"}, nil, kv.ErrSnapshotGone},
		{7, []string{">"}, []string{"a=3", "b=2", "new=7", "x.1=4"}, kv.ErrSnapshotGone},
		{11, nil, nil, kv.ErrSnapshotAhead},
		{11, []string{"a"}, nil, kv.ErrSnapshotAhead},
	} {
		got, err := read(s.Snapshot(ctx, c.patterns, kv.SnapshotAt(c.at), kv.SnapshotRevision(&revision)))
		slices.Sort(got)
		if c.err != nil {
			is(t, err, c.err)
		} else {
			must.Do(t, err)
		}
		if !slices.Equal(got, c.want) || err == nil && revision != c.at {
			t.Errorf("%v at %d: %v as of %d, want %v", c.patterns, c.at, got, revision, c.want)
		}
	}
	must.Get(s.PutString(ctx, "a", "11"))(t)
	must.Do(t, s.Purge(ctx, "x.1"))
	reads(t, "with one value more", s.Snapshot(ctx, []string{"a"}, kv.SnapshotAt(10)), "a=3")
	_, err := read(s.Snapshot(ctx, []string{"a"}, kv.SnapshotAt(2)))
	is(t, err, kv.ErrSnapshotGone)
	_, err = read(s.Snapshot(ctx, []string{"x.1"}, kv.SnapshotAt(10)))
	is(t, err, kv.ErrSnapshotGone)
	_, err = read(s.Snapshot(ctx, []string{"b."}))
	is(t, err, kv.ErrInvalidKey)
	_, err = read(s.Snapshot(ctx, nil, kv.SnapshotRevision(nil)))
	if err == nil {
		t.Error("nil is taken")
	}
}

// TestSnapshotOfKeysThatAreNew: a key that was stored as the first, or has not had as many
// values as are kept, had none before.
func TestSnapshotOfKeysThatAreNew(t *testing.T) {
	ctx := t.Context()
	for history, c := range map[uint8]struct{ put, created error }{1: {kv.ErrSnapshotGone, nil}, 2: {nil, nil}} {
		s := made(t, streaming(t), kv.Config{Bucket: "b", History: history})
		must.Get(s.PutString(ctx, "a", "1"))(t)
		must.Get(s.PutString(ctx, "put", "2"))(t)
		must.Get(s.Create(ctx, "created", []byte("3")))(t)
		for key, want := range map[string]error{"put": c.put, "created": c.created} {
			got, err := read(s.Snapshot(ctx, []string{"a", key}, kv.SnapshotAt(1)))
			if want != nil {
				is(t, err, want)
			} else if err != nil || !slices.Equal(got, []string{"a=1"}) {
				t.Errorf("history %d: %s: %v, %v", history, key, got, err)
			}
		}
	}
}

// TestSnapshotWhenHistoryIsRaised: a key that has fewer values than are kept now may have lost
// those of a time when less were kept. It is not left out, whichever client has raised it, with
// whichever handle.
func TestSnapshotWhenHistoryIsRaised(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	before := made(t, js, kv.Config{Bucket: "b"})
	must.Get(before.PutString(ctx, "k", "1"))(t)
	at := must.Get(before.PutString(ctx, "other", "1"))(t)
	must.Get(before.PutString(ctx, "k", "2"))(t)
	cfg := must.Get(before.Status(ctx))(t).Config()
	cfg.History = 5
	after := must.Get(kv.Update(ctx, js, cfg))(t)
	for name, s := range map[string]kv.Store{"before": before, "after": after, "opened": must.Get(kv.Open(ctx, js, "b"))(t)} {
		_, err := read(s.Snapshot(ctx, nil, kv.SnapshotAt(at)))
		if !errors.Is(err, kv.ErrSnapshotGone) {
			t.Errorf("the handle %q: %v", name, err)
		}
	}
	last := must.Get(after.PutString(ctx, "k", "3"))(t)
	must.Get(after.PutString(ctx, "new", "1"))(t)
	reads(t, "since it was raised", after.Snapshot(ctx, nil, kv.SnapshotAt(last)), "k=3", "other=1")
	reads(t, "what is there", after.Snapshot(ctx, nil, kv.SnapshotAt(last-1)), "k=2", "other=1")
}

func TestSnapshotOfAnEmptyBucket(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	revision := uint64(7)
	reads(t, "empty", s.Snapshot(ctx, nil, kv.SnapshotRevision(&revision)))
	if revision != 0 {
		t.Errorf("it is as of %d", revision)
	}
	must.Get(s.PutString(ctx, "a", "1"))(t)
	reads(t, "of nothing", s.Snapshot(ctx, []string{"b"}, kv.SnapshotRevision(&revision)))
	if revision != 1 {
		t.Errorf("it is as of %d", revision)
	}
	reads(t, "broken off", func(yield func(kv.Entry, error) bool) {
		for range s.Snapshot(ctx, nil, kv.SnapshotRevision(&revision)) {
			return
		}
	})
}

// TestSnapshotIsOneMoment: what is changed while a snapshot of many pages is read is shown as
// it was, as far as the history reaches, and told of where it does not.
func TestSnapshotIsOneMoment(t *testing.T) {
	for history, want := range map[uint8]error{1: kv.ErrSnapshotGone, 2: nil} {
		ctx := t.Context()
		s := made(t, streaming(t), kv.Config{Bucket: "b", History: history, Transactions: true})
		const n = 3000
		put := func(value string) {
			for part := range n / 1000 {
				txn := s.Txn()
				for i := range 1000 {
					txn.Put(fmt.Sprintf("k%d", part*1000+i), []byte(value))
				}
				must.Get(txn.Commit(ctx))(t)
			}
		}
		put("old")
		got := 0
		var failed error
		for e, err := range s.Snapshot(ctx, nil) {
			if failed = err; err != nil {
				break
			}
			if got++; got == 1 {
				put("new")
			}
			if string(e.Value()) != "old" {
				t.Fatalf("%s is %s", e.Key(), e.Value())
			}
		}
		if want != nil {
			is(t, failed, want)
		} else if failed != nil || got != n {
			t.Errorf("history %d: %d values, %v", history, got, failed)
		}
	}
}
