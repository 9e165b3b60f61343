package kv_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// words is a KeyCodec that knows two words, and no patterns.
type words struct{}

var errWord = errors.New("no such word")

func (words) EncodeKey(key string) (string, error) {
	switch key {
	case "eins":
		return "one", nil
	case "zwei":
		return "two", nil
	}
	return "", errWord
}

func (words) DecodeKey(key string) (string, error) {
	switch key {
	case "one":
		return "eins", nil
	case "two":
		return "zwei", nil
	}
	return "", errWord
}

// sealed is a ValueCodec that takes everything but "no".
type sealed struct{}

func (sealed) EncodeValue(value []byte) ([]byte, error) {
	if string(value) == "no" {
		return nil, errWord
	}
	return slices.Concat([]byte("<"), value, []byte(">")), nil
}

func (sealed) DecodeValue(value []byte) ([]byte, error) {
	inner, ok1 := bytes.CutPrefix(value, []byte("<"))
	inner, ok2 := bytes.CutSuffix(inner, []byte(">"))
	if !ok1 || !ok2 {
		return nil, errWord
	}
	return inner, nil
}

// everyWay does to a handle all that writes and reads single keys. It returns the revision of
// the last change.
func everyWay(t *testing.T, s kv.Store, key string) {
	t.Helper()
	ctx := t.Context()
	first := must.Get(s.Create(ctx, key, []byte("1")))(t)
	second := must.Get(s.Update(ctx, key, []byte("2"), first))(t)
	must.Do(t, s.Delete(ctx, key, kv.LastRevision(second)))
	must.Get(s.Create(ctx, key, []byte("3")))(t)
	must.Do(t, s.Purge(ctx, key))
	third := must.Get(s.Put(ctx, key, []byte("4")))(t)
	must.Get(s.Txn().Update(key, []byte("5"), third).Commit(ctx))(t)
	e := must.Get(s.Get(ctx, key))(t)
	if e.Key() != key || string(e.Value()) != "5" {
		t.Errorf("%q has %q, %q", key, e.Key(), e.Value())
	}
	if e := must.Get(s.GetRevision(ctx, key, third))(t); e.Key() != key || string(e.Value()) != "4" {
		t.Errorf("%q had %q, %q", key, e.Key(), e.Value())
	}
	reads(t, key, s.GetMany(ctx, key), key+"=5")
	reads(t, key, s.Snapshot(ctx, nil, kv.SnapshotAt(third)), key+"=4")
}

func TestHandles(t *testing.T) {
	for _, c := range []struct {
		name    string
		make    func(kv.Store) (kv.Store, error)
		key, in string
		value   string
		pattern string
	}{
		{"itself", func(s kv.Store) (kv.Store, error) { return s, nil }, "a.b", "a.b", "5", "a.*"},
		{"below a prefix", func(s kv.Store) (kv.Store, error) { return s.Sub("orders") }, "a.b", "orders.a.b", "5", "a.*"},
		{"below two", func(s kv.Store) (kv.Store, error) { return must.Get(s.Sub("orders.eu"))(t).Sub("x") }, "a", "orders.eu.x.a", "5", "*"},
		{"base64", func(s kv.Store) (kv.Store, error) { return s.WithCodecs(kv.Base64{}, kv.Base64{}), nil }, "a b.é", "YSBi.w6k", "NQ", "a b.*"},
		{"paths", func(s kv.Store) (kv.Store, error) { return s.WithCodecs(kv.Path{}, nil), nil }, "/etc/hosts.d", "_root_.etc.hosts=2Ed", "5", "/etc/>"},
		{"values only", func(s kv.Store) (kv.Store, error) { return s.WithCodecs(nil, sealed{}), nil }, "a", "a", "<5>", "*"},
		{"twice", func(s kv.Store) (kv.Store, error) {
			return s.WithCodecs(kv.Base64{}, sealed{}).WithCodecs(kv.Path{}, sealed{}), nil
		}, "/a b", "X3Jvb3Rf.YT0yMGI", "<<5>>", "/*"},
		{"paths below a prefix", func(s kv.Store) (kv.Store, error) {
			return must.Get(s.Sub("files"))(t).WithCodecs(kv.Path{}, nil), nil
		}, "/a", "files._root_.a", "5", "/*"},
		{"below a path", func(s kv.Store) (kv.Store, error) { return s.WithCodecs(kv.Path{}, nil).Sub("/home/me") }, "a/b", "_root_.home.me.a.b", "5", "a/*"},
		{"through the leader", kv.Store.LeaderReads, "a.b", "a.b", "5", "a.*"},
		{"words", func(s kv.Store) (kv.Store, error) { return s.WithCodecs(words{}, nil), nil }, "eins", "one", "5", ">"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			whole := made(t, streaming(t), kv.Config{Bucket: "b", Transactions: true, History: 8})
			s := must.Get(c.make(whole))(t)
			everyWay(t, s, c.key)
			reads(t, c.pattern, s.GetMany(ctx, c.pattern), c.key+"=5")
			reads(t, "the whole", whole.GetMany(ctx, ">"), c.in+"="+c.value)
			must.Get(whole.PutString(ctx, "elsewhere", "<NQ>"))(t)
			if got, _ := read(s.ReadOnly().GetMany(ctx, c.pattern)); !slices.Contains(got, c.key+"=5") {
				t.Errorf("read only: %v", got)
			}
		})
	}
}

