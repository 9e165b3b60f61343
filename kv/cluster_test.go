package kv_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// TestOneOfManyCreates: of all clients that create a key, new or with a marker, one succeeds and
// the others get an error, whatever state the replicas are in.
func TestOneOfManyCreates(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	var handles []kv.Store
	for i, s := range c.Members() {
		js := must.Get(jetstream.New(connect(t, s), jetstream.WithDefaultTimeout(time.Minute)))(t)
		if i == 0 {
			must.Get(kv.Create(t.Context(), js, kv.Config{Bucket: "b", Replicas: 3, Storage: jetstream.MemoryStorage}))(t)
		}
		handles = append(handles, must.Get(kv.Open(t.Context(), js, "b"))(t))
	}
	for round := range 10 {
		var have atomic.Int32
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				_, err := handles[i%3].Create(t.Context(), "k", []byte(strconv.Itoa(i)))
				switch {
				case err == nil:
					have.Add(1)
				case !errors.Is(err, kv.ErrKeyExists):
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		all.Wait()
		if have.Load() != 1 {
			t.Errorf("round %d: %d have it", round, have.Load())
		}
		must.Do(t, handles[round%3].Delete(t.Context(), "k"))
	}
}

// TestComparedUpdatesAddUp: counters of several programs that read, update, and try again after a
// conflict.
func TestComparedUpdatesAddUp(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	ctx := must.Within(t, 2*time.Minute)
	var all sync.WaitGroup
	js := must.Get(jetstream.New(connect(t, c.Members()[0]), jetstream.WithDefaultTimeout(time.Minute)))(t)
	s := must.Get(kv.Create(t.Context(), js, kv.Config{Bucket: "b", Replicas: 3, Storage: jetstream.MemoryStorage}))(t)
	must.Get(s.Create(t.Context(), "n", []byte("0")))(t)
	const programs, times = 4, 25
	for i := range programs {
		js := must.Get(jetstream.New(connect(t, c.Members()[i%3]), jetstream.WithDefaultTimeout(time.Minute)))(t)
		s := must.Get(kv.Open(t.Context(), js, "b"))(t)
		all.Go(func() {
			for n := 0; n < times; {
				e, err := s.Get(ctx, "n")
				if ctx.Err() == nil && errors.Is(err, kv.ErrKeyNotFound) {
					continue // a replica may have it later
				} else if err != nil {
					t.Error(err)
					return
				}
				was, _ := strconv.Atoi(string(e.Value()))
				_, err = s.Update(ctx, "n", []byte(strconv.Itoa(was+1)), e.Revision())
				switch {
				case err == nil:
					n++
				case !errors.Is(err, kv.ErrKeyWrongLastSequence):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	s = must.Get(s.LeaderReads())(t)
	if e := must.Get(s.Get(t.Context(), "n"))(t); string(e.Value()) != strconv.Itoa(programs*times) {
		t.Error(told(e))
	}
}
