package kv_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// accounts returns a bucket that takes transactions.
func accounts(t testing.TB, history uint8) kv.Store {
	t.Helper()
	return made(t, streaming(t), kv.Config{Bucket: "accounts", Transactions: true, History: history, LimitMarkerTTL: 1e9})
}

// valueOf returns the value of a key, "-" for none.
func valueOf(t testing.TB, s kv.Reader, key string) string {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if errors.Is(err, kv.ErrKeyNotFound) {
		return "-"
	}
	must.Do(t, err)
	return string(e.Value())
}

func TestTransactionIsStoredAsAWhole(t *testing.T) {
	ctx := t.Context()
	s := accounts(t, 5)
	ann := must.Get(s.PutString(ctx, "ann", "10"))(t)
	must.Get(s.PutString(ctx, "gone", "1"))(t)
	must.Get(s.PutString(ctx, "left", "1"))(t)
	revisions, err := s.Txn().
		Update("ann", []byte("5"), ann).
		Put("bob", []byte("5")).
		Create("new", []byte("1")).
		Delete("gone").
		Purge("left").
		Commit(ctx)
	must.Do(t, err)
	want := map[string]uint64{"ann": 4, "bob": 5, "new": 6, "gone": 7, "left": 8}
	if !maps.Equal(revisions, want) {
		t.Errorf("the revisions are %v, want %v", revisions, want)
	}
	for key, want := range map[string]string{"ann": "5", "bob": "5", "new": "1", "gone": "-", "left": "-"} {
		if got := valueOf(t, s, key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	for key, revision := range want {
		if _, err := s.GetRevision(ctx, key, revision); err != nil && !errors.Is(err, kv.ErrKeyDeleted) {
			t.Errorf("revision %d of %s: %v", revision, key, err)
		}
	}
}

func TestTransactionNamesTheConflict(t *testing.T) {
	ctx := t.Context()
	s := accounts(t, 1)
	ann := must.Get(s.PutString(ctx, "ann", "10"))(t)
	must.Get(s.PutString(ctx, "bob", "1"))(t)
	must.Get(s.PutString(ctx, "gone", "1"))(t)
	must.Do(t, s.Delete(ctx, "gone")) // 4
	for _, c := range []struct {
		name string
		txn  *kv.Txn
		key  string
		kind error
		have uint64
	}{
		{"update", s.Txn().Put("x", nil).Update("ann", nil, 7), "ann", kv.ErrKeyWrongLastSequence, 1},
		{"update of nothing", s.Txn().Update("none", nil, 7), "none", kv.ErrKeyWrongLastSequence, 0},
		{"update as the first", s.Txn().Update("gone", nil, 0), "gone", kv.ErrKeyWrongLastSequence, 4},
		{"create", s.Txn().Update("ann", nil, ann).Create("bob", nil), "bob", kv.ErrKeyExists, 2},
		{"delete", s.Txn().Put("x", nil).Delete("bob", kv.LastRevision(1)), "bob", kv.ErrKeyWrongLastSequence, 2},
		{"purge", s.Txn().Put("x", nil).Purge("bob", kv.LastRevision(1)), "bob", kv.ErrKeyWrongLastSequence, 2},
		{"expect", s.Txn().Put("x", nil).Expect("bob", 1), "bob", kv.ErrKeyWrongLastSequence, 2},
		{"expect beside an update", s.Txn().Update("ann", nil, ann).Expect("bob", 1), "bob", kv.ErrKeyWrongLastSequence, 2},
		{"expect nothing", s.Txn().Put("x", nil).ExpectAbsent("bob"), "bob", kv.ErrKeyExists, 2},
		{"the first of two", s.Txn().Put("x", nil).Expect("bob", 9).Update("ann", nil, 9), "bob", kv.ErrKeyWrongLastSequence, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.txn.Commit(ctx)
			wrong, ok := errors.AsType[*kv.KeyWrongLastSequenceError](err)
			if !ok || wrong.Key != c.key || !errors.Is(err, c.kind) || !wrong.HasActual || wrong.Actual != c.have {
				t.Fatalf("%v: %+v", err, wrong)
			}
			if again, err2 := c.txn.Commit(ctx); again != nil || !errors.Is(err2, kv.ErrTransactionEnded) {
				t.Errorf("again: %v, %v", again, err2)
			}
			if _, err2 := c.txn.Resolve(ctx); !errors.Is(err2, c.kind) {
				t.Errorf("resolved: %v", err2)
			}
		})
	}
	if status := must.Get(s.Status(ctx))(t); status.StreamInfo().State.LastSeq != 4 {
		t.Errorf("something was stored: %+v", status.StreamInfo().State)
	}
}

func TestTransactionOverMarkers(t *testing.T) {
	ctx := t.Context()
	s := accounts(t, 3)
	for _, key := range []string{"a", "b", "c"} {
		must.Get(s.PutString(ctx, key, "1"))(t)
	}
	must.Do(t, s.Delete(ctx, "a"))
	must.Do(t, s.Purge(ctx, "b"))
	must.Do(t, s.Delete(ctx, "c"))
	must.Get(s.Txn().Create("a", []byte("2"), kv.KeyTTL(3600e9)).Create("b", []byte("2")).Create("d", []byte("2")).ExpectAbsent("c").ExpectAbsent("e").Commit(ctx))(t)
	if got := valueOf(t, s, "a") + valueOf(t, s, "b") + valueOf(t, s, "c") + valueOf(t, s, "d"); got != "22-2" {
		t.Errorf("the values are %s", got)
	}
}

// TestTransactionExpectsWithoutAWrite: what is expected of other keys is not written; what it
// costs where no message is free is one message more for each.
func TestTransactionExpectsWithoutAWrite(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name   string
		txn    func(*kv.Txn) *kv.Txn
		stored uint64
	}{
		{"on a put", func(x *kv.Txn) *kv.Txn { return x.Put("new", nil).Expect("a", 1) }, 1},
		{"on two puts", func(x *kv.Txn) *kv.Txn { return x.Expect("a", 1).Put("new", nil).Delete("x").Expect("b", 2) }, 2},
		{"beside an update", func(x *kv.Txn) *kv.Txn { return x.Update("a", nil, 1).Expect("b", 2) }, 2},
		{"beside a purge", func(x *kv.Txn) *kv.Txn {
			return x.Update("a", []byte("long"), 1).Purge("b", kv.LastRevision(2)).Expect("c", 3).ExpectAbsent("none")
		}, 4},
		{"beside a create", func(x *kv.Txn) *kv.Txn {
			return x.Create("new", nil, kv.KeyTTL(3600e9)).Expect("a", 1).Expect("b", 2).Expect("c", 3)
		}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := accounts(t, 5)
			for _, key := range []string{"a", "b", "c"} {
				must.Get(s.PutString(ctx, key, key))(t)
			}
			revisions, err := c.txn(s.Txn()).Commit(ctx)
			must.Do(t, err)
			if last := must.Get(s.Status(ctx))(t).StreamInfo().State.LastSeq; last != 3+c.stored {
				t.Errorf("%d messages were stored, want %d", last-3, c.stored)
			}
			for key, revision := range revisions {
				if e, err := s.GetRevision(ctx, key, revision); err != nil && !errors.Is(err, kv.ErrKeyDeleted) {
					t.Errorf("%s at %d: %v, %v", key, revision, e, err)
				}
				if _, err := s.Update(ctx, key, nil, revision); err != nil {
					t.Errorf("%d is not the last revision of %s: %v", revision, key, err)
				}
			}
		})
	}
}