func TestSubSeesNothingElse(t *testing.T) {
	ctx := t.Context()
	whole := made(t, streaming(t), kv.Config{Bucket: "b", Transactions: true})
	for _, key := range []string{"a", "orders", "orders.a", "orders2.a", "x.orders.a"} {
		must.Get(whole.PutString(ctx, key, key))(t)
	}
	s := must.Get(whole.Sub("orders"))(t)
	reads(t, "all", s.GetMany(ctx, ">"), "a=orders.a")
	reads(t, "snapshot", s.Snapshot(ctx, nil), "a=orders.a")
	_, err := s.GetRevision(ctx, "a", 1)
	is(t, err, kv.ErrKeyNotFound)
	must.Get(s.Txn().Put("b", []byte("1")).Expect("a", 3).Commit(ctx))(t)
	_, err = s.Txn().Put("c", nil).Expect("a", 1).Commit(ctx)
	if wrong, ok := errors.AsType[*kv.KeyWrongLastSequenceError](err); !ok || wrong.Key != "a" || wrong.Actual != 3 {
		t.Errorf("it is %v", err)
	}
	if got := valueOf(t, whole, "orders.b"); got != "1" {
		t.Errorf("orders.b is %s", got)
	}
	for _, prefix := range []string{"", "a.", "*", ">", "a b"} {
		_, err := whole.Sub(prefix)
		is(t, err, kv.ErrInvalidKey)
	}
}

func TestReadOnlyIsNoStore(t *testing.T) {
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	must.Get(s.PutString(t.Context(), "a", "1"))(t)
	r := s.ReadOnly()
	if got := valueOf(t, r, "a"); got != "1" {
		t.Errorf("a is %s", got)
	}
	if _, writes := any(r).(kv.Store); writes {
		t.Error("it is a Store")
	}
}

