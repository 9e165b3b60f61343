package proof_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// TestAMillionKeys fills a bucket, and reads all of it in each way that there is, while its
// connection answers others all the time. G8: nothing stalls. The server is a process of its
// own: the memory is that of the client.
func TestAMillionKeys(t *testing.T) {
	keys := sized(1_000_000, 5_000, 2_000)
	s := natsserver.RunProcess(t, natsserver.Options{JetStream: true})
	nc := must.Get(api.Connect(s.URL(), system(), api.Timeout(patience)))(t)
	t.Cleanup(nc.Close)
	ctx := must.Within(t, 15*time.Minute)
	js := must.Get(jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096), jetstream.WithDefaultTimeout(time.Minute)))(t)
	store := must.Get(kv.Create(ctx, js, kv.Config{Bucket: "MANY"}))(t)
	b := &manyKeys{t: t, ctx: ctx, nc: nc, store: store, keys: keys}
	b.measure("put, 256 at a time", b.fill)
	b.measure("Events until ready", b.events)
	b.measure("Keys", func() any {
		all := must.Get(store.Keys(ctx))(t)
		b.count(len(all))
		return all
	})
	b.measure("AllKeys", func() any {
		n := 0
		for _, err := range store.AllKeys(ctx) {
			must.Do(t, err)
			n++
		}
		b.count(n)
		return nil
	})
	b.measure("cache until ready", func() any {
		cache := must.Get(kv.NewCache(ctx, store))(t)
		t.Cleanup(cache.Close)
		must.Do(t, cache.WaitReady(ctx))
		b.count(must.Get(cache.View())(t).Len())
		must.Get(cache.Put(ctx, many(0), []byte("another")))(t)
		if e := must.Get(cache.Get(many(0)))(t); string(e.Value()) != "another" {
			t.Errorf("the cache shows %q", e.Value())
		}
		return cache
	})
}

// many is the name of a key, of 20 bytes.
func many(n int) string { return fmt.Sprintf("devices.%012d", n) }

// manyKeys is a bucket with many keys.
type manyKeys struct {
	t     *testing.T
	ctx   context.Context
	nc    *api.Conn
	store kv.Store
	keys  int
}

// fill puts all of them.
func (b *manyKeys) fill() any {
	const writers = 256
	var all sync.WaitGroup
	failed := make(chan error, writers)
	for w := range writers {
		all.Go(func() {
			for i := w; i < b.keys; i += writers {
				if _, err := b.store.Put(b.ctx, many(i), fmt.Appendf(nil, "value %026d", i)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	must.Do(b.t, errors.Join(<-failed))
	return nil
}

// events watches until all have come.
func (b *manyKeys) events() any {
	n := 0
	for e, err := range b.store.Events(b.ctx, nil) {
		must.Do(b.t, err)
		if e.Kind == kv.EventReady {
			break
		}
		n++
	}
	b.count(n)
	return nil
}

func (b *manyKeys) count(n int) {
	b.t.Helper()
	if n != b.keys {
		b.t.Errorf("there are %d keys, want %d", n, b.keys)
	}
}

// measure does something while others ask, and says how long it took, what it has left in memory, and how long they have waited.
func (b *manyKeys) measure(what string, do func() any) {
	b.t.Helper()
	before := inHeap()
	stop, asked := make(chan struct{}), make(chan askedMeanwhile, 1)
	go func() { asked <- b.ask(stop) }()
	began := time.Now()
	left := do()
	took := time.Since(began)
	close(stop)
	others := <-asked
	must.Do(b.t, others.err)
	b.t.Logf("%-20s %8v, %9.0f keys/s, %6.1f MiB stay, %d others were answered, the slowest in %v", what, took.Round(time.Millisecond),
		float64(b.keys)/took.Seconds(), float64(int64(inHeap())-int64(before))/(1<<20), others.n, others.slowest.Round(time.Millisecond))
	runtime.KeepAlive(left)
}

// inHeap returns what is in use.
func inHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// askedMeanwhile is what others have seen of a connection.
type askedMeanwhile struct {
	n       int
	slowest time.Duration
	err     error
}

// ask has the server answer by the same connection until stop, at least once.
func (b *manyKeys) ask(stop <-chan struct{}) (a askedMeanwhile) {
	for {
		began := time.Now()
		if _, err := b.store.Status(b.ctx); err != nil {
			a.err = err
			return a
		}
		a.n++
		a.slowest = max(a.slowest, time.Since(began))
		select {
		case <-stop:
			return a
		case <-time.After(10 * time.Millisecond):
		}
	}
}