func TestTransactionsThatCannotBe(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	s := made(t, js, kv.Config{Bucket: "accounts", Transactions: true, MaxValueSize: 2000})
	plain := made(t, js, kv.Config{Bucket: "plain"})
	counting := made(t, js, kv.Config{Bucket: "counting", Counters: true})
	big := s.Txn()
	for i := range kv.TransactionMax + 1 {
		big.Put(fmt.Sprintf("k%d", i), nil)
	}
	carried := s.Txn().Update("a", nil, 0)
	for i := range kv.TransactionMax {
		carried.Expect(fmt.Sprintf("k%d", i), 0)
	}
	for _, c := range []struct {
		name string
		txn  *kv.Txn
		want error
		key  string
	}{
		{"no transactions", plain.Txn().Put("a", nil), kv.ErrTransactionsDisabled, ""},
		{"counters", counting.Txn().Put("a", nil), kv.ErrCounterBucket, ""},
		{"nothing", s.Txn(), kv.ErrTransactionEmpty, ""},
		{"nothing written", s.Txn().Expect("a", 0), kv.ErrTransactionEmpty, ""},
		{"too large", big, kv.ErrTransactionTooLarge, ""},
		{"too much expected", carried, kv.ErrTransactionTooLarge, ""},
		{"a key twice", s.Txn().Put("a", nil).Delete("a"), kv.ErrKeyTwice, "a"},
		{"a key written and expected", s.Txn().Expect("a", 1).Put("a", nil), kv.ErrKeyTwice, "a"},
		{"a bad key", s.Txn().Put("a", nil).Put("b*", nil).Put("a", nil), kv.ErrInvalidKey, "b*"},
		{"a short ttl", s.Txn().Create("a", nil, kv.KeyTTL(1)), jetstream.ErrMsgTTLInvalid, "a"},
		{"a ttl that the bucket has not", s.Txn().Create("a", nil, kv.KeyTTL(3600e9)), kv.ErrKeyTTLNotSupported, "a"},
		{"a ttl on a deletion", s.Txn().Delete("a", kv.PurgeTTL(3600e9)), kv.ErrTTLOnDeleteNotSupported, "a"},
		{"a large value", s.Txn().Put("a", nil).Put("b", make([]byte, 3000)), kv.ErrValueTooLarge, "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.txn.Commit(ctx)
			is(t, err, c.want)
			if of, ok := errors.AsType[*kv.KeyError](err); ok && of.Key != c.key || !ok && c.key != "" {
				t.Errorf("it is about %+v", of)
			}
		})
	}
	_, err := s.Txn().Resolve(ctx)
	is(t, err, kv.ErrTransactionEnded)
	for _, s := range []kv.Store{s, plain} {
		if last := must.Get(s.Status(ctx))(t).StreamInfo().State.LastSeq; last != 0 {
			t.Errorf("%d messages were stored", last)
		}
	}
}

