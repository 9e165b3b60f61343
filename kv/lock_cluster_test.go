package kv_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// TestNeverTwoHoldersUnderChangingLeaders: the clocks are one, so that a hold ends with the last
// moment at which its holder, by its own clock, still had it.
func TestNeverTwoHoldersUnderChangingLeaders(t *testing.T) {
	cluster := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	ctx := must.Within(t, 4*time.Minute)
	var r register
	var all sync.WaitGroup
	enough := make(chan struct{})
	for i, member := range cluster.Members() {
		nc := connect(t, member, api.MaxReconnects(-1))
		js := must.Get(jetstream.New(nc))(t)
		if i == 0 {
			must.Get(kv.Create(ctx, js, kv.Config{Bucket: "L", Replicas: 3, LimitMarkerTTL: time.Minute}))(t)
		}
		store := must.Get(kv.Open(ctx, js, "L"))(t) // an update may be left without an answer here
		m := must.Get(kv.NewMutex(store, "job", kv.LockTTL(4*time.Second)))(t)
		who := string(rune('a' + i))
		all.Go(func() { r.takes(ctx, who, m, enough) })
	}
	for range 6 {
		if _, err := cluster.StepDown(ctx, natsserver.Group{Stream: "KV_L"}); err != nil {
			t.Log(err) // there is none at the moment
		}
		select {
		case <-enough:
		case <-time.After(time.Second):
		}
	}
	all.Wait()
	r.check(t, 24)
}

// takes takes a lock again and again, until it was held often enough by all of them.
func (r *register) takes(ctx context.Context, who string, m *kv.Mutex, enough chan struct{}) {
	for n := 0; ctx.Err() == nil; n++ {
		select {
		case <-enough:
			return
		default:
		}
		l, err := m.Lock(ctx)
		if err != nil {
			continue
		}
		if r.add(holds(ctx, who, l, n%3 == 0)) == 24 {
			close(enough)
		}
	}
}

// holds holds a lock for a moment, or until it is lost, and gives it back unless it is left to itself.
func holds(ctx context.Context, who string, l *kv.Lease, leave bool) hold {
	h := hold{who: who, from: time.Now(), token: l.Token()}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		if now := time.Now(); l.Held() {
			h.till = now
		}
		select {
		case <-tick.C:
		case <-l.Context().Done():
		}
	}
	if leave {
		short, cancel := context.WithCancel(ctx)
		cancel()
		ctx = short
	}
	_ = l.Unlock(ctx)
	return h
}
