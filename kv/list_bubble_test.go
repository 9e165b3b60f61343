package kv_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// listed returns how many keys come through a lister, and its error.
func listed(l kv.KeyLister) (n int, err error) {
	for range l.Keys() {
		n++
	}
	return n, l.Err()
}

// TestListersEndWhenNothingComes, as Keys does, without a deadline; a slow taker does not count.
func TestListersEndWhenNothingComes(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.made(kv.Config{Bucket: "b"})
		const n = 1000
		for i := range n {
			must.Get(s.PutString(w.t.Context(), fmt.Sprint("k", i), "v"))(w.t)
		}
		slow := must.Get(s.ListKeys(context.Background()))(w.t)
		<-slow.Keys()
		w.age(time.Hour)
		if more, err := listed(slow); more != n-1 || err != nil {
			w.t.Errorf("taken slowly: %d keys, %v", more, err)
		}
		for _, op := range []string{"MSG", "HMSG"} {
			must.Get(w.Link("client", "s1").Inject(`when op(` + op + `) subject("$KV.b.>") every(1) drop`))(w.t)
		}
		for name, list := range map[string]func() (kv.KeyLister, error){
			"ListKeys":         func() (kv.KeyLister, error) { return s.ListKeys(context.Background()) },
			"ListKeysFiltered": func() (kv.KeyLister, error) { return s.ListKeysFiltered(context.Background(), "*") },
		} {
			ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
			began := time.Now()
			l := must.Get(list())(w.t)
			stop := context.AfterFunc(ctx, func() { _ = l.Stop() })
			got, err := listed(l)
			if took := time.Since(began); got != 0 || took > time.Minute || !errors.Is(err, kv.ErrKeyWatcherTimeout) || !errors.Is(err, api.ErrTimeout) {
				w.t.Errorf("%s: %d keys, %v, after %v", name, got, err, took)
			}
			stop()
			cancel()
		}
	})
}

// TestListerOfABucketThatIsMadeAnew ends with an error, as Keys does: what it has listed is void.
func TestListerOfABucketThatIsMadeAnew(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
		defer cancel()
		s := w.made(kv.Config{Bucket: "b"})
		for i := range 20 {
			must.Get(s.PutString(ctx, fmt.Sprintf("%d.k%d", i/10, i), "v"))(w.t)
		}
		link := w.Link("client", "s1")
		for _, op := range []string{"MSG", "HMSG"} { // half of them come
			must.Get(link.Inject(`when op(` + op + `) subject("$KV.b.1.>") every(1) drop`))(w.t)
		}
		l := must.Get(s.ListKeys(ctx, kv.OnMissing(jetstream.MissingWait)))(w.t)
		<-l.Keys()
		synctest.Wait() // the others have come, or were lost
		must.Do(w.t, kv.Delete(ctx, w.js, "b"))
		must.Get(w.made(kv.Config{Bucket: "b"}).PutString(ctx, "new", "v"))(w.t)
		link.Clear()
		got, err := listed(l)
		if got != 9 || !errors.Is(err, jetstream.ErrStreamRegressed) {
			w.t.Errorf("%d more keys, %v", got, err)
		}
	})
}
