package kv_test

import (
	"math/big"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// counts returns what a read yields as "key=total", in order.
func counts(t testing.TB, c kv.Counters, keys ...string) (got []string) {
	t.Helper()
	for n, err := range c.LoadMany(t.Context(), keys...) {
		must.Do(t, err)
		got = append(got, n.Key+"="+n.Value.String())
	}
	slices.Sort(got)
	return got
}

func TestCounters(t *testing.T) {
	ctx := t.Context()
	whole := made(t, streaming(t), kv.Config{Bucket: "b", Counters: true, History: 3})
	below := must.Get(whole.Sub("x"))(t).WithCodecs(kv.Path{}, kv.Base64{})
	for _, s := range []kv.Store{whole, must.Get(whole.LeaderReads())(t), below} {
		c := must.Get(s.Counters())(t)
		_, err := c.Load(ctx, "visits")
		is(t, err, kv.ErrKeyNotFound)
		huge, _ := new(big.Int).SetString("100000000000000000000", 10)
		for _, step := range []struct {
			add  func() (*big.Int, error)
			want string
		}{
			{func() (*big.Int, error) { return c.Incr(ctx, "visits", 5) }, "5"},
			{func() (*big.Int, error) { return c.Decr(ctx, "visits", 7) }, "-2"},
			{func() (*big.Int, error) { return c.Incr(ctx, "visits", 0) }, "-2"},
			{func() (*big.Int, error) { return c.Add(ctx, "visits", huge) }, "99999999999999999998"},
			{func() (*big.Int, error) { return c.Load(ctx, "visits") }, "99999999999999999998"},
			{func() (*big.Int, error) { return c.Decr(ctx, "min", -1<<63) }, "9223372036854775808"},
		} {
			if got := must.Get(step.add())(t); got.String() != step.want {
				t.Errorf("it is %v, want %s", got, step.want)
			}
		}
		if got := counts(t, c, ">", "min", "none"); !slices.Equal(got, []string{"min=9223372036854775808", "visits=99999999999999999998"}) {
			t.Errorf("all are %v", got)
		}
		_, err = c.Add(ctx, "visits", nil)
		is(t, err, jetstream.ErrInvalidCounterValue)
		for _, call := range []func(key string) error{
			func(key string) error { _, err := c.Incr(ctx, key, 1); return err },
			func(key string) error { _, err := c.Load(ctx, key); return err },
			func(key string) error { return c.Remove(ctx, key) },
		} {
			is(t, call(""), kv.ErrInvalidKey)
		}
		must.Do(t, c.Remove(ctx, "visits"))
		must.Do(t, c.Remove(ctx, "min"))
		must.Do(t, c.Remove(ctx, "none"))
		if got := must.Get(c.Incr(ctx, "visits", 1))(t); got.Int64() != 1 {
			t.Errorf("after it was removed: %v", got)
		}
		must.Do(t, c.Remove(ctx, "visits"))
	}
}

// TestCountersLoseNothing: no concurrent addition is lost.
func TestCountersLoseNothing(t *testing.T) {
	c := must.Get(made(t, streaming(t), kv.Config{Bucket: "b", Counters: true}).Counters())(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				if _, err := c.Incr(t.Context(), "n", 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := must.Get(c.Load(t.Context(), "n"))(t); got.Int64() != 200 {
		t.Errorf("it is %v", got)
	}
}

func TestABucketHasCountersOrValues(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	s := made(t, js, kv.Config{Bucket: "counting", Counters: true})
	for name, call := range map[string]func() error{
		"put":    func() error { _, err := s.PutString(ctx, "a", "1"); return err },
		"create": func() error { _, err := s.Create(ctx, "a", nil); return err },
		"update": func() error { _, err := s.Update(ctx, "a", nil, 0); return err },
		"delete": func() error { return s.Delete(ctx, "a") },
		"purge":  func() error { return s.Purge(ctx, "a") },
	} {
		if err := call(); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			is(t, err, kv.ErrCounterBucket)
		}
	}
	cfg := must.Get(s.Status(ctx))(t).Config()
	if !cfg.Counters || cfg.Transactions {
		t.Errorf("its config is %+v", cfg)
	}
	_, err := made(t, js, kv.Config{Bucket: "plain"}).Counters()
	is(t, err, kv.ErrNoCounterBucket)
	for _, cfg := range []kv.Config{
		{Bucket: "x", Counters: true, MaxBytes: 1 << 20}, {Bucket: "x", Counters: true, LimitMarkerTTL: 1e9}, {Bucket: "x", Counters: true, Transactions: true},
	} {
		_, err := kv.Create(ctx, js, cfg)
		is(t, err, jetstream.ErrInvalidConfig)
	}
}