// TestTransactionsCanBeAllowedLater: a handle notices that its bucket was changed.
func TestTransactionsCanBeAllowedLater(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	s := made(t, js, kv.Config{Bucket: "accounts"})
	must.Get(kv.Update(ctx, js, kv.Config{Bucket: "accounts", Storage: jetstream.MemoryStorage, Transactions: true}))(t)
	if revisions := must.Get(s.Txn().Put("a", nil).Commit(ctx))(t); revisions["a"] != 1 {
		t.Errorf("the revisions are %v", revisions)
	}
}

// model is what a bucket has: the value and the revision of each key.
type model struct {
	last  uint64
	value map[string]string
	at    map[string]uint64
}

// TestTransactionsAgainstAModel: what two clients do to a few keys, one after the other, with
// what they have seen of them at some time, goes as the rules say: all of it, or nothing and
// the first key that is not as expected.
func TestTransactionsAgainstAModel(t *testing.T) {
	js := streaming(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		cfg := kv.Config{Bucket: fmt.Sprintf("b%d", n), Transactions: true, History: 3, Storage: jetstream.MemoryStorage}
		clients := []kv.Store{must.Get(kv.Create(t.Context(), js, cfg))(t), must.Get(kv.Open(t.Context(), js, cfg.Bucket))(t)}
		defer func() { must.Do(t, kv.Delete(context.Background(), js, cfg.Bucket)) }()
		m := &model{value: map[string]string{}, at: map[string]uint64{}}
		for range rapid.IntRange(1, 12).Draw(rt, "transactions") {
			txn := clients[rapid.IntRange(0, 1).Draw(rt, "client")].Txn()
			m.transact(rt, txn)
		}
		for _, key := range modelKeys {
			if got := valueOf(t, clients[0], key); got != m.read(key) {
				rt.Fatalf("%s is %q, want %q", key, got, m.read(key))
			}
		}
	})
}

var modelKeys = []string{"a", "b", "c.d", "e"}

func (m *model) read(key string) string {
	if v, ok := m.value[key]; ok {
		return v
	}
	return "-"
}

// transact draws a transaction, and checks its outcome.
func (m *model) transact(rt *rapid.T, txn *kv.Txn) {
	conflict, writes := "", map[string]string{}
	check := func(key string, ok bool) {
		if !ok && conflict == "" {
			conflict = key
		}
	}
	keys := rapid.Permutation(modelKeys).Draw(rt, "keys")[:rapid.IntRange(1, len(modelKeys)).Draw(rt, "steps")]
	for _, key := range keys {
		revision := m.at[key]
		if rapid.IntRange(0, 4).Draw(rt, "stale") == 0 {
			revision = uint64(rapid.IntRange(1, 30).Draw(rt, "revision"))
		}
		_, has := m.value[key]
		v := rapid.StringMatching("[a-z]{0,3}").Draw(rt, "value")
		switch rapid.SampledFrom([]string{"put", "update", "create", "delete", "purge", "expect", "absent"}).Draw(rt, "op") {
		case "put":
			txn.Put(key, []byte(v))
			writes[key] = v
		case "update":
			txn.Update(key, []byte(v), revision)
			check(key, revision == m.at[key])
			writes[key] = v
		case "create":
			txn.Create(key, []byte(v))
			check(key, !has)
			writes[key] = v
		case "delete":
			txn.Delete(key, kv.LastRevision(revision))
			check(key, revision == 0 || revision == m.at[key])
			writes[key] = "-"
		case "purge":
			txn.Purge(key)
			writes[key] = "-"
		case "expect":
			txn.Expect(key, revision)
			check(key, revision == m.at[key])
		case "absent":
			txn.ExpectAbsent(key)
			check(key, !has)
		}
	}
	revisions, err := txn.Commit(context.Background())
	wrong, _ := errors.AsType[*kv.KeyWrongLastSequenceError](err)
	switch {
	case len(writes) == 0:
		if !errors.Is(err, kv.ErrTransactionEmpty) {
			rt.Fatalf("nothing was written: %v", err)
		}
	case conflict != "":
		if wrong == nil || wrong.Key != conflict {
			rt.Fatalf("it is %v, want a conflict about %q", err, conflict)
		}
	case err != nil || len(revisions) != len(writes):
		rt.Fatalf("%v, %v, want %v", revisions, err, writes)
	default:
		m.apply(rt, writes, revisions)
	}
}

// apply notes what was stored.
func (m *model) apply(rt *rapid.T, writes map[string]string, revisions map[string]uint64) {
	before := m.last
	for key, v := range writes {
		if revisions[key] <= before {
			rt.Fatalf("%s has revision %d, and the last was %d", key, revisions[key], before)
		}
		m.at[key], m.last = revisions[key], max(m.last, revisions[key])
		if m.value[key] = v; v == "-" {
			delete(m.value, key)
		}
	}
}
