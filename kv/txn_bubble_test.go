package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// badBucket is a bucket over a link with faults, and the same one over a sound link.
type badBucket struct {
	*faults.Env
	safe kv.Store
}

// inBadBucket runs f in a bubble.
func inBadBucket(t *testing.T, f func(b *badBucket)) {
	faults.Bubble(t, func(env *faults.Env) {
		b := &badBucket{Env: env}
		cfg := kv.Config{Bucket: "b", Transactions: true, History: 2, Storage: jetstream.MemoryStorage}
		b.safe = must.Get(kv.Create(env.T.Context(), b.connect("safe"), cfg))(env.T)
		f(b)
	})
}

func (b *badBucket) connect(client string) jetstream.JetStream {
	b.T.Helper()
	nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer(client)), api.MaxReconnects(-1)))(b.T)
	b.T.Cleanup(nc.Close)
	return must.Get(jetstream.New(nc))(b.T)
}

// commit gives two keys a value, and another in a transaction while the rules hold for its link.
func (b *badBucket) commit(rules string, limit time.Duration) (txn *kv.Txn, revisions map[string]uint64, err error) {
	b.T.Helper()
	time.Sleep(time.Hour) // ids are forgotten
	ctx := b.T.Context()
	must.Get(b.safe.PutString(ctx, "bob", "old"))(b.T)
	ann := must.Get(b.safe.PutString(ctx, "ann", "old"))(b.T)
	s := must.Get(kv.Open(ctx, b.connect(rules), "b"))(b.T)
	for rule := range strings.SplitSeq(rules, " and ") {
		must.Get(b.Link(rules, "s1").Inject(rule))(b.T)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	txn = s.Txn().Update("ann", []byte("new"), ann).Put("bob", []byte("new"))
	revisions, err = txn.Commit(ctx)
	return txn, revisions, err
}

// both ends the test unless both keys were written, or none was.
func (b *badBucket) both(rules string) (stored bool, last uint64) {
	b.T.Helper()
	ann, bob := valueOf(b.T, b.safe, "ann"), valueOf(b.T, b.safe, "bob")
	if ann != bob {
		b.T.Fatalf("%s: ann is %s, and bob is %s", rules, ann, bob)
	}
	return ann == "new", must.Get(b.safe.Status(b.T.Context()))(b.T).StreamInfo().State.LastSeq
}

// TestTransactionOutlivesItsLink: wherever the link is lost, it is stored once, and never in
// conflict with itself.
func TestTransactionOutlivesItsLink(t *testing.T) {
	inBadBucket(t, func(b *badBucket) {
		for cut := range 20 {
			for _, rule := range []string{fmt.Sprintf("when bytes(%d) conn(1) reset(in)", 1+4*cut), fmt.Sprintf("when bytes(%d) conn(1) reset(out)", 1+20*cut)} {
				_, before := b.both(rule)
				_, revisions, err := b.commit(rule, time.Minute)
				stored, last := b.both(rule)
				if err != nil || !stored || revisions["ann"] != before+3 || revisions["bob"] != before+4 || last != before+4 {
					b.T.Errorf("%s: %v, %v behind %d; the last is %d", rule, revisions, err, before, last)
				}
			}
		}
	})
}

// TestTransactionIsResolved: whose commit could not tell finds out later, unless all of it was
// written over.
func TestTransactionIsResolved(t *testing.T) {
	inBadBucket(t, func(b *badBucket) {
		for rules, want := range map[string]bool{
			"for 10s blackhole(in)":                  true,
			"for 10s blackhole(out) and at 5s reset": false,
		} {
			_, before := b.both(rules)
			txn, _, unknown := b.commit(rules, time.Second)
			is(b.T, unknown, jetstream.ErrPublishUnknown)
			if !api.MaybeSent(unknown) {
				b.T.Errorf("%s: nothing was sent? %v", rules, unknown)
			}
			ctx, cancel := context.WithTimeout(b.T.Context(), time.Second)
			_, err := txn.Resolve(ctx)
			cancel()
			is(b.T, err, unknown)
			time.Sleep(time.Minute)
			if stored, _ := b.both(rules); stored != want {
				b.T.Fatalf("%s: stored: %v", rules, stored)
			}
			if !want {
				_, err := txn.Resolve(b.T.Context())
				is(b.T, err, unknown)
				continue
			}
			must.Get(b.safe.PutString(b.T.Context(), "ann", "x"))(b.T)
			must.Get(b.safe.PutString(b.T.Context(), "bob", "x"))(b.T)
			revisions, err := txn.Resolve(b.T.Context())
			if err != nil || revisions["ann"] != before+3 || revisions["bob"] != before+4 {
				b.T.Errorf("%s: it is stored, and resolved to %v, %v", rules, revisions, err)
			}
		}
	})
}

// TestTransactionThatIsWrittenOver: when nothing of it is left, its outcome stays unknown.
func TestTransactionThatIsWrittenOver(t *testing.T) {
	inBadBucket(t, func(b *badBucket) {
		txn, _, unknown := b.commit("for 10s blackhole(in)", time.Second)
		for range 2 {
			must.Get(b.safe.PutString(b.T.Context(), "ann", "x"))(b.T)
			must.Get(b.safe.PutString(b.T.Context(), "bob", "x"))(b.T)
		}
		time.Sleep(time.Minute)
		_, err := txn.Resolve(b.T.Context())
		is(b.T, err, jetstream.ErrPublishUnknown)
		if !errors.Is(err, unknown) {
			b.T.Errorf("it is %v, and was %v", err, unknown)
		}
	})
}