// TestCodecsThatFail: what cannot be encoded is refused before it is sent, and what cannot be
// decoded is told where it stands.
func TestCodecsThatFail(t *testing.T) {
	ctx := t.Context()
	whole := made(t, streaming(t), kv.Config{Bucket: "b", Transactions: true})
	s := whole.WithCodecs(words{}, sealed{})
	_, err := s.Put(ctx, "drei", nil)
	is(t, err, kv.ErrKeyEncodeFailed)
	is(t, err, errWord)
	_, err = s.Put(ctx, "eins", []byte("no"))
	is(t, err, kv.ErrValueEncodeFailed)
	_, err = s.Txn().Put("drei", nil).Commit(ctx)
	is(t, err, kv.ErrKeyEncodeFailed)
	_, err = s.Txn().Put("eins", []byte("no")).Commit(ctx)
	is(t, err, kv.ErrValueEncodeFailed)
	_, err = read(s.GetMany(ctx, "*"))
	is(t, err, kv.ErrWildcardNotSupported)
	_, err = s.Sub("drei")
	is(t, err, kv.ErrKeyEncodeFailed)

	must.Get(whole.PutString(ctx, "one", "<1>"))(t)
	must.Get(whole.PutString(ctx, "three", "<3>"))(t)
	must.Get(whole.PutString(ctx, "two", "2"))(t)
	_, err = s.Get(ctx, "zwei")
	is(t, err, kv.ErrValueDecodeFailed)
	for name, seq := range map[string]func(func(kv.Entry, error) bool){"many": s.GetMany(ctx, ">"), "snapshot": s.Snapshot(ctx, nil)} {
		var got []string
		for e, err := range seq {
			failed, _ := errors.AsType[*kv.KeyError](err)
			switch {
			case err == nil:
				got = append(got, e.Key()+"="+string(e.Value()))
			case errors.Is(err, kv.ErrKeyDecodeFailed), errors.Is(err, kv.ErrValueDecodeFailed):
				got = append(got, failed.Key+" undecoded")
			default:
				t.Error(err)
			}
		}
		if want := "eins=1 three undecoded zwei undecoded"; strings.Join(got, " ") != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestLeaderReads: only the leader is asked, which has everything that was stored.
func TestLeaderReads(t *testing.T) {
	ctx := t.Context()
	server := natsserver.Run(t, natsserver.Options{JetStream: true})
	asked := make(chan string, 1000)
	trace := &jetstream.ClientTrace{RequestSent: func(subject string, _ []byte) { asked <- subject }}
	js := must.Get(jetstream.New(connect(t, server), jetstream.WithClientTrace(trace)))(t)
	s := must.Get(made(t, js, kv.Config{Bucket: "b"}).LeaderReads())(t)
	revision := must.Get(s.PutString(ctx, "a", "1"))(t)
	for len(asked) > 0 {
		<-asked
	}
	for name, call := range map[string]func(){
		"get":      func() { must.Get(s.Get(ctx, "a"))(t) },
		"revision": func() { must.Get(s.GetRevision(ctx, "a", revision))(t) },
		"many":     func() { reads(t, "many", s.GetMany(ctx, "a"), "a=1") },
		"sub": func() {
			_, err := must.Get(s.Sub("x"))(t).WithCodecs(kv.Path{}, nil).Get(ctx, "a")
			is(t, err, kv.ErrKeyNotFound)
		},
	} {
		call()
		if subject := <-asked; subject != "$JS.API.STREAM.MSG.GET.KV_b" {
			t.Errorf("%s asks %s", name, subject)
		}
	}
	mirror := made(t, js, kv.Config{Bucket: "m", Mirror: &jetstream.StreamSource{Name: "b"}})
	_, err := mirror.LeaderReads()
	is(t, err, kv.ErrLeaderReadsNotSupported)
	_, err = mirror.Txn().Put("a", nil).Commit(ctx)
	is(t, err, kv.ErrTransactionsDisabled)
}

// TestPeersReadEachOther: what goes through handles that only place keys, and transactions,
// nats.go reads, and the other way round.
func TestPeersReadEachOther(t *testing.T) {
	ctx := t.Context()
	server := natsserver.Run(t, natsserver.Options{JetStream: true})
	js := must.Get(jetstream.New(connect(t, server)))(t)
	whole := made(t, js, kv.Config{Bucket: "b", Transactions: true, History: 5})
	s := must.Get(whole.Sub("orders"))(t).WithCodecs(kv.KeyChain(kv.NoOp{}, kv.NoOp{}), kv.NoOp{})
	nc := must.Get(nats.Connect(server.URL(), nats.Timeout(time.Minute)))(t)
	defer nc.Close()
	theirs := must.Get(must.Get(peer.New(nc))(t).KeyValue(ctx, "b"))(t)

	must.Get(s.PutString(ctx, "a", "1"))(t)
	must.Get(s.PutString(ctx, "gone", "1"))(t)
	revisions := must.Get(s.Txn().Update("a", []byte("2"), 1).Create("b", []byte("3")).Delete("gone").Commit(ctx))(t)
	for key, want := range map[string]string{"a": "2", "b": "3"} {
		e, err := theirs.Get(ctx, "orders."+key)
		if err != nil || string(e.Value()) != want || e.Revision() != revisions[key] || e.Operation() != peer.KeyValuePut {
			t.Errorf("%s: %+v, %v", key, e, err)
		}
	}
	if _, err := theirs.Get(ctx, "orders.gone"); !errors.Is(err, peer.ErrKeyNotFound) {
		t.Errorf("gone: %v", err)
	}
	history := must.Get(theirs.History(ctx, "orders.gone"))(t)
	if len(history) != 2 || history[1].Operation() != peer.KeyValueDelete {
		t.Errorf("the history is %v", history)
	}
	must.Get(theirs.Update(ctx, "orders.a", []byte("4"), revisions["a"]))(t)
	must.Do(t, theirs.Purge(ctx, "orders.b"))
	reads(t, "theirs", s.GetMany(ctx, ">"), "a=4")
	must.Get(s.Txn().Create("b", []byte("5")).Expect("a", 6).Commit(ctx))(t)
	if e := must.Get(theirs.Get(ctx, "orders.b"))(t); string(e.Value()) != "5" {
		t.Errorf("b is %q", e.Value())
	}
}
